from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.business.automation.models import AutomationRun, AutomationStage, WorkItem
from igny8_core.business.automation.services import progress, runs
from igny8_core.business.automation.states import RunStatus, StageStatus
from igny8_core.common.errors import NotFound
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import NOW, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=100)


def ended(run: AutomationRun, ids: list[int], *, status: str = "done", **fields: Any) -> None:
    WorkItem.unscoped.filter(pk__in=ids).update(status=status, ended_at=LATER, **fields)


def closed_stages(run: AutomationRun, numbers: range, *, seconds: int, items: int) -> None:
    """Stages of an earlier run of the site, each of so many items in so many seconds."""
    for number in numbers:
        AutomationStage.unscoped.create(
            account=run.account,
            run=run,
            number=number,
            status=StageStatus.COMPLETED,
            planned=items,
            done=items,
            started_at=NOW,
            ended_at=NOW + timedelta(seconds=seconds),
        )


def look(run: AutomationRun) -> progress.RunProgress:
    return progress.run_progress(account=run.account, run_id=run.pk, now=LATER)


def test_a_run_shows_its_items_stages_and_credits(account: Account) -> None:
    run = make_automation.run(account, config_snapshot={"max_credits_per_run": 90})
    ids = work_items(account, 6, run=run)
    ended(run, ids[:2], credits_charged=5)
    ended(run, ids[2:3], status="failed")

    found = look(run)

    assert (found.items.done, found.items.failed, found.items.ready, found.items.total) == (
        2,
        1,
        3,
        6,
    )
    assert [(stage.number, stage.status) for stage in found.stages] == [
        (1, "running"),
        *[(number, "waiting") for number in range(2, 8)],
    ]
    assert (found.credits_used, found.cap) == (10, 90)


def test_every_change_gives_another_version(account: Account) -> None:
    run = make_automation.run(account)
    ids = work_items(account, 3, run=run)
    seen = [look(run).version]
    ended(run, ids[:1])
    seen.append(look(run).version)
    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    seen.append(look(run).version)

    assert len(set(seen)) == 3
    assert look(run).version == seen[-1]


def test_without_a_pace_there_is_no_estimate_of_time(account: Account) -> None:
    run = make_automation.run(account)
    work_items(account, 3, run=run)

    assert (look(run).eta_stage_seconds, look(run).eta_seconds) == (None, None)


def test_the_pace_of_the_stage_tells_when_it_ends(account: Account) -> None:
    run = make_automation.run(account)
    ids = work_items(account, 10, run=run)
    ended(run, ids[:4])  # in 100 seconds

    assert (look(run).eta_stage_seconds, look(run).eta_seconds) == (150.0, None)


def test_earlier_runs_tell_when_the_run_ends(account: Account) -> None:
    site = make.site(account)
    earlier = make_automation.run(account, site=site, current_stage=1)
    AutomationStage.unscoped.filter(run=earlier).delete()
    closed_stages(earlier, range(1, 8), seconds=20, items=10)
    runs.cancel_run(account=account, run_id=earlier.pk, now=NOW)
    run = make_automation.run(
        account, site=site, config_snapshot={"between_stage_delay_seconds": 7}
    )
    ids = work_items(account, 10, run=run)

    fresh = look(run)
    ended(run, ids[:4])

    assert fresh.eta_stage_seconds == 20.0  # 10 items, 2 seconds each
    assert look(run).eta_stage_seconds == 150.0  # this run is slower
    assert look(run).eta_seconds == 150.0 + 6 * (7 + 10 * 2.0)


def test_a_run_that_stands_still_or_has_ended_has_no_end_to_come(account: Account) -> None:
    run = make_automation.run(account)
    ended(run, work_items(account, 2, run=run)[:1])
    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    assert look(run).eta_seconds is None

    runs.cancel_run(account=account, run_id=run.pk, now=NOW)

    found = look(run)
    assert (found.run.status, found.eta_seconds) == (RunStatus.CANCELLED, None)
    assert [stage.status for stage in found.stages[1:]] == ["not_reached"] * 6


def test_the_number_of_queries_does_not_grow_with_the_items(account: Account) -> None:
    run = make_automation.run(account)
    ended(run, work_items(account, 3, run=run)[:1])
    with CaptureQueriesContext(connection) as few:
        look(run)
    work_items(account, 200, run=run)
    with CaptureQueriesContext(connection) as many:
        look(run)

    assert len(few) == len(many) <= 16


def test_another_accounts_run_is_not_found(account: Account) -> None:
    run = make_automation.run(make.account())

    with pytest.raises(NotFound):
        progress.run_progress(account=account, run_id=run.pk, now=NOW)
