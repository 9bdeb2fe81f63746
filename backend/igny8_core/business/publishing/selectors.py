"""Deployments and publishing records, read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.business.publishing.errors import VersionNotAvailable
from igny8_core.business.publishing.models import LIVE, DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.common.errors import Conflict, NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.integration.selectors import SiteIntegration
    from igny8_core.business.publishing.states import Destination, PublishingStatus


def deployments(
    *, account: Account, site: Site | None = None, status: DeploymentStatus | None = None
) -> QuerySet[DeploymentRecord]:
    """Deployments of a site or of the whole account, newest first."""
    rows = DeploymentRecord.objects.for_account(account).select_related("site")
    if site is not None:
        rows = rows.filter(site=site)
    if status is not None:
        rows = rows.filter(status=status)
    return rows.order_by("-pk")


def deployment(*, account: Account, deployment_id: int) -> DeploymentRecord:
    """One deployment with its site.

    :raises NotFound: unknown, or another account's.
    """
    found = deployments(account=account).filter(pk=deployment_id).first()
    if found is None:
        raise NotFound("no such deployment", deployment_id=deployment_id)
    return found


def live_deployment(*, account: Account, site: Site) -> DeploymentRecord | None:
    """The deployment that visitors of a site see; None before the first."""
    rows = DeploymentRecord.objects.for_account(account)
    return (
        rows.filter(site=site, status=DeploymentStatus.DEPLOYED)
        .select_related("site")
        .order_by("-version")
        .first()
    )


def rollback_target(*, account: Account, deployment_id: int) -> DeploymentRecord:
    """A deployment whose version a site can go back to, as far as the rows know.

    :raises NotFound: unknown, or another account's.
    :raises VersionNotAvailable: never live, rolled back itself, or its files are gone.
    """
    found = deployment(account=account, deployment_id=deployment_id)
    if found.status != DeploymentStatus.DEPLOYED or found.pruned_at is not None:
        raise VersionNotAvailable("no version to go back to", deployment_id=found.pk)
    return found


def rollback_targets(*, account: Account, site: Site) -> QuerySet[DeploymentRecord]:
    """Versions that a site can go back to, newest first; the live one is the first."""
    rows = deployments(account=account, site=site)
    return rows.filter(status=DeploymentStatus.DEPLOYED, pruned_at__isnull=True)


def publishing_records(
    *,
    account: Account,
    site: Site | None = None,
    content_id: int | None = None,
    integration: SiteIntegration | None = None,
    destination: Destination | None = None,
    status: PublishingStatus | None = None,
    is_live: bool | None = None,
) -> QuerySet[PublishingRecord]:
    """What went where, newest first."""
    rows = PublishingRecord.objects.for_account(account).select_related("content")
    wanted = {
        "site": site,
        "content_id": content_id,
        "integration": integration,
        "destination": destination,
        "status": status,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    if is_live is not None:
        rows = rows.filter(LIVE) if is_live else rows.exclude(LIVE)
    return rows.order_by("-pk")


def live_records(*, account: Account, content_id: int) -> dict[Destination, PublishingRecord]:
    """The record that is live at each destination of a content."""
    rows = PublishingRecord.objects.for_account(account).filter(LIVE, content_id=content_id)
    return {row.destination: row for row in rows}


def site_sector_id(*, account: Account, site: Site) -> int:
    """The sector that stands for a whole site: its first.

    :raises Conflict: the site has none.
    """
    first = accounts.sectors(account=account, site=site).order_by("pk").first()
    if first is None:
        raise Conflict("the site has no sector", site_id=site.pk)
    return first.pk


def site_url(*, site: Site) -> str:
    """Where visitors find a site: its own address if its settings name one, else ours."""
    own = str((site.settings.get("static_site") or {}).get("base_url") or "").rstrip("/")
    return f"{own or f'{settings.PUBLIC_URL}/sites/{site.pk}'}/"


def wants_announcements(*, site: Site) -> bool:
    """Whether search engines are told of a site's changes: it has a key for that."""
    return bool((site.settings.get("static_site") or {}).get("indexnow_key"))


def site_folder(*, site: Site) -> Path:
    """Where the live version's files are; the last part is the pointer."""
    return Path(settings.SITES_ROOT) / str(site.account_id) / str(site.pk) / "current"
