from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.automation.services import wording
from igny8_core.business.automation.services.schedules import spread_of
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import NOW

if TYPE_CHECKING:
    from igny8_core.business.automation.models import AutomationConfig

pytestmark = pytest.mark.django_db


def config(**fields: Any) -> AutomationConfig:
    made = make_automation.config(make.account(), **{"timezone": "Europe/Paris"} | fields)
    if made.is_enabled and made.next_run_at:  # without the site's place in the five minutes
        made.next_run_at -= spread_of(made.site_id)
    return made


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Every day at 09:00 (Europe/Paris)"),
        (
            {"frequency": "weekly", "weekday": 2, "scheduled_time": time(7, 30)},
            "Every Wednesday at 07:30 (Europe/Paris)",
        ),
        (
            {"frequency": "monthly", "day_of_month": 3},
            "On the 3rd of every month at 09:00 (Europe/Paris)",
        ),
        (
            {"frequency": "monthly", "day_of_month": 31, "timezone": "UTC"},
            "On the 31st of every month, or the last day of a shorter one, at 09:00 (UTC)",
        ),
        (
            {"frequency": "monthly", "day_of_month": 12},
            "On the 12th of every month at 09:00 (Europe/Paris)",
        ),
    ],
)
def test_a_schedule_in_words(fields: dict[str, Any], words: str) -> None:
    assert wording.schedule_in_words(config(**fields)) == words


def next_run(made: AutomationConfig, now: datetime = NOW) -> str:
    """As it would be for a site whose place is the first."""
    if made.next_run_at:
        made.next_run_at += spread_of(made.site_id)
    return wording.next_run_in_words(made, now=now)


def test_a_schedule_that_is_off_has_no_next_run() -> None:
    assert next_run(config()) == ""


def test_the_next_run_is_said_by_the_clock_of_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(is_enabled=True)
    spread = spread_of(made.site_id)
    at = (datetime(2026, 6, 2, 7, tzinfo=UTC) + spread).strftime(":%M")

    words = next_run(made)

    assert words.startswith(f"Tomorrow at 09{at} (Europe/Paris, UTC+2)")
    is_moved = spread >= timedelta(minutes=1)
    assert words.endswith("the five minutes after 09:00") is is_moved
    assert next_run(config(is_enabled=True), NOW + timedelta(days=3)).startswith("Due since 09:")


def test_days_far_away_have_their_date() -> None:
    made = config(is_enabled=True, frequency="weekly", weekday=0, timezone="Asia/Kathmandu")

    words = next_run(made)

    assert words.startswith("Monday 8 June 2026 at 09:0")
    assert "(Asia/Kathmandu, UTC+5:45)" in words


def test_a_time_that_does_not_exist_is_explained() -> None:
    made = config(is_enabled=True, scheduled_time=time(2, 30), timezone="America/New_York")
    made.next_run_at = datetime(2026, 3, 8, 7, 30, tzinfo=UTC)

    words = next_run(made, datetime(2026, 3, 7, 12, tzinfo=UTC))

    assert words.startswith("Tomorrow at 03:3")
    assert words.endswith("02:30 does not exist that day, the clock is put forward")


def test_coming_runs_are_the_next_slots() -> None:
    made = config(is_enabled=True, timezone="UTC")
    spread = spread_of(made.site_id)
    made.next_run_at = datetime(2026, 6, 2, 9, tzinfo=UTC) + spread

    found = wording.coming_runs(made, now=NOW, count=3)

    assert found == [datetime(2026, 6, day, 9, tzinfo=UTC) + spread for day in (2, 3, 4)]
    assert wording.coming_runs(config(), now=NOW, count=3) == []
