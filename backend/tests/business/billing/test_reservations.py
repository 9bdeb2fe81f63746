from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import CreditsBlocked
from igny8_core.business.billing.models import CreditReservation, CreditTransaction
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.lots import expire_lots, revoke_lot
from igny8_core.business.billing.services.reservations import (
    capture_credits,
    expire_reservation,
    extend_reservation,
    release_credits,
    reserve_credits,
    take_over_reservation,
)
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.errors import (
    IdempotencyConflict,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
    TransitionNotAllowed,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def figures(account: Account) -> tuple[int, int, int]:
    """Balance, held, debt."""
    wallet = selectors.credit_wallet(account=account)
    return wallet.balance, wallet.held, wallet.debt


def test_capture_charges_what_was_used_and_frees_the_rest() -> None:
    account = make_billing.account_with(100)
    hold = make_billing.reservation(account, 40)

    done = capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=25, attempt=1, now=NOW
    )

    account.refresh_from_db()
    assert (account.credits, account.credits_held, account.credits_available) == (75, 0, 75)
    assert (done.credits, done.is_replay) == (25, False)
    charged = selectors.credit_transactions(account=account).first()
    assert charged is not None
    assert (charged.pk, charged.type, charged.amount) == (done.transaction_id, "deduction", -25)
    assert (charged.seq, charged.prev_seq) == (3, 2)
    assert (charged.balance_before, charged.balance_after) == (100, 75)


def test_refused_reservation_changes_nothing() -> None:
    account = make_billing.account_with(10)

    with pytest.raises(InsufficientCredits) as refused:
        make_billing.reservation(account, 11)

    assert refused.value.data["available"] == 10
    assert figures(account) == (10, 0, 0)
    assert not CreditReservation.objects.for_account(account).exists()


def test_everything_that_is_available_can_be_reserved() -> None:
    account = make_billing.account_with(10)
    make_billing.reservation(account, 4)

    make_billing.reservation(account, 6)

    assert figures(account) == (10, 10, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_fewer_than_one_credit_cannot_be_reserved(amount: int) -> None:
    account = make_billing.account_with(10)

    with pytest.raises(InvalidInput):
        make_billing.reservation(account, amount)


def test_a_repeat_returns_the_first_reservation() -> None:
    account = make_billing.account_with(10)
    request: dict[str, Any] = {
        "account": account,
        "amount": 5,
        "operation": "content",
        "idempotency_key": "run:1",
        "related": ("content.tasks", 7),
        "price": {"lines": []},
        "now": NOW,
    }
    first = reserve_credits(**request)

    again = reserve_credits(**request)

    assert (again.pk, again.status) == (first.pk, "held")
    assert (again.related_type, again.related_id) == ("content.tasks", 7)
    assert again.expires_at == NOW + timedelta(minutes=75)
    assert figures(account) == (10, 5, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 6},
        {"operation": "image"},
        {"related": ("content.tasks", 8)},
        {"price": {"lines": [1]}},
    ],
)
def test_a_key_means_one_request(other: dict[str, Any]) -> None:
    account = make_billing.account_with(10)
    request: dict[str, Any] = {
        "amount": 5,
        "operation": "content",
        "idempotency_key": "run:1",
        "related": ("content.tasks", 7),
        "price": {"lines": []},
    }
    reserve_credits(account=account, now=NOW, **request)

    with pytest.raises(IdempotencyConflict):
        reserve_credits(account=account, now=NOW, **request | other)

    assert figures(account) == (10, 5, 0)


def test_an_extension_does_not_change_what_a_repeat_of_the_request_means() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, idempotency_key="run:1")
    extend_reservation(
        account=account, reservation_id=hold.reservation_id, amount=8, attempt=1, now=NOW
    )

    again = make_billing.reservation(account, 5, idempotency_key="run:1")

    assert (again.reservation_id, again.amount, again.is_new) == (hold.reservation_id, 8, False)
    with pytest.raises(IdempotencyConflict):
        make_billing.reservation(account, 8, idempotency_key="run:1")


def test_an_extension_needs_credits_for_the_difference_only() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)

    with pytest.raises(InsufficientCredits):
        extend_reservation(
            account=account, reservation_id=hold.reservation_id, amount=11, attempt=1, now=NOW
        )
    extend_reservation(
        account=account, reservation_id=hold.reservation_id, amount=10, attempt=1, now=NOW
    )

    assert figures(account) == (10, 10, 0)


