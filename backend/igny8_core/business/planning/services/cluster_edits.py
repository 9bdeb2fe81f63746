"""The record of what people did to clusters, and its undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.db import IntegrityError, transaction

from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.errors import UndoNotPossible
from igny8_core.business.planning.models import ClusterEdit, Keywords
from igny8_core.business.planning.services.cluster_moves import (
    Move,
    Snapshot,
    differing,
    move_keywords,
    snapshot,
    write_clusters,
    write_ideas,
)
from igny8_core.business.planning.services.idea_places import reconcile_ideas, retarget_ideas
from igny8_core.business.planning.services.page_rows import settle_hubs
from igny8_core.business.planning.services.sector_locks import (
    clusters_in_use,
    lock_clusters,
    lock_sector,
)
from igny8_core.common.tenancy.context import current_actor, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.states import EditKind

log = structlog.get_logger(__name__)

EDITS_KEPT = 200
"""Of a sector; older ones can no longer be undone and are forgotten."""

SUMMARY_LENGTH = 500


def record_edit(
    *,
    account: Account,
    sector: Sector,
    kind: EditKind,
    summary: str,
    before: Snapshot,
    after: Snapshot,
    carried: Mapping[str, Any] | None = None,
) -> ClusterEdit:
    """Keep an edit, in the open transaction.

    :param carried: what another domain moved along, for its own undo; JSON.
    """
    edit = ClusterEdit(
        account=account,
        site_id=sector.site_id,
        sector=sector,
        kind=kind,
        summary=summary[:SUMMARY_LENGTH],
        actor=current_actor(),
        before=before.stored() | {"carried": dict(carried or {})},
        after=after.stored(),
    )
    edit.save()
    rows = ClusterEdit.objects.for_account(account).filter(sector=sector)
    kept = rows.order_by("-pk").values_list("pk", flat=True)[EDITS_KEPT : EDITS_KEPT + 1]
    for oldest in kept:
        rows.filter(pk__lte=oldest).delete()
    return edit


@tenant_atomic()
def undo_edit(
    *,
    account: Account,
    edit_id: int,
    carry_back: Callable[[Mapping[str, Any]], None],
    now: datetime,
) -> ClusterEdit:
    """Put everything that an edit touched back to where it was. A repeat changes nothing.

    Clusters that the edit made go into the bin, those that it emptied come back. Keywords that
    somebody deleted since stay deleted. ``content.services.carry_clusters`` calls this.

    :param carry_back: called inside the transaction with what another domain moved along.
    :raises NotFound: unknown, or another account's.
    :raises UndoNotPossible: something of it was changed since, or a name was given to another
        cluster; undo the later edits first. Nothing was written.
    """
    edit = cluster_selectors.cluster_edit(account=account, edit_id=edit_id)
    lock_sector(account=account, sector_id=edit.sector_id)
    edit.refresh_from_db()
    if edit.undone_at is not None:
        return edit
    before, after = Snapshot.of(edit.before), Snapshot.of(edit.after)
    lock_clusters(account=account, cluster_ids=after.clusters)
    _without_deleted(account, before, after)
    _check(account, after)
    try:
        with transaction.atomic():
            carried = edit.before.get("carried") or {}
            _restore(
                account, edit.sector, before, after, carry_back=lambda: carry_back(carried), now=now
            )
    except IntegrityError as exc:
        raise UndoNotPossible(
            "Another cluster or idea has taken the place of one that would come back."
        ) from exc
    edit.undone_at, edit.updated_at = now, now
    edit.save(update_fields=["undone_at", "updated_at"])
    log.info("planning.edit.undone", edit_id=edit.pk, kind=edit.kind)
    return edit


def _without_deleted(account: Account, before: Snapshot, after: Snapshot) -> None:
    gone = set(
        Keywords.objects.for_account(account)
        .filter(pk__in=after.keywords, deleted_at__isnull=False)
        .values_list("pk", flat=True)
    )
    for rows in (before.keywords, after.keywords):
        for pk in gone & rows.keys():
            del rows[pk]


def _check(account: Account, after: Snapshot) -> None:
    now = snapshot(
        account=account,
        keyword_ids=after.keywords,
        cluster_ids=after.clusters,
        idea_ids=after.ideas,
    )
    if changed := differing(now, after):
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(changed.items()))
        raise UndoNotPossible(
            f"Changed since: {what}. Undo the later edits first.",
            **{f"{kind}_changed": count for kind, count in changed.items()},
        )


def _restore(
    account: Account,
    sector: Sector,
    before: Snapshot,
    after: Snapshot,
    *,
    carry_back: Callable[[], None],
    now: datetime,
) -> None:
    made = [pk for pk in after.clusters if pk not in before.clusters]
    binned = [[*row[:-1], False] for pk, row in after.clusters.items() if pk in set(made)]
    write_clusters(account=account, rows=before.clusters.values(), now=now)
    moves = [
        Move(pk, cluster_id, page, place, role, is_pinned=is_pinned)
        for pk, cluster_id, page, place, role, is_pinned in before.keywords.values()
    ]
    move_keywords(sector=sector, moves=moves, now=now)
    write_ideas(account=account, rows=before.ideas.values(), now=now)
    carry_back()
    left = Keywords.objects.for_account(account).filter(cluster_id__in=made, deleted_at=None)
    if left.exists() or clusters_in_use(account=account, cluster_ids=made):
        raise UndoNotPossible(
            "A cluster that the edit made holds keywords, ideas, writing tasks or articles now."
        )
    write_clusters(account=account, rows=binned, now=now)
    settle_hubs(account=account, sector=sector, cluster_ids=before.clusters, now=now)
    reconcile_ideas(account=account, sector=sector, cluster_ids=before.clusters, now=now)
    targets = {pk: row[3] for pk, row in before.ideas.items() if row[3] is not None}
    retarget_ideas(account=account, targets=targets, now=now)
