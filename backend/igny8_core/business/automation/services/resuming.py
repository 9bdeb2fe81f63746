"""Runs that a limit paused, and that go on by themselves: it began anew, or somebody raised it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.services import runs
from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.states import RunStatus
from igny8_core.common.rounds import Round
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from datetime import datetime

log = structlog.get_logger(__name__)

BATCH = 100
# A limit of the day or the month that has begun anew, that is gone, or that is higher than when
# it was reached.
READY = """
SELECT r.account_id, r.id, r.pause_reason FROM automation_automationrun r
  JOIN igny8_auth_account a ON a.id = r.account_id AND a.status = 'active'
  JOIN igny8_auth_site s ON s.account_id = r.account_id AND s.id = r.site_id AND s.is_active
  LEFT JOIN automation_automationconfig c ON c.account_id = r.account_id AND c.site_id = r.site_id
 WHERE r.status = 'paused' AND (
       r.pause_reason IN ('day_cap_reached', 'month_cap_reached') AND r.resume_at <= %(now)s
    OR r.pause_reason = 'day_cap_reached'
       AND coalesce(a.max_credits_per_day > (r.pause_data->>'limit')::bigint,
                    a.max_credits_per_day IS NULL)
    OR r.pause_reason = 'month_cap_reached'
       AND coalesce(c.max_credits_per_month > (r.pause_data->>'limit')::bigint,
                    c.max_credits_per_month IS NULL))
 ORDER BY r.id LIMIT %(batch)s
"""


def resume_ready_runs(*, now: datetime) -> int:
    """Let runs go on whose limit is none any more, in a bounded batch; returns how many.

    Any number of tickers may ask: a run is resumed under its row lock, once.
    """
    with staff_cursor() as cursor:
        cursor.execute(READY, {"now": now, "batch": BATCH})
        found = cursor.fetchall()
    resuming = Round("resume_ready_runs")
    resumed = 0
    for account_id, run_id, reason in found:
        ids = {"account_id": account_id, "run_id": run_id}
        resumed += bool(resuming.attempt(_resume, **ids, reason=reason, now=now))
    resuming.end()
    return resumed


def _resume(*, account_id: int, run_id: int, reason: str, now: datetime) -> bool:
    with acting("ticker"), tenant(account_id):
        account = accounts.account(account_id)
        run = runs.locked_run(account=account, run_id=run_id)
        if run.status != RunStatus.PAUSED or run.pause_reason != reason:
            return False  # somebody was faster
        runs.resume_run(account=account, run_id=run_id, now=now)
    log.info("automation.run.resumed", account_id=account_id, run_id=run_id, reason=reason)
    return True
