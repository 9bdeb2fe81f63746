from __future__ import annotations

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import selectors
from igny8_core.business.billing.services.reservations import capture_credits
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db


def test_capture_charges_what_was_used_and_frees_the_rest() -> None:
    account = make_billing.account_with(100)
    hold = make_billing.reservation(account, 40)

    done = capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=25, attempt=1, now=NOW
    )

    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (75, 0)
    assert (done.credits, done.is_replay) == (25, False)