def test_a_lost_attempt_can_do_nothing() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    owner = take_over_reservation(
        account=account, reservation_id=hold.reservation_id, ttl=HOUR, now=NOW
    )
    lost: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "attempt": 1,
        "now": NOW,
    }

    with pytest.raises(StaleState):
        capture_credits(amount=5, **lost)
    with pytest.raises(StaleState):
        release_credits(**lost)
    with pytest.raises(StaleState):
        extend_reservation(amount=6, **lost)

    assert owner == 2
    assert figures(account) == (10, 5, 0)


def test_a_lost_attempt_is_not_told_replay_when_the_owner_charged_the_same() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    take_over_reservation(account=account, reservation_id=hold.reservation_id, now=NOW)
    settle: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "amount": 5,
        "now": NOW,
    }
    capture_credits(attempt=2, **settle)

    with pytest.raises(StaleState):
        capture_credits(attempt=1, **settle)

    assert capture_credits(attempt=2, **settle).is_replay
    assert figures(account) == (5, 0, 0)


def test_nobody_takes_over_what_is_settled() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    release_credits(account=account, reservation_id=hold.reservation_id, attempt=1, now=NOW)

    taken = take_over_reservation(account=account, reservation_id=hold.reservation_id, now=NOW)

    assert taken is None


def test_capture_is_bounded_by_the_reservation() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    settle: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "attempt": 1,
        "now": NOW,
    }

    with pytest.raises(TransitionNotAllowed):
        capture_credits(amount=6, **settle)
    with pytest.raises(InvalidInput):
        capture_credits(amount=-1, **settle)
    capture_credits(amount=5, **settle)

    assert figures(account) == (5, 0, 0)


def test_capture_of_nothing_writes_no_ledger_row() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)

    done = capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=0, attempt=1, now=NOW
    )

    assert (done.credits, done.transaction_id) == (0, None)
    assert figures(account) == (10, 0, 0)
    assert CreditTransaction.objects.for_account(account).count() == 2  # opening, purchase


def test_settling_twice_in_one_moment_charges_once() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    settle: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "attempt": 1,
        "now": NOW,
    }
    first = capture_credits(amount=5, **settle)

    again = capture_credits(amount=5, **settle)

    assert (again.is_replay, again.transaction_id) == (True, first.transaction_id)
    with pytest.raises(TransitionNotAllowed):
        capture_credits(amount=4, **settle)
    assert figures(account) == (5, 0, 0)


def test_a_reservation_can_be_captured_until_the_sweep_frees_it() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, ttl=HOUR)
    late = NOW + 2 * HOUR

    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=5, attempt=1, now=late
    )

    assert figures(account) == (5, 0, 0)


def test_a_reservation_expires_at_the_moment_it_is_due_and_not_before() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, ttl=HOUR)
    due: dict[str, Any] = {"account": account, "reservation_id": hold.reservation_id}

    with pytest.raises(TransitionNotAllowed):
        expire_reservation(now=NOW + HOUR - timedelta(microseconds=1), **due)
    expire_reservation(now=NOW + HOUR, **due)

    row = selectors.credit_reservation(account=account, reservation_id=hold.reservation_id)
    assert (row.status, row.resolved_at) == (ReservationStatus.EXPIRED, NOW + HOUR)
    assert figures(account) == (10, 0, 0)
    with pytest.raises(TransitionNotAllowed) as refused:
        capture_credits(amount=5, attempt=1, now=NOW + HOUR, **due)
    assert refused.value.data["outcome"] == "already_expired"


def test_a_duplicate_that_fails_does_not_free_what_the_first_one_holds() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, idempotency_key="run:1")
    take_over_reservation(account=account, reservation_id=hold.reservation_id, now=NOW)
    duplicate = make_billing.reservation(account, 5, idempotency_key="run:1")

    with pytest.raises(StaleState):
        release_credits(
            account=account, reservation_id=duplicate.reservation_id, attempt=1, now=NOW
        )

    assert duplicate.is_new is False
    assert figures(account) == (10, 5, 0)


def test_unknown_reservation_is_not_found() -> None:
    account = make_billing.account_with(10)

    with pytest.raises(NotFound):
        release_credits(account=account, reservation_id=987_654, attempt=1, now=NOW)
    with pytest.raises(NotFound):
        selectors.credit_reservation(account=account, reservation_id=987_654)


