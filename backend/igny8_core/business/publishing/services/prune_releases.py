"""Remove versions that nobody will go back to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services.follow_pointer import locked_site
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

KEPT_VERSIONS: Final = 10
KEPT_FOR: Final = timedelta(hours=1)
"""Longer than anyone may cache a page, which still names assets of its own version."""


@tenant_atomic()
def prune_releases(*, account: Account, site_id: int, now: datetime) -> list[int]:
    """Remove the files of old versions; records stay. Returns the versions.

    The live one, the newest :data:`KEPT_VERSIONS`, and what was deployed within
    :data:`KEPT_FOR` stay. Folders that never went live go at once.
    """
    site = locked_site(account=account, site_id=site_id)
    folder = ReleaseFolder(Path(settings.SITES_ROOT), account_id=account.pk, site_id=site_id)
    records = {
        row.version: row
        for row in DeploymentRecord.objects.for_account(account).filter(
            site=site, version__isnull=False
        )
    }
    live = folder.live_version()
    newest = [v for v in folder.versions() if _was_live(records.get(v))][-KEPT_VERSIONS:]
    removed = []
    for version in folder.versions():
        record = records.get(version)
        if version == live or (record and record.status == DeploymentStatus.DEPLOYING):
            continue
        if _was_live(record) and (version in newest or _is_recent(record, now)):
            continue
        folder.remove(version)
        removed.append(version)
    if removed:
        DeploymentRecord.objects.for_account(account).filter(site=site, version__in=removed).update(
            pruned_at=now, updated_at=now
        )
    return removed


def _was_live(record: DeploymentRecord | None) -> bool:
    return record is not None and record.deployed_at is not None


def _is_recent(record: DeploymentRecord | None, now: datetime) -> bool:
    moments = [record.deployed_at, record.rolled_back_at] if record else []
    return any(moment is not None and moment > now - KEPT_FOR for moment in moments)
