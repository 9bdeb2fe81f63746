from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection

from igny8_core.business.automation.models import (
    AutomationRun,
    AutomationStage,
    PeriodicJob,
    WebhookDelivery,
    WebhookEndpoint,
    WorkItem,
)
from igny8_core.business.automation.services.audit import SEARCHES, pipeline_problems
from igny8_core.business.automation.states import RunStatus, StageStatus
from igny8_core.business.billing.models import CreditUsageLog
from tests.make import automation as make_automation
from tests.make.automation import NOW, claimed, queued, work_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def long_ago(table: str, column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = now() - interval '1 h'")


def no_live_lease(account: Account) -> None:
    claimed(account, work_items(account)[0])
    long_ago("automation_workitem", "lease_expires_at")


def old_hint(account: Account) -> None:
    queued(*work_items(account))
    long_ago("automation_workitem", "queued_at")


def stuck_run(account: Account) -> None:
    make_automation.run(account)
    long_ago("automation_automationrun", "updated_at")


def left_over(account: Account) -> None:
    run = make_automation.run(account)
    work_items(account, run=run)
    AutomationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.CANCELLED, ended_at=NOW)


def wrong_counter(account: Account) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    WorkItem.unscoped.filter(pk=item_id).update(status="done", ended_at=NOW)
    AutomationStage.unscoped.filter(run=run).update(status=StageStatus.COMPLETED, planned=1, done=0)


def wrong_total(account: Account) -> None:
    run = make_automation.run(account)
    AutomationRun.unscoped.filter(pk=run.pk).update(total_credits_used=5)


def usage(account: Account, item_id: int, credits_used: int) -> None:
    """As if the row of an item had been charged."""
    row = WorkItem.unscoped.get(pk=item_id)
    CreditUsageLog.unscoped.create(
        account=account,
        operation_type="content",
        credits_used=credits_used,
        related_type=row.related_type,
        related_id=row.related_id,
    )


def overcharged(account: Account) -> None:
    (item_id,) = work_items(account)
    usage(account, item_id, 5)
    WorkItem.unscoped.filter(pk=item_id).update(status="done", ended_at=NOW, credits_charged=6)


def charged_for_nothing(account: Account) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    usage(account, item_id, 5)
    WorkItem.unscoped.filter(pk=item_id).update(status="failed", ended_at=NOW)
    AutomationRun.unscoped.filter(pk=run.pk).update(wake_at="2100-01-01T00:00Z")


def late_schedule(account: Account) -> None:
    make_automation.config(account, is_enabled=True)  # in June, long ago


def late_resume(account: Account) -> None:
    run = make_automation.run(account, status="paused", pause_reason="day_cap_reached")
    AutomationRun.unscoped.filter(pk=run.pk).update(resume_at=NOW)


def late_message(account: Account) -> None:
    endpoint = WebhookEndpoint.unscoped.create(account=account, url="https://example.com/")
    WebhookDelivery.unscoped.create(
        account=account, endpoint=endpoint, message_id="m", event_type="x", next_attempt_at=NOW
    )


def two_of_a_name(_account: Account) -> None:
    make_automation.worker()
    make_automation.worker()


def late_job(_account: Account) -> None:
    PeriodicJob.objects.create(name="x", next_run_at=NOW, last_run_at=NOW)


BREAK: dict[str, Callable[[Account], None]] = {
    "running without a live lease": no_live_lease,
    "hint older than 5 minutes": old_hint,
    "active run with nothing alive and nothing to wait for": stuck_run,
    "open item of a run that has ended": left_over,
    "counter of a closed stage that differs from its items": wrong_counter,
    "total of a run that differs from its stages": wrong_total,
    "charged more than was logged for its row": overcharged,
    "failed, and its row was charged since it was asked for": charged_for_nothing,
    "schedule that is overdue": late_schedule,
    "paused beyond the time at which it should go on": late_resume,
    "message to an address outside that is overdue": late_message,
    "node name of two workers that are alive": two_of_a_name,
    "periodic job that is overdue": late_job,
}


def test_nothing_is_wrong_with_work_under_way(account: Account) -> None:
    run = make_automation.run(account)
    work_items(account, run=run)
    claimed(account, work_items(account)[0])
    queued(*work_items(account))

    assert pipeline_problems() == []


@pytest.mark.parametrize("what", BREAK)
def test_each_search_finds_what_it_is_for(account: Account, what: str) -> None:
    BREAK[what](account)

    (line,) = pipeline_problems()

    assert line.endswith(what)


def test_every_search_is_shown_to_find_something() -> None:
    assert set(BREAK) == set(SEARCHES)
