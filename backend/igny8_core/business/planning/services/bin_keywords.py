"""Keywords into the bin and out of it. Their clusters' counts follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.auth.plan_limits import locked_plan
from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.keyword_limit import take_keyword_room
from igny8_core.business.planning.services.page_rows import settle_hubs_of
from igny8_core.business.planning.services.sector_locks import lock_sectors_of
from igny8_core.business.planning.states import KeywordStatus
from igny8_core.common.soft_delete import lock_rows, move_to_bin, take_out_of_bin
from igny8_core.common.tenancy.context import because, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

PUBLIC_NAMES = {"seed_keyword": "keyword"}

_LEAVE_DELETED_CLUSTERS = """
UPDATE planning_keywords k
   SET cluster_id = NULL, page = NULL, page_place = 0, role = '', is_pinned = false,
       status = %(new)s, updated_at = %(now)s
  FROM planning_clusters c
 WHERE k.account_id = %(account)s AND k.id = ANY(%(ids)s) AND k.deleted_at IS NOT NULL
   AND c.account_id = %(account)s AND c.id = k.cluster_id AND c.deleted_at IS NOT NULL
"""


@tenant_atomic()
def delete_keywords(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put keywords into the bin: all of them or none. They keep their place in their clusters.

    Ideas that they are linked to stay, without them.

    :returns: how many went; those that are in the bin already do not count.
    :raises NotFound: an id is unknown, or another account's.
    """
    lock_sectors_of(Keywords, account=account, ids=ids)
    lock_rows(Keywords, account=account, ids=ids, columns=("pk",))
    changed = move_to_bin(Keywords, account=account, ids=ids, now=now)
    settle_hubs_of(account=account, keyword_ids=ids, now=now)
    return changed


@tenant_atomic()
def restore_keywords(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take keywords out of the bin: all of them or none.

    Each returns to its place in its cluster; when that is in the bin, it comes back as ``new``.

    :returns: how many came back; live ones do not count.
    :raises NotFound: an id is unknown, or another account's.
    :raises PlaceTaken: the sector has the same keyword by now.
    :raises PlanLimitReached: the plan has no room for all of them.
    """
    locked_plan(account)  # from here on nobody adds or restores keywords of the account
    gone = Keywords.objects.for_account(account).filter(pk__in=ids, deleted_at__isnull=False)
    take_keyword_room(account=account, wanted=gone.count())
    lock_sectors_of(Keywords, account=account, ids=ids)
    lock_rows(Keywords, account=account, ids=ids, columns=("pk",))
    values: dict[str, Any] = {"account": account.pk, "ids": list(ids), "now": now}
    values["new"] = KeywordStatus.NEW.value
    with because("restored; its cluster is deleted"), connection.cursor() as cursor:
        cursor.execute(_LEAVE_DELETED_CLUSTERS, values)
    changed = take_out_of_bin(Keywords, account=account, ids=ids, now=now, names=PUBLIC_NAMES)
    settle_hubs_of(account=account, keyword_ids=ids, now=now)
    return changed
