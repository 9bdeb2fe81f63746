"""Clusters that are merged, or an edit undone, with everything that the writer hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    SerpSample,
    Tasks,
)
from igny8_core.business.planning.services import cluster_edits, edit_clusters
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

_MODELS = {
    "tasks": Tasks,
    "contents": Content,
    "attributes": ContentAttribute,
    "results": SerpSample,
}


@tenant_atomic()
def merge_clusters(
    *,
    account: Account,
    cluster_id: int,
    other_ids: Collection[int],
    name: str = "",
    now: datetime,
) -> Any:
    """Merge other clusters into one: keywords, pages, ideas, writing tasks, articles.

    :raises DomainError: as ``planning.services.edit_clusters.merge_clusters``.
    """
    return edit_clusters.merge_clusters(
        account=account,
        cluster_id=cluster_id,
        other_ids=other_ids,
        name=name,
        carry=lambda replaced: _carry(account, replaced),
        now=now,
    )


@tenant_atomic()
def undo_cluster_edit(*, account: Account, edit_id: int, now: datetime) -> Any:
    """Undo a merger, a split, a move, a rebuild …, and bring back what was carried along.

    :raises DomainError: as ``planning.services.cluster_edits.undo_edit``.
    """
    return cluster_edits.undo_edit(
        account=account,
        edit_id=edit_id,
        carry_back=lambda carried: _carry_back(account, carried),
        now=now,
    )


def _carry(account: Account, replaced: Mapping[int, int]) -> dict[str, Any]:
    """Move rows to the new clusters; returns (row, old cluster, new cluster) of each by kind."""
    carried: dict[str, Any] = {}
    for kind, model in _MODELS.items():
        rows = model.objects.for_account(account).filter(cluster_id__in=replaced).order_by("pk")
        held = list(rows.values_list("pk", "cluster_id"))
        carried[kind] = [[pk, old, replaced[old]] for pk, old in held]
        for old, new in replaced.items():
            rows.filter(cluster_id=old).update(cluster_id=new)
    carried["maps"] = _carry_maps(account, replaced)
    return carried


def _carry_maps(account: Account, replaced: Mapping[int, int]) -> list[list[Any]]:
    """What an article is to a topic; what it is to the new one already is not said twice."""
    maps = ContentClusterMap.objects.for_account(account)
    rows = maps.filter(cluster_id__in=[*replaced, *replaced.values()]).order_by("pk")
    said = {
        (row.content_id, row.task_id, row.cluster_id, row.role)
        for row in rows
        if row.cluster_id not in replaced
    }
    carried: list[list[Any]] = []
    for row in rows:
        if row.cluster_id not in replaced:
            continue
        new = (row.content_id, row.task_id, replaced[row.cluster_id], row.role)
        if new in said:
            carried.append([row.content_id, row.task_id, row.cluster_id, row.role, row.source])
            row.delete()
            continue
        said.add(new)
        carried.append([row.pk, row.cluster_id, replaced[row.cluster_id]])
        row.cluster_id = replaced[row.cluster_id]
        row.save(update_fields=["cluster_id"])
    return carried


def _carry_back(account: Account, carried: Mapping[str, Any]) -> None:
    """What was not moved or deleted since goes back."""
    for kind, model in _MODELS.items():
        for pk, old, new in carried.get(kind, ()):
            rows = model.objects.for_account(account).filter(pk=pk, cluster_id=new)
            rows.update(cluster_id=old)
    maps = ContentClusterMap.objects.for_account(account)
    entries = carried.get("maps", ())
    moved = [entry for entry in entries if len(entry) == len(("pk", "old", "new"))]
    for pk, old, new in moved:
        maps.filter(pk=pk, cluster_id=new).update(cluster_id=old)
    erased = [entry for entry in entries if entry not in moved]
    contents = _present(account, Content, [entry[0] for entry in erased])
    tasks = _present(account, Tasks, [entry[1] for entry in erased])
    for content_id, task_id, old, role, source in erased:
        if content_id in contents and task_id in tasks:
            ContentClusterMap(
                account_id=account.pk,
                content_id=content_id,
                task_id=task_id,
                cluster_id=old,
                role=role,
                source=source,
            ).save()


def _present(account: Account, model: Any, ids: Collection[int | None]) -> set[int | None]:
    """Those of the ids that are still there; no id is there too."""
    found = model.objects.for_account(account).filter(pk__in=[pk for pk in ids if pk])
    return {None, *found.values_list("pk", flat=True)}
