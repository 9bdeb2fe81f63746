"""Runs that a limit paused go on by themselves once it is none any more, and no sooner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from igny8_core.ai.errors import DayCapReached, MonthCapReached
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, RunEvent
from igny8_core.business.automation.services import resuming, runs, working
from igny8_core.business.automation.services.run_caps import month_of
from igny8_core.business.automation.states import RunStatus
from igny8_core.common.errors import InsufficientCredits
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, queued, work_items

if TYPE_CHECKING:
    from igny8_core.ai.errors import CapReached
    from igny8_core.auth.models import Account
    from tests.make.automation import Handler

pytestmark = pytest.mark.django_db
MIDNIGHT = datetime(2026, 6, 1, 22, tzinfo=UTC)  # in Paris, on the day of NOW
PARIS = "Europe/Paris"
NEXT_MONTH = datetime(2026, 6, 30, 22, tzinfo=UTC)


def limit(error: type[CapReached], until: datetime) -> CapReached:
    return error("enough", limit=500, spent=480, wanted=40, begins_anew_at=until.isoformat())


def paused(account: Account, handler: Handler, error: Exception) -> AutomationRun:
    """A run whose only item met the error."""
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run, first=7_000_000)
    queued(item_id)
    handler.fails[7_000_000] = [error]
    working.run_item(account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW)
    run.refresh_from_db()
    assert run.status == RunStatus.PAUSED
    return run


def resumed(run: AutomationRun, now: datetime) -> bool:
    resuming.resume_ready_runs(now=now)
    run.refresh_from_db()
    return run.status == RunStatus.RUNNING


@pytest.mark.parametrize(
    ("error", "until"), [(DayCapReached, MIDNIGHT), (MonthCapReached, NEXT_MONTH)]
)
def test_a_run_goes_on_when_its_limit_begins_anew(
    error: type[CapReached], until: datetime, account: Account, handler: Handler
) -> None:
    account.max_credits_per_day = 500
    account.save()
    run = paused(account, handler, limit(error, until))
    make_automation.config(account, site=run.site, max_credits_per_month=500)

    assert (run.pause_reason, run.resume_at) == (error.code, until)
    assert run.pause_data["limit"] == 500
    assert not resumed(run, until - timedelta(seconds=1))
    assert resumed(run, until)
    assert (run.pause_reason, run.pause_data, run.resume_at) == ("", {}, None)
    assert resuming.resume_ready_runs(now=until) == 0
    codes = list(RunEvent.unscoped.filter(run=run).order_by("pk").values_list("code", flat=True))
    assert codes == ["run_paused", "run_resumed"]


@pytest.mark.parametrize(
    ("raised", "goes_on"), [(500, False), (499, False), (501, True), (None, True)]
)
def test_a_higher_limit_of_the_day_lets_the_run_go_on(
    raised: int | None, account: Account, handler: Handler, *, goes_on: bool
) -> None:
    run = paused(account, handler, limit(DayCapReached, MIDNIGHT))
    account.max_credits_per_day = raised
    account.save()

    assert resumed(run, NOW) is goes_on


@pytest.mark.parametrize(("raised", "goes_on"), [(500, False), (501, True), (None, True)])
def test_a_higher_limit_of_the_month_lets_the_run_go_on(
    raised: int | None, account: Account, handler: Handler, *, goes_on: bool
) -> None:
    run = paused(account, handler, limit(MonthCapReached, NEXT_MONTH))
    config = make_automation.config(account, site=run.site, max_credits_per_month=500)
    AutomationConfig.unscoped.filter(pk=config.pk).update(max_credits_per_month=raised)

    assert resumed(run, NOW) is goes_on


def test_what_a_person_paused_stays_paused(account: Account, handler: Handler) -> None:
    account.max_credits_per_day = 500
    account.save()
    run = paused(account, handler, limit(DayCapReached, MIDNIGHT))

    runs.pause_run(account=account, run_id=run.pk, now=NOW)

    assert not resumed(run, MIDNIGHT + timedelta(days=1))
    assert (run.pause_reason, run.resume_at) == ("", None)
    runs.resume_run(account=account, run_id=run.pk, now=NOW)


def test_a_lack_of_credits_waits_for_a_person(account: Account, handler: Handler) -> None:
    run = paused(account, handler, InsufficientCredits("none", available=0))

    assert run.pause_reason == "insufficient_credits"
    assert not resumed(run, NOW + timedelta(days=40))


def test_a_cancelled_run_never_goes_on(account: Account, handler: Handler) -> None:
    run = paused(account, handler, limit(DayCapReached, MIDNIGHT))

    runs.cancel_run(account=account, run_id=run.pk, now=NOW)

    assert not resumed(run, MIDNIGHT)
    assert (run.status, run.resume_at) == (RunStatus.CANCELLED, None)


def test_a_suspended_account_and_a_site_at_rest_wait(account: Account, handler: Handler) -> None:
    run = paused(account, handler, limit(DayCapReached, MIDNIGHT))
    site = run.site
    site.is_active = False
    site.save()

    assert not resumed(run, MIDNIGHT)
    site.is_active = True
    site.save()
    assert resumed(run, MIDNIGHT)


@pytest.mark.parametrize(
    ("moment", "zone", "begins", "ends"),
    [
        ("2026-06-15T12:00+00:00", "UTC", "2026-06-01T00:00+00:00", "2026-07-01T00:00+00:00"),
        ("2026-12-31T23:30+00:00", "UTC", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("2027-01-01T00:00+01:00", PARIS, "2027-01-01T00:00+01:00", "2027-02-01T00:00+01:00"),
        ("2026-03-31T23:59+02:00", PARIS, "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
    ],
)  # fmt: skip
def test_a_month_is_the_zones(moment: str, zone: str, begins: str, ends: str) -> None:
    found = month_of(datetime.fromisoformat(moment), zone=ZoneInfo(zone))

    assert found == (datetime.fromisoformat(begins), datetime.fromisoformat(ends))


@pytest.fixture
def account(db: None) -> Account:
    return make.account(timezone="Europe/Paris")
