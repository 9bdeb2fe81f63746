from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditTransaction
from igny8_core.business.billing.services import ledger
from igny8_core.business.billing.services.lots import (
    close_lot,
    expire_lots,
    grant_credits,
    revoke_lot,
    set_wallet_block,
)
from igny8_core.business.billing.services.rounds import AccountKey
from igny8_core.business.billing.states import BlockCause
from igny8_core.common.errors import IdempotencyConflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db


def test_a_new_account_has_an_open_empty_wallet() -> None:
    account = make.account()

    (opening,) = selectors.credit_transactions(account=account)

    assert (account.credits, account.credits_held) == (0, 0)
    assert (opening.type, opening.seq, opening.prev_seq) == ("opening", 1, None)
    assert (opening.amount, opening.balance_after) == (0, 0)


@pytest.mark.parametrize(
    ("type_", "kind", "priority"),
    [
        ("subscription", "plan", 10),
        ("promo", "promo", 20),
        ("adjustment", "adjustment", 30),
        ("purchase", "purchase", 50),
        ("reinstatement", "purchase", 50),
    ],
)
def test_a_grant_makes_a_lot_of_its_kind(type_: str, kind: str, priority: int) -> None:
    account = make.account()

    made = grant_credits(account=account, amount=7, type=type_, idempotency_key="k", now=NOW)

    (lot,) = selectors.credit_lots(account=account)
    assert (lot.pk, lot.kind, lot.priority, lot.granted) == (made.lot_id, kind, priority, 7)
    account.refresh_from_db()
    assert account.credits == 7


@pytest.mark.parametrize("type_", ["deduction", "opening", "expiry", "chargeback", "refund", "x"])
def test_other_types_are_not_granted(type_: str) -> None:
    account = make.account()

    with pytest.raises(InvalidInput):
        grant_credits(account=account, amount=7, type=type_, idempotency_key="k", now=NOW)
    with pytest.raises(DatabaseError, match="not granted"), tenant(account.pk):
        ledger.call(
            "grant_credits",
            account=account.pk,
            key="k",
            type=type_,
            amount=7,
            priority=1,
            expires=None,
            now=NOW,
        )

    assert CreditTransaction.objects.for_account(account).count() == 1


@pytest.mark.parametrize("amount", [0, -5])
def test_fewer_than_one_credit_are_not_granted(amount: int) -> None:
    with pytest.raises(InvalidInput):
        make_billing.credits(make.account(), amount)


def test_a_grant_happens_once_per_key() -> None:
    account = make.account()
    grant: dict[str, Any] = {
        "account": account,
        "type": "subscription",
        "idempotency_key": "sub:1",
        "now": NOW,
    }
    first = grant_credits(amount=100, expires_at=NOW + timedelta(days=30), **grant)

    again = grant_credits(amount=100, expires_at=NOW + timedelta(days=30), **grant)

    assert (again.lot_id, again.is_new) == (first.lot_id, False)
    for other in (
        {"amount": 101, "expires_at": NOW + timedelta(days=30)},
        {"amount": 100, "expires_at": NOW + timedelta(days=31)},
        {"amount": 100, "expires_at": NOW + timedelta(days=30), "priority": 11},
    ):
        with pytest.raises(IdempotencyConflict):
            grant_credits(**grant | other)
    account.refresh_from_db()
    assert account.credits == 100


def test_keys_of_two_accounts_are_their_own() -> None:
    one, other = make.account(), make.account()

    for account in (one, other):
        make_billing.credits(account, 5, idempotency_key="same")

    for account in (one, other):
        account.refresh_from_db()
        assert account.credits == 5


def test_unknown_account_is_not_found() -> None:
    nobody = AccountKey(987_654)

    with pytest.raises(NotFound):
        grant_credits(account=nobody, amount=1, type="promo", idempotency_key="k", now=NOW)
    with pytest.raises(NotFound):
        set_wallet_block(account=nobody, cause=BlockCause.STAFF, is_on=True, now=NOW)
    with pytest.raises(NotFound):
        selectors.credit_wallet(account=nobody)


def test_lots_expire_at_their_moment_once() -> None:
    account = make.account()
    end = NOW + timedelta(days=30)
    make_billing.credits(account, 10, expires_at=end)
    make_billing.credits(account, 3)

    before = expire_lots(account=account, now=end - timedelta(microseconds=1))
    at = expire_lots(account=account, now=end)
    after = expire_lots(account=account, now=end + timedelta(days=1))

    assert (before, at, after) == (0, 10, 0)
    account.refresh_from_db()
    assert account.credits == 3


def test_a_refund_takes_only_what_nobody_holds_and_makes_no_debt() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)
    make_billing.reservation(account, 4)
    refund: dict[str, Any] = {
        "account": account,
        "lot_id": lot.lot_id,
        "type": "refund",
        "idempotency_key": "refund:1",
        "now": NOW,
    }

    first = revoke_lot(owed=10, **refund)
    again = revoke_lot(owed=10, **refund)

    assert (first.taken, first.debt, first.is_new) == (6, 0, True)
    assert (again.taken, again.debt, again.is_new) == (6, 0, False)
    wallet = selectors.credit_wallet(account=account)
    assert (wallet.balance, wallet.held, wallet.debt) == (4, 4, 0)
    with pytest.raises(IdempotencyConflict):
        revoke_lot(owed=9, **refund)


def test_a_revoked_lot_that_has_nothing_left_leaves_a_row_of_zero() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)
    make_billing.reservation(account, 10)

    made = revoke_lot(
        account=account, lot_id=lot.lot_id, owed=5, type="refund", idempotency_key="r", now=NOW
    )

    newest = selectors.credit_transactions(account=account).first()
    assert newest is not None
    assert (made.taken, newest.type, newest.amount) == (0, "refund", 0)


def test_what_cannot_be_revoked_is_refused() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)
    revoke: dict[str, Any] = {
        "account": account,
        "type": "refund",
        "idempotency_key": "r",
        "now": NOW,
    }

    with pytest.raises(InvalidInput):
        revoke_lot(lot_id=lot.lot_id, owed=0, **revoke)
    with pytest.raises(NotFound):
        revoke_lot(lot_id=987_654, owed=1, **revoke)
    with pytest.raises(DatabaseError, match="not revoked"):
        revoke_lot(lot_id=lot.lot_id, owed=1, **revoke | {"type": "purchase"})

    account.refresh_from_db()
    assert account.credits == 10


def test_a_closed_lot_expires_at_once_but_for_what_is_held() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10, type="subscription", expires_at=NOW + timedelta(days=3))
    make_billing.reservation(account, 4)

    first = close_lot(account=account, lot_id=lot.lot_id, now=NOW)
    again = close_lot(account=account, lot_id=lot.lot_id, now=NOW)

    assert (first, again) == (6, 0)
    wallet = selectors.credit_wallet(account=account)
    assert (wallet.balance, wallet.held) == (4, 4)
    newest = selectors.credit_transactions(account=account).first()
    assert newest is not None
    assert (newest.type, newest.amount) == ("expiry", -6)


def test_bought_credits_cannot_be_closed() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)

    with pytest.raises(DatabaseError, match="only lots of a plan"):
        close_lot(account=account, lot_id=lot.lot_id, now=NOW)
    with pytest.raises(NotFound):
        close_lot(account=account, lot_id=987_654, now=NOW)

    account.refresh_from_db()
    assert account.credits == 10
