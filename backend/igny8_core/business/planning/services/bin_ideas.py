"""Ideas into the bin and out of it. Their clusters are mapped by the live ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.planning.models import Clusters, ContentIdeas
from igny8_core.business.planning.services.edit_ideas import settle_restored
from igny8_core.business.planning.services.sector_locks import lock_sectors_of
from igny8_core.business.planning.states import IdeaStatus
from igny8_core.common.errors import Conflict
from igny8_core.common.soft_delete import (
    IN_BIN,
    StillNeeded,
    lock_rows,
    move_to_bin,
    take_out_of_bin,
)
from igny8_core.common.tenancy.context import because, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

COLUMNS = ("sector_id", "cluster_id", "status")
MAX_REASONS = 20


@tenant_atomic()
def delete_ideas(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put ideas into the bin: all of them or none.

    Ideas are not made again for the page of one that lies there.

    :returns: how many went; those that are in the bin already do not count.
    :raises NotFound: an id is unknown, or another account's.
    :raises StillNeeded: a writing task stands for one of them.
    """
    lock_sectors_of(ContentIdeas, account=account, ids=ids)
    rows = lock_rows(ContentIdeas, account=account, ids=ids, columns=COLUMNS)
    queued = [r.pk for r in rows if not r.is_deleted and r.status == IdeaStatus.QUEUED]
    if queued:
        raise StillNeeded(
            f"{len(queued)} of these ideas are queued for writing. Delete their tasks first.",
            ids=[f"The idea {pk} is queued." for pk in queued[:MAX_REASONS]],
            ideas_queued=len(queued),
        )
    with because("ideas deleted"):
        return move_to_bin(ContentIdeas, account=account, ids=ids, now=now)


@tenant_atomic()
def restore_ideas(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take ideas out of the bin: all of them or none.

    :returns: how many came back; live ones do not count.
    :raises NotFound: an id is unknown, or another account's.
    :raises PlaceTaken: the page of the cluster has another idea by now.
    :raises Conflict: the cluster of one of them is in the bin.
    """
    lock_sectors_of(ContentIdeas, account=account, ids=ids)
    rows = lock_rows(ContentIdeas, account=account, ids=ids, columns=COLUMNS)
    back = [row for row in rows if row.is_deleted]
    cluster_ids = {row.cluster_id for row in back}
    clusters = Clusters.objects.for_account(account).filter(IN_BIN, pk__in=cluster_ids)
    gone = clusters.order_by("pk").values_list("pk", "name").first()
    if gone is not None:
        raise Conflict(
            f"The cluster “{gone[1]}” is deleted. Restore it first.",
            cluster=[f"The cluster {gone[0]} is in the bin."],
            row_id=next(row.pk for row in back if row.cluster_id == gone[0]),
            cluster_id=gone[0],
        )
    with because("ideas restored"):
        changed = take_out_of_bin(ContentIdeas, account=account, ids=ids, now=now)
    settle_restored(account=account, idea_ids=[row.pk for row in back], now=now)
    return changed
