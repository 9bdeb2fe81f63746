"""Schedules, runs and work through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, WorkItem
from igny8_core.business.automation.states import RunStatus, WorkItemStatus
from tests import make
from tests.api.asking import Api, api_of, assert_constant
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make.automation import NOW, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def api(account: Account) -> Api:
    return api_of(account, Role.EDITOR)


@pytest.fixture
def site(account: Account) -> Site:
    return make.site(account, timezone="Europe/Paris")


def test_a_schedule_is_made_switched_on_and_taken_away(api: Api, site: Site) -> None:
    made = api.post("automation-configs/", {"site": site.pk, "scheduled_time": "07:30"})
    config = made.json()
    path = f"automation-configs/{config['id']}/"
    on = api.patch(path, {"is_enabled": True, "frequency": "weekly", "weekday": 2}).json()
    off = api.patch(path, {"is_enabled": False}).json()
    gone = api.delete(path)

    assert made.status_code == 201
    assert (config["timezone"], config["scheduled_time"]) == ("Europe/Paris", "07:30")
    assert (config["is_enabled"], config["next_run_at"]) == (False, None)
    assert (on["frequency"], on["weekday"]) == ("weekly", 2)
    assert on["next_run_at"] is not None
    assert (off["is_enabled"], off["next_run_at"], off["weekday"]) == (False, None, 2)
    assert (gone.status_code, api.get(path).status_code) == (204, 404)


def test_a_site_has_one_schedule(api: Api, site: Site) -> None:
    first = api.post("automation-configs/", {"site": site.pk}).json()

    again = api.post("automation-configs/", {"site": site.pk})

    assert (again.status_code, again.json()["code"]) == (409, "config_exists")
    assert again.json()["data"] == {"config_id": first["id"]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"frequency": "hourly"}, "frequency"),
        ({"frequency": "weekly"}, "weekday"),
        ({"frequency": "monthly"}, "day_of_month"),
        ({"scheduled_time": "25:00"}, "scheduled_time"),
        ({"scheduled_time": "09:00:30"}, "scheduled_time"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"weekday": 7}, "weekday"),
        ({"weekday": "2"}, "weekday"),
        ({"day_of_month": 32}, "day_of_month"),
        ({"stage_1_batch_size": 0}, "stage_1_batch_size"),
        ({"stage_4_batch_size": 1_001}, "stage_4_batch_size"),
        ({"stage_4_batch_size": "5"}, "stage_4_batch_size"),
        ({"stage_4_batch_size": None}, "stage_4_batch_size"),
        ({"within_stage_delay_seconds": 86_401}, "within_stage_delay_seconds"),
        ({"max_credits_per_run": 0}, "max_credits_per_run"),
        ({"is_enabled": "yes"}, "is_enabled"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_explained(
    changes: dict[str, Any], field: str, api: Api, site: Site
) -> None:
    answer = api.post("automation-configs/", {"site": site.pk} | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not AutomationConfig.unscoped.exists()


def test_null_takes_a_cap_away(api: Api, site: Site) -> None:
    config = make_automation.config(site.account, site=site, max_credits_per_run=5)

    answer = api.patch(f"automation-configs/{config.pk}/", {"max_credits_per_run": None})

    assert (answer.status_code, answer.json()["max_credits_per_run"]) == (200, None)


def test_schedules_are_found_by_site_and_state(api: Api, site: Site) -> None:
    on = make_automation.config(site.account, site=site, is_enabled=True)
    off = make_automation.config(site.account)

    assert api.ids("automation-configs/") == [on.pk, off.pk]
    assert api.ids("automation-configs/", site=site.pk) == [on.pk]
    assert api.ids("automation-configs/", is_enabled="false") == [off.pk]


def test_a_run_is_started_once_for_a_key(api: Api, site: Site) -> None:
    without = api.post("automation-runs/", {"site": site.pk}, key="")
    first = api.post("automation-runs/", {"site": site.pk}, key="k-1")
    again = api.post("automation-runs/", {"site": site.pk}, key="k-1")
    other = api.post("automation-runs/", {"site": site.pk}, key="k-2")

    assert (without.status_code, list(without.json()["errors"])) == (422, ["idempotency_key"])
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "run_active")
    assert other.json()["data"] == {"run_id": first.json()["id"]}
    assert AutomationRun.unscoped.count() == 1


def test_a_run_is_paused_resumed_and_cancelled(api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site)
    path = f"automation-runs/{run.pk}/"

    paused = api.post(f"{path}pause/").json()
    resumed = api.post(f"{path}resume/", {"max_credits": 900}).json()
    cancelled = api.post(f"{path}cancel/").json()
    refused = [api.post(f"{path}{verb}/") for verb in ("pause", "resume", "retry")]

    assert [r["status"] for r in (paused, resumed, cancelled)] == ["paused", "running", "cancelled"]
    assert resumed["settings"]["max_credits_per_run"] == 900
    assert cancelled["ended_at"] is not None
    assert [(r.status_code, r.json()["code"]) for r in refused] == [
        (409, "transition_not_allowed"),
        (409, "transition_not_allowed"),
        (409, "run_ended"),
    ]


@pytest.mark.parametrize("cap", [0, "900", 10**12])
def test_a_cap_is_a_number_of_credits(cap: object, api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site)

    answer = api.post(f"automation-runs/{run.pk}/resume/", {"max_credits": cap})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["max_credits"])


def test_a_run_is_shown_with_its_stages(api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site, total_credits_used=12)

    shown = api.get(f"automation-runs/{run.pk}/").json()
    (listed,) = api.get("automation-runs/").json()["results"]

    assert (shown["total_credits_used"], shown["current_stage"]) == (12, 1)
    assert [(s["number"], s["status"], s["planned"]) for s in shown["stages"]] == [
        (1, "running", 0)
    ]
    assert {"stages", "settings"} & set(listed) == set()


def test_what_failed_of_a_run_is_done_again(api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site)
    failed, ready = work_items(site.account, 2, run=run)
    WorkItem.unscoped.filter(pk=failed).update(status=WorkItemStatus.FAILED, ended_at=NOW)

    first = api.post(f"automation-runs/{run.pk}/retry/")
    again = api.post(f"automation-runs/{run.pk}/retry/")

    assert (first.json(), again.json()) == ({"changed": 1}, {"changed": 0})
    assert api.ids("work-items/", run=run.pk, status="ready") == [ready, failed]


def test_runs_are_found_by_site_status_and_trigger(api: Api, account: Account, site: Site) -> None:
    old = make_automation.run(account, site=site, status=RunStatus.COMPLETED, ended_at=NOW)
    now = make_automation.run(account, site=site)
    other = make_automation.run(account)
    make_automation.run(make.account())

    assert api.ids("automation-runs/") == [other.pk, now.pk, old.pk]
    assert api.ids("automation-runs/", site=site.pk) == [now.pk, old.pk]
    assert api.ids("automation-runs/", status="completed") == [old.pk]
    assert api.ids("automation-runs/", trigger="scheduled") == []


def test_work_is_found_shown_and_cancelled(api: Api, account: Account) -> None:
    run = make_automation.run(account)
    of_run, alone = work_items(account, run=run)[0], work_items(account, kind="other.kind")[0]

    cancelled = api.post("work-items/cancel/", {"ids": [of_run, alone, alone]})
    shown = api.get(f"work-items/{alone}/").json()

    assert cancelled.json() == {"changed": 2}
    assert (shown["kind"], shown["status"], shown["run"]) == ("other.kind", "cancelled", None)
    assert api.ids("work-items/") == [alone, of_run]
    assert api.ids("work-items/", run=run.pk) == [of_run]
    assert api.ids("work-items/", kind="other.kind") == [alone]
    assert api.ids("work-items/", run=run.pk, stage=2) == []
    assert api.get("work-items/", stage=8).status_code == 422


def test_failed_work_is_done_again(api: Api, account: Account) -> None:
    (failed,) = work_items(account)
    WorkItem.unscoped.filter(pk=failed).update(status=WorkItemStatus.DEAD, ended_at=NOW)

    answer = api.post("work-items/retry/", {"ids": [failed]})

    assert answer.json() == {"changed": 1}
    assert make_automation.status(failed) == WorkItemStatus.READY


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_of_several_items_all_are_mine_or_nothing_happens(
    verb: str, api: Api, account: Account
) -> None:
    (mine,), (theirs,) = work_items(account), work_items(make.account())

    answer = api.post(f"work-items/{verb}/", {"ids": [mine, theirs]})

    assert answer.status_code == 404
    assert make_automation.status(mine) == WorkItemStatus.READY


def test_events_say_what_happened(api: Api, site: Site) -> None:
    api.post("automation-runs/", {"site": site.pk})
    (run_id,) = api.ids("automation-runs/")
    api.post(f"automation-runs/{run_id}/pause/")

    events = api.get("run-events/", run=run_id).json()["results"]

    assert [(e["code"], e["run"]) for e in events] == [
        ("run_paused", run_id),
        ("run_started", run_id),
    ]
    assert api.ids("run-events/", code="run_paused") == [events[0]["id"]]


@pytest.mark.parametrize("path", ["automation-configs", "automation-runs", "work-items"])
def test_another_accounts_rows_are_not_there(path: str, api: Api) -> None:
    other = make.account()
    rows = {
        "automation-configs": make_automation.config(other).pk,
        "automation-runs": make_automation.run(other).pk,
        "work-items": work_items(other)[0],
    }

    assert api.ids(f"{path}/") == []
    assert api.get(f"{path}/{rows[path]}/").status_code == 404


def test_another_accounts_site_is_not_run(api: Api) -> None:
    theirs = make.site(make.account())

    answers = [
        api.post("automation-configs/", {"site": theirs.pk}),
        api.post("automation-runs/", {"site": theirs.pk}),
        api.get("automation-runs/", site=theirs.pk),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert not AutomationRun.unscoped.exists()


def test_lists_take_the_same_queries_whatever_the_rows(account: Account) -> None:
    api, run = api_of(account, Role.VIEWER), make_automation.run(account)
    builders = {
        "automation-configs/": lambda: make_automation.config(account),
        "automation-runs/": lambda: make_automation.run(account),
        "work-items/": lambda: work_items(account, run=run),
        "run-events/": lambda: make_automation.event(run),
    }

    for path, add in builders.items():
        assert_constant(api, path, add)


def test_a_schedule_is_said_in_words(api: Api, site: Site) -> None:
    made = api.post("automation-configs/", {"site": site.pk}).json()
    on = api.patch(f"automation-configs/{made['id']}/", {"is_enabled": True}).json()

    assert (made["in_words"], made["next_run_in_words"]) == (
        "Every day at 09:00 (Europe/Paris)",
        "",
    )
    assert " at 09:0" in on["next_run_in_words"]
    assert "(Europe/Paris, UTC+" in on["next_run_in_words"]


def test_limits_of_the_month_and_of_failures_are_set(api: Api, site: Site) -> None:
    limits = {"max_credits_per_month": 900, "max_failure_percent": 20}
    made = api.post("automation-configs/", {"site": site.pk} | limits).json()
    wrong = api.patch(f"automation-configs/{made['id']}/", {"max_failure_percent": 101})

    assert {name: made[name] for name in limits} == limits
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["max_failure_percent"])


def test_a_run_is_estimated_before_it_is_started(account: Account, site: Site) -> None:
    make_billing.prices()
    viewer = api_of(account, Role.VIEWER)

    found = viewer.post("automation-runs/estimate/", {"site": site.pk})
    elsewhere = viewer.post("automation-runs/estimate/", {"site": make.site(make.account()).pk})

    assert found.status_code == 200
    assert [stage["expected"] for stage in found.json()["stages"]] == [0] * 7
    assert (found.json()["credits"], found.json()["stops"]) == (0, "")
    assert elsewhere.status_code == 404
    assert not AutomationRun.unscoped.exists()


def test_progress_is_shown_and_asked_for_again(api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site)
    work_items(site.account, 3, run=run)
    path = f"automation-runs/{run.pk}/progress/"

    found = api.get(path).json()
    same = api.get(path, after=found["version"])
    api.post(f"automation-runs/{run.pk}/pause/")
    changed = api.get(path, after=found["version"])

    assert (found["items"]["ready"], found["items"]["total"]) == (3, 3)
    assert (found["run"]["status"], found["stages"][0]["status"]) == ("running", "running")
    assert found["stream"].startswith("/events/runs/?ticket=")
    assert (same.status_code, same.content) == (204, b"")
    assert (changed.status_code, changed.json()["run"]["status"]) == (200, "paused")


def test_what_failed_is_listed(api: Api, site: Site) -> None:
    run = make_automation.run(site.account, site=site)
    ids = work_items(site.account, 4, run=run)
    for item_id, status in zip(ids, ("failed", "dead", "done", "ready"), strict=True):
        WorkItem.unscoped.filter(pk=item_id).update(status=status)

    assert api.ids("work-items/", run=run.pk, is_failed="true") == [ids[1], ids[0]]
    assert api.ids("work-items/", run=run.pk, is_failed="false") == [ids[3], ids[2]]
