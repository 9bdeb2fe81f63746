"""Schedules in words, for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from igny8_core.business.automation.services.schedules import schedule_of, spread_of
from igny8_core.business.automation.states import Frequency, Weekday

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.business.automation.models import AutomationConfig

LAST_DAY_OF_EVERY_MONTH = 28
TEENS = range(11, 14)
MINUTE = timedelta(minutes=1)


def schedule_in_words(config: AutomationConfig) -> str:
    """For example ``Every Monday at 09:00 (Europe/Paris)``, whether it is switched on or not."""
    at = f"at {config.scheduled_time:%H:%M} ({config.timezone})"
    if config.frequency == Frequency.DAILY:
        return f"Every day {at}"
    if config.frequency == Frequency.WEEKLY:
        return f"Every {Weekday(config.weekday or 0).label} {at}"
    day = config.day_of_month or 1
    which = f"On the {_ordinal(day)} of every month"
    if day > LAST_DAY_OF_EVERY_MONTH:
        which += ", or the last day of a shorter one,"
    return f"{which} {at}"


def next_run_in_words(config: AutomationConfig, *, now: datetime) -> str:
    """When the next run starts, by the clock of its zone; empty when none will.

    Says why the time is not the one that was asked for: the site's place in the minutes after it,
    or a clock that is put forward over it.
    """
    due = config.next_run_at
    if not config.is_enabled or due is None:
        return ""
    zone = ZoneInfo(config.timezone)
    local, today = due.astimezone(zone), now.astimezone(zone).date()
    day = {0: "Today", 1: "Tomorrow"}.get(
        (local.date() - today).days, f"{local:%A} {local.day} {local:%B %Y}"
    )
    if due <= now:
        return f"Due since {local:%H:%M} on {local:%A} {local.day} {local:%B} ({config.timezone})"
    text = f"{day} at {local:%H:%M} ({config.timezone}, UTC{_offset(local)})"
    slot = (due - spread_of(config.site_id)).astimezone(zone)
    wanted = config.scheduled_time
    if (slot.hour, slot.minute) != (wanted.hour, wanted.minute):
        return f"{text}: {wanted:%H:%M} does not exist that day, the clock is put forward"
    if due - slot >= MINUTE:
        return f"{text}: the site's place in the five minutes after {wanted:%H:%M}"
    return text


def coming_runs(config: AutomationConfig, *, now: datetime, count: int) -> list[datetime]:
    """The next slots, in UTC; none while the schedule is switched off."""
    if not config.is_enabled or config.next_run_at is None:
        return []
    schedule, slots = schedule_of(config), [config.next_run_at]
    while len(slots) < count:
        slots.append(schedule.next_after(max(slots[-1], now)))
    return slots


def _ordinal(day: int) -> str:
    suffix = "th" if day in TEENS else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _offset(local: datetime) -> str:
    offset = local.utcoffset() or timedelta(0)
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f"{sign}{hours}:{minutes:02d}" if minutes else f"{sign}{hours}"
