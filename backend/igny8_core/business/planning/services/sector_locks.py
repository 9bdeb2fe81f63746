"""The lock that every planning writer takes. What clusters count is kept by triggers: ADR 0014."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.models import Sector
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.common.errors import NotFound

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
