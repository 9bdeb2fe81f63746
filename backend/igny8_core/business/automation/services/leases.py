"""Leases of this process: remembered while the work runs, extended by one heartbeat for all."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from igny8_core.business.automation.services.crossing import staff_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from igny8_core.business.automation.services.items import Lease, Worker

# It waits for rows that are being settled: a row that it skipped would look like a lost one.
EXTEND = """
UPDATE automation_workitem i
   SET lease_expires_at = now() + make_interval(secs => %(seconds)s)
  FROM unnest(%(items)s::bigint[], %(tokens)s::bigint[]) AS h (id, token)
 WHERE i.id = h.id AND i.lease_token = h.token AND i.status = 'running'
RETURNING i.id, EXISTS (SELECT 1 FROM automation_automationrun r
                         WHERE r.id = i.run_id AND r.desired = 'cancel')
"""
REGISTER = """
INSERT INTO automation_workernode
    (boot_id, node_name, host, pid, slots, work_classes, started_at, heartbeat_at, is_draining)
VALUES (%(boot)s, %(node)s, %(host)s, %(pid)s, %(slots)s, %(classes)s, now(), now(), false)
ON CONFLICT (boot_id) DO UPDATE SET heartbeat_at = now(), is_draining = false
"""
ALIVE = """
UPDATE automation_workernode
   SET heartbeat_at = now(),
       last_hint_at = CASE WHEN %(hinted)s THEN now() ELSE last_hint_at END
 WHERE boot_id = %(boot)s
"""


@dataclass(slots=True)
class Hold:
    """A lease that this process works on.

    :ivar is_lost: another worker has it by now; the fence will refuse the result.
    :ivar is_cancelled: people no longer want it.
    """

    lease: Lease
    until: float
    is_lost: bool = False
    is_cancelled: bool = False


class Holds:
    """Every lease of this process; shared by its worker threads and its heartbeat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_item: dict[int, Hold] = {}
        self._has_news = False

    @contextmanager
    def holding(self, lease: Lease, *, deadline_seconds: float) -> Iterator[Hold]:
        """Have the heartbeat extend the lease during the block, until the deadline at most."""
        hold = Hold(lease=lease, until=time.monotonic() + deadline_seconds)
        with self._lock:
            self._by_item[lease.item_id] = hold
            self._has_news = True
        try:
            yield hold
        finally:
            with self._lock:
                if self._by_item.get(lease.item_id) is hold:
                    del self._by_item[lease.item_id]

    def live(self) -> list[Hold]:
        """The leases that are within their deadline."""
        now = time.monotonic()
        with self._lock:
            return [hold for hold in self._by_item.values() if hold.until > now]

    def take_news(self) -> bool:
        """Whether a hint has arrived since the last question."""
        with self._lock:
            news, self._has_news = self._has_news, False
            return news


HOLDS = Holds()


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat found: leases that are no longer ours, and items nobody wants any more."""

    lost: Sequence[int]
    cancelled: Sequence[int]


def register_worker(
    *, worker: Worker, host: str, pid: int, slots: int, work_classes: Sequence[str]
) -> None:
    """Make the row of this life of a worker; its slots count from now on."""
    values: dict[str, Any] = {
        "boot": worker.boot_id,
        "node": worker.node,
        "host": host,
        "pid": pid,
        "slots": slots,
        "classes": list(work_classes),
    }
    with staff_cursor() as cursor:
        cursor.execute(REGISTER, values)


def retire_worker(*, worker: Worker, is_gone: bool) -> None:
    """The worker drains, or has ended: nothing more is dispatched for its slots."""
    statement = "DELETE FROM automation_workernode WHERE boot_id = %s"
    if not is_gone:
        statement = "UPDATE automation_workernode SET is_draining = true WHERE boot_id = %s"
    with staff_cursor() as cursor:
        cursor.execute(statement, [worker.boot_id])


def beat(*, worker: Worker, holds: Holds = HOLDS) -> Beat:
    """Say that this process is alive, and extend all its leases in one statement."""
    live = holds.live()
    with staff_cursor() as cursor:
        cursor.execute(ALIVE, {"boot": worker.boot_id, "hinted": holds.take_news()})
    if not live:
        return Beat(lost=(), cancelled=())
    values: dict[str, Any] = {
        "items": [hold.lease.item_id for hold in live],
        "tokens": [hold.lease.token for hold in live],
        "seconds": settings.LEASE_SECONDS,
    }
    with staff_cursor() as cursor:
        cursor.execute(EXTEND, values)
        wanted = dict(cursor.fetchall())
    working = {id(hold) for hold in holds.live()}  # the others were settled meanwhile
    for hold in live:
        hold.is_lost = hold.lease.item_id not in wanted and id(hold) in working
        hold.is_cancelled = wanted.get(hold.lease.item_id, False)
    return Beat(
        lost=[hold.lease.item_id for hold in live if hold.is_lost],
        cancelled=[hold.lease.item_id for hold in live if hold.is_cancelled],
    )
