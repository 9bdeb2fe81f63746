"""``igny8 manage ticker``: dispatch, sweeps and schedules on a clock, without the broker."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections

from igny8_core.business.automation.services import (
    admission,
    periodic,
    resuming,
    schedules,
    sweeping,
)
from igny8_core.business.automation.services.crossing import database_now

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

DISPATCH_SECONDS, CONTENDED_SECONDS = 1.0, 0.2
SWEEP_SECONDS, DUE_SECONDS = 5.0, 20.0
DATABASE_AWAY_SECONDS = 1.0


@dataclass(slots=True)
class Job:
    """One thing that the ticker does again and again.

    :ivar work: does it once and returns after how many seconds it wants to be called again.
    """

    name: str
    work: Callable[[], float]
    next_at: float = 0.0


class Command(BaseCommand):
    """Any number of tickers may run: each slot, item and row is taken by whoever comes first."""

    help = "Dispatch work, sweep what was lost, start what is due, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("ticker ready")
        self.stdout.flush()
        tick_until(stop)


def tick_until(stop: threading.Event) -> None:
    """Do every job when it is due. A database that is away is waited for."""
    jobs = [Job("dispatch", _dispatch), Job("sweep", _sweep), Job("due", _due)]
    while not stop.is_set():
        for job in jobs:
            if job.next_at <= time.monotonic() and not stop.is_set():
                job.next_at = time.monotonic() + _do(job)
        stop.wait(max(0.0, min(job.next_at for job in jobs) - time.monotonic()))


def _do(job: Job) -> float:
    try:
        return job.work()
    except DatabaseError as exc:
        log.warning("automation.ticker.waits", job=job.name, error=type(exc).__name__)
        return DATABASE_AWAY_SECONDS
    except Exception:  # one job's bug must not stop the others; the log has it
        log.exception("automation.ticker.error", job=job.name)
        return DUE_SECONDS
    finally:
        connections.close_all()


def _dispatch() -> float:
    return CONTENDED_SECONDS if admission.dispatch().is_contended else DISPATCH_SECONDS


def _sweep() -> float:
    sweeping.sweep()
    return SWEEP_SECONDS


def _due() -> float:
    now = database_now()  # a slot must not be taken early because this machine's clock is wrong
    resuming.resume_ready_runs(now=now)
    schedules.start_due_runs(now=now)
    periodic.send_due_jobs()
    return DUE_SECONDS
