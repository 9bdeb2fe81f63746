"""The Celery app with more kinds of work: one waits, then leaves a mark behind the fence.

An item that ``POISON`` names kills the worker that works on it.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import django
from django.apps import apps

from igny8_core.business.automation.services import stages
from igny8_core.celery_app import app
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.business.automation.services.stages import Work

KIND = "faults.mark"
EFFECT = "faults_effect"
POISON = 0
"""The nursery sets it in a worker that it is told of."""

LATENCY_SECONDS = int(os.environ.get("TEST_LATENCY_MS", "0")) / 1000

__all__ = ["app"]


def mark(work: Work) -> None:
    """One call to a slow provider, one stored result."""
    time.sleep(LATENCY_SECONDS)
    if work.item_id == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    event = apps.get_model("automation", "RunEvent")
    with tenant(work.account.pk):
        work.fence()
        event.unscoped.create(account=work.account, item_id=work.item_id, code=EFFECT)


stages.KINDS[KIND] = stages.Kind(mark, deadline_seconds=60)
if "TEST_PROVIDER_URL" in os.environ:
    django.setup()  # what it calls has models
    from tests.faults import workload

    workload.install()
