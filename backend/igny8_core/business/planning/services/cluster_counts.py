"""The only writer of what a cluster counts, and the lock that every planning writer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from igny8_core.auth.models import Sector
from igny8_core.business.planning.models import Clusters, ContentIdeas
from igny8_core.business.planning.states import CLUSTER, ClusterStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from igny8_core.auth.models import Account

_RECOUNT = """
UPDATE planning_clusters c
   SET keywords_count = n.keywords, volume = n.volume, updated_at = %(now)s
  FROM (SELECT c.id, count(k.id) AS keywords, coalesce(sum(k.volume), 0) AS volume
          FROM planning_clusters c
          LEFT JOIN planning_keywords k
            ON k.account_id = c.account_id AND k.sector_id = c.sector_id AND k.cluster_id = c.id
           AND k.deleted_at IS NULL AND NOT k.is_disabled
         WHERE c.account_id = %(account)s AND c.id = ANY(%(clusters)s)
         GROUP BY c.id) n
 WHERE c.id = n.id AND c.account_id = %(account)s
   AND (c.keywords_count, c.volume) IS DISTINCT FROM (n.keywords, n.volume)
"""


def lock_sector(*, account: Account, sector_id: int) -> None:
    """Take the sector's row: whoever writes keywords, clusters or ideas of it waits for us.

    Reads and foreign keys do not wait. Call it first in the transaction.

    :raises NotFound: no such sector of this account.
    """
    rows = Sector.objects.for_account(account).filter(pk=sector_id)
    if not rows.select_for_update(no_key=True).values_list("pk"):
        raise NotFound("no such sector", sector_id=sector_id)


def recount_clusters(*, account: Account, cluster_ids: Collection[int], now: datetime) -> None:
    """Make counts and volumes right again, in the caller's transaction."""
    if cluster_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                _RECOUNT,
                {"account": account.pk, "clusters": sorted(set(cluster_ids)), "now": now},
            )


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
