"""Clusters into the bin and out of it, with what goes and comes along.

Into it: keywords become free, ideas that nobody has accepted go along. Out of it: those keywords
that are still free return to their pages, those ideas come back. ``Clusters.taken_along`` says
which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.edit_ideas import settle_restored
from igny8_core.business.planning.services.page_rows import settle_hubs_of
from igny8_core.business.planning.services.sector_locks import lock_sectors_of
from igny8_core.business.planning.states import IdeaStatus, KeywordStatus
from igny8_core.common.soft_delete import (
    StillNeeded,
    lock_rows,
    move_to_bin,
    standing_on,
    take_out_of_bin,
)
from igny8_core.common.tenancy.context import because, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

COLUMNS = ("sector_id", "name")
PUBLIC_NAMES = {"name_norm": "name"}
MAX_REASONS = 20

WORDS: dict[str, tuple[str, str]] = {
    "ideas_queued": ("queued idea", "queued ideas"),
    "ideas_completed": ("written idea", "written ideas"),
    "content.Tasks": ("writing task", "writing tasks"),
    "content.Content": ("article", "articles"),
}
"""What stands on clusters, in words, by status of an idea or by the model's label."""

PUBLIC_COUNTS = {"content.Tasks": "writing_tasks", "content.Content": "contents"}

_NOTE_KEYWORDS = """
UPDATE planning_clusters c
   SET taken_along = jsonb_build_object(
       'keywords', coalesce((
           SELECT jsonb_agg(jsonb_build_object('id', k.id, 'page', k.page, 'place', k.page_place,
                                               'role', k.role, 'pinned', k.is_pinned)
                            ORDER BY k.id)
             FROM planning_keywords k
            WHERE k.account_id = %(account)s AND k.sector_id = c.sector_id
              AND k.cluster_id = c.id AND k.deleted_at IS NULL), '[]'),
       'ideas', coalesce((
           SELECT jsonb_agg(i.id ORDER BY i.id) FROM planning_contentideas i
            WHERE i.account_id = %(account)s AND i.cluster_id = c.id AND i.id = ANY(%(ideas)s)),
           '[]'))
 WHERE c.account_id = %(account)s AND c.id = ANY(%(ids)s)
"""
_FREE_KEYWORDS = """
UPDATE planning_keywords k
   SET cluster_id = NULL, page = NULL, page_place = 0, role = '', is_pinned = false,
       status = %(new)s, updated_at = %(now)s
 WHERE k.account_id = %(account)s AND k.sector_id = ANY(%(sectors)s)
   AND k.cluster_id = ANY(%(ids)s) AND k.deleted_at IS NULL
"""
# A pinned keyword without a cluster was taken out by a person meanwhile: it is not free.
_RETURN_KEYWORDS = """
UPDATE planning_keywords k
   SET cluster_id = c.id, page = was.page, page_place = was.place, role = was.role,
       is_pinned = was.pinned, status = %(mapped)s, updated_at = %(now)s
  FROM planning_clusters c,
       jsonb_to_recordset(c.taken_along -> 'keywords')
           AS was (id bigint, page int, place int, role text, pinned bool)
 WHERE c.account_id = %(account)s AND c.id = ANY(%(ids)s)
   AND k.account_id = %(account)s AND k.id = was.id
   AND k.cluster_id IS NULL AND k.deleted_at IS NULL AND NOT k.is_pinned
"""


