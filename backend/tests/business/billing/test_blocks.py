"""Each block stops reservations by itself, and settles what is held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import CreditsBlocked
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.reservations import (
    capture_credits,
)
from igny8_core.business.billing.states import BlockCause
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("cause", list(BlockCause))
def test_each_block_stops_reservations_and_is_lifted_alone(cause: BlockCause) -> None:
    account = make_billing.account_with(10)
    for each in BlockCause:
        set_wallet_block(account=account, cause=each, is_on=True, now=NOW)
    for each in set(BlockCause) - {cause}:
        set_wallet_block(account=account, cause=each, is_on=False, now=NOW)

    with pytest.raises(CreditsBlocked):
        make_billing.reservation(account, 1)
    set_wallet_block(account=account, cause=cause, is_on=False, now=NOW)

    assert make_billing.reservation(account, 1).is_new


def test_lifting_one_block_leaves_the_others() -> None:
    account = make_billing.account_with(10)
    for cause in BlockCause:
        set_wallet_block(account=account, cause=cause, is_on=True, now=NOW)

    for cause in BlockCause:
        set_wallet_block(account=account, cause=cause, is_on=False, now=NOW)
        left = list(BlockCause)[list(BlockCause).index(cause) + 1 :]

        wallet = selectors.credit_wallet(account=account)
        assert selectors.blocks_of(wallet) == left


def test_each_block_alone_stops_reservations() -> None:
    for cause in BlockCause:
        account = make_billing.account_with(10)
        set_wallet_block(account=account, cause=cause, is_on=True, now=NOW)

        with pytest.raises(CreditsBlocked):
            make_billing.reservation(account, 1)


def test_a_blocked_account_can_still_settle_what_it_holds() -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    set_wallet_block(account=account, cause=BlockCause.STAFF, is_on=True, now=NOW)

    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=5, attempt=1, now=NOW
    )

    assert accounts.account(account.pk).credits == 5
