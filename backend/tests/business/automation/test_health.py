from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from igny8_core.business.automation.models import PeriodicJob, WorkItem
from igny8_core.business.automation.services import health
from tests import make
from tests.make import automation as make_automation

pytestmark = pytest.mark.django_db


def test_without_anybody_at_work_it_says_so() -> None:
    assert health.engine_faults() == {"queue": "", "workers": "none is alive", "ticker": ""}


def test_what_is_late_is_named() -> None:
    make_automation.worker()
    (item_id,) = make_automation.work_items(make.account())
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    PeriodicJob.objects.create(name="x", next_run_at=now - timedelta(seconds=90), last_run_at=now)
    late = now - timedelta(seconds=75)
    WorkItem.unscoped.filter(pk=item_id).update(status="queued", queued_at=late)

    assert health.engine_faults() == {
        "queue": "a message waits since 75 s",
        "workers": "",
        "ticker": "90 s late",
    }
