from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.ports import Usage
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import ResultWithheld
from igny8_core.business.billing.models import CreditReservation, ReservationResult
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.audit import ledger_problems, usage_problems
from igny8_core.business.billing.services.late_results import (
    Payable,
    capture_late,
    next_key,
    payable_results,
    settle_withheld,
    withhold_result,
)
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.reservations import capture_credits, release_credits
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.billing.states import BlockCause
from igny8_core.common.errors import StaleState
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.ai.ports import Hold
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=2)
RELATED = ("writing_task", 7)
USAGE = Usage("local", "demo")


def expired(account: Account, amount: int = 10) -> CreditReservation:
    """A reservation whose worker was too slow."""
    hold = make_billing.reservation(
        account, amount, related=RELATED, idempotency_key="content:7", price={"any": 1}
    )
    expire_due(now=LATER)
    return selectors.credit_reservation(account=account, reservation_id=hold.reservation_id)


def withheld(account: Account) -> CreditReservation:
    row = expired(account)
    withhold_result(account=account, reservation_id=row.pk, attempt=1, amount=6, now=LATER)
    return row


def late(account: Account, row: CreditReservation, amount: int = 6) -> Any:
    return capture_late(account=account, expired=row, amount=amount, now=LATER)


def results(account: Account) -> list[tuple[Any, bool]]:
    rows = ReservationResult.objects.for_account(account).order_by("pk")
    return [(row.payload, row.used_at is not None) for row in rows]


def test_a_late_result_is_paid_while_there_are_credits() -> None:
    account = make_billing.account_with(10)
    row = expired(account)

    reservation_id, captured = late(account, row)

    account.refresh_from_db()
    assert (captured.credits, account.credits, account.credits_held) == (6, 4, 0)
    paid = selectors.credit_reservation(account=account, reservation_id=reservation_id)
    assert (paid.idempotency_key, paid.status, paid.amount) == ("content:7#2", "captured", 6)
    assert (paid.price_snapshot, paid.related_type, paid.related_id) == ({"any": 1}, *RELATED)


@pytest.mark.parametrize("is_blocked", [False, True])
def test_a_late_result_that_cannot_be_paid_is_refused_and_nothing_is_written(
    *, is_blocked: bool
) -> None:
    account = make_billing.account_with(10)
    row = expired(account)
    if is_blocked:
        set_wallet_block(account=account, cause=BlockCause.STAFF, is_on=True, now=LATER)
    else:
        make_billing.reservation(account, 5, now=LATER)

    with pytest.raises(ResultWithheld) as refused:
        late(account, row)

    assert refused.value.data["needed"] == 6
    assert CreditReservation.objects.for_account(account).filter(status="captured").count() == 0


@pytest.mark.parametrize("amount", [6, 10])
def test_a_late_result_gives_way_to_the_next_attempt(amount: int) -> None:
    account = make_billing.account_with(100)
    row = expired(account)
    make_billing.reservation(
        account,
        amount,
        related=RELATED,
        idempotency_key="content:7#2",
        price={"any": 1},
        ttl=timedelta(minutes=5),
        now=LATER,
    )

    with pytest.raises(StaleState):
        late(account, row)

    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, amount)


@pytest.mark.parametrize(
    ("key", "following"),
    [("run:7", "run:7#2"), ("run:7#2", "run:7#3"), ("run:7#19", "run:7#20"), ("a#b", "a#b#2")],
)
def test_the_key_after_a_key(key: str, following: str) -> None:
    assert next_key(key) == following


def test_work_that_was_too_slow_is_paid_by_its_own_door() -> None:
    account = make_billing.account_with(10)
    door, hold = slow_work(account)

    charged = door.capture(hold, quantities={"per_words": 600}, usage=USAGE, now=LATER)

    account.refresh_from_db()
    assert (charged, account.credits, account.credits_held) == (6, 4, 0)
    (log,) = selectors.usage_logs(account=account)
    paid = selectors.credit_reservation(account=account, reservation_id=log.reservation_id or 0)
    assert (paid.idempotency_key, paid.captured, log.credits_used) == ("run:7#2", 6, 6)
    assert (ledger_problems(), usage_problems()) == ([], [])


