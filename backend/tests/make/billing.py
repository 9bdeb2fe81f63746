"""Credits and prices. `make.account()` has an empty wallet: the database opens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.services import lots, reservations
from tests.make.tenancy import account as make_account
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.lots import Grant
    from igny8_core.business.billing.services.reservations import Reserved

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def prices() -> None:
    """The prices of a new installation; a flushed database has none."""
    sql = resources.files("igny8_core.business.billing.migrations").joinpath("sql/prices.sql")
    with connection.cursor() as cursor:
        cursor.execute(sql.read_text())


def credits(account: Account, amount: int, *, now: datetime = NOW, **fields: Any) -> Grant:
    """A purchased lot; prices too, if there are none. Reload the account to see the balance."""
    prices()
    fields.setdefault("type", "purchase")
    fields.setdefault("idempotency_key", unique("grant"))
    return lots.grant_credits(account=account, amount=amount, now=now, **fields)


def account_with(amount: int) -> Account:
    """A new account with that many purchased credits."""
    account = make_account()
    credits(account, amount)
    return accounts.account(account.pk)


def reservation(account: Account, amount: int, *, now: datetime = NOW, **fields: Any) -> Reserved:
    """Credits held for writing an article, for an hour."""
    fields.setdefault("operation", "content")
    fields.setdefault("idempotency_key", unique("run"))
    fields.setdefault("ttl", timedelta(hours=1))
    return reservations.reserve(account=account, amount=amount, now=now, **fields)
