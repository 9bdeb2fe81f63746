"""Is every result that has a price paid for, and is everything paid for there?"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import connections

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


def result_problems() -> list[str]:
    """Priced results without their charge, and the reverse; empty when all is well."""
    problems: list[str] = []
    with connections[settings.TENANCY_STAFF_ALIAS].cursor() as cursor:
        for what, search in _SEARCHES.items():
            cursor.execute(f"{search} LIMIT {MAX_FINDINGS}")
            problems += [f"account {account}: {what} ({row})" for account, row in cursor.fetchall()]
    return problems
