"""The schedule against a model that looks at the wall clock of every minute of three years."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.business.automation.services.schedules import Schedule

ZONES = {
    "America/New_York": 2025,  # an hour, in the night
    "Europe/Paris": 2025,
    "Australia/Lord_Howe": 2025,  # half an hour
    "Africa/Cairo": 2024,  # midnight does not exist
    "America/Santiago": 2024,  # midnight exists twice
    "Africa/Casablanca": 2024,  # back for Ramadan
    "Asia/Kathmandu": 2025,  # a quarter of an hour off, and never changed
    "Pacific/Apia": 2010,  # a whole day does not exist
    "America/St_Johns": 2009,  # one minute after midnight
    "UTC": 2025,
}
"""With the first of three years."""

DAYS = 3 * 365
MINUTE = timedelta(minutes=1)
MINUTES_OF_A_DAY = 24 * 60
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of wall clocks


@lru_cache
def walls(name: str) -> tuple[datetime, np.ndarray]:
    """The wall clock of every minute, in minutes since 1970, and the first of them in UTC.

    Where an hour begins and ends at the same offset, all of its minutes are taken to have it: no
    zone changes its clocks twice within an hour. In every other hour each minute is looked at.
    """
    zone, begins = ZoneInfo(name), datetime(ZONES[name], 1, 1, tzinfo=UTC)

    def offset(minute: int) -> int:
        found = (begins + minute * MINUTE).astimezone(zone).utcoffset()
        assert found is not None
        return int(found.total_seconds()) // 60

    hours = [offset(60 * n) for n in range(DAYS * 24 + 1)]
    offsets = np.repeat(np.array(hours[:-1], dtype=np.int64), 60)
    for n in np.flatnonzero(np.diff(hours)):
        offsets[60 * n : 60 * n + 60] = [offset(60 * int(n) + m) for m in range(60)]
    first = int(begins.timestamp()) // 60
    return begins, first + np.arange(len(offsets), dtype=np.int64) + offsets


def is_due(day: date, schedule: Schedule) -> bool:
    """By the calendar, said in another way than the schedule's own."""
    if schedule.frequency == "weekly":
        return day.isoweekday() - 1 == schedule.weekday
    if schedule.frequency == "monthly":
        assert schedule.day_of_month is not None
        is_last = (day + timedelta(days=1)).month != day.month
        return day.day == schedule.day_of_month or (is_last and day.day < schedule.day_of_month)
    return True


def by_minutes(name: str, schedule: Schedule) -> list[datetime]:
    """Every slot: the first minute that the wall clock shows the wanted time of a due day.

    A minute that the clock jumps over happens when it would have come, had the clock not been put
    forward; two wanted times that fall together are one.
    """
    begins, clock = walls(name)
    later = np.maximum.accumulate(clock)  # where the clock was put back, it shows nothing new
    found = set()
    first = (EPOCH + timedelta(minutes=int(clock[0]))).date()
    for n in range(1, DAYS - 1):
        day = first + timedelta(days=n)
        if not is_due(day, schedule):
            continue
        wanted = int((datetime.combine(day, schedule.wall) - EPOCH).total_seconds()) // 60
        at = int(np.searchsorted(later, wanted))
        if clock[at] != wanted:  # jumped over: as many minutes after the last one before
            at = at - 1 + wanted - int(clock[at - 1])
        found.add(begins + at * MINUTE)
    return sorted(found)


@st.composite
def schedules(draw: st.DrawFn, name: str) -> Schedule:
    """Any frequency; half of the times in the hours in which clocks are changed."""
    hours = st.integers(0, 3) if draw(st.booleans()) else st.integers(0, 23)
    minutes = st.sampled_from([0, 1, 15, 30, 45, 59]) | st.integers(0, 59)
    return Schedule(
        frequency=draw(st.sampled_from(["daily", "weekly", "monthly"])),
        wall=time(draw(hours), draw(minutes)),
        zone=ZoneInfo(name),
        weekday=draw(st.integers(0, 6)),
        day_of_month=draw(st.sampled_from([28, 29, 30, 31]) | st.integers(1, 31)),
    )


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_three_years_agree_with_a_look_at_every_minute(name: str, data: st.DataObject) -> None:
    schedule = data.draw(schedules(name))
    expected = by_minutes(name, schedule)

    found, at = [], expected[0] - MINUTE
    while at < expected[-1]:
        at = schedule.next_after(at)
        found.append(at)

    assert found == expected


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_the_next_slot_is_the_same_from_every_moment_before_it(
    name: str, data: st.DataObject
) -> None:
    schedule = data.draw(schedules(name))
    slots = by_minutes(name, schedule)
    at = data.draw(st.integers(1, len(slots) - 1))
    gap = int((slots[at] - slots[at - 1]).total_seconds())
    moment = slots[at] - timedelta(seconds=data.draw(st.integers(1, gap)))

    assert schedule.next_after(moment) == slots[at]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_number_of_missed_slots_becomes_one_run_or_none(data: st.DataObject) -> None:
    name = "America/New_York"
    schedule = data.draw(schedules(name))
    slots = by_minutes(name, schedule)
    due = data.draw(st.integers(0, len(slots) - 2))
    away = timedelta(minutes=data.draw(st.integers(0, 60 * 24 * 40)))
    grace = timedelta(minutes=data.draw(st.sampled_from([0, 60, 360, 60 * 24 * 7])))
    now = min(slots[due] + away, slots[-2])
    missed = [slot for slot in slots[due:] if slot <= now]

    chosen, skipped, following = schedule.catch_up(slots[due], now, grace)

    assert following == slots[due + len(missed)]
    is_recent = now - missed[-1] <= grace
    assert chosen == (missed[-1] if is_recent else None)
    assert skipped == len(missed) - is_recent
