"""Faults that other systems had (billing.md §12), by name. None of them may come back here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.ports import Usage
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditTransaction, CreditUsageLog
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.lots import grant_credits, revoke_lot
from igny8_core.business.billing.services.reservations import (
    capture_credits,
    extend_reservation,
    release_credits,
    take_over_reservation,
)
from igny8_core.common.errors import (
    DomainError,
    IdempotencyConflict,
    InsufficientCredits,
    StaleState,
    TransitionNotAllowed,
)
from tests import make
from tests.business.billing.test_concurrency import at_once
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

USAGE = Usage("local", "demo")


def figures(account: Account) -> tuple[int, int, int]:
    """Balance, held, debt."""
    wallet = selectors.credit_wallet(account=account)
    return wallet.balance, wallet.held, wallet.debt


def deductions(account: Account) -> list[int]:
    rows = CreditTransaction.objects.for_account(account).filter(type="deduction").order_by("seq")
    return list(rows.values_list("amount", flat=True))


@pytest.mark.django_db
def test_a_duplicate_request_that_fails_does_not_release_the_first_ones_reservation() -> None:
    """Seen in XMem: the duplicate's failure freed what the first one still used."""
    account = make_billing.account_with(100)
    credits = AccountCredits(account)  # noqa: A001 - the product's word
    request: dict[str, Any] = {
        "operation": "content",
        "idempotency_key": "run:1",
        "related_type": "writing_task",
        "related_id": 1,
        "ttl": make_billing.HOUR,
        "now": NOW,
    }
    hold = credits.reserve(quantities={"per_words": 1_000}, **request)

    with pytest.raises(IdempotencyConflict):
        credits.reserve(quantities={"per_words": 2_000}, **request)

    assert figures(account) == (100, 10, 0)
    assert credits.capture(hold, quantities={"per_words": 900}, usage=USAGE, now=NOW) == 9
    assert (figures(account), deductions(account)) == ((91, 0, 0), [-9])


@pytest.mark.django_db
def test_a_retry_does_not_lose_its_reservation_to_the_attempt_before() -> None:
    """Seen in ayunis: the retry overwrote the id that the first attempt still used."""
    account = make_billing.account_with(100)
    first = make_billing.reservation(account, 10)
    settle: dict[str, Any] = {
        "account": account,
        "reservation_id": first.reservation_id,
        "now": NOW,
    }
    second = take_over_reservation(**settle)
    assert second == 2

    for attempt in (
        lambda: release_credits(attempt=1, **settle),
        lambda: capture_credits(attempt=1, amount=10, **settle),
        lambda: extend_reservation(attempt=1, amount=20, **settle),
    ):
        with pytest.raises(StaleState):
            attempt()

    assert figures(account) == (100, 10, 0)
    capture_credits(attempt=second, amount=7, **settle)
    assert (figures(account), deductions(account)) == ((93, 0, 0), [-7])


@pytest.mark.django_db
def test_an_aborted_run_is_charged_for_what_it_used_and_then_released() -> None:
    """Seen in LibreChat: the abort path released before it charged."""
    account = make_billing.account_with(100)
    charged, released = (make_billing.reservation(account, 10) for _ in range(2))
    settle: dict[str, Any] = {"account": account, "attempt": 1, "now": NOW}

    capture_credits(reservation_id=charged.reservation_id, amount=4, **settle)
    with pytest.raises(TransitionNotAllowed):
        release_credits(reservation_id=charged.reservation_id, **settle)
    release_credits(reservation_id=released.reservation_id, **settle)
    with pytest.raises(TransitionNotAllowed):
        capture_credits(reservation_id=released.reservation_id, amount=4, **settle)

    assert (figures(account), deductions(account)) == ((96, 0, 0), [-4])


@pytest.mark.django_db
def test_work_that_outgrows_its_reservation_is_extended_before_it_is_spent() -> None:
    """Seen in elizaOS: the reservation was smaller than the true maximum."""
    account = make_billing.account_with(20)
    hold = make_billing.reservation(account, 10)
    settle: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "attempt": 1,
        "now": NOW,
    }

    with pytest.raises(TransitionNotAllowed, match="more than was reserved"):
        capture_credits(amount=15, **settle)
    with pytest.raises(InsufficientCredits):
        extend_reservation(amount=21, **settle)
    assert figures(account) == (20, 10, 0)

    extend_reservation(amount=15, **settle)
    capture_credits(amount=15, **settle)
    assert (figures(account), deductions(account)) == ((5, 0, 0), [-15])


@pytest.mark.django_db
def test_a_refund_after_a_dispute_that_was_won_takes_what_is_there_once() -> None:
    """Seen in elizaOS: chargeback, reinstatement and refund added up wrongly."""
    account = make.account()
    bought = make_billing.credits(account, 100, idempotency_key="pay:1")
    hold = make_billing.reservation(account, 70)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=70, attempt=1, now=NOW
    )
    take: dict[str, Any] = {"account": account, "lot_id": bought.lot_id, "now": NOW}

    clawed = revoke_lot(owed=100, type="chargeback", idempotency_key="dispute:1", **take)
    after_dispute = figures(account)
    back = grant_credits(
        account=account,
        amount=clawed.taken + clawed.debt,
        type="reinstatement",
        idempotency_key="dispute:1:back:1",
        now=NOW,
    )
    after_win = figures(account)
    refunded = [
        revoke_lot(
            account=account,
            lot_id=lot_id,
            owed=100,
            type="refund",
            idempotency_key=f"refund:{lot_id}",
            now=NOW,
        ).taken
        for lot_id in (bought.lot_id, back.lot_id, back.lot_id)
    ]

    assert (clawed.taken, clawed.debt, after_dispute) == (30, 70, (0, 0, 70))
    assert after_win == (30, 0, 0)
    assert (refunded, figures(account)) == ([0, 30, 30], (0, 0, 0))
    assert ledger_problems(account_id=account.pk) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_settling_twice_within_a_millisecond_charges_once(round_: int) -> None:
    """Seen in Lago: paid credits were settled twice."""
    account = make_billing.account_with(100)
    credits = AccountCredits(account)  # noqa: A001 - the product's word
    hold = credits.reserve(
        operation="content",
        quantities={"per_words": 1_000},
        idempotency_key="run:1",
        related_type="writing_task",
        related_id=1,
        ttl=make_billing.HOUR,
        now=NOW,
    )

    results = at_once(
        *[lambda: credits.capture(hold, quantities={"per_words": 800}, usage=USAGE, now=NOW)] * 4
    )

    refused = [result for result in results if isinstance(result, DomainError)]
    assert [result for result in results if result not in refused] == [8]
    assert {result.code for result in refused} == {"already_settled"}
    assert (figures(account), deductions(account)) == ((92, 0, 0), [-8])
    assert CreditUsageLog.objects.for_account(account).count() == 1
