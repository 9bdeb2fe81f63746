from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core import celery_app
from igny8_core.business.automation.models import PeriodicJob
from igny8_core.business.automation.services import periodic
from igny8_core.celery_app import Periodic
from igny8_core.common.errors import NotFound
from tests.make.automation import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db

calls: list[datetime] = []


def job(*, now: datetime) -> str:
    calls.append(now)
    return "done"


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    entries = (Periodic("test.one", 60, f"{__name__}.job"), Periodic("test.two", 600, "no.such"))
    monkeypatch.setattr(celery_app, "PERIODIC", entries)


def test_a_slot_is_taken_once_whatever_number_of_tickers_ask(broker: Broker) -> None:
    assert periodic.send_due_jobs() == ["test.one", "test.two"]
    assert periodic.send_due_jobs() == []

    assert broker.sent == [
        ("automation.run_periodic", "control", {"name": "test.one"}),
        ("automation.run_periodic", "control", {"name": "test.two"}),
    ]
    row = PeriodicJob.objects.get(name="test.one")
    assert row.last_run_at is not None
    assert (row.next_run_at - row.last_run_at).total_seconds() == 60


def test_a_broker_that_is_away_gives_the_slot_back(broker: Broker) -> None:
    broker.is_away = True
    assert periodic.send_due_jobs() == []
    broker.is_away = False

    PeriodicJob.objects.update(next_run_at=NOW.replace(year=2020))
    assert periodic.send_due_jobs() == ["test.one", "test.two"]


def test_a_job_is_called_with_the_clock() -> None:
    periodic.run_job(name="test.one", now=NOW)

    assert calls == [NOW]
    with pytest.raises(NotFound):
        periodic.run_job(name="test.unknown", now=NOW)
