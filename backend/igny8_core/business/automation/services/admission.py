"""Who gets the next slots: accounts with ready work, their caps and weights, in one statement.

At most twice as many items as a class has slots are ever queued or running; what waits is
``ready`` in the database, where it can be reordered, paused and cancelled (ADR 0008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.services.items import RUN_IS_ON, RUN_ITEM
from igny8_core.business.automation.states import WorkClass
from igny8_core.common.failpoints import failpoint
from igny8_core.common.queue import publish

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

log = structlog.get_logger(__name__)

ITEMS_PER_SLOT = 2
NODE_ALIVE_SECONDS = 60
DEFAULT_CAP, DEFAULT_WEIGHT = 8, 1
LOCK = "automation.dispatch"

# One dispatcher at a time: two at once would each see the room below an account's cap.
TAKE_TURN = """
SELECT name FROM automation_periodicjob WHERE name = %s FOR UPDATE SKIP LOCKED
"""
MAKE_TURN = """
INSERT INTO automation_periodicjob (name, next_run_at) VALUES (%s, now())
ON CONFLICT (name) DO NOTHING
"""
SLOTS = """
SELECT coalesce(sum(slots), 0) FROM automation_workernode
 WHERE %(work_class)s = ANY (work_classes) AND NOT is_draining
   AND heartbeat_at > now() - make_interval(secs => %(alive)s)
"""
IN_FLIGHT = """
SELECT count(*) FROM automation_workitem
 WHERE status IN ('queued', 'running') AND work_class = %s
"""
# Virtual finish time (in flight + rank) / weight: light accounts come first, a weight of 3 gets
# three turns to one. `walk` steps from account to account through the index of ready items.
DISPATCH = f"""
WITH RECURSIVE walk AS (
    (SELECT i.account_id FROM automation_workitem i
      WHERE i.work_class = %(work_class)s AND i.status = 'ready'
      ORDER BY i.account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT i.account_id FROM automation_workitem i
             WHERE i.work_class = %(work_class)s AND i.status = 'ready'
               AND i.account_id > walk.account_id
             ORDER BY i.account_id LIMIT 1)
      FROM walk WHERE walk.account_id IS NOT NULL
), active AS (
    SELECT a.id, coalesce(p.weight, {DEFAULT_WEIGHT}) AS weight, f.n AS in_flight,
           coalesce(p.max_in_flight, {DEFAULT_CAP}) - f.n AS free
      FROM walk JOIN igny8_auth_account a ON a.id = walk.account_id
      LEFT JOIN igny8_auth_plan p ON p.id = a.plan_id
     CROSS JOIN LATERAL (SELECT count(*) AS n FROM automation_workitem i
                          WHERE i.account_id = a.id AND i.status IN ('queued', 'running')) f
     WHERE a.status = 'active'
), candidate AS (
    SELECT w.id, active.id AS account_id,
           (active.in_flight + w.rank)::float / greatest(active.weight, 1) AS score
      FROM active CROSS JOIN LATERAL (
        SELECT c.id, row_number() OVER (ORDER BY c.priority, c.id) AS rank FROM (
            SELECT i.id, i.priority FROM automation_workitem i
             WHERE i.work_class = %(work_class)s AND i.account_id = active.id
               AND i.status = 'ready' AND (i.not_before IS NULL OR i.not_before <= now())
               AND {RUN_IS_ON}
             ORDER BY i.priority, i.id
             LIMIT greatest(0, least(active.free, %(slots)s + 1))
        ) c
      ) w
), pick AS (
    SELECT id FROM candidate ORDER BY score, id LIMIT %(slots)s
), locked AS (
    SELECT i.id FROM automation_workitem i JOIN pick USING (id)
     WHERE i.status = 'ready' FOR UPDATE OF i SKIP LOCKED
), moved AS (
    UPDATE automation_workitem i SET status = 'queued', queued_at = now(), updated_at = now()
      FROM locked WHERE i.id = locked.id RETURNING i.account_id, i.id
)
SELECT (SELECT count(*) FROM candidate) > %(slots)s AND (SELECT count(*) FROM active) > 1
       OR EXISTS (SELECT 1 FROM active WHERE free < 0),
       coalesce((SELECT array_agg(ARRAY[account_id, id] ORDER BY id) FROM moved), '{{}}')
"""  # noqa: S608 - constants
REMEMBER = """
INSERT INTO automation_workclass (name, slots, is_contended)
VALUES (%(work_class)s, %(slots)s, %(contended)s)
ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, is_contended = excluded.is_contended
 WHERE (automation_workclass.slots, automation_workclass.is_contended)
       IS DISTINCT FROM (excluded.slots, excluded.is_contended)
"""
# The broker took nothing: the rows are no hints, so that the next dispatch sends them.
UNSENT = """
UPDATE automation_workitem SET status = 'ready', queued_at = NULL, updated_at = now()
 WHERE id = ANY(%s) AND status = 'queued'
"""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What one dispatch did.

    :ivar sent: hints that the broker took.
    :ivar is_contended: accounts wait for slots that others hold: look again soon.
    """

    sent: int
    is_contended: bool


def dispatch() -> Dispatched:
    """Queue the best ready items of every class and send their hints.

    Any number of dispatchers may run: while one is at it, the others do nothing.
    """
    chosen: list[tuple[WorkClass, int, int]] = []
    is_contended = False
    with staff_cursor() as cursor:
        if not _is_our_turn(cursor):
            return Dispatched(sent=0, is_contended=False)
        for work_class in WorkClass:  # in the order of urgency: a cap is over all classes
            waits, moved = _dispatch_class(cursor, work_class)
            chosen += [(work_class, account_id, item_id) for account_id, item_id in moved]
            is_contended |= waits
    failpoint("automation.after_dispatch")
    return Dispatched(sent=_send(chosen), is_contended=is_contended)


def _is_our_turn(cursor: CursorWrapper) -> bool:
    cursor.execute(TAKE_TURN, [LOCK])
    if cursor.fetchone() is not None:
        return True
    cursor.execute("SELECT 1 FROM automation_periodicjob WHERE name = %s", [LOCK])
    if cursor.fetchone() is not None:
        return False  # another dispatcher has it
    cursor.execute(MAKE_TURN, [LOCK])
    return bool(cursor.rowcount)


def _dispatch_class(
    cursor: CursorWrapper, work_class: WorkClass
) -> tuple[bool, list[tuple[int, int]]]:
    values: dict[str, Any] = {"work_class": str(work_class), "alive": NODE_ALIVE_SECONDS}
    cursor.execute(SLOTS, values)
    slots = int(cursor.fetchone()[0])
    waits, moved = False, []
    if slots:
        cursor.execute(IN_FLIGHT, [str(work_class)])
        free = max(0, ITEMS_PER_SLOT * slots - int(cursor.fetchone()[0]))
        cursor.execute(DISPATCH, {"work_class": str(work_class), "slots": free})
        waits, moved = cursor.fetchone()
    cursor.execute(REMEMBER, values | {"slots": slots, "contended": waits})
    return bool(waits), [(account_id, item_id) for account_id, item_id in moved]


def _send(chosen: list[tuple[WorkClass, int, int]]) -> int:
    """Publish until the broker fails; the rest becomes ready again at once."""
    for sent, (work_class, account_id, item_id) in enumerate(chosen):
        if not publish(RUN_ITEM, queue=str(work_class), account_id=account_id, item_id=item_id):
            with staff_cursor() as cursor:
                cursor.execute(UNSENT, [[item for _, _, item in chosen[sent:]]])
            return sent
    return len(chosen)
