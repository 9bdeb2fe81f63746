from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError

from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import rounds, sweeping
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.sweeping import Due, Sweep, expire_due
from igny8_core.common.errors import Transient
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_the_sweep_frees_what_is_due_in_every_account() -> None:
    accounts = [make_billing.account_with(10) for _ in range(3)]
    for account in accounts:
        make_billing.reservation(account, 4, ttl=HOUR)
        make_billing.reservation(account, 3, ttl=3 * HOUR)
        make_billing.credits(account, 5, expires_at=NOW + HOUR, type="promo")

    before = expire_due(now=NOW + HOUR - timedelta(microseconds=1))
    swept = expire_due(now=NOW + HOUR)
    again = expire_due(now=NOW + HOUR)

    assert (before, swept, again) == (Sweep(), Sweep(reservations=3, credits=15), Sweep())
    for account in accounts:
        wallet = selectors.credit_wallet(account=account)
        assert (wallet.balance, wallet.held, wallet.available) == (10, 3, 7)
        assert len(selectors.held_reservations(account=account)) == 1
    assert ledger_problems() == []


def test_the_sweep_takes_bounded_batches_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_billing.account_with(10)
    holds = [make_billing.reservation(account, 1, ttl=n * HOUR) for n in (4, 2, 3, 1)]
    monkeypatch.setattr(rounds, "MAX_BATCHES", 3)

    swept = expire_due(now=NOW + 5 * HOUR, limit=1)

    assert swept == Sweep(reservations=3)
    (left,) = selectors.held_reservations(account=account)
    assert left.pk == holds[0].reservation_id


def test_rows_that_fall_due_together_are_all_found() -> None:
    account = make_billing.account_with(10)
    for _ in range(5):
        make_billing.reservation(account, 1, ttl=HOUR)

    assert expire_due(now=NOW + HOUR, limit=2) == Sweep(reservations=5)


def test_the_held_part_of_a_due_lot_waits_for_its_reservation() -> None:
    account = make.account()
    make_billing.credits(account, 10, expires_at=NOW + HOUR)
    hold = make_billing.reservation(account, 4, ttl=5 * HOUR)

    swept = expire_due(now=NOW + 2 * HOUR)
    nothing = expire_due(now=NOW + 2 * HOUR)
    capture_credits(
        account=account,
        reservation_id=hold.reservation_id,
        amount=4,
        attempt=1,
        now=NOW + 2 * HOUR,
    )

    assert (swept, nothing) == (Sweep(credits=6), Sweep())
    assert selectors.credit_wallet(account=account).balance == 0


def test_a_reservation_that_was_settled_meanwhile_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 4, ttl=HOUR)
    candidates = [Due(NOW + HOUR, hold.reservation_id, account.pk)]
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=4, attempt=1, now=NOW
    )
    monkeypatch.setattr(sweeping, "_due_reservations", lambda _now, _limit: candidates)

    assert expire_due(now=NOW + HOUR) == Sweep()
    assert selectors.credit_wallet(account=account).balance == 6


def test_a_busy_wallet_waits_for_the_next_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_billing.account_with(10)
    make_billing.credits(account, 5, expires_at=NOW + HOUR)

    def busy(**_arguments: object) -> int:
        raise Transient("the wallet is busy")

    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "expire_lots", busy)
        skipped = expire_due(now=NOW + HOUR)

    assert (skipped, expire_due(now=NOW + HOUR)) == (Sweep(), Sweep(credits=5))


def test_broken_books_do_not_keep_the_others_waiting() -> None:
    broken, sound = make_billing.account_with(10), make_billing.account_with(10)
    for account, ttl in ((broken, HOUR), (sound, 2 * HOUR)):
        make_billing.reservation(account, 4, ttl=ttl)
        make_billing.credits(account, 5, expires_at=NOW + ttl)
    make_billing.forge("UPDATE billing_creditwallet SET held = 0 WHERE account_id = %s", broken.pk)

    with pytest.raises(DatabaseError, match="creditwallet_amounts"):
        expire_due(now=NOW + 3 * HOUR)

    assert selectors.credit_wallet(account=sound).balance == 10
    assert not selectors.held_reservations(account=sound).exists()