@tenant_atomic()
def delete_clusters(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put clusters into the bin: all of them or none.

    Their keywords become free, the next clustering gives them a place; their new ideas go along.

    :returns: how many went; those that are in the bin already do not count.
    :raises NotFound: an id is unknown, or another account's.
    :raises StillNeeded: an accepted idea, a writing task or an article stands on one of them;
        ``data`` counts them.
    """
    sectors = lock_sectors_of(Clusters, account=account, ids=ids)
    ideas = _lock_ideas(account, ids)  # before the clusters: writing tasks take them in that order
    rows = lock_rows(Clusters, account=account, ids=ids, columns=COLUMNS)
    going = [row for row in rows if not row.is_deleted]
    if not going:
        return 0
    _check_unused(account, going, ideas)
    values: dict[str, Any] = {
        "account": account.pk,
        "ids": [row.pk for row in going],
        "ideas": [idea.pk for idea in ideas],
        "sectors": sectors,
        "new": KeywordStatus.NEW.value,
        "now": now,
    }
    with because("cluster deleted"), connection.cursor() as cursor:
        cursor.execute(_NOTE_KEYWORDS, values)
        cursor.execute(_FREE_KEYWORDS, values)
        move_to_bin(ContentIdeas, account=account, ids=values["ideas"], now=now)
        return move_to_bin(Clusters, account=account, ids=values["ids"], now=now)


@tenant_atomic()
def restore_clusters(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take clusters out of the bin: all of them or none.

    What the deletion took comes back as far as it is still free: keywords that have no cluster
    by now, and the ideas.

    :returns: how many came back; live ones do not count.
    :raises NotFound: an id is unknown, or another account's.
    :raises PlaceTaken: the sector has a cluster of that name by now.
    """
    lock_sectors_of(Clusters, account=account, ids=ids)
    rows = lock_rows(Clusters, account=account, ids=ids, columns=(*COLUMNS, "taken_along"))
    back = [row for row in rows if row.is_deleted]
    if not back:
        return 0
    changed = take_out_of_bin(Clusters, account=account, ids=ids, now=now, names=PUBLIC_NAMES)
    values: dict[str, Any] = {
        "account": account.pk,
        "ids": [row.pk for row in back],
        "mapped": KeywordStatus.MAPPED.value,
        "now": now,
    }
    with because("cluster restored"), connection.cursor() as cursor:
        cursor.execute(_RETURN_KEYWORDS, values)
        ideas = [pk for row in back for pk in row.taken_along.get("ideas", ())]
        take_out_of_bin(ContentIdeas, account=account, ids=ideas, now=now)
    came_back = [k["id"] for row in back for k in row.taken_along.get("keywords", ())]
    settle_hubs_of(account=account, keyword_ids=came_back, now=now)
    settle_restored(account=account, idea_ids=ideas, now=now)
    restored = Clusters.objects.for_account(account).filter(pk__in=values["ids"])
    restored.update(taken_along={})
    return changed


def _lock_ideas(account: Account, cluster_ids: Sequence[int]) -> list[ContentIdeas]:
    rows = ContentIdeas.objects.for_account(account).filter(
        cluster_id__in=cluster_ids, deleted_at=None
    )
    return list(rows.select_for_update().order_by("pk").only("pk", "cluster_id", "status"))


def _check_unused(
    account: Account, clusters: Sequence[Clusters], ideas: Iterable[ContentIdeas]
) -> None:
    ids = [row.pk for row in clusters]
    uses = standing_on(Clusters, account=account, ids=ids, besides=[Keywords, ContentIdeas])
    for idea in ideas:
        if idea.status != IdeaStatus.NEW:
            of_cluster, name = uses.setdefault(idea.cluster_id, {}), f"ideas_{idea.status}"
            of_cluster[name] = of_cluster.get(name, 0) + 1
    if not uses:
        return
    names = {row.pk: row.name for row in clusters}
    totals: dict[str, int] = {}
    for counts in uses.values():
        for name, count in counts.items():
            public = PUBLIC_COUNTS.get(name, name)
            totals[public] = totals.get(public, 0) + count
    raise StillNeeded(
        "Something is planned or written for these clusters. Delete that first, or disable them.",
        ids=[
            f"“{names[pk]}” ({pk}): {_in_words(counts)}."
            for pk, counts in sorted(uses.items())[:MAX_REASONS]
        ],
        **totals,
    )


def _in_words(counts: Mapping[str, int]) -> str:
    def words(name: str, count: int) -> str:
        one, many = WORDS.get(name, (name, name))
        return f"{count:,} {one if count == 1 else many}"

    return ", ".join(words(name, count) for name, count in sorted(counts.items()))
