"""Credentials that end and are renewed: by one worker at a time, kept before anybody uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.integration.services.credentials import open_credentials, seal_credentials
from igny8_core.business.integration.services.events import record_event
from igny8_core.business.integration.services.sweeps import AccountKey
from igny8_core.business.integration.states import EventAction, EventType
from igny8_core.clients.destinations import SiteBusy
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account
    from igny8_core.clients.destinations import Fetch

LEASE: Final = timedelta(seconds=60)
"""Twice the deadline of a request: who has not come back by then has gone."""

COME_AGAIN_SECONDS: Final = 5.0


def renew_credentials(row: SiteIntegration, fetch: Fetch) -> dict[str, str]:
    """New credentials of a connection; ``row`` has them, too. Call it outside of transactions.

    Where another worker has kept new ones since ``row`` was read, those are returned and nobody is
    asked. The old ones stay until the new ones are kept: whatever is lost on the way, the next
    attempt has a set that the site still takes.

    :param fetch: asks the site; may raise, and then nothing has changed.
    :raises SiteBusy: another worker is at it, or the credentials were changed by a person
        meanwhile: come again.
    :raises NotConnected: they were taken away meanwhile.
    """
    account: Any = AccountKey(row.account_id)  # its key is enough
    if not _claim(account=account, row=row):
        return open_credentials(row)
    try:
        fresh = dict(fetch(open_credentials(row)))
    except BaseException:
        _release(account=account, row=row)
        raise
    _keep(account=account, row=row, fresh=fresh)
    return fresh


@tenant_atomic(durable=True)
def _claim(*, account: Account, row: SiteIntegration) -> bool:
    """Take the right to renew; False when that has been done, and ``row`` has the outcome."""
    rows = SiteIntegration.objects.for_account(account).filter(pk=row.pk)
    is_free = Q(renewal_expires_at=None) | Q(renewal_expires_at__lte=Now())
    same = rows.filter(is_free, credentials=row.credentials)
    if same.update(renewal_expires_at=Now() + LEASE) == 1:
        return True
    stored = rows.values_list("credentials", flat=True).first()
    if not stored:
        raise NotConnected("The site is not connected.", integration_id=row.pk)
    if stored == row.credentials:
        raise SiteBusy("Another worker renews the sign-in.", retry_after_seconds=COME_AGAIN_SECONDS)
    row.credentials = stored
    return False


@tenant_atomic(durable=True)
def _keep(*, account: Account, row: SiteIntegration, fresh: Mapping[str, str]) -> None:
    sealed = seal_credentials(row, fresh)
    rows = SiteIntegration.objects.for_account(account)
    mine = rows.filter(pk=row.pk, credentials=row.credentials)
    if mine.update(credentials=sealed, renewal_expires_at=None) != 1:
        raise SiteBusy("The credentials were changed.", retry_after_seconds=COME_AGAIN_SECONDS)
    row.credentials = sealed
    record_event(
        account=account,
        integration=row,
        event_type=EventType.CONNECT,
        action=EventAction.UPDATE,
        details={"what": "sign-in renewed"},
    )


@tenant_atomic(durable=True)
def _release(*, account: Account, row: SiteIntegration) -> None:
    rows = SiteIntegration.objects.for_account(account)
    rows.filter(pk=row.pk, credentials=row.credentials).update(renewal_expires_at=None)
