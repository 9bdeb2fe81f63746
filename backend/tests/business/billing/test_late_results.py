from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import ResultWithheld
from igny8_core.business.billing.models import CreditReservation, ReservationResult
from igny8_core.business.billing.services.late_results import (
    Payable,
    capture_late,
    payable_results,
    settle_withheld,
    withhold_result,
)
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.billing.states import BlockCause
from igny8_core.common.errors import StaleState
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=2)
RELATED = ("writing_task", 7)


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
    return capture_late(
        account=account, expired=row, idempotency_key="content:7#2", amount=amount, now=LATER
    )


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


def test_a_late_result_gives_way_to_the_next_attempt() -> None:
    account = make_billing.account_with(100)
    row = expired(account)
    make_billing.reservation(
        account,
        6,
        related=RELATED,
        idempotency_key="content:7#2",
        price={"any": 1},
        ttl=timedelta(minutes=5),
        now=LATER,
    )

    with pytest.raises(StaleState):
        late(account, row)

    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, 6)


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
