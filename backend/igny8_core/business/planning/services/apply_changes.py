"""Accepted changes of a proposal, written: in the caller's transaction, with the sector locked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from igny8_core.business.planning.models import ClusterChange, Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.cluster_diff import COLUMNS
from igny8_core.business.planning.services.cluster_edits import record_edit
from igny8_core.business.planning.services.cluster_keywords import insert_clusters
from igny8_core.business.planning.services.cluster_moves import (
    Move,
    move_keywords,
    snapshot,
    write_clusters,
)
from igny8_core.business.planning.services.idea_places import (
    Moved,
    follow_keywords,
    reconcile_ideas,
)
from igny8_core.business.planning.services.page_rows import settle_hubs
from igny8_core.business.planning.services.sector_locks import clusters_in_use, lock_clusters
from igny8_core.business.planning.states import ChangeKind, EditKind
from igny8_core.common.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.services.cluster_inputs import Inputs, KeywordInput

UNDOABLE_KEYWORDS = 200_000
"""Of more, an edit keeps no undo: the snapshot would be larger than the clusters."""


def keywords_to_charge(changes: Iterable[ClusterChange]) -> int:
    """How many keywords get another cluster; new pages inside a cluster are free."""
    return sum(change.moved_count for change in changes)


def apply_changes(
    *,
    account: Account,
    sector: Sector,
    changes: Sequence[ClusterChange],
    inputs: Inputs,
    now: datetime,
) -> None:
    """Write them.

    :param inputs: what is there now.
    :raises Conflict: a cluster is to go that still holds keywords which stay.
    """
    keywords = {keyword.pk: keyword for keyword in inputs.keywords}
    touched = {c.cluster_id for c in changes if c.cluster_id} | {
        pk for change in changes for pk, _name, _count in change.sources if pk
    }
    ideas = ContentIdeas.objects.for_account(account).filter(cluster_id__in=touched)
    idea_ids = list(ideas.values_list("pk", flat=True))
    placed = {pk for change in changes for pk in change.placements.get("id", ())}
    is_undoable = len(placed) <= UNDOABLE_KEYWORDS
    seen = {"keyword_ids": placed if is_undoable else (), "idea_ids": idea_ids}
    before = snapshot(account=account, cluster_ids=touched, **seen)
    targets = _targets(account, sector, changes)
    moves = _moves(changes, targets)
    move_keywords(sector=sector, moves=moves, now=now)
    new = {targets[change.number] for change in changes if change.cluster_id is None}
    settle_hubs(account=account, sector=sector, cluster_ids={*touched, *new}, now=now)
    follow_keywords(account=account, sector=sector, moved=_moved(moves, keywords), now=now)
    _settle_clusters(account, changes, gone=_emptied(changes, moves, inputs), now=now)
    reconcile_ideas(account=account, sector=sector, cluster_ids={*touched, *new}, now=now)
    after = snapshot(account=account, cluster_ids={*touched, *(pk for pk in new if pk)}, **seen)
    if is_undoable:
        record_edit(
            account=account,
            sector=sector,
            kind=EditKind.REBUILD,
            summary=_summary(changes),
            before=before,
            after=after,
        )
    for change in changes:
        change.applied_at = now
        if change.cluster_id is None and change.kind != ChangeKind.VANISHED:
            change.cluster_id = targets[change.number]
    ClusterChange.unscoped.bulk_update(changes, ["applied_at", "cluster"], batch_size=500)


def _targets(account: Account, sector: Sector, changes: Sequence[ClusterChange]) -> dict[int, int]:
    """The cluster of each change, by its number; new ones are made."""
    fresh = [change for change in changes if change.cluster_id is None]
    made = insert_clusters(
        account=account, sector=sector, clusters=[(change.name, change.intent) for change in fresh]
    )
    found = {change.number: change.cluster_id for change in changes if change.cluster_id}
    return found | {change.number: row.pk for change, row in zip(fresh, made, strict=True)}


def _moves(changes: Iterable[ClusterChange], targets: dict[int, int]) -> list[Move]:
    return [
        Move(
            keyword_id=pk,
            cluster_id=targets[change.number],
            page=page,
            page_place=place,
            role=role,
            intent=(intent, source, confidence),
            variant=variant,
        )
        for change in changes
        if change.placements
        for pk, page, place, role, intent, source, confidence, variant in zip(
            *(change.placements[name] for name in COLUMNS), strict=True
        )
    ]


def _moved(moves: Iterable[Move], keywords: dict[int, KeywordInput]) -> list[Moved]:
    found = []
    for move in moves:
        old = keywords[move.keyword_id]
        if old.cluster_id is not None and old.page is not None:
            new = (move.cluster_id or 0, move.page or 0)
            found.append(Moved((old.cluster_id, old.page), new))
    return found


def _emptied(changes: Iterable[ClusterChange], moves: Iterable[Move], inputs: Inputs) -> set[int]:
    """Clusters of the vanished changes; each must have lost all its keywords by now."""
    held: Counter[int] = Counter(k.cluster_id for k in inputs.keywords if k.cluster_id)
    where = {keyword.pk: keyword.cluster_id for keyword in inputs.keywords}
    for move in moves:
        held[where[move.keyword_id] or 0] -= 1
    gone = set()
    for change in changes:
        if change.kind != ChangeKind.VANISHED or change.cluster_id is None:
            continue
        if left := held[change.cluster_id]:
            raise Conflict(
                f"\u201c{change.name}\u201d still holds {left} keywords: accept the changes of the "
                "clusters that they go to first, or together with this one.",
                number=change.number,
                keywords=left,
            )
        gone.add(change.cluster_id)
    return gone


def _settle_clusters(
    account: Account,
    changes: Iterable[ClusterChange],
    *,
    gone: set[int],
    now: datetime,
) -> None:
    """New names, and the bin for what is empty and stands for nothing."""
    names = {
        change.cluster_id: change.name
        for change in changes
        if change.cluster_id is not None and change.name != change.old_name
    }
    lock_clusters(account=account, cluster_ids=gone)
    off = Keywords.objects.for_account(account).filter(cluster_id__in=gone, deleted_at=None)
    binned = set(
        Clusters.objects.for_account(account)
        .filter(pk__in=gone, is_locked=False)
        .exclude(pk__in=clusters_in_use(account=account, cluster_ids=gone))
        .exclude(pk__in=off.values("cluster_id"))
        .values_list("pk", flat=True)
    )
    rows = [
        [pk, names.get(pk, name), *flags, is_live and pk not in binned]
        for pk, name, *flags, is_live in snapshot(
            account=account, cluster_ids={*names, *binned}
        ).clusters.values()
    ]
    write_clusters(account=account, rows=rows, now=now)


def _summary(changes: Sequence[ClusterChange]) -> str:
    counted = Counter(change.kind for change in changes)
    parts = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))
    return f"Rebuild: {parts}"
