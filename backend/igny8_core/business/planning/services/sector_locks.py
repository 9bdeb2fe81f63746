"""The lock that every planning writer takes. What clusters count is kept by triggers: ADR 0014."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.models import Sector
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import standing_on

if TYPE_CHECKING:
    from collections.abc import Collection

    from igny8_core.auth.models import Account


def lock_sector(*, account: Account, sector_id: int) -> None:
    """Take the sector's row: whoever writes keywords, clusters or ideas of it waits for us.

    Reads and foreign keys do not wait. Call it first in the transaction.

    :raises NotFound: no such sector of this account.
    """
    rows = Sector.objects.for_account(account).filter(pk=sector_id)
    if not rows.select_for_update(no_key=True).values_list("pk"):
        raise NotFound("no such sector", sector_id=sector_id)


def lock_sectors_of(
    model: type[Keywords | Clusters | ContentIdeas], *, account: Account, ids: Collection[int]
) -> list[int]:
    """:func:`lock_sector` for every sector that these rows are in, in the order of their keys.

    :returns: the sectors; ids that are no rows of the account have none.
    """
    rows = model.objects.for_account(account).filter(pk__in=ids)
    sector_ids = rows.order_by("sector_id").values_list("sector_id", flat=True).distinct()
    sectors = Sector.objects.for_account(account).filter(pk__in=list(sector_ids))
    locked = sectors.select_for_update(no_key=True).order_by("pk")
    return list(locked.values_list("pk", flat=True))


def lock_clusters(*, account: Account, cluster_ids: Collection[int]) -> None:
    """Keep clusters from whoever would put something on them by :func:`hold_cluster`.

    For whoever is about to find out whether anything stands on them. Behind the sector's lock.
    """
    rows = Clusters.objects.for_account(account).filter(pk__in=cluster_ids)
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def clusters_in_use(*, account: Account, cluster_ids: Collection[int]) -> set[int]:
    """Those of the clusters that a live idea, writing task or article stands on.

    Behind :func:`lock_clusters` it stays true until the transaction ends.
    """
    return set(standing_on(Clusters, account=account, ids=cluster_ids, besides=[Keywords]))


def hold_cluster(*, account: Account, cluster_id: int) -> Clusters:
    """A live cluster that nobody can delete before the open transaction ends.

    For whoever puts something on it that is no keyword: an idea, a writing task, an article.

    :raises NotFound: unknown, in the bin, or another account's.
    """
    rows = Clusters.objects.for_account(account).filter(pk=cluster_id, deleted_at=None)
    held: Clusters | None = rows.select_for_update(no_key=True).first()
    if held is None:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    return held
