"""Clusters that a person makes, names, describes, switches off or locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from igny8_core.auth.selectors import sector as sector_of
from igny8_core.business.planning.errors import ClusterNameTaken
from igny8_core.business.planning.models import KEYWORD_LENGTH, Clusters
from igny8_core.business.planning.services.cluster_counts import lock_sector
from igny8_core.business.planning.states import ClusterSource
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.text_forms import display_form, is_readable

if TYPE_CHECKING:
    from igny8_core.auth.models import Account


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
    shown = _checked(name)
    lock_sector(account=account, sector_id=sector_id)
    _refuse_taken(account, sector_id, shown, besides=None)
    cluster = Clusters(
        account=account,
        sector=sector_of(account=account, sector_id=sector_id),
        name=shown,
        description=description,
        intent=intent,
        source=ClusterSource.PERSON,
    )
    cluster.save()
    return cluster


@tenant_atomic()
def update_cluster(*, account: Account, cluster_id: int, changes: ClusterChanges) -> Clusters:
    """Change a live cluster.

    Disabled and locked clusters take no keywords of later runs; a disabled one gets no ideas.

    :raises NotFound: unknown, in the bin, or another account's.
    :raises InvalidInput: the name is empty, too long or unreadable.
    :raises ClusterNameTaken: another live cluster of the sector has the name.
    """
    rows = Clusters.objects.for_account(account).filter(pk=cluster_id, deleted_at=None)
    sector_id = rows.values_list("sector_id", flat=True).first()
    if sector_id is not None:
        lock_sector(account=account, sector_id=sector_id)
    cluster: Clusters | None = rows.select_for_update(no_key=True).first()
    if cluster is None:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    if "name" in changes:
        changes = {**changes, "name": _checked(changes["name"])}
        _refuse_taken(account, cluster.sector_id, changes["name"], besides=cluster.pk)
    for name, value in changes.items():
        setattr(cluster, name, value)
    cluster.fill_context()
    cluster.save(update_fields=[*changes, "name_norm", "updated_at"])
    return cluster


def _checked(name: str) -> str:
    shown = display_form(name)
    if not shown:
        raise InvalidInput("empty name", name=["A name holds at least one letter."])
    if not is_readable(shown):
        raise InvalidInput("unreadable name", name=["Holds characters that nobody can read."])
    if len(shown) > KEYWORD_LENGTH:
        raise InvalidInput("name too long", name=[f"At most {KEYWORD_LENGTH} characters."])
    return shown


def _refuse_taken(account: Account, sector_id: int, name: str, *, besides: int | None) -> None:
    norm = name.casefold()[:KEYWORD_LENGTH]
    live = Clusters.objects.for_account(account).filter(
        sector_id=sector_id, name_norm=norm, deleted_at=None
    )
    taken = live.exclude(pk=besides).values_list("pk", flat=True).first()
    if taken is not None:
        raise ClusterNameTaken(
            "Another cluster of the sector has this name.",
            name=[f"The cluster {taken} has the same name."],
            in_the_way=taken,
        )
