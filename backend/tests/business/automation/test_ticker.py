from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from igny8_core.business.automation import tasks
from igny8_core.business.automation.management.commands import ticker
from igny8_core.business.automation.management.commands.ticker import Job, tick_until
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, PeriodicJob
from igny8_core.business.automation.states import RunStatus, WorkItemStatus
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import effects, status, work_items

if TYPE_CHECKING:
    from tests.business.automation.conftest import Broker
    from tests.make.automation import Handler

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_tick_dispatches_sweeps_and_starts_what_is_due(broker: Broker) -> None:
    account = make.account()
    make_automation.worker()
    (item_id,) = work_items(account)
    stop = threading.Event()
    thread = threading.Thread(target=tick_until, args=(stop,))
    thread.start()
    try:
        for _ in range(200):
            if broker.items() and PeriodicJob.objects.filter(name="automation.prune").exists():
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join(10)

    assert not thread.is_alive()
    assert broker.items() == [item_id]
    assert status(item_id) == WorkItemStatus.QUEUED
    assert PeriodicJob.objects.filter(name="automation.prune").exists()


@pytest.mark.parametrize("error", [OperationalError("away"), ZeroDivisionError("bug")])
def test_a_job_that_fails_is_done_again_later_and_stops_no_other(error: Exception) -> None:
    def fail() -> float:
        raise error

    wait = ticker._do(Job("broken", fail))

    assert wait == (1 if isinstance(error, OperationalError) else ticker.DUE_SECONDS)


def test_a_message_is_one_call_into_a_service(handler: Handler) -> None:
    account = make.account()
    (item_id,) = work_items(account)
    make_automation.queued(item_id)

    for _ in range(2):  # every task may run twice
        tasks.run_item.apply(kwargs={"account_id": account.pk, "item_id": item_id, "newer": 1})

    assert effects(item_id) == {item_id: 1}
    assert handler.calls == [item_id]


def test_a_step_of_a_run_that_has_ended_changes_nothing() -> None:
    run = make_automation.run(
        make.account(), status=RunStatus.CANCELLED, ended_at=make_automation.NOW
    )

    tasks.advance_run.apply(kwargs={"account_id": run.account_id, "run_id": run.pk})

    assert AutomationRun.unscoped.get(pk=run.pk).status == RunStatus.CANCELLED


def test_a_ticker_whose_clock_is_wrong_takes_no_slot_early(monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        today = cursor.fetchone()[0]
    config = make_automation.config(make.account(), is_enabled=True)
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=today + timedelta(hours=2))

    ticker._due()

    assert not AutomationRun.unscoped.exists()
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=today)
    ticker._due()
    assert AutomationRun.unscoped.count() == 1
