from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest

from igny8_core.business.automation.models import AutomationConfig, AutomationRun, RunEvent
from igny8_core.business.automation.services import configs, runs, schedules
from igny8_core.business.automation.services.schedules import Schedule
from igny8_core.business.automation.states import Trigger
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GRACE = timedelta(hours=6)


def daily(wall: time, zone: str = "UTC", **fields: object) -> Schedule:
    return Schedule("daily", wall, ZoneInfo(zone), **fields)  # type: ignore[arg-type]


def test_a_year_of_every_zone_has_each_day_once_and_in_order() -> None:
    runs_seen = 0
    for number, name in enumerate(sorted(available_timezones())):
        wall = (time(0), time(1, 30), time(2, 30), time(9), time(23, 59))[number % 5]
        schedule = daily(wall, name)
        # Every zone that changes its clock in 2026 does so within these weeks; the rest of the
        # year is alike.
        for start in (datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 9, 25, tzinfo=UTC)):
            at, earlier = start, None
            for _ in range(60):
                at = schedule.next_after(at)
                if earlier is not None:
                    assert timedelta(hours=22) <= at - earlier <= timedelta(hours=26), name
                earlier = at
                runs_seen += 1
    assert runs_seen == len(available_timezones()) * 120


def test_a_time_that_does_not_exist_moves_forward_by_the_gap() -> None:
    zone = ZoneInfo("America/New_York")

    slot = daily(time(2, 30), "America/New_York").next_after(datetime(2026, 3, 8, tzinfo=UTC))

    assert slot.astimezone(zone).time() == time(3, 30)


def test_a_time_that_exists_twice_runs_the_first_time_only() -> None:
    schedule = daily(time(1, 30), "America/New_York")

    first = schedule.next_after(datetime(2026, 11, 1, tzinfo=UTC))
    second = schedule.next_after(first)

    assert (first.hour, second - first) == (5, timedelta(hours=25))


def test_the_31st_is_the_last_day_of_a_short_month() -> None:
    schedule = Schedule("monthly", time(9), ZoneInfo("Europe/Paris"), day_of_month=31)
    at, days = datetime(2026, 1, 1, tzinfo=UTC), []
    for _ in range(4):
        at = schedule.next_after(at)
        days.append(at.date())

    assert days == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


@pytest.mark.parametrize(
    ("away", "expected"),
    [
        (timedelta(0), (timedelta(0), 0, timedelta(days=1))),
        (timedelta(days=10, hours=2), (timedelta(days=10), 10, timedelta(days=11))),
        (timedelta(hours=7), (None, 1, timedelta(days=1))),
    ],
)
def test_missed_slots_become_one_run_or_none(
    away: timedelta, expected: tuple[timedelta | None, int, timedelta]
) -> None:
    due = datetime(2026, 6, 1, 9, tzinfo=UTC)

    slot, skipped, following = daily(time(9)).catch_up(due, due + away, GRACE)

    assert (slot and slot - due, skipped, following - due) == expected


def test_sites_start_up_to_five_minutes_apart() -> None:
    spreads = {schedules.spread_of(site_id) for site_id in range(500)}

    assert min(spreads) >= timedelta(0)
    assert max(spreads) < timedelta(minutes=5)
    assert len(spreads) > 150
    late = daily(time(9), spread=timedelta(minutes=4))
    first = late.next_after(datetime(2026, 6, 1, 9, 1, tzinfo=UTC))
    assert first == datetime(2026, 6, 1, 9, 4, tzinfo=UTC)
    assert late.next_after(first) == first + timedelta(days=1)


@pytest.fixture
def site(account: Account) -> Site:
    return make.site(account, timezone="Europe/Paris")


def due_config(account: Account, site: Site, due: datetime = NOW) -> AutomationConfig:
    config = configs.save_config(
        account=account, site_id=site.pk, is_enabled=True, scheduled_time=time(14), now=NOW
    )
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=due)
    return config


def test_a_config_takes_the_sites_zone_and_computes_its_next_run(
    account: Account, site: Site
) -> None:
    config = configs.save_config(
        account=account,
        site_id=site.pk,
        is_enabled=True,
        frequency="weekly",
        weekday=0,
        scheduled_time=time(9),
        now=NOW,
    )
    off = configs.save_config(account=account, site_id=site.pk, is_enabled=False, now=NOW)

    monday = datetime(2026, 6, 8, 7, tzinfo=UTC) + schedules.spread_of(site.pk)
    assert (config.timezone, config.next_run_at) == ("Europe/Paris", monday)
    assert (off.pk, off.next_run_at) == (config.pk, None)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"frequency": "weekly"}, "weekday"),
        ({"frequency": "monthly", "day_of_month": 32}, "day_of_month"),
        ({"frequency": "hourly"}, "frequency"),
        ({"stage_4_batch_size": 0}, "stage_4_batch_size"),
        ({"next_run_at": NOW}, "next_run_at"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(
    account: Account, site: Site, columns: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        configs.save_config(account=account, site_id=site.pk, now=NOW, **columns)

    assert field in refused.value.data
    assert not AutomationConfig.objects.for_account(account).exists()


def test_another_accounts_site_has_no_config(account: Account, site: Site) -> None:
    with pytest.raises(NotFound):
        configs.save_config(account=make.account(), site_id=site.pk, now=NOW)


def test_a_due_slot_is_run_once(account: Account, site: Site) -> None:
    config = due_config(account, site)

    assert schedules.start_due_runs(now=NOW) == 1
    assert schedules.start_due_runs(now=NOW) == 0

    run = AutomationRun.unscoped.get(site=site)
    assert (run.trigger, run.scheduled_for, run.config_id) == (Trigger.SCHEDULED, NOW, config.pk)
    config.refresh_from_db()
    assert config.last_run_at == NOW
    assert config.next_run_at is not None
    assert config.next_run_at > NOW


def test_a_slot_missed_for_too_long_is_skipped_and_says_so(account: Account, site: Site) -> None:
    due_config(account, site, due=NOW - timedelta(hours=7))

    assert schedules.start_due_runs(now=NOW) == 0

    event = RunEvent.unscoped.get(code="schedule_skipped")
    assert event.data == {"site_id": site.pk, "reason": "missed", "slots": 1}
    assert not AutomationRun.unscoped.filter(site=site).exists()


def test_a_slot_while_a_run_is_active_is_skipped(account: Account, site: Site) -> None:
    active = runs.start_run(account=account, site_id=site.pk, now=NOW)
    config = due_config(account, site)

    assert schedules.start_due_runs(now=NOW) == 0

    assert AutomationRun.unscoped.get(site=site).pk == active.pk
    assert RunEvent.unscoped.get(code="schedule_skipped").data["reason"] == "run_active"
    config.refresh_from_db()
    assert (config.last_run_at, config.next_run_at > NOW) == (None, True)  # type: ignore[operator]


def test_a_config_that_cannot_be_read_keeps_nobody_waiting(account: Account, site: Site) -> None:
    broken = configs.save_config(account=account, site_id=site.pk, is_enabled=True, now=NOW)
    other = make.site(make.account())
    whole = configs.save_config(account=other.account, site_id=other.pk, is_enabled=True, now=NOW)
    rows = AutomationConfig.unscoped
    rows.filter(pk=broken.pk).update(next_run_at=NOW, timezone="Mars/Olympus")
    rows.filter(pk=whole.pk).update(next_run_at=NOW + timedelta(seconds=1))

    with pytest.raises(ZoneInfoNotFoundError):
        schedules.start_due_runs(now=NOW + timedelta(minutes=1))

    assert AutomationRun.unscoped.get().site_id == other.pk
