"""A run over the services of planner, writer and images, with a fake model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai import registry
from igny8_core.business.automation.models import AutomationRun, RunEvent, WorkItem
from igny8_core.business.automation.services import admission, runs, stepping, working
from igny8_core.business.automation.services.audit import pipeline_problems
from igny8_core.business.automation.states import RunStatus
from igny8_core.business.billing import usage_selectors
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.content import selectors as content
from igny8_core.business.planning import selectors as planning
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.automation import ALL_CLASSES, ME, plan

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

pytestmark = pytest.mark.django_db(transaction=True)

KEYWORDS = (
    ("keyword", "volume"),
    ("salon chair", 900),
    ("hydraulic salon chair", 400),
    ("salon chair with headrest", 120),
    ("garden table", 700),
    ("round garden table", 300),
    ("garden table for six", 90),
)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def sector(monkeypatch: pytest.MonkeyPatch, settings: object, tmp_path: object) -> Sector:
    writer = make_content.Writer()
    monkeypatch.setattr(registry, "platform_provider", lambda: writer)
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]  # pytest-django's
    account = make.account(plan=plan(max_in_flight=50))
    sector = make_planning.sector(account)
    make_planning.imported(sector, make_planning.csv_bytes(*KEYWORDS))
    make_billing.prices()
    make_automation.worker(slots=8, work_classes=[*ALL_CLASSES, "planning_heavy"])
    return sector


def finish(run: AutomationRun) -> AutomationRun:
    """Step and work in turns, each item delivered twice, until the run ends or is paused."""
    for _ in range(60):
        status = stepping.advance_run(account_id=run.account_id, run_id=run.pk, now=clock())
        if status != RunStatus.RUNNING:
            break
        admission.dispatch()
        ids = list(WorkItem.unscoped.filter(status="queued").values_list("pk", flat=True))
        for item_id in ids * 2:
            working.run_item(account_id=run.account_id, item_id=item_id, worker=ME, clock=clock)
        WorkItem.unscoped.filter(status="ready").update(not_before=None)
    return AutomationRun.unscoped.get(pk=run.pk)


def failures(run: AutomationRun) -> list[str]:
    rows = WorkItem.unscoped.filter(run=run).exclude(status="done")
    return [f"{row.kind} {row.status}: {row.error}" for row in rows]


def test_keywords_become_articles_with_covers_in_review(sector: Sector) -> None:
    account: Account = sector.account
    make_billing.credits(account, 5_000, now=clock())
    run = runs.start_run(account=account, site_id=sector.site_id, now=clock())

    ended = finish(run)

    assert failures(run) == []
    assert ended.status == RunStatus.COMPLETED
    with tenant(account.pk):
        planned = planning.pipeline_counts(account=account, site=sector.site)
        written = content.content_counts(account=account, site=sector.site)
        used = sum(row.credits for row in usage_selectors.usage_by_operation(account=account))
    assert planned.keywords == 6
    assert planned.clusters >= 1
    assert planned.ideas == written.tasks_completed == written.in_review >= 1
    assert written.images_generated == written.in_review
    assert ended.total_credits_used == used > 0
    assert ended.stage_results["4"]["done"] == written.in_review
    assert pipeline_problems() == []
    assert ledger_problems() == []


def test_a_run_without_credits_is_paused_and_goes_on_when_there_are_some(sector: Sector) -> None:
    account: Account = sector.account
    run = runs.start_run(account=account, site_id=sector.site_id, now=clock())

    paused = finish(run)

    assert (paused.status, paused.pause_reason) == (RunStatus.PAUSED, "insufficient_credits")
    make_billing.credits(account, 5_000, now=clock())
    runs.resume_run(account=account, run_id=run.pk, now=clock())
    ended = finish(run)
    assert ended.status == RunStatus.COMPLETED
    assert ledger_problems() == []


def test_charges_that_a_crash_left_unbooked_are_booked_with_the_next_step(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    account: Account = sector.account
    make_billing.credits(account, 5_000, now=clock())
    monkeypatch.setattr(working, "credits_charged", lambda **_: {})  # as if it never got there
    run = runs.start_run(account=account, site_id=sector.site_id, now=clock())

    ended = finish(run)

    with tenant(account.pk):
        used = sum(row.credits for row in usage_selectors.usage_by_operation(account=account))
    assert ended.total_credits_used == used > 0
    assert pipeline_problems() == []


def test_a_second_run_finds_nothing_to_do(sector: Sector) -> None:
    account: Account = sector.account
    make_billing.credits(account, 5_000, now=clock())
    first = finish(runs.start_run(account=account, site_id=sector.site_id, now=clock()))

    second = finish(runs.start_run(account=account, site_id=sector.site_id, now=clock()))

    assert (first.status, second.status) == (RunStatus.COMPLETED, RunStatus.COMPLETED)
    assert second.total_credits_used == 0
    assert not WorkItem.unscoped.filter(run=second).exists()
    assert second.started_at - first.started_at > timedelta(0)


def test_ideas_that_the_guard_holds_back_are_skipped_and_the_run_goes_on(sector: Sector) -> None:
    account: Account = sector.account
    make_billing.credits(account, 5_000, now=clock())
    run = runs.start_run(account=account, site_id=sector.site_id, now=clock())
    late = make_planning.idea(make_planning.cluster(sector, "hoses"), target_keyword="garden hose")
    make_content.article(sector, title="Garden Hoses: A Guide")

    ended = finish(run)

    assert ended.status == RunStatus.COMPLETED
    late.refresh_from_db()
    assert (late.overlap, late.status) == ("skip", "new")
    (item,) = WorkItem.unscoped.filter(run=run, kind="content.plan").exclude(status="done")
    assert (item.related_id, item.status, item.error_class) == (late.pk, "cancelled", "")
    assert item.error == late.overlap_reason
    assert ended.stage_results["3"]["skipped"] == 1
    assert ended.stage_results["3"]["failed"] == 0
    (event,) = RunEvent.unscoped.filter(run=run, code="item_skipped")
    assert event.data == {
        "kind": "content.plan", "reason": "idea_overlaps", "idea_id": late.pk, "verdict": "skip",
        "held_back": 1,
    }  # fmt: skip
    again = finish(runs.start_run(account=account, site_id=sector.site_id, now=clock()))
    assert again.stage_results["3"]["planned"] == 0
    assert pipeline_problems() == []
