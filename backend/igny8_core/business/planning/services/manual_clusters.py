"""Clusters that a person makes, names, describes, switches off or locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.db import IntegrityError, transaction

from igny8_core.auth.selectors import sector as sector_of
from igny8_core.business.planning.models import Clusters
from igny8_core.business.planning.services.editing import (
    check_name,
    editing,
    locked_clusters,
    name_taken,
)
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import ClusterSource, EditKind
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

FLAGS = {
    ("is_locked", True): "locked",
    ("is_locked", False): "unlocked",
    ("is_disabled", True): "disabled",
    ("is_disabled", False): "enabled",
}
"""What the flags say, in the words of an edit's summary."""


class ClusterChanges(TypedDict, total=False):
    """What to change; what is not named stays."""

    name: str
    description: str
    intent: str
    is_disabled: bool
    is_locked: bool


@tenant_atomic()
def create_cluster(
    *, account: Account, sector_id: int, name: str, description: str = "", intent: str = ""
) -> Clusters:
    """An empty cluster, to which later keywords of its topic come.

    :raises NotFound: no such sector of this account.
    :raises InvalidInput: the name is empty, too long or unreadable.
    :raises ClusterNameTaken: another live cluster of the sector has the name.
    """
    shown = check_name(name)
    lock_sector(account=account, sector_id=sector_id)
    cluster = Clusters(
        account=account,
        sector=sector_of(account=account, sector_id=sector_id),
        name=shown,
        is_named=True,
        description=description,
        intent=intent,
        source=ClusterSource.PERSON,
    )
    try:
        with transaction.atomic():
            cluster.save()
    except IntegrityError as exc:
        raise name_taken(account, sector_id, shown) from exc
    return cluster


@tenant_atomic()
def update_cluster(
    *, account: Account, cluster_id: int, changes: ClusterChanges, now: datetime
) -> Clusters:
    """Change a live cluster. A name that a person gave is changed by no run.

    A disabled cluster takes part in nothing. A locked one keeps its keywords and pages in every
    run; a rebuild may propose keywords that join it. A new name and the flags can be undone.

    :raises NotFound: unknown, in the bin, or another account's.
    :raises InvalidInput: the name is empty, too long or unreadable.
    :raises ClusterNameTaken: another live cluster of the sector has the name.
    """
    (cluster,) = locked_clusters(account=account, cluster_ids=[cluster_id])
    wanted: dict[str, Any] = dict(changes)
    if "name" in wanted:
        wanted["name"] = check_name(wanted["name"])
    with editing(
        account=account,
        sector=cluster.sector,
        kind=EditKind.RENAME if "name" in wanted else EditKind.FLAGS,
        clusters=[cluster],
        is_deep=False,
        allows_locked=True,
        now=now,
    ) as edit:
        edit.summary = _summary(cluster, wanted)
        if "name" in wanted and (wanted["name"] != cluster.name or not cluster.is_named):
            edit.rename(cluster, wanted["name"])
        others = [name for name in wanted if name != "name"]
        for name in others:
            setattr(cluster, name, wanted[name])
        if others:
            cluster.updated_at = now
            cluster.save(update_fields=[*others, "updated_at"])
    return cluster


def _summary(cluster: Clusters, wanted: Mapping[str, Any]) -> str:
    """Empty when nothing changes that could be undone."""
    done = [
        word
        for (name, value), word in FLAGS.items()
        if wanted.get(name) is value and getattr(cluster, name) is not value
    ]
    words = " and ".join(done).capitalize()
    if "name" not in wanted or wanted["name"] == cluster.name:
        return f"{words} \u201c{cluster.name}\u201d" if done else ""
    renamed = f"Renamed \u201c{cluster.name}\u201d to \u201c{wanted['name']}\u201d"
    return f"{renamed}, {words.lower()} it" if done else renamed
