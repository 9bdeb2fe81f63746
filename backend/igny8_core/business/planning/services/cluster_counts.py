"""The only writer of what a cluster counts, and the lock that every planning writer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models.functions import Coalesce

from igny8_core.auth.models import Sector
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.states import CLUSTER, ClusterStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from igny8_core.auth.models import Account

FEW_CLUSTERS = 100

_SET_STATUSES = """
UPDATE planning_clusters c SET status = right_one.status, updated_at = %(now)s
  FROM (SELECT id, CASE WHEN mapped_pages > 0 OR EXISTS (
                 SELECT FROM planning_contentideas i
                  WHERE i.account_id = %(account)s AND i.cluster_id = k.id AND i.deleted_at IS NULL)
               THEN %(mapped)s ELSE %(new)s END AS status
          FROM planning_clusters k WHERE k.account_id = %(account)s AND k.id = ANY(%(ids)s)
       ) AS right_one
 WHERE c.id = right_one.id AND c.account_id = %(account)s AND c.status <> right_one.status
"""
_SET_COUNTS = """
UPDATE planning_clusters SET keywords_count = %s, volume = %s, updated_at = %s
 WHERE id = %s AND account_id = %s
"""


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


def recount_clusters(
    *, account: Account, sector_id: int, cluster_ids: Collection[int], now: datetime
) -> None:
    """Make counts and volumes of clusters right again, in the caller's transaction.

    The sector's keywords are read once; a join of clusters and keywords is left to no planner.
    """
    if not cluster_ids:
        return
    keywords = Keywords.objects.for_account(account).filter(
        sector_id=sector_id, cluster__isnull=False, deleted_at=None, is_disabled=False
    )
    if len(cluster_ids) <= FEW_CLUSTERS:
        keywords = keywords.filter(cluster_id__in=cluster_ids)
    counted = keywords.values_list("cluster_id").annotate(
        models.Count("pk"), known_volume=Coalesce(models.Sum("volume"), 0)
    )
    right = {cluster_id: (count, volume) for cluster_id, count, volume in counted.order_by()}
    clusters = Clusters.objects.for_account(account).filter(sector_id=sector_id)
    known = clusters.values_list("pk", "keywords_count", "volume")
    wrong: list[tuple[int, int, datetime, int, int]] = [
        (*right.get(pk, (0, 0)), now, pk, account.pk)
        for pk, *counts in known
        if pk in cluster_ids and tuple(counts) != right.get(pk, (0, 0))
    ]
    if wrong:
        wrong.sort(key=lambda row: row[3])
        with connection.cursor() as cursor:
            cursor.executemany(_SET_COUNTS, wrong)


@tenant_atomic()
def set_mapped_pages(*, account: Account, cluster_id: int, pages: int, now: datetime) -> None:
    """Say how many contents a cluster has; the content domain counts them.

    A cluster with a page or an idea is mapped, one with neither is new.

    :raises NotFound: no such cluster of this account.
    """
    rows = Clusters.objects.for_account(account).filter(pk=cluster_id)
    cluster = rows.select_for_update().first()
    if cluster is None:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    if cluster.mapped_pages != pages:
        cluster.mapped_pages, cluster.updated_at = pages, now
        cluster.save(update_fields=["mapped_pages", "updated_at"])
    refresh_cluster_status(account=account, cluster=cluster, now=now)


def refresh_cluster_status(*, account: Account, cluster: Clusters, now: datetime) -> None:
    """Mapped when something is planned or published for the cluster, in the open transaction."""
    ideas = ContentIdeas.objects.for_account(account)
    has_idea = ideas.filter(cluster_id=cluster.pk, deleted_at__isnull=True).exists()
    wanted = ClusterStatus.MAPPED if cluster.mapped_pages or has_idea else ClusterStatus.NEW
    if cluster.status != wanted:
        advance(cluster, wanted, table=CLUSTER, now=now)


def refresh_cluster_statuses(
    *, account: Account, cluster_ids: Collection[int], now: datetime
) -> None:
    """:func:`refresh_cluster_status` for many, in one statement; their sectors are locked."""
    values: dict[str, Any] = {
        "account": account.pk,
        "ids": list(cluster_ids),
        "mapped": ClusterStatus.MAPPED.value,
        "new": ClusterStatus.NEW.value,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SET_STATUSES, values)
