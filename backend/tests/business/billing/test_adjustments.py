"""Credits that staff add or take: once, with a reason, above a limit by two people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import payment_selectors
from igny8_core.business.billing.models import CreditAdjustment, CreditTransaction
from igny8_core.business.billing.services import adjustments
from igny8_core.business.billing.services.adjustments import (
    approve_adjustment,
    finish_adjustments,
    reject_adjustment,
    request_adjustment,
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


@pytest.fixture
def account() -> Account:
    return make_billing.account_with(100)


@pytest.fixture
def staff() -> int:
    return int(make.user(is_staff=True).pk)


def ask(account: Account, amount: int, actor: int, **fields: Any) -> CreditAdjustment:
    values: dict[str, Any] = {"reason": "goodwill", "idempotency_key": "one"} | fields
    return request_adjustment(account=account, amount=amount, actor_id=actor, now=NOW, **values)


def balance(account: Account) -> int:
    return int(accounts.account(account.pk).credits)


def rows(account: Account) -> list[tuple[str, int]]:
    found = CreditTransaction.objects.for_account(account).filter(type="adjustment")
    return list(found.order_by("seq").values_list("idempotency_key", "amount"))


def test_a_small_one_is_carried_out_at_once_and_once(account: Account, staff: int) -> None:
    first, second = ask(account, 30, staff), ask(account, 30, staff)

    assert (first.pk, first.status) == (second.pk, "approved")
    assert rows(account) == [(f"adjustment:{first.pk}", 30)]
    assert (balance(account), ledger_problems()) == (130, [])


def test_credits_are_taken_from_lots_in_the_order_in_which_they_burn(
    account: Account, staff: int
) -> None:
    ask(account, 20, staff, idempotency_key="more")

    ask(account, -50, staff)

    assert [amount for _, amount in rows(account)] == [20, -20, -30]
    assert (balance(account), ledger_problems()) == (70, [])


def test_taking_everything_twice_is_taking_it_once(account: Account, staff: int) -> None:
    for _ in range(2):
        ask(account, -100, staff)

    assert (balance(account), [amount for _, amount in rows(account)]) == (0, [-100])


def test_no_more_is_taken_than_is_free(account: Account, staff: int) -> None:
    make_billing.reservation(account, 60)

    with pytest.raises(InvalidInput) as refused:
        ask(account, -41, staff)

    assert refused.value.data == {"amount": ["40 credits are free: no more can be taken."]}
    assert not CreditAdjustment.objects.for_account(account).exists()
    assert balance(account) == 100


@pytest.mark.parametrize(
    ("amount", "reason", "field"),
    [
        (0, "why", "amount"),
        (10_000_001, "why", "amount"),
        (5, "  ", "reason"),
        (5, "x" * 301, "reason"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    account: Account, staff: int, amount: int, reason: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(account, amount, staff, reason=reason)

    assert list(refused.value.data) == [field]


def test_a_key_is_for_one_adjustment(account: Account, staff: int) -> None:
    ask(account, 30, staff)

    with pytest.raises(IdempotencyConflict):
        ask(account, 31, staff)


def test_a_large_one_takes_two_people(account: Account, staff: int, settings: Any) -> None:
    settings.ADJUSTMENT_SECOND_APPROVAL_CREDITS = 50
    row = ask(account, 50, staff)
    decide: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}
    assert (row.status, balance(account)) == ("requested", 100)
    assert [one.pk for one in payment_selectors.adjustments_to_decide()] == [row.pk]

    with pytest.raises(Refused):
        approve_adjustment(actor_id=staff, **decide)
    assert balance(account) == 100
    other = make.user(is_staff=True).pk
    for _ in range(2):
        approve_adjustment(actor_id=other, **decide)

    assert balance(account) == 150
    with pytest.raises(Conflict):
        reject_adjustment(**decide)
    ((decided, is_booked),) = payment_selectors.adjustments_decided()
    assert (decided.approved_by_id, is_booked) == (other, True)


def test_a_rejected_one_stays_out_of_the_ledger(
    account: Account, staff: int, settings: Any
) -> None:
    settings.ADJUSTMENT_SECOND_APPROVAL_CREDITS = 50
    row = ask(account, 50, staff)
    decide: dict[str, Any] = {"account": account, "adjustment_id": row.pk, "now": NOW}

    for _ in range(2):
        reject_adjustment(**decide)

    with pytest.raises(Conflict):
        approve_adjustment(actor_id=make.user().pk, **decide)
    assert (rows(account), balance(account)) == ([], 100)


def test_what_a_crash_left_behind_is_carried_out_by_the_job(
    account: Account, staff: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_given: Any) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as broken:
        broken.setattr(adjustments, "_carry_out", crash)
        with pytest.raises(RuntimeError):
            ask(account, 30, staff)
    assert balance(account) == 100

    assert finish_adjustments(now=NOW + timedelta(minutes=1)) == 0
    assert finish_adjustments(now=NOW + timedelta(minutes=5)) == 1
    assert finish_adjustments(now=NOW + timedelta(minutes=6)) == 0

    assert balance(account) == 130


def test_what_is_no_longer_free_is_not_taken_and_tried_again(
    account: Account, staff: int, settings: Any
) -> None:
    settings.ADJUSTMENT_SECOND_APPROVAL_CREDITS = 50
    row = ask(account, -80, staff)
    make_billing.reservation(account, 60)

    with pytest.raises(InvalidInput):
        approve_adjustment(account=account, adjustment_id=row.pk, actor_id=make.user().pk, now=NOW)

    assert CreditAdjustment.unscoped.get(pk=row.pk).status == "requested"
    assert balance(account) == 100


def test_another_accounts_adjustment_is_not_found(account: Account, staff: int) -> None:
    row = ask(account, 30, staff)
    other = make_billing.account_with(1)

    with pytest.raises(NotFound):
        approve_adjustment(account=other, adjustment_id=row.pk, actor_id=staff, now=NOW)
    with pytest.raises(NotFound):
        reject_adjustment(account=other, adjustment_id=row.pk, now=NOW)
    with pytest.raises(NotFound):
        payment_selectors.any_adjustment(0)
