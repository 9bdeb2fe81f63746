from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import payment_selectors
from igny8_core.business.billing.models import CreditAdjustment, CreditTransaction
from igny8_core.business.billing.services import adjustments
from igny8_core.business.billing.services.adjustments import (
    adjust_credits,
    approve_adjustment,
    reject_adjustment,
)
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    Refused,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

LARGE = 10_000


@pytest.fixture
def account() -> Account:
    return make_billing.account_with(500)


@pytest.fixture
def people() -> list[int]:
    return [make.user(is_staff=True).pk for _ in range(2)]


def adjust(account: Account, amount: int, actor_id: int, **fields: Any) -> CreditAdjustment:
    values: dict[str, Any] = {
        "reason": "Goodwill",
        "idempotency_key": make.unique("adjust"),
        "now": NOW,
    }
    return adjust_credits(account=account, amount=amount, actor_id=actor_id, **values | fields)


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def test_a_small_one_counts_at_once_and_once(account: Account, people: list[int]) -> None:
    rows = [adjust(account, 100, people[0], idempotency_key="k") for _ in range(3)]

    assert {(row.pk, row.status) for row in rows} == {(rows[0].pk, "approved")}
    assert balance(account) == 600
    entry = CreditTransaction.unscoped.filter(type="adjustment").get()
    assert (entry.actor_id, entry.metadata) == (people[0], {"reason": "Goodwill"})
    with pytest.raises(IdempotencyConflict):
        adjust(account, 101, people[0], idempotency_key="k")
    assert ledger_problems() == []


def test_a_negative_one_takes_what_is_unused(account: Account, people: list[int]) -> None:
    make_billing.credits(account, 100, type="promo")
    make_billing.reservation(account, 150)

    adjust(account, -400, people[0])

    assert balance(account) == 200
    with pytest.raises(InvalidInput) as refused:
        adjust(account, -51, people[0])
    assert refused.value.data == {"amount": ["At most 50 credits are unused."]}
    assert (balance(account), ledger_problems()) == (200, [])


def test_a_large_one_takes_two_people(account: Account, people: list[int]) -> None:
    first, second = people
    row = adjust(account, LARGE, first)
    ids: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}
    assert (row.status, balance(account)) == ("requested", 500)
    assert payment_selectors.adjustments_to_approve() == [row]

    for _ in range(2):
        with pytest.raises(Refused):
            approve_adjustment(actor_id=first, **ids)
    assert balance(account) == 500
    done = [approve_adjustment(actor_id=second, **ids) for _ in range(2)]

    assert [(each.status, each.approved_by_id) for each in done] == [("approved", second)] * 2
    assert balance(account) == 500 + LARGE
    assert payment_selectors.recent_adjustments() == [row]
    with pytest.raises(Conflict):
        reject_adjustment(actor_id=second, **ids)


def test_what_cannot_be_taken_any_more_waits_again(account: Account, people: list[int]) -> None:
    make_billing.credits(account, LARGE)
    row = adjust(account, -LARGE, people[0])
    ids: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}
    make_billing.reservation(account, 501)

    with pytest.raises(InvalidInput):
        approve_adjustment(actor_id=people[1], **ids)

    assert (balance(account), ledger_problems()) == (500 + LARGE, [])
    assert reject_adjustment(actor_id=people[1], **ids).status == "rejected"


def test_what_is_rejected_never_counts(account: Account, people: list[int]) -> None:
    row = adjust(account, LARGE, people[0])
    ids: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}

    for _ in range(2):
        assert reject_adjustment(actor_id=people[0], **ids).status == "rejected"
    with pytest.raises(Conflict):
        approve_adjustment(actor_id=people[1], **ids)

    assert balance(account) == 500


class Died(BaseException):
    """The process is gone."""


def test_dying_between_the_ledger_and_the_decision_counts_once(
    account: Account, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = adjust(account, LARGE, people[0])
    ids: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}

    def dying(_name: str) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(adjustments, "failpoint", dying)
        with pytest.raises(Died):
            approve_adjustment(actor_id=people[1], **ids)
    with pytest.raises(Conflict):
        reject_adjustment(actor_id=people[1], **ids)

    assert approve_adjustment(actor_id=people[1], **ids).status == "approved"
    assert balance(account) == 500 + LARGE


def test_what_makes_no_sense_is_refused(account: Account, people: list[int]) -> None:
    for amount, reason in ((0, "x"), (1, " "), (10**10, "x"), (1, "x" * 501)):
        with pytest.raises(InvalidInput):
            adjust(account, amount, people[0], reason=reason)
    with pytest.raises(NotFound):
        approve_adjustment(account=account, adjustment_id=0, actor_id=people[0], now=NOW)
    assert not CreditAdjustment.unscoped.exists()