def test_work_that_was_too_slow_and_cannot_be_paid_is_withheld_when_it_is_given_up() -> None:
    account = make_billing.account_with(10)
    door, hold = slow_work(account)
    other = make_billing.reservation(account, 9, now=LATER)

    with pytest.raises(ResultWithheld), tenant(account.pk):
        door.capture(hold, quantities={"per_words": 600}, usage=USAGE, now=LATER)
    before = results(account)
    door.release(hold, now=LATER)

    assert (before, results(account)) == ([], [({"credits": 6}, False)])
    assert selectors.usage_logs(account=account).count() == 0
    release_credits(account=account, reservation_id=other.reservation_id, attempt=1, now=LATER)
    assert payable_results(now=LATER) == [Payable(account.pk, "content", *RELATED)]


def test_a_late_result_keeps_to_the_limit_of_the_day() -> None:
    account = make_billing.account_with(100, max_credits_per_day=10)
    door, hold = slow_work(account)
    make_billing.reservation(account, 5, now=LATER)

    with pytest.raises(ResultWithheld, match="may spend 10 credits a day"), tenant(account.pk):
        door.capture(hold, quantities={"per_words": 600}, usage=USAGE, now=LATER)
    door.release(hold, now=LATER)

    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, 5)
    assert results(account) == [({"credits": 6}, False)]


def test_work_that_fails_after_its_reservation_expired_withholds_nothing() -> None:
    account = make_billing.account_with(10)
    door, hold = slow_work(account)

    door.release(hold, now=LATER)

    assert results(account) == []


def slow_work(account: Account) -> tuple[AccountCredits, Hold]:
    """Work whose reservation expired under its hands."""
    credits = AccountCredits(account)  # noqa: A001 - the product's word
    hold = credits.reserve(
        operation="content",
        quantities={"per_words": 1_000},
        idempotency_key="run:7",
        related_type=RELATED[0],
        related_id=RELATED[1],
        ttl=timedelta(hours=1),
        now=NOW,
    )
    expire_due(now=LATER)
    return credits, hold


def test_a_result_is_withheld_for_a_day_and_noted_once() -> None:
    account = make_billing.account_with(10)
    row = withheld(account)
    withhold_result(account=account, reservation_id=row.pk, attempt=1, amount=6, now=LATER)

    (noted,) = ReservationResult.objects.for_account(account)

    assert (noted.payload, noted.withheld_until) == ({"credits": 6}, LATER + timedelta(days=1))


def test_what_can_be_paid_again_is_found() -> None:
    account, poor, blocked = (make_billing.account_with(10) for _ in range(3))
    for each in (account, poor, blocked):
        withheld(each)
    make_billing.reservation(poor, 1, now=LATER)
    set_wallet_block(account=blocked, cause=BlockCause.DISPUTE, is_on=True, now=LATER)

    found = payable_results(now=LATER)

    assert found == [Payable(account.pk, "content", *RELATED)]
    assert payable_results(now=LATER + timedelta(days=1)) == []


def test_a_result_that_was_paid_is_put_away() -> None:
    account = make_billing.account_with(20)
    withheld(account)
    hold = make_billing.reservation(
        account, 10, related=RELATED, idempotency_key="content:7#2", now=LATER
    )
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=6, attempt=1, now=LATER
    )

    assert payable_results(now=LATER) == []
    assert (settle_withheld(now=LATER), settle_withheld(now=LATER)) == (1, 0)
    assert results(account) == [({"credits": 6}, True)]


def test_after_a_day_the_offer_is_over() -> None:
    account = make_billing.account_with(10)
    withheld(account)
    day_later = LATER + timedelta(days=1)

    before = settle_withheld(now=day_later - timedelta(microseconds=1))
    over = settle_withheld(now=day_later)

    assert (before, over, settle_withheld(now=day_later)) == (0, 1, 0)
    assert results(account) == [(None, False)]


def test_a_charge_for_other_work_pays_nothing_away() -> None:
    account = make_billing.account_with(100)
    withheld(account)
    hold = make_billing.reservation(account, 10, related=("writing_task", 8), now=LATER)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=6, attempt=1, now=LATER
    )

    assert settle_withheld(now=LATER) == 0
