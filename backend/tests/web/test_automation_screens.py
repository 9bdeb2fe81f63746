"""The schedule of a site and its runs, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, WorkItem
from igny8_core.business.automation.services import runs
from igny8_core.business.automation.states import RunStatus
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.web.screens import HTMX, address, client_of, text_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

SCHEDULE = {
    "is_enabled": "1",
    "frequency": "daily",
    "scheduled_time": "06:00",
    "timezone": "Europe/Berlin",
    "max_credits_per_run": "800",
    "max_credits_per_month": "",
    "stage_4_batch_size": "12",
}


@pytest.fixture
def sector() -> Sector:
    cache.clear()
    return make_planning.sector(make_billing.account_with(500))


def started(sector: Sector) -> AutomationRun:
    return runs.start_run(account=sector.account, site_id=sector.site_id, now=timezone.now())


def test_a_site_without_a_schedule_says_so(sector: Sector) -> None:
    text = text_of(client_of(sector, Role.VIEWER).get(address(sector, "automation")))

    assert "Runs start only when somebody asks for one." in text
    assert "No run yet" in text


def test_a_schedule_is_saved_and_said_in_words(sector: Sector) -> None:
    client = client_of(sector)

    saved = client.post(address(sector, "automation_save"), SCHEDULE)
    text = text_of(client.get(address(sector, "automation")))

    config = AutomationConfig.unscoped.get()
    assert saved.status_code == 303
    assert (config.max_credits_per_run, config.max_credits_per_month) == (800, None)
    assert config.stage_4_batch_size == 12
    assert "Every day at 06:00 (Europe/Berlin)" in text
    assert "Next: T" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"scheduled_time": "six"}, "Type hours and minutes"),
        ({"frequency": "weekly", "weekday": ""}, "A weekly schedule needs a day"),
        ({"max_credits_per_run": "lots"}, "Type a number."),
        ({"timezone": "Moon/Base"}, "Is not an IANA time zone"),
        ({"stage_4_batch_size": "many"}, "Type a number."),
    ],
)
def test_a_schedule_that_does_not_go_together_is_explained(
    changed: dict[str, str], said: str, sector: Sector
) -> None:
    answer = client_of(sector).post(address(sector, "automation_save"), SCHEDULE | changed)

    assert answer.status_code == 422
    assert said in text_of(answer)
    assert AutomationConfig.unscoped.count() == 0
    page = html.fromstring(answer.content)
    (field,) = page.xpath("//*[@aria-invalid='true']")
    about = page.get_element_by_id(field.get("aria-describedby"))
    assert said in about.text_content()
    assert page.xpath("//input[@name='max_credits_per_month']/@value") == [""]
    assert page.xpath("//input[@name='stage_4_batch_size']/@value") == [
        (SCHEDULE | changed)["stage_4_batch_size"]
    ]


def test_a_run_says_what_it_would_do_before_it_starts(sector: Sector) -> None:
    make_planning.keywords(sector, [f"sofa {n}" for n in range(12)])
    client, url = client_of(sector), address(sector, "run_start")

    asked = text_of(client.post(url, headers=HTMX))
    before = AutomationRun.unscoped.count()
    done = client.post(url, {"confirmed": "1"})
    run = AutomationRun.unscoped.get()

    assert "Run now?" in asked
    assert "of 500 available" in asked
    assert (before, done["Location"]) == (0, address(sector, "run", run_id=run.pk))


def test_a_second_run_is_refused_while_one_is_on(sector: Sector) -> None:
    started(sector)

    answer = client_of(sector).post(address(sector, "run_start"), {"confirmed": "1"}, headers=HTMX)

    assert (answer.status_code, AutomationRun.unscoped.count()) == (409, 1)


def test_a_run_is_shown_with_its_stages_and_a_bell(sector: Sector) -> None:
    run = started(sector)

    answer = client_of(sector, Role.VIEWER).get(address(sector, "run", run_id=run.pk), headers=HTMX)

    page = html.fromstring(answer.content)
    assert page.get("data-live-stream-value", "").startswith("/events/runs/?ticket=")
    assert len(page.xpath("//ol/li")) == 7
    assert page.xpath("//form") == []


def test_a_run_is_paused_resumed_and_cancelled_in_its_fragment(sector: Sector) -> None:
    run = started(sector)
    client = client_of(sector)

    def act(name: str) -> tuple[str, str]:
        answer = client.post(address(sector, name, run_id=run.pk), headers=HTMX)
        run.refresh_from_db()
        buttons = html.fromstring(answer.content).xpath("//header//button/@id")
        return str(run.status), ",".join(map(str, buttons))

    assert act("run_pause") == (RunStatus.PAUSED, "run-resume,run-cancel")
    assert act("run_resume") == (RunStatus.RUNNING, "run-pause,run-cancel")
    assert act("run_cancel") == (RunStatus.CANCELLED, "")
    page = client.get(address(sector, "run", run_id=run.pk)).content.decode()
    assert 'data-live-stream-value=""' in page


def test_without_script_an_act_leads_back_to_the_run(sector: Sector) -> None:
    run = started(sector)

    answer = client_of(sector).post(address(sector, "run_pause", run_id=run.pk))

    assert (answer.status_code, answer["Location"]) == (303, address(sector, "run", run_id=run.pk))


def test_a_run_at_its_cap_asks_for_a_higher_one(sector: Sector) -> None:
    run = started(sector)
    runs.pause_run(
        account=sector.account, run_id=run.pk, reason="run_cap_reached", now=timezone.now()
    )
    client = client_of(sector)

    text = text_of(client.get(address(sector, "run", run_id=run.pk)))
    client.post(address(sector, "run_resume", run_id=run.pk), {"max_credits": "900"})

    run.refresh_from_db()
    assert "Raise the cap to go on" in text
    assert (run.status, run.config_snapshot["max_credits_per_run"]) == (RunStatus.RUNNING, 900)


def test_what_failed_is_listed_and_tried_again(sector: Sector) -> None:
    run = started(sector)
    ids = make_automation.work_items(sector.account, run=run)
    WorkItem.unscoped.filter(pk__in=ids).update(
        status="failed", error="The model was away.", attempts=2, ended_at=timezone.now()
    )
    client = client_of(sector)

    text = text_of(client.get(address(sector, "run", run_id=run.pk)))
    again = client.post(address(sector, "run_retry", run_id=run.pk), headers=HTMX)

    assert "The model was away." in text
    assert again.status_code == 200


def test_a_run_of_another_site_is_not_shown_here(sector: Sector) -> None:
    run = started(sector)
    other = make_planning.sector(sector.account)

    assert client_of(other).get(address(other, "run", run_id=run.pk)).status_code == 404


def test_queries_of_a_run_do_not_grow_with_its_items(sector: Sector) -> None:
    run = started(sector)
    client = client_of(sector)
    url = address(sector, "run", run_id=run.pk)
    make_automation.work_items(sector.account, run=run)
    with CaptureQueriesContext(connection) as few:
        client.get(url, headers=HTMX)
    make_automation.work_items(sector.account, 40, run=run)
    with CaptureQueriesContext(connection) as many:
        client.get(url, headers=HTMX)

    assert len(few) == len(many) <= 28
