"""Sites with approved articles whose time has come are asked to be deployed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import AccountStatus
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services.asking import DEPLOY, request_deployment
from igny8_core.business.automation.states import OPEN_ITEM, WorkItemStatus
from igny8_core.business.content import selectors as content
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import acting, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

SITES_PER_ROUND: Final = 100
PAUSE: Final = timedelta(minutes=10)
"""After a deployment that failed."""


def publish_due(*, now: datetime, limit: int = SITES_PER_ROUND) -> int:
    """Ask for a deployment of each site with something due. Safe to repeat: one waits at most.

    :returns: how many sites were asked for.
    """
    asked = 0
    for account_id, site_id in content.due_sites(now=now, limit=limit):
        account = accounts.account(account_id)
        if account.status != AccountStatus.ACTIVE:
            continue
        if _is_underway(account=account, site_id=site_id, now=now):
            continue
        try:
            with acting("schedule"):
                request_deployment(account=account, site_id=site_id, now=now)
        except DomainError as exc:
            log.warning("automation.due.refused", site_id=site_id, code=exc.code)
            continue
        asked += 1
    return asked


@tenant_atomic()
def _is_underway(*, account: Account, site_id: int, now: datetime) -> bool:
    """Whether a deployment of the site waits, runs, or failed a moment ago."""
    items = selectors.items(account=account, kind=DEPLOY)
    last = items.filter(related_type="site", related_id=site_id).order_by("-pk").first()
    if last is None:
        return False
    failed = last.status in (WorkItemStatus.FAILED, WorkItemStatus.DEAD)
    return last.status in OPEN_ITEM or (failed and last.updated_at > now - PAUSE)