def test_lots_burn_by_priority_then_expiry_then_age() -> None:
    account = make.account()
    soon, late = NOW + timedelta(days=5), NOW + timedelta(days=9)
    for key, priority, expires_at in (
        ("never", 10, None),
        ("late", 10, late),
        ("soon", 10, soon),
        ("also soon", 10, soon),
        ("bought", 50, None),
        ("promo", 20, soon),
    ):
        make_billing.credits(
            account, 10, idempotency_key=key, priority=priority, expires_at=expires_at
        )

    burnt: list[str] = []
    for _ in range(6):
        make_billing.reservation(account, 10)
        lots = selectors.credit_lots(account=account).filter(held=10)
        burnt += {lot.source_key for lot in lots} - set(burnt)

    assert burnt == ["soon", "also soon", "late", "never", "promo", "bought"]
    assert [lot.source_key for lot in selectors.credit_lots(account=account)] == burnt


def test_capture_spends_the_first_lots_and_frees_the_last() -> None:
    account = make.account()
    for key, priority in (("plan", 10), ("bought", 50)):
        make_billing.credits(account, 10, idempotency_key=key, priority=priority)
    hold = make_billing.reservation(account, 16)

    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=12, attempt=1, now=NOW
    )

    (left,) = selectors.credit_lots(account=account)
    assert (left.source_key, left.remaining, left.held) == ("bought", 8, 0)


def test_due_lots_expire_before_a_reservation_is_judged() -> None:
    account = make.account()
    make_billing.credits(account, 10, expires_at=NOW + HOUR)

    make_billing.reservation(account, 4, now=NOW + HOUR - timedelta(microseconds=1))
    with pytest.raises(InsufficientCredits) as refused:
        make_billing.reservation(account, 6, now=NOW + HOUR)

    assert refused.value.data["available"] == 0
    assert expire_lots(account=account, now=NOW + HOUR) == 6
    assert figures(account) == (4, 4, 0)


def test_held_credits_outlive_their_lot_and_the_freed_rest_expires_with_it() -> None:
    account = make.account()
    make_billing.credits(account, 10, expires_at=NOW + HOUR)
    hold = make_billing.reservation(account, 6, ttl=5 * HOUR)

    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=2, attempt=1, now=NOW + HOUR
    )

    assert figures(account) == (0, 0, 0)
    rows = selectors.credit_transactions(account=account)
    assert [(row.type, row.amount) for row in rows] == [
        ("expiry", -8),
        ("deduction", -2),
        ("purchase", 10),
        ("opening", 0),
    ]


def test_a_charged_back_lot_becomes_debt_that_freed_and_granted_credits_pay() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)
    spent = make_billing.reservation(account, 4)
    capture_credits(
        account=account, reservation_id=spent.reservation_id, amount=4, attempt=1, now=NOW
    )
    hold = make_billing.reservation(account, 3)

    taken = revoke_lot(
        account=account,
        lot_id=lot.lot_id,
        owed=10,
        type="chargeback",
        idempotency_key="dispute:1",
        now=NOW,
    )

    assert (taken.taken, taken.debt, taken.is_new) == (3, 7, True)
    assert figures(account) == (3, 3, 7)
    with pytest.raises(CreditsBlocked):
        make_billing.reservation(account, 1)

    release_credits(account=account, reservation_id=hold.reservation_id, attempt=1, now=NOW)

    assert figures(account) == (0, 0, 4)

    make_billing.credits(account, 10)

    assert figures(account) == (6, 0, 0)
    make_billing.reservation(account, 6)
    assert ledger_problems(account_id=account.pk) == []


def test_an_extension_stands_on_no_credits_whose_time_is_over() -> None:
    account = make_billing.account_with(5)
    make_billing.credits(account, 10, type="subscription", expires_at=NOW + HOUR)
    hold = make_billing.reservation(account, 3, ttl=9 * HOUR)
    later: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "attempt": 1,
        "now": NOW + 2 * HOUR,
    }

    with pytest.raises(InsufficientCredits):
        extend_reservation(amount=9, **later)
    extend_reservation(amount=8, **later)

    lots = {lot.kind: (lot.remaining, lot.held) for lot in selectors.credit_lots(account=account)}
    assert lots == {"plan": (3, 3), "purchase": (5, 5)}


def test_an_extended_reservation_is_still_found_by_its_first_request() -> None:
    account = make_billing.account_with(20)
    request: dict[str, Any] = {"account": account, "amount": 5, "idempotency_key": "run:1"}
    made = make_billing.reservation(**request)
    extend_reservation(
        account=account, reservation_id=made.reservation_id, amount=9, attempt=1, now=NOW
    )

    again = make_billing.reservation(**request)

    assert (again.reservation_id, again.amount, again.is_new) == (made.reservation_id, 9, False)
    with pytest.raises(IdempotencyConflict):
        make_billing.reservation(**request | {"amount": 9})
