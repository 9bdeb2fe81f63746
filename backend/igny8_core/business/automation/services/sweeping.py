"""Recovery, repeated for ever: expired leases, forgotten hints, runs with nothing alive.

Rows that somebody holds locked are skipped: a frozen worker must not stop the recovery of the
others, and the next sweep finds them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from igny8_core.business.automation.services import telling
from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.services.items import ADVANCE_RUN, CONTROL_QUEUE, RUN_IS_OVER
from igny8_core.common.queue import publish

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.backends.utils import CursorWrapper

    from igny8_core.business.automation.services.items import Worker

log = structlog.get_logger(__name__)

BATCH = 500
MAX_BATCHES = 20
MAX_CRASHES = 5
"""An item that was with its worker when it died this often is the reason, not a bystander."""

CRASH_WAIT_SECONDS = 15
BOOT_HINT_SECONDS = 1
DEAD_NODE_SECONDS = 3600
ENDED_ITEM_DAYS = 90

# A lease whose worker is gone; the token stays, so that a late result is refused. After the
# first crash the item is ready at once; then it waits longer and longer, so that neither several
# kills in a row nor one item that kills can take the others down with it.
TAKE_BACK = f"""
WITH lost AS (
    SELECT i.id FROM automation_workitem i WHERE i.status = 'running' AND {{condition}}
     ORDER BY i.lease_expires_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED
), back AS (
    UPDATE automation_workitem i
       SET crashes = crashes + 1, lease_expires_at = NULL, updated_at = now(),
           status = CASE WHEN i.crashes + 1 >= {MAX_CRASHES} THEN 'dead'
                         WHEN {RUN_IS_OVER} THEN 'cancelled' ELSE 'ready' END,
           ended_at = CASE WHEN i.crashes + 1 >= {MAX_CRASHES} OR {RUN_IS_OVER}
                           THEN now() END,
           error_class = CASE WHEN i.crashes + 1 >= {MAX_CRASHES} THEN 'poison'
                              ELSE 'transient' END,
           error = 'the worker was lost',
           not_before = CASE WHEN i.crashes > 0
                             THEN now() + (0.5 + random()) * {CRASH_WAIT_SECONDS}
                                  * power(3, i.crashes - 1) * interval '1 second' END
      FROM lost WHERE i.id = lost.id
    RETURNING i.id, i.account_id, i.run_id, i.status, i.kind
), told AS (
    INSERT INTO automation_runevent
        (account_id, run_id, item_id, code, data, created_at, updated_at)
    SELECT account_id, run_id, id, 'item_dead', jsonb_build_object('kind', kind), now(), now()
      FROM back WHERE status = 'dead' AND run_id IS NOT NULL
    RETURNING id
)
SELECT count(*), count(*) FILTER (WHERE status = 'dead'),
       (SELECT coalesce(array_agg(id), ARRAY[]::bigint[]) FROM told) FROM back
