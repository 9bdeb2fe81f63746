from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog
from django.db import OperationalError

from igny8_core.business.automation.services.clock import DatabaseClock
from igny8_core.business.automation.services.crossing import database_now

RIGHT = datetime(2026, 6, 1, 12, tzinfo=UTC)
WRONG = RIGHT + timedelta(hours=1)


class Machine:
    """Its monotonic clock, its wall clock, and a database that was asked so often."""

    def __init__(self) -> None:
        self.seconds, self.asked, self.is_away = 100.0, 0, False

    def measure(self) -> datetime:
        if self.is_away:
            raise OperationalError("away")
        self.asked += 1
        return RIGHT + timedelta(seconds=self.seconds - 100)

    def clock(self) -> DatabaseClock:
        return DatabaseClock(self.measure, lambda: self.seconds, lambda: WRONG)


def test_a_machine_whose_clock_is_wrong_goes_by_the_databases() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock() == WRONG  # nobody was asked yet

    with structlog.testing.capture_logs() as logs:
        assert clock.refresh() == RIGHT
    machine.seconds += 7.5

    assert clock() == RIGHT + timedelta(seconds=7.5)
    assert logs == [{"event": "automation.clock.wrong", "log_level": "warning", "seconds": 3600.0}]


def test_the_database_is_asked_every_ten_seconds_at_most() -> None:
    machine = Machine()
    clock = machine.clock()

    for _ in range(50):
        clock.refresh()
        machine.seconds += 1

    assert machine.asked == 5


def test_a_database_that_is_away_is_said_and_the_time_goes_on() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.refresh()
    machine.seconds, machine.is_away = 120.0, True

    with pytest.raises(OperationalError):
        clock.refresh()

    assert clock() == RIGHT + timedelta(seconds=20)


@pytest.mark.django_db
def test_the_databases_time_has_a_zone() -> None:
    assert database_now().tzinfo is not None
