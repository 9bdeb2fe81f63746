from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.automation.services import (
    admission,
    items,
    plans,
    runs,
    stages,
    stepping,
    working,
)
from igny8_core.business.automation.services.audit import pipeline_problems
from igny8_core.business.automation.services.plans import Plan
from igny8_core.business.automation.services.stages import Kind
from igny8_core.business.automation.states import RunStatus
from igny8_core.common.errors import InvalidInput, TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, plan

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site
    from tests.business.automation.conftest import Broker
    from tests.make.automation import Handler

pytestmark = pytest.mark.django_db

ROWS = range(1, 8)
"""What waits in every stage: seven rows of the site."""


@pytest.fixture
def rows(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The seven stages, each over the same rows, done by the test's handler."""

    def waiting(_account: Account, _site_id: int, after: int, limit: int) -> list[int]:
        return [row for row in ROWS if row > after][:limit]

    for number in range(1, 8):
        name = f"test.stage{number}"
        monkeypatch.setitem(stages.KINDS, name, Kind(handler, 60, "content" if number == 1 else ""))
        monkeypatch.setitem(
            plans.PLANS,
            number,
            Plan(name=name, kind=name, work_class="ai_text", related_type="row", waiting=waiting),
        )
    return handler


@pytest.fixture
def account(db: None) -> Account:
    make_automation.worker(slots=50)
    return make.account(plan=plan(max_in_flight=50))


@pytest.fixture
def site(account: Account) -> Site:
    return make.site(account)


def start(account: Account, site: Site, **snapshot: object) -> AutomationRun:
    run = runs.start_run(account=account, site_id=site.pk, now=NOW)
    changed = run.config_snapshot | snapshot
    AutomationRun.unscoped.filter(pk=run.pk).update(config_snapshot=changed)
    return run


def reread(run: AutomationRun) -> AutomationRun:
    return AutomationRun.unscoped.get(pk=run.pk)


def step(run: AutomationRun, after: timedelta = timedelta(0)) -> RunStatus | None:
    return stepping.advance_run(account_id=run.account_id, run_id=run.pk, now=NOW + after)


def work(run: AutomationRun) -> None:
    """Everything that may be done is done."""
    for _ in range(10):
        if not admission.dispatch().sent:
            return
        WorkItem.unscoped.update(not_before=None)
        for item_id in WorkItem.unscoped.filter(status="queued").values_list("pk", flat=True):
            working.run_item(
                account_id=run.account_id, item_id=item_id, worker=ME, clock=lambda: NOW
            )


def finish(run: AutomationRun, steps: int = 60) -> RunStatus:
    """Step and work in turns until the run ends."""
    for _ in range(steps):
        status = step(run)
        if status != RunStatus.RUNNING:
            break
        work(run)
    return RunStatus(reread(run).status)


def test_a_run_goes_through_its_seven_stages(
    account: Account, site: Site, rows: Handler, broker: Broker
) -> None:
    run = start(account, site, stage_2_batch_size=3)

    assert finish(run) == RunStatus.COMPLETED

    row = reread(run)
    assert row.ended_at == NOW
    assert set(row.stage_results) == {str(number) for number in range(1, 8)}
    assert row.stage_results["2"] == {
        "stage": 2,
        "planned": 7,
        "done": 7,
        "failed": 0,
        "skipped": 0,
        "credits_used": 0,
        "batches": 3,
        "name": "test.stage2",
        "started_at": NOW.isoformat(),
        "ended_at": NOW.isoformat(),
        "seconds": 0.0,
        "failures": [],
    }
    assert len(rows.calls) == 7 * len(ROWS)
    with tenant(account.pk):
        codes = [event.code for event in selectors.events(account=account, run_id=run.pk)]
    assert codes == [
        "run_started",
        *["stage_started", "stage_completed"] * 7,
        "run_completed",
    ]
    assert pipeline_problems() == []


def test_steps_may_be_repeated(account: Account, site: Site, rows: Handler) -> None:
    run = start(account, site, stage_1_batch_size=3)

    for _ in range(3):
        step(run)

    assert WorkItem.unscoped.filter(run=run).count() == 3
    work(run)
    for _ in range(3):
        step(run)
    assert WorkItem.unscoped.filter(run=run).count() == 6
    version = reread(run).version
    step(run)
    assert reread(run).version == version


def test_delays_are_waited_for_without_a_worker(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(
        account,
        site,
        stage_1_batch_size=4,
        within_stage_delay_seconds=60,
        between_stage_delay_seconds=600,
    )
    step(run)
    work(run)

    step(run, timedelta(seconds=1))
    assert reread(run).wake_at == NOW + timedelta(seconds=61)
    step(run, timedelta(seconds=60))
    assert WorkItem.unscoped.filter(run=run).count() == 4
    step(run, timedelta(seconds=61))
    assert WorkItem.unscoped.filter(run=run).count() == 7
    work(run)
    step(run, timedelta(seconds=200))  # the delay before a batch that turns out to be empty
    step(run, timedelta(seconds=261))
    row = reread(run)
    assert (row.current_stage, row.wake_at) == (2, NOW + timedelta(seconds=861))


def test_a_run_over_its_cap_is_paused_and_goes_on_when_the_cap_is_raised(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(account, site, stage_1_batch_size=2, max_credits_per_run=100)
    step(run)
    work(run)
    WorkItem.unscoped.filter(run=run).update(credits_charged=60)

    assert step(run) == RunStatus.PAUSED

    row = reread(run)
    assert (row.pause_reason, row.total_credits_used) == ("run_cap_reached", 120)
    assert step(run) == RunStatus.PAUSED
    resumed = runs.resume_run(account=account, run_id=run.pk, max_credits=1000, now=NOW)
    assert resumed.config_snapshot["max_credits_per_run"] == 1000
    assert finish(run) == RunStatus.COMPLETED
    found = {problem.partition(": ")[2] for problem in pipeline_problems()}
    assert found == {"charged more than was logged for its row"}  # the charges are made up


def test_some_failures_are_counted_and_the_run_goes_on(
    account: Account, site: Site, rows: Handler
) -> None:
    rows.fails[3] = [InvalidInput("no")]
    run = start(account, site)

    assert finish(run) == RunStatus.COMPLETED

    result = reread(run).stage_results["1"]
    assert (result["planned"], result["done"], result["failed"]) == (7, 6, 1)
    (failure,) = result["failures"]
    assert failure["error"] == "no"
    assert (failure["related_type"], failure["related_id"], failure["status"]) == (
        "row",
        3,
        "failed",
    )


def test_a_cap_that_is_used_up_does_not_stop_what_costs_nothing(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(account, site, stage_1_batch_size=7, max_credits_per_run=100)
    step(run)
    work(run)
    WorkItem.unscoped.filter(run=run).update(credits_charged=15)
    step(run)  # nothing is left of the paid stage, but it has to be looked at once
    assert (reread(run).status, reread(run).total_credits_used) == (RunStatus.PAUSED, 105)
    AutomationRun.unscoped.filter(pk=run.pk).update(current_stage=2)
    runs.resume_run(account=account, run_id=run.pk, now=NOW)

    assert finish(run) == RunStatus.COMPLETED


def test_too_many_failures_end_the_run(
    account: Account, site: Site, rows: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = replace(
        plans.PLANS[1], waiting=lambda _a, _s, after, _n: [] if after else list(range(1, 21))
    )
    monkeypatch.setitem(plans.PLANS, 1, wide)
    for number in range(1, 12):
        rows.fails[number] = [InvalidInput("no")]
    run = start(account, site)

    assert finish(run) == RunStatus.FAILED

    row = reread(run)
    assert row.error_message == "11 of 20 items of stage 1 failed"
    assert row.ended_at == NOW
    assert pipeline_problems() == []


def test_a_pause_holds_everything_that_has_not_begun(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(account, site, stage_1_batch_size=7)
    step(run)
    admission.dispatch()

    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    again = runs.pause_run(account=account, run_id=run.pk, reason="other", now=NOW)

    assert again.pause_reason == ""
    assert set(WorkItem.unscoped.filter(run=run).values_list("status", flat=True)) == {"ready"}
    work(run)
    assert rows.calls == []
    assert step(run) == RunStatus.PAUSED
    runs.resume_run(account=account, run_id=run.pk, now=NOW)
    runs.resume_run(account=account, run_id=run.pk, now=NOW)
    assert finish(run) == RunStatus.COMPLETED


def test_a_cancelled_run_keeps_what_was_under_way(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(account, site, stage_1_batch_size=7)
    step(run)
    first = WorkItem.unscoped.filter(run=run).order_by("pk").first()
    assert first is not None
    lease = make_automation.claimed(account, first.pk)

    runs.cancel_run(account=account, run_id=run.pk, now=NOW)
    runs.cancel_run(account=account, run_id=run.pk, now=NOW)
    with tenant(account.pk):
        items.settle(lease)
    step(run)

    with tenant(account.pk):
        (stage,) = selectors.stages(account=account, run_id=run.pk)
        progress = selectors.counts(selectors.items(account=account, run_id=run.pk))
    assert (stage.done, stage.skipped) == (1, 6)
    assert (progress.done, progress.cancelled, progress.open) == (1, 6, 0)
    assert reread(run).status == RunStatus.CANCELLED
    assert pipeline_problems() == []
    with pytest.raises(TransitionNotAllowed):
        runs.resume_run(account=account, run_id=run.pk, now=NOW)


def test_an_item_that_comes_back_while_its_run_ends_is_cancelled(
    account: Account, site: Site, rows: Handler
) -> None:
    run = start(account, site, stage_1_batch_size=2)
    step(run)
    runs.cancel_run(account=account, run_id=run.pk, now=NOW)
    WorkItem.unscoped.filter(run=run).update(status="ready", ended_at=None)

    step(run)

    assert set(WorkItem.unscoped.filter(run=run).values_list("status", flat=True)) == {"cancelled"}
    assert pipeline_problems() == []


def test_a_failed_item_of_the_current_stage_can_be_retried(
    account: Account, site: Site, rows: Handler
) -> None:
    rows.fails[3] = [InvalidInput("no")]
    run = start(account, site, stage_1_batch_size=7)
    step(run)
    work(run)
    failed = WorkItem.unscoped.get(run=run, status="failed")

    assert items.retry_items(account=account, item_ids=[failed.pk]) == [failed.pk]
    assert finish(run) == RunStatus.COMPLETED

    assert reread(run).stage_results["1"]["failed"] == 0
    assert items.retry_items(account=account, item_ids=[failed.pk]) == []