"""  # noqa: S608 - constants
EXPIRED = TAKE_BACK.format(condition="i.lease_expires_at < now()")
OF_EARLIER_BOOT = TAKE_BACK.format(
    condition="i.lease_node = %(node)s AND i.lease_boot_id <> ALL (%(alive)s)"
)
FORGOTTEN = f"""
UPDATE automation_workitem SET status = 'ready', queued_at = NULL, updated_at = now()
 WHERE id IN (
    SELECT id FROM automation_workitem
     WHERE status = 'queued' AND queued_at < now() - make_interval(secs => %(seconds)s)
     LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - constants
# Runs with nothing alive: no open item in their stage, or a wish that was not granted yet. And
# runs that ended just now while an item of theirs was on its way back to `ready`.
IDLE_RUNS = f"""
SELECT r.account_id, r.id FROM automation_automationrun r
 WHERE r.ended_at > now() - interval '10 minutes' AND EXISTS (
           SELECT 1 FROM automation_workitem i
            WHERE i.account_id = r.account_id AND i.run_id = r.id
              AND i.status IN ('ready', 'queued'))
    OR r.status IN ('running', 'paused')
   AND (r.status = 'running' AND r.desired <> 'run' OR r.status = 'paused' AND r.desired = 'cancel'
        OR r.status = 'running' AND (r.wake_at IS NULL OR r.wake_at <= now())
           AND NOT EXISTS (
               SELECT 1 FROM automation_workitem i
                WHERE i.account_id = r.account_id AND i.run_id = r.id
                  AND i.stage = r.current_stage AND i.status IN ('ready', 'queued', 'running')))
 ORDER BY r.id LIMIT {BATCH}
"""  # noqa: S608 - constants
SAME_NAME = """
SELECT boot_id, host, pid FROM automation_workernode
 WHERE node_name = %s AND boot_id <> %s AND heartbeat_at > now() - make_interval(secs => %s)
"""
PRUNE_NODES = """
DELETE FROM automation_workernode WHERE heartbeat_at < %s
"""
PRUNE_ITEMS = """
DELETE FROM automation_workitem WHERE id IN (
    SELECT i.id FROM automation_workitem i
     WHERE i.status IN ('done', 'failed', 'dead', 'cancelled')
       AND i.ended_at < %s
       AND NOT EXISTS (SELECT 1 FROM automation_automationrun r
                        WHERE r.id = i.run_id AND r.status IN ('running', 'paused'))
     ORDER BY i.id LIMIT 5000 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows a sweep moved: leases taken back, of these dead, hints forgotten, runs."""

    expired: int = 0
    dead: int = 0
    forgotten: int = 0
    runs: int = 0


def sweep() -> Swept:
    """Take back expired leases and forgotten hints; ask for a step of idle runs."""
    expired, dead = _in_batches(EXPIRED, {})
    forgotten = _forget(settings.STALE_HINT_SECONDS)
    runs = hint_idle_runs()
    if expired or forgotten:
        log.info("automation.sweep", expired=expired, dead=dead, forgotten=forgotten)
    return Swept(expired=expired, dead=dead, forgotten=forgotten, runs=runs)


def reclaim(*, worker: Worker, host: str) -> Swept:
    """At boot: take back what earlier lives of this node held, and hints older than a second.

    A life whose process is still alive on this host keeps its leases: two workers then share a
    name, which is logged.
    """
    with staff_cursor() as cursor:
        alive = _boots_alive(cursor, worker, host)
        cursor.execute(
            "DELETE FROM automation_workernode WHERE node_name = %s AND boot_id <> ALL (%s)",
            [worker.node, alive],
        )
    expired, dead = _in_batches(OF_EARLIER_BOOT, {"node": worker.node, "alive": alive})
    forgotten = _forget(BOOT_HINT_SECONDS)
    log.info("automation.reclaim", node=worker.node, expired=expired, forgotten=forgotten)
    return Swept(expired=expired, dead=dead, forgotten=forgotten)


def hint_idle_runs() -> int:
    """Send a hint for every run that has nothing alive and waits for nothing."""
    with staff_cursor() as cursor:
        cursor.execute(IDLE_RUNS)
        runs = cursor.fetchall()
    for sent, (account_id, run_id) in enumerate(runs):
        if not publish(ADVANCE_RUN, queue=CONTROL_QUEUE, account_id=account_id, run_id=run_id):
            return sent
    return len(runs)


def prune(*, now: datetime) -> tuple[int, int]:
    """Remove workers that were not heard of for an hour, and items that ended long ago.

    :returns: how many of each; a bounded batch of items per call.
    """
    with staff_cursor() as cursor:
        cursor.execute(PRUNE_NODES, [now - timedelta(seconds=DEAD_NODE_SECONDS)])
        nodes = cursor.rowcount
        cursor.execute(PRUNE_ITEMS, [now - timedelta(days=ENDED_ITEM_DAYS)])
        return nodes, cursor.rowcount


def _in_batches(statement: str, values: dict[str, Any]) -> tuple[int, int]:
    """Repeat until a batch is not full; each batch is a transaction of its own."""
    moved = dead = 0
    for _ in range(MAX_BATCHES):
        with staff_cursor() as cursor:
            cursor.execute(statement, values)
            count, of_these_dead, events = cursor.fetchone()
            telling.tell(cursor, events, using=settings.TENANCY_STAFF_ALIAS)
        moved, dead = moved + count, dead + of_these_dead
        if count < BATCH:
            break
    return moved, dead


def _forget(seconds: float) -> int:
    total = 0
    for _ in range(MAX_BATCHES):
        with staff_cursor() as cursor:
            cursor.execute(FORGOTTEN, {"seconds": seconds})
            count = cursor.rowcount
        total += count
        if count < BATCH:
            break
    return total


def _boots_alive(cursor: CursorWrapper, worker: Worker, host: str) -> list[object]:
    """This life, and those of the same name whose process still runs here."""
    alive: list[object] = [worker.boot_id]
    fresh = 2 * settings.HEARTBEAT_SECONDS
    cursor.execute(SAME_NAME, [worker.node, worker.boot_id, fresh])
    for boot_id, boot_host, pid in cursor.fetchall():
        if boot_host == host and pid != os.getpid() and _is_running(pid):
            log.warning("automation.node_name.shared", node=worker.node, pid=pid)
            alive.append(boot_id)
    return alive


def _is_running(pid: int) -> bool:
    """Whether a process has this number; one that only waits to be collected does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # Linux only; elsewhere the number alone decides
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
