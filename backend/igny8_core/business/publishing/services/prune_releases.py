"""Remove versions that nobody will go back to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services.follow_pointer import locked_site
from igny8_core.business.publishing.services.release_store import release_store
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.release_store import ReleaseStore

KEPT_VERSIONS: Final = 10
KEPT_FOR: Final = timedelta(hours=1)
"""Longer than anyone may cache a page, which still names assets of its own version."""


def prune_releases(*, account: Account, site_id: int, now: datetime) -> list[int]:
    """Remove the files of old versions; records stay. Returns the versions.

    The live one, the newest :data:`KEPT_VERSIONS`, and what was deployed within
    :data:`KEPT_FOR` stay. Folders that never went live go at once. The records say so first: a
    version whose files are about to go is none to go back to.
    """
    store = release_store(account_id=account.pk, site_id=site_id)
    removed = _mark_pruned(account=account, site_id=site_id, store=store, now=now)
    for version in removed:
        store.remove(version)
    return removed


@tenant_atomic()
def _mark_pruned(
    *, account: Account, site_id: int, store: ReleaseStore, now: datetime
) -> list[int]:
    site = locked_site(account=account, site_id=site_id)
    known = store.versions()
    records = {
        row.version: row
        for row in DeploymentRecord.objects.for_account(account).filter(
            site=site, version__isnull=False
        )
    }
    live = store.live_version()
    newest = [v for v in known if _was_live(records.get(v))][-KEPT_VERSIONS:]
    removed = []
    for version in known:
        record = records.get(version)
        if version == live or (record and record.status == DeploymentStatus.DEPLOYING):
            continue
        if _was_live(record) and (version in newest or _is_recent(record, now)):
            continue
        removed.append(version)
    if removed:
        DeploymentRecord.objects.for_account(account).filter(
            site=site, version__in=removed, pruned_at__isnull=True
        ).update(pruned_at=now, updated_at=now)
    return removed


def _was_live(record: DeploymentRecord | None) -> bool:
    return record is not None and record.deployed_at is not None


def _is_recent(record: DeploymentRecord | None, now: datetime) -> bool:
    moments = [record.deployed_at, record.rolled_back_at] if record else []
    return any(moment is not None and moment > now - KEPT_FOR for moment in moments)
