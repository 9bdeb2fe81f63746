"""Sites with approved articles whose time has come are asked to be deployed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import AccountStatus
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services.asking import DEPLOY, request_deployment
from igny8_core.business.automation.states import OPEN_ITEM, WorkItemStatus
from igny8_core.business.content import selectors as content
from igny8_core.common.rounds import Round
from igny8_core.common.tenancy.context import acting, tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

SITES_PER_ROUND: Final = 100
PAUSE: Final = timedelta(minutes=10)
"""After a deployment that failed."""


def publish_due(*, now: datetime, limit: int = SITES_PER_ROUND) -> int:
    """Ask for a deployment of each site with something due. Safe to repeat: one waits at most.

    :returns: how many sites were asked for.
    """
    asking = Round("publish_due")
    asked = 0
    for account_id, site_id in content.due_sites(now=now, limit=limit):
        is_asked = asking.attempt(_ask, account_id=account_id, site_id=site_id, now=now)
        asked += bool(is_asked)
    asking.end()
    return asked


def _ask(*, account_id: int, site_id: int, now: datetime) -> bool:
    account = accounts.account(account_id)
    if account.status != AccountStatus.ACTIVE:
        return False
    with tenant(account_id, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
    if not site.is_active or _is_underway(account=account, site_id=site_id, now=now):
        return False
    with acting("schedule"):
        request_deployment(account=account, site_id=site_id, now=now)
    return True


@tenant_atomic()
def _is_underway(*, account: Account, site_id: int, now: datetime) -> bool:
    """Whether a deployment of the site waits, runs, or failed a moment ago."""
    items = selectors.items(account=account, kind=DEPLOY)
    last = items.filter(related_type="site", related_id=site_id).order_by("-pk").first()
    if last is None:
        return False
    failed = last.status in (WorkItemStatus.FAILED, WorkItemStatus.DEAD)
    return last.status in OPEN_ITEM or (failed and last.updated_at > now - PAUSE)
