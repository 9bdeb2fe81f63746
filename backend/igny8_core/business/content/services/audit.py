"""Is every result that has a price paid for, and is everything paid for there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FINDINGS: Final = 1_000

_SEARCHES: Final = {
    "article that nobody was charged for": """
        SELECT c.account_id, 'content ' || c.id FROM content_content c
         WHERE c.task_id IS NOT NULL AND c.provenance ? 'written_at' AND NOT EXISTS (
               SELECT 1 FROM billing_creditusagelog u
                WHERE u.account_id = c.account_id AND u.operation_type = 'content'
                  AND u.related_type = 'writing_task' AND u.related_id = c.task_id)
    """,
    "charge for an article that was not written": """
        SELECT r.account_id, 'reservation ' || r.id FROM billing_creditreservation r
          JOIN content_tasks t ON t.account_id = r.account_id AND t.id = r.related_id
         WHERE r.status = 'captured' AND r.operation = 'content'
           AND r.related_type = 'writing_task' AND t.status = 'queued'
    """,
    "image that nobody was charged for": """
        SELECT i.account_id, 'image ' || i.id FROM content_images i
         WHERE i.status = 'generated' AND i.provenance ? 'made_at'
           AND i.provenance ->> 'origin' IS DISTINCT FROM 'person' AND NOT EXISTS (
               SELECT 1 FROM billing_creditusagelog u
                WHERE u.account_id = i.account_id AND u.operation_type = 'image'
                  AND u.related_type = 'image' AND u.related_id = i.id)
    """,
    "more charges than images": """
        SELECT i.account_id, 'image ' || i.id FROM content_images i
          JOIN billing_creditreservation r
            ON r.account_id = i.account_id AND r.related_id = i.id AND r.related_type = 'image'
         WHERE r.status = 'captured' AND r.operation = 'image'
         GROUP BY i.account_id, i.id, i.attempt, i.status
        HAVING count(*) > i.attempt - CASE i.status WHEN 'generated' THEN 0 ELSE 1 END
    """,
}
"""What is wrong, and the statement that finds it, over all accounts."""


_MAPPINGS: Final = {
    "cluster that miscounts its articles": """
        SELECT c.account_id, 'cluster ' || c.id || ': ' || c.mapped_pages || ' of ' || count(t.id)
          FROM planning_clusters c LEFT JOIN content_content t
            ON t.account_id = c.account_id AND t.cluster_id = c.id AND t.deleted_at IS NULL
         WHERE c.deleted_at IS NULL GROUP BY c.id HAVING c.mapped_pages <> count(t.id)
    """,
    "cluster that is mapped to nothing, or to something and new": """
        SELECT c.account_id, 'cluster ' || c.id FROM planning_clusters c
         WHERE c.deleted_at IS NULL AND (c.status = 'mapped') <> (
               EXISTS (SELECT 1 FROM content_content t WHERE t.account_id = c.account_id
                          AND t.cluster_id = c.id AND t.deleted_at IS NULL)
            OR EXISTS (SELECT 1 FROM planning_contentideas i WHERE i.account_id = c.account_id
                          AND i.cluster_id = c.id AND i.deleted_at IS NULL))
    """,
    "writing task of an idea that is new": """
        SELECT t.account_id, 'writing task ' || t.id FROM content_tasks t
          JOIN planning_contentideas i ON i.account_id = t.account_id AND i.id = t.idea_id
         WHERE t.deleted_at IS NULL AND i.deleted_at IS NULL AND i.status = 'new'
    """,
}
"""What clusters and ideas say of articles and tasks."""


def result_problems() -> list[str]:
    """Priced results without their charge, and the reverse; empty when all is well."""
    return _found(_SEARCHES)


def mapping_problems() -> list[str]:
    """Clusters and ideas that are wrong about what is written; empty when all is well."""
    return _found(_MAPPINGS)


def _found(searches: Mapping[str, str]) -> list[str]:
    problems: list[str] = []
    with connections[settings.TENANCY_STAFF_ALIAS].cursor() as cursor:
        for what, search in searches.items():
            cursor.execute(f"{search} LIMIT {MAX_FINDINGS}")
            problems += [f"account {account}: {what} ({row})" for account, row in cursor.fetchall()]
    return problems
