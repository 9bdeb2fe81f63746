from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from igny8_core.ai.models import AiCall
from igny8_core.business.automation.models import PeriodicJob, WorkItem
from igny8_core.business.automation.services import metrics, runs
from tests import make
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make.automation import NOW, claimed, overdue, queued, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def figures() -> dict[tuple[str, ...], float]:
    """By name and the values of the labels."""
    return {
        (figure.name, *(value for _, value in figure.labels)): figure.value
        for figure in metrics.engine_figures()
    }


def test_an_empty_installation_has_figures_too() -> None:
    found = figures()

    assert found["igny8_workers",] == found["igny8_leases_expired",] == 0
    assert found["igny8_credits_available",] == 0


def test_what_waits_and_runs_is_counted_by_class(account: Account) -> None:
    ids = work_items(account, 5)
    work_items(make.account(), 1)
    queued(ids[0])
    claimed(account, ids[1])
    make_automation.worker(slots=6)

    found = figures()

    assert found["igny8_items", "ai_text", "ready"] == 4
    assert found["igny8_items_accounts", "ai_text", "ready"] == 2
    assert found["igny8_items", "ai_text", "queued"] == 1
    assert found["igny8_items", "ai_text", "running"] == 1
    assert found["igny8_workers",] == 1


def test_expired_leases_crashes_and_waits_are_seen(account: Account) -> None:
    ids = work_items(account, 3)
    claimed(account, ids[0])
    overdue(ids[0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    WorkItem.unscoped.filter(pk=ids[1]).update(not_before=now + timedelta(hours=1), crashes=1)

    found = figures()

    assert found["igny8_leases_expired",] == 1
    assert -2 < found["igny8_lease_left_seconds",] < 0
    assert found["igny8_items_deferred",] == found["igny8_items_crashed",] == 1


def test_runs_schedules_and_a_late_ticker_are_seen(account: Account) -> None:
    run = make_automation.run(account)
    runs.pause_run(account=account, run_id=run.pk, reason="run_cap_reached", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    PeriodicJob.objects.create(name="x", next_run_at=now - timedelta(seconds=90), last_run_at=now)
    make_automation.config(account, is_enabled=True)

    found = figures()

    assert found["igny8_runs", "paused", "run_cap_reached"] == 1
    assert found["igny8_schedules",] == 1
    assert 90 <= found["igny8_ticker_lag_seconds",] < 100


def test_what_ended_lately_is_timed(account: Account) -> None:
    ids = work_items(account, 4)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET status = 'done', ended_at = now(),"
            " started_at = now() - make_interval(secs => 1 + id - %s) WHERE id = ANY(%s)",
            [ids[0], ids[:3]],
        )
        cursor.execute(
            "UPDATE automation_workitem SET status = 'failed', started_at = now(),"
            " ended_at = now() - interval '6 minutes' WHERE id = %s",
            [ids[3]],
        )

    found = figures()

    assert found["igny8_items_ended_recently", "test.work", "done"] == 3
    assert found["igny8_item_seconds_mean", "test.work", "done"] == pytest.approx(2.0)
    assert found["igny8_item_seconds_p95", "test.work", "done"] == pytest.approx(3.0)
    assert ("igny8_items_ended_recently", "test.work", "failed") not in found


def test_provider_calls_and_credits_are_seen() -> None:
    account = make_billing.account_with(70)
    call = AiCall(account=account, related_type="x", related_id=1, provider="openai", model="m")
    call.save()

    found = figures()

    assert found["igny8_provider_calls_recently", "openai", "started", ""] == 1
    assert found["igny8_credits_available",] == 70


@pytest.fixture
def account(db: None) -> Account:
    return make.account()
