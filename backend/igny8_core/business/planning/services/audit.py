"""Does what clusters and ideas say of themselves agree with their keywords?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection, connections

from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FINDINGS: Final = 1_000
LEASE_GRACE_MINUTES: Final = 15

_COUNTED: Final = """
    SELECT k.account_id, k.cluster_id, count(*) AS keywords, coalesce(sum(k.volume), 0) AS volume,
           count(DISTINCT k.page) FILTER (WHERE k.page IS NOT NULL) AS pages,
           count(DISTINCT k.page) FILTER (WHERE k.role = 'hub') AS hubs
      FROM planning_keywords k
     WHERE k.cluster_id IS NOT NULL AND k.deleted_at IS NULL AND {condition}
     GROUP BY k.account_id, k.cluster_id
"""
_ENABLED, _ALL = _COUNTED.format(condition="NOT k.is_disabled"), _COUNTED.format(condition="true")

_SEARCHES: Final = {
    "cluster that miscounts its keywords": f"""
        SELECT c.account_id, 'cluster ' || c.id || ': ' || c.keywords_count || ' of '
               || coalesce(f.keywords, 0)
          FROM planning_clusters c LEFT JOIN ({_ENABLED}) f
            ON f.account_id = c.account_id AND f.cluster_id = c.id
         WHERE c.deleted_at IS NULL AND c.keywords_count <> coalesce(f.keywords, 0)
    """,  # noqa: S608 - constants of this module
    "cluster that miscounts its volume": f"""
        SELECT c.account_id, 'cluster ' || c.id || ': ' || c.volume || ' of '
               || coalesce(f.volume, 0)
          FROM planning_clusters c LEFT JOIN ({_ENABLED}) f
            ON f.account_id = c.account_id AND f.cluster_id = c.id
         WHERE c.deleted_at IS NULL AND c.volume <> coalesce(f.volume, 0)
    """,  # noqa: S608 - constants of this module
    "cluster that miscounts its distinct volume": """
        SELECT c.account_id, 'cluster ' || c.id || ': ' || c.volume_distinct || ' of '
               || coalesce(f.volume, 0)
          FROM planning_clusters c LEFT JOIN (
               SELECT v.account_id, v.cluster_id, sum(v.best) AS volume FROM (
                      SELECT k.account_id, k.cluster_id, max(k.volume) AS best
                        FROM planning_keywords k
                       WHERE k.cluster_id IS NOT NULL AND k.deleted_at IS NULL
                         AND NOT k.is_disabled
                       GROUP BY 1, 2, coalesce('v' || k.variant, 'k' || k.id)) v
                GROUP BY 1, 2) f ON f.account_id = c.account_id AND f.cluster_id = c.id
         WHERE c.deleted_at IS NULL AND c.volume_distinct <> coalesce(f.volume, 0)
    """,
    "cluster with pages and not one hub": f"""
        SELECT f.account_id, 'cluster ' || f.cluster_id || ': ' || f.hubs || ' hubs'
          FROM ({_ALL}) f WHERE f.pages > 0 AND f.hubs <> 1
    """,  # noqa: S608 - constants of this module
    "keyword in a cluster of the bin": """
        SELECT k.account_id, 'keyword ' || k.id FROM planning_keywords k
          JOIN planning_clusters c ON c.account_id = k.account_id AND c.id = k.cluster_id
         WHERE k.deleted_at IS NULL AND c.deleted_at IS NOT NULL
    """,
    "idea of a cluster of the bin": """
        SELECT i.account_id, 'idea ' || i.id FROM planning_contentideas i
          JOIN planning_clusters c ON c.account_id = i.account_id AND c.id = i.cluster_id
         WHERE i.deleted_at IS NULL AND c.deleted_at IS NOT NULL
    """,
    "queued idea that is held back": """
        SELECT account_id, 'idea ' || id FROM planning_contentideas
         WHERE deleted_at IS NULL AND status = 'queued' AND overlap IN ('merge', 'skip')
           AND overridden_at IS NULL
    """,
    "locked cluster in the bin that holds keywords": """
        SELECT c.account_id, 'cluster ' || c.id FROM planning_clusters c
         WHERE c.deleted_at IS NOT NULL AND c.is_locked AND EXISTS (
               SELECT 1 FROM planning_keywords k
                WHERE k.account_id = c.account_id AND k.cluster_id = c.id
                  AND k.deleted_at IS NULL)
    """,
    "forgotten lease of an import": f"""
        SELECT account_id, 'import ' || id FROM planning_keywordimport
         WHERE status = 'importing'
           AND lease_expires_at < now() - make_interval(mins => {LEASE_GRACE_MINUTES})
    """,  # noqa: S608 - constants of this module
}
"""What is wrong, and the statement that finds it, over all accounts."""

_INSIDE: Final = {
    "keyword that two ideas serve": """
        SELECT l.account_id, 'keyword ' || l.keyword_id FROM planning_contentideakeyword l
          JOIN planning_contentideas i ON i.account_id = l.account_id AND i.id = l.idea_id
         WHERE i.deleted_at IS NULL GROUP BY l.account_id, l.keyword_id HAVING count(*) > 1
    """,
    "idea with keywords and no target": """
        SELECT l.account_id, 'idea ' || l.idea_id FROM planning_contentideakeyword l
          JOIN planning_contentideas i ON i.account_id = l.account_id AND i.id = l.idea_id
          JOIN planning_keywords k ON k.account_id = l.account_id AND k.id = l.keyword_id
         WHERE i.deleted_at IS NULL AND k.deleted_at IS NULL
         GROUP BY l.account_id, l.idea_id
        HAVING NOT EXISTS (SELECT 1 FROM planning_contentideakeyword t
                            WHERE t.account_id = l.account_id AND t.idea_id = l.idea_id
                              AND t.is_target)
    """,
    "applied proposal whose changes were not": """
        SELECT p.account_id, 'proposal ' || p.id FROM planning_clusterproposal p
         WHERE p.status = 'applied' AND p.changes_applied <> (
               SELECT count(*) FROM planning_clusterchange c
                WHERE c.account_id = p.account_id AND c.proposal_id = p.id
                  AND c.applied_at IS NOT NULL)
    """,
}
"""The same, inside each account: of tables that the staff role does not read."""


def planning_problems() -> list[str]:
    """Figures, hubs, ideas and imports that do not add up; empty when all is well."""
    problems: list[str] = []
    with connections[settings.TENANCY_STAFF_ALIAS].cursor() as cursor:
        for what, search in _SEARCHES.items():
            cursor.execute(f"{search} LIMIT {MAX_FINDINGS}")
            problems += _told(what, cursor.fetchall())
        cursor.execute("SELECT id FROM igny8_auth_account ORDER BY id")
        accounts = [pk for (pk,) in cursor.fetchall()]
    for account_id in accounts:
        with tenant(account_id, read_only=True), connection.cursor() as cursor:
            for what, search in _INSIDE.items():
                cursor.execute(f"{search} LIMIT {MAX_FINDINGS}")
                problems += _told(what, cursor.fetchall())
    return problems


def _told(what: str, rows: Iterable[tuple[int, str]]) -> list[str]:
    return [f"account {account}: {what} ({row})" for account, row in rows]
