"""Whether somebody does the background work: what a server may serve without, but not for long."""

from __future__ import annotations

from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.services.metrics import NODE_ALIVE_SECONDS
from igny8_core.common.queue import broker_fault

TICKER_LATE_SECONDS = 60
HINT_LATE_SECONDS = 60

LOOK = """
SELECT (SELECT count(*) FROM automation_workernode
         WHERE heartbeat_at > now() - make_interval(secs => %(alive)s)),
       (SELECT coalesce(max(extract(epoch FROM now() - next_run_at)), 0)
          FROM automation_periodicjob WHERE last_run_at IS NOT NULL),
       (SELECT coalesce(max(extract(epoch FROM now() - queued_at)), 0)
          FROM automation_workitem WHERE status = 'queued')
"""


def engine_faults() -> dict[str, str]:
    """What is wrong, by part: ``queue``, ``workers``, ``ticker``; ``""`` where nothing is."""
    with staff_cursor() as cursor:
        cursor.execute(LOOK, {"alive": NODE_ALIVE_SECONDS})
        workers, late, waiting = cursor.fetchone()
    queue = broker_fault()
    if not queue and waiting > HINT_LATE_SECONDS:
        queue = f"a message waits since {waiting:.0f} s"
    return {
        "queue": queue,
        "workers": "" if workers else "none is alive",
        "ticker": f"{late:.0f} s late" if late > TICKER_LATE_SECONDS else "",
    }
