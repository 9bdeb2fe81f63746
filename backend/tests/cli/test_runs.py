"""``igny8 runs`` on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.automation.services import items
from igny8_core.cli import runs as command
from tests import make
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make.automation import work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())
    monkeypatch.setattr(items, "enqueue_on_commit", lambda *_a, **_k: None)


def igny8(*arguments: object) -> Result:
    return CliRunner().invoke(command.runs, [str(argument) for argument in arguments])


def asked(*arguments: object) -> Any:
    done = igny8(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def site() -> Site:
    return make.site(make_billing.account_with(10))


def test_a_run_is_estimated_started_and_listed(site: Site) -> None:
    estimate = asked("estimate", "--site", site.pk)
    started = asked("start", "--site", site.pk)
    listed = asked("list", "--site", site.pk)
    again = igny8("start", "--site", site.pk)

    assert (estimate["credits"], estimate["available"]) == (0, 10)
    assert (started["status"], len(started["stages"])) == ("running", 7)
    assert [run["run"] for run in listed["runs"]] == [started["run"]]
    assert listed["next"] == ""
    assert again.exit_code == 1
    assert "[run_active]" in again.output


def test_a_run_is_paused_resumed_retried_and_cancelled(site: Site) -> None:
    run = make_automation.run(site.account, site=site)
    ids = work_items(site.account, 2, run=run)
    WorkItem.unscoped.filter(pk=ids[0]).update(
        status="failed", error="no", ended_at=datetime(2026, 6, 1, tzinfo=UTC)
    )
    of = (run.pk, "--site", site.pk)

    paused = asked("pause", *of)
    resumed = asked("resume", *of, "--max-credits", 50)
    retried = asked("retry", *of)
    cancelled = asked("cancel", *of)
    refused = igny8("resume", *of)

    assert paused["failures"] == [
        {
            "id": ids[0], "stage": 1, "kind": "test.work", "error": "no",
            "related_id": WorkItem.unscoped.get(pk=ids[0]).related_id, "status": "failed",
        }
    ]  # fmt: skip
    assert [row["status"] for row in (paused, resumed, cancelled)] == [
        "paused",
        "running",
        "cancelled",
    ]
    assert retried["failures"] == []
    snapshot = AutomationRun.unscoped.get(pk=run.pk).config_snapshot
    assert snapshot["max_credits_per_run"] == 50
    assert (refused.exit_code, "[transition_not_allowed]" in refused.output) == (1, True)


def test_people_read_lines(site: Site) -> None:
    config = make_automation.config(site.account, site=site, is_enabled=True)
    run = make_automation.run(site.account, site=site, status="paused", pause_reason="x")
    work_items(site.account, 2, run=run)

    shown = igny8("show", run.pk, "--site", site.pk).output
    watched = igny8("watch", run.pk, "--site", site.pk).output
    listed = igny8("list", "--site", site.pk).output
    estimated = igny8("estimate", "--site", site.pk).output

    assert shown.startswith(f"run {run.pk} paused (x): stage 1 of 7, 0 of 2 items done, 0 credits")
    assert watched.startswith(shown.splitlines()[0])
    assert "paused (x), stage 1 of 7" in listed
    assert "Next: Due since 09:0" in listed
    assert f"({config.timezone})" in listed
    assert "0 credits in all, 10 are free" in estimated


@pytest.mark.parametrize(
    ("seconds", "words"), [(4, "4 s"), (64, "1 min 4 s"), (7_384, "2 h 3 min")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert command._duration(seconds) == words


def test_unknown_sites_and_runs_are_one_line(site: Site) -> None:
    missing = igny8("show", 10**9, "--site", site.pk)
    nowhere = igny8("list", "--site", 10**9)

    assert (missing.exit_code, nowhere.exit_code) == (1, 1)
    assert "[not_found]" in missing.output
    assert "[not_found]" in nowhere.output
