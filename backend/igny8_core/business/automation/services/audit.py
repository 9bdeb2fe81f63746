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
    "charged more than was logged for its row": """
        SELECT 'item ' || i.id FROM automation_workitem i
         WHERE i.credits_charged > (
               SELECT coalesce(sum(l.credits_used), 0) FROM billing_creditusagelog l
                WHERE l.account_id = i.account_id AND l.related_type = i.related_type
                  AND l.related_id = i.related_id AND l.id > i.usage_log_after)
    """,
    "failed, and its row was charged since it was asked for": """
        SELECT 'item ' || i.id FROM automation_workitem i
         WHERE i.status IN ('failed', 'dead') AND i.run_id IS NOT NULL
           AND EXISTS (SELECT 1 FROM billing_creditusagelog l
                        WHERE l.account_id = i.account_id AND l.related_type = i.related_type
                          AND l.related_id = i.related_id AND l.id > i.usage_log_after
                          AND l.credits_used > 0)
           AND NOT EXISTS (SELECT 1 FROM automation_workitem o
                            WHERE o.account_id = i.account_id AND o.related_type = i.related_type
                              AND o.related_id = i.related_id AND o.status = 'done')
    """,
    "schedule that is overdue": """
        SELECT 'schedule ' || c.id FROM automation_automationconfig c
          JOIN igny8_auth_account a ON a.id = c.account_id AND a.status = 'active'
          JOIN igny8_auth_site s ON s.account_id = c.account_id AND s.id = c.site_id AND s.is_active
         WHERE c.is_enabled AND (c.next_run_at IS NULL
               OR c.next_run_at < now() - make_interval(mins => %(stale)s))
    """,
    "paused beyond the time at which it should go on": """
        SELECT 'run ' || r.id FROM automation_automationrun r
          JOIN igny8_auth_account a ON a.id = r.account_id AND a.status = 'active'
          JOIN igny8_auth_site s ON s.account_id = r.account_id AND s.id = r.site_id AND s.is_active
         WHERE r.status = 'paused' AND r.resume_at < now() - make_interval(mins => %(stale)s)
    """,
    "message to an address outside that is overdue": """
        SELECT 'delivery ' || d.id FROM automation_webhookdelivery d
          JOIN automation_webhookendpoint w
            ON w.account_id = d.account_id AND w.id = d.endpoint_id AND w.is_enabled
          JOIN igny8_auth_account a ON a.id = d.account_id AND a.status = 'active'
         WHERE d.status = 'pending'
           AND d.next_attempt_at < now() - make_interval(mins => 12 * %(stale)s)
    """,
    "node name of two workers that are alive": """
        SELECT 'worker ' || node_name FROM automation_workernode
         WHERE heartbeat_at > now() - make_interval(secs => 60) AND NOT is_draining
         GROUP BY node_name HAVING count(*) > 1
    """,
    "periodic job that is overdue": """
        SELECT 'job ' || name FROM automation_periodicjob
         WHERE last_run_at IS NOT NULL
           AND next_run_at < now() - make_interval(mins => %(stale)s)
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
