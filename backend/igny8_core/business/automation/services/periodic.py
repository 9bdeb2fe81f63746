"""Jobs on a fixed interval: each slot is taken by one ticker, the work is done by a worker.

The table is ``PERIODIC`` in ``celery_app.py``: entry points know every domain, this module none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.utils.module_loading import import_string

from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.common.errors import NotFound
from igny8_core.common.queue import publish

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

log = structlog.get_logger(__name__)

TABLE = "igny8_core.celery_app.PERIODIC"
RUN_PERIODIC, CONTROL_QUEUE = "automation.run_periodic", "control"

MAKE = """
INSERT INTO automation_periodicjob (name, next_run_at) VALUES (%s, now())
ON CONFLICT (name) DO NOTHING
"""
TAKE = """
UPDATE automation_periodicjob
   SET last_run_at = now(), next_run_at = now() + make_interval(secs => %(seconds)s)
 WHERE name = %(name)s AND next_run_at <= now()
"""
PUT_BACK = "UPDATE automation_periodicjob SET next_run_at = now() WHERE name = %s"


def jobs() -> Mapping[str, Any]:
    """The table of periodic jobs by name."""
    return {job.name: job for job in import_string(TABLE)}


def send_due_jobs() -> list[str]:
    """Take the slots that are due and send a hint for each; returns the names sent.

    A broker that is away gives its slot back.
    """
    sent = []
    for name, job in jobs().items():
        with staff_cursor() as cursor:
            cursor.execute(MAKE, [name])
            cursor.execute(TAKE, {"name": name, "seconds": job.every_seconds})
            is_taken = bool(cursor.rowcount)
        if not is_taken:
            continue
        if publish(RUN_PERIODIC, queue=CONTROL_QUEUE, name=name):
            sent.append(name)
            continue
        with staff_cursor() as cursor:
            cursor.execute(PUT_BACK, [name])
        break
    return sent


def run_job(*, name: str, now: datetime) -> None:
    """Run one job. Every job may run twice, and the second run is harmless.

    :raises NotFound: this release has no such job.
    """
    job = jobs().get(name)
    if job is None:
        raise NotFound("no such periodic job", name=name)
    result = import_string(job.service)(now=now)
    log.info("automation.periodic.done", job=name, result=str(result))
