"""What people ask of single pieces of work: again, not at all, a site's deployment, a way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services import items
from igny8_core.business.automation.states import WorkClass, WorkItemStatus
from igny8_core.business.publishing import selectors as publishing
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.automation.models import WorkItem

DEPLOY, ROLLBACK, PREVIEW = "site.publish", "site.rollback", "site.preview"
ANNOUNCE = "site.announce"
NOT_BEGUN = (WorkItemStatus.READY, WorkItemStatus.QUEUED)


@tenant_atomic()
def retry_work_items(*, account: Account, ids: Sequence[int], now: datetime) -> int:  # noqa: ARG001 - as every service on several rows
    """Make failed and dead items ready again; others stay as they are, and so do those of a
    stage that is closed.

    :returns: how many are ready again.
    :raises NotFound: an id is unknown, or another account's; nothing was changed.
    """
    _check_known(account, ids)
    return len(items.retry_items(account=account, item_ids=ids))


@tenant_atomic()
def cancel_work_items(*, account: Account, ids: Sequence[int], now: datetime) -> int:  # noqa: ARG001
    """Cancel items that have not begun; others stay as they are.

    :returns: how many were cancelled.
    :raises NotFound: an id is unknown, or another account's; nothing was changed.
    """
    _check_known(account, ids)
    return items.cancel_items(account=account, item_ids=ids)


@tenant_atomic()
def request_deployment(*, account: Account, site_id: int, now: datetime) -> WorkItem:
    """Ask for a site to be built and put live. A request that has not begun is returned again.

    :raises NotFound: the account has no such site.
    """
    site = accounts.site(account=account, site_id=site_id)
    return _request(account, DEPLOY, "site", site.pk, now)


@tenant_atomic()
def request_rollback(*, account: Account, deployment_id: int, now: datetime) -> WorkItem:
    """Ask for the version of an older deployment to be live again.

    :raises NotFound: the account has no such deployment.
    :raises VersionNotAvailable: it was never live, was rolled back, or its files are gone.
    """
    target = publishing.rollback_target(account=account, deployment_id=deployment_id)
    return _request(account, ROLLBACK, "deployment", target.pk, now)


@tenant_atomic()
def request_preview(*, account: Account, site_id: int, now: datetime) -> WorkItem:
    """Ask for a site's preview to be built. A request that has not begun is returned again.

    :raises NotFound: the account has no such site.
    """
    site = accounts.site(account=account, site_id=site_id)
    return _request(account, PREVIEW, "site", site.pk, now)


@tenant_atomic()
def request_announcement(*, account: Account, deployment_id: int, now: datetime) -> WorkItem | None:
    """Ask for the changes of a deployment to be told to search engines; None if the site does
    not want that.

    :raises NotFound: the account has no such deployment.
    """
    deployment = publishing.deployment(account=account, deployment_id=deployment_id)
    if not publishing.wants_announcements(site=deployment.site):
        return None
    return _request(account, ANNOUNCE, "deployment", deployment.pk, now)


def _request(
    account: Account, kind: str, related_type: str, row_id: int, now: datetime
) -> WorkItem:
    """An item after the last one of its kind for the row; two requests at once ask for the same."""
    rows = selectors.items(account=account, kind=kind)
    last = rows.filter(related_type=related_type, related_id=row_id).order_by("-pk").first()
    if last is not None and last.status in NOT_BEGUN:
        return last
    (item_id,) = items.create_items(
        account=account,
        kind=kind,
        related_type=related_type,
        related_ids=[row_id],
        work_class=WorkClass.PUBLISH,
        idempotency_key=f"after{last.pk if last else 0}",
        now=now,
    )
    items.hint_dispatch()
    return selectors.item(account=account, item_id=item_id)


def _check_known(account: Account, ids: Sequence[int]) -> None:
    known = selectors.items(account=account).filter(pk__in=ids).values_list("pk", flat=True)
    if missing := sorted(set(ids) - set(known)):
        raise NotFound("no such work item", item_id=missing[0])
