"""What an article is outside, mirrored onto its row for lists and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.content.models import Content, ContentTaxonomy
from igny8_core.business.content.states import CONTENT_SYNC, SyncStatus
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account


@tenant_atomic()
def mirror_external(
    *,
    account: Account,
    content_id: int,
    external_type: str,
    external_id: str,
    external_url: str,
    now: datetime,
) -> None:
    """Note where an article is outside, unless it is known from another place already."""
    row = _locked(account, content_id)
    if row is None or (row.external_id and row.external_id != external_id):
        return
    others = Content.objects.for_account(account).filter(
        LIVE, site_id=row.site_id, external_type=external_type, external_id=external_id
    )
    if not external_id or others.exclude(pk=row.pk).exists():
        return
    row.external_type, row.external_id = external_type, external_id
    row.external_url, row.updated_at = external_url[:500], now
    row.save(update_fields=["external_type", "external_id", "external_url", "updated_at"])


@tenant_atomic()
def mark_sync(*, account: Account, content_id: int, to: SyncStatus, now: datetime) -> None:
    """Move an article's sync status, over the state between where there is one."""
    row = _locked(account, content_id)
    if row is None or row.sync_status == to:
        return
    if not CONTENT_SYNC.allows(row.sync_status, to):
        _advance(row, SyncStatus.PENDING, now)
    if row.sync_status != to:
        _advance(row, to, now)


@tenant_atomic()
def link_taxonomy(
    *, account: Account, taxonomy_id: int, external_taxonomy: str, external_id: str, now: datetime
) -> None:
    """Note what a category or tag is at a site, unless another one of ours is that already."""
    rows = ContentTaxonomy.objects.for_account(account)
    row = rows.filter(pk=taxonomy_id).select_for_update(no_key=True).first()
    if row is None or (row.external_taxonomy, row.external_id) == (external_taxonomy, external_id):
        return
    taken = rows.filter(
        site_id=row.site_id, external_taxonomy=external_taxonomy, external_id=external_id
    )
    if taken.exclude(pk=row.pk).exists():
        return
    row.external_taxonomy, row.external_id = external_taxonomy, external_id
    row.save(update_fields=["external_taxonomy", "external_id", "updated_at"])
    if row.sync_status == SyncStatus.SYNCED:
        return
    for to in (SyncStatus.PENDING, SyncStatus.SYNCED):
        if row.sync_status != to and CONTENT_SYNC.allows(row.sync_status, to):
            advance(row, to, table=CONTENT_SYNC, now=now, field="sync_status")


def _advance(row: Content, to: SyncStatus, now: datetime) -> None:
    advance(row, to, table=CONTENT_SYNC, now=now, field="sync_status")


def _locked(account: Account, content_id: int) -> Content | None:
    rows = Content.objects.for_account(account).filter(LIVE, pk=content_id)
    found: Content | None = rows.select_for_update(no_key=True).first()
    return found
