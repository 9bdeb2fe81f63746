"""Connections to sites and the log of them, read. Nothing here opens a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q

from igny8_core.business.integration.models import (
    ContentImport,
    ContentImportIssue,
    ExternalItem,
    SiteIntegration,
    SyncEvent,
)
from igny8_core.business.integration.states import LIVE_WORDS, ItemState
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.integration.states import (
        EventAction,
        EventType,
        Platform,
        SyncStatus,
    )

__all__ = [
    "ExternalItem",  # rows that who publishes is handed, and hands back
    "SiteIntegration",
    "account_id_of_integration",
    "integration",
    "integrations",
    "item_counts",
    "items",
    "live_items",
    "lock_integration",
    "one_integration",
    "page_import",
    "page_imports",
    "page_issues",
    "sync_events",
    "sync_log",
]


def integrations(
    *,
    account: Account,
    site: Site | None = None,
    platform: Platform | None = None,
    is_active: bool | None = None,
    sync_status: SyncStatus | None = None,
) -> QuerySet[SiteIntegration]:
    """The account's connections, in the order in which they were made."""
    rows = SiteIntegration.objects.for_account(account).order_by("pk")
    wanted = {
        "site": site,
        "platform": platform,
        "is_active": is_active,
        "sync_status": sync_status,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def integration(*, account: Account, integration_id: int) -> SiteIntegration:
    """One connection.

    :raises NotFound: unknown, or another account's.
    """
    return one_integration(integrations(account=account), integration_id)


def account_id_of_integration(integration_id: int) -> int:
    """Whose connection it is; for commands, which know no account.

    :raises NotFound: there is none.
    """
    rows = SiteIntegration.objects.across_accounts(reason="a command names a connection")
    found = rows.filter(pk=integration_id).values_list("account_id", flat=True).first()
    if found is None:
        raise NotFound("no such integration", integration_id=integration_id)
    return int(found)


def one_integration(rows: QuerySet[SiteIntegration], integration_id: int) -> SiteIntegration:
    """The connection of this id among the account's, locked if ``rows`` are.

    :raises NotFound: unknown, or another account's.
    """
    found = rows.filter(pk=integration_id).first()
    if found is None:
        raise NotFound("no such integration", integration_id=integration_id)
    return found


def lock_integration(*, account: Account, integration_id: int) -> SiteIntegration:
    """One connection, locked until the transaction ends; readers are not kept waiting.

    :raises NotFound: unknown, or another account's.
    """
    rows = SiteIntegration.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    return one_integration(rows, integration_id)


def items(
    *,
    account: Account,
    integration: SiteIntegration | None = None,
    content_id: int | None = None,
    state: ItemState | None = None,
) -> QuerySet[ExternalItem]:
    """What articles are at sites, in the order in which they were first known."""
    rows = ExternalItem.objects.for_account(account).order_by("pk")
    wanted = {"integration": integration, "content_id": content_id, "state": state}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def item_counts(*, account: Account, integration: SiteIntegration) -> dict[str, int]:
    """How many items of a site are in each state, and ``live`` among them."""
    rows = items(account=account, integration=integration).order_by().values_list("state")
    is_live = Q(site_status__in=LIVE_WORDS) & ~Q(state=ItemState.GONE)
    found, live = {}, 0
    for state, number, seen in rows.annotate(Count("pk"), seen=Count("pk", filter=is_live)):
        found[state] = number
        live += seen
    return found | {"live": live}


def live_items(*, account: Account, integration: SiteIntegration) -> QuerySet[ExternalItem]:
    """Items that visitors of a site see, as far as we know."""
    rows = items(account=account, integration=integration)
    return rows.filter(site_status__in=LIVE_WORDS).exclude(state=ItemState.GONE)


def sync_events(
    *,
    account: Account,
    site: Site | None = None,
    integration: SiteIntegration | None = None,
    content_id: int | None = None,
    event_type: EventType | None = None,
    action: EventAction | None = None,
    success: bool | None = None,
    code: str = "",
    q: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[SyncEvent]:
    """What was exchanged with sites, from the first on.

    :param code: of an error, for instance ``outcome_unknown``.
    :param q: a part of the error's text, or the whole id of an item at its site.
    :param since: and ``until``: from this moment on, and before that one.
    """
    rows = SyncEvent.objects.for_account(account).order_by("pk")
    if q:
        rows = rows.filter(Q(error__icontains=q) | Q(external_id=q))
    wanted = {
        "site": site,
        "integration": integration,
        "content_id": content_id,
        "event_type": event_type,
        "action": action,
        "success": success,
        "details__code": code or None,
        "created_at__gte": since,
        "created_at__lt": until,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def sync_log(
    *,
    account: Account,
    integration: SiteIntegration,
    event_type: str = "",
    success: bool | None = None,
    q: str = "",
) -> QuerySet[SyncEvent]:
    """What was exchanged with one site, the newest first, with the articles' titles.

    :param q: words of an error or of an article's title, or the site's own id.
    """
    rows = sync_events(account=account, integration=integration, success=success)
    if event_type:
        rows = rows.filter(event_type=event_type)
    if q:
        found = Q(error__icontains=q) | Q(content__title__icontains=q) | Q(external_id=q)
        rows = rows.filter(found)
    return rows.select_related("content").order_by("-pk")


def page_imports(
    *,
    account: Account,
    site: Site | None = None,
    sector: Sector | None = None,
    status: str = "",
) -> QuerySet[ContentImport]:
    """Files of pages, newest first."""
    wanted = {"site": site, "sector": sector, "status": status}
    rows = ContentImport.objects.for_account(account).order_by("-pk")
    return rows.filter(**{name: value for name, value in wanted.items() if value})


def page_import(*, account: Account, import_id: int) -> ContentImport:
    """One file of pages.

    :raises NotFound: unknown, or another account's.
    """
    found = page_imports(account=account).filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    return found


def page_issues(
    *, account: Account, import_id: int, code: str = "", severity: str = ""
) -> QuerySet[ContentImportIssue]:
    """What became no page, in the order of the file."""
    wanted = {"code": code, "severity": severity}
    rows = ContentImportIssue.objects.for_account(account).filter(content_import_id=import_id)
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows.order_by("row", "pk")
