"""Broken invariants of the pipeline, searched over all accounts."""

from __future__ import annotations

from igny8_core.business.automation.services.crossing import staff_cursor

STALE_MINUTES = 5
SHOWN = 20

SEARCHES = {
    "running without a live lease": """
        SELECT 'item ' || id FROM automation_workitem
         WHERE status = 'running' AND lease_expires_at < now() - make_interval(mins => %(stale)s)
    """,
    "hint older than 5 minutes": """
        SELECT 'item ' || id FROM automation_workitem
         WHERE status = 'queued' AND queued_at < now() - make_interval(mins => %(stale)s)
    """,
    "active run with nothing alive and nothing to wait for": """
        SELECT 'run ' || r.id FROM automation_automationrun r
         WHERE r.status = 'running' AND r.updated_at < now() - make_interval(mins => %(stale)s)
           AND (r.wake_at IS NULL OR r.wake_at < now() - make_interval(mins => %(stale)s))
           AND NOT EXISTS (
               SELECT 1 FROM automation_workitem i
                WHERE i.account_id = r.account_id AND i.run_id = r.id
                  AND (i.status IN ('ready', 'queued', 'running')
                       OR i.ended_at > now() - make_interval(mins => %(stale)s)))
    """,
    "open item of a run that has ended": """
        SELECT 'item ' || i.id FROM automation_workitem i
          JOIN automation_automationrun r ON r.account_id = i.account_id AND r.id = i.run_id
         WHERE r.status IN ('completed', 'failed', 'cancelled')
           AND i.status IN ('ready', 'queued')
    """,
    "counter of a closed stage that differs from its items": """
        SELECT 'run ' || s.run_id || ' stage ' || s.number
          FROM automation_automationstage s
          JOIN automation_automationrun r ON r.account_id = s.account_id AND r.id = s.run_id
          LEFT JOIN automation_workitem i
            ON i.account_id = s.account_id AND i.run_id = s.run_id AND i.stage = s.number
         WHERE s.status = 'completed'
         GROUP BY s.id, s.run_id, s.number, s.done, s.failed, s.planned
        HAVING count(i.id) > 0
           AND (s.done <> count(*) FILTER (WHERE i.status = 'done')
                OR s.failed <> count(*) FILTER (WHERE i.status IN ('failed', 'dead'))
                OR s.planned <> count(i.id))
    """,
    "total of a run that differs from its stages": """
        SELECT 'run ' || r.id FROM automation_automationrun r
          LEFT JOIN automation_automationstage s ON s.account_id = r.account_id AND s.run_id = r.id
         GROUP BY r.id, r.total_credits_used
        HAVING r.total_credits_used <> coalesce(sum(s.credits_used), 0)
    """,
}
"""What is wrong, and the statement that finds it."""


def pipeline_problems() -> list[str]:
    """One line for each broken row, at most 20 for each search; empty when all is well."""
    found = []
    with staff_cursor() as cursor:
        for what, search in SEARCHES.items():
            cursor.execute(f"{search} LIMIT {SHOWN}", {"stale": STALE_MINUTES})
            found += [f"{row}: {what}" for (row,) in cursor.fetchall()]
    return found
