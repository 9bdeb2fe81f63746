from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError

from igny8_core import celery_app
from igny8_core.business.automation.models import WorkerNode
from igny8_core.business.automation.services import sweeping, workers
from igny8_core.common.tenancy.roles import RoleTooStrong
from tests.business.automation.test_races import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)


def start() -> None:
    workers.name_worker(node_name="worker-7@test", host="test", slots=3, work_classes=["control"])
    workers.start_worker()


@pytest.fixture
def worker() -> Iterator[None]:
    start()
    yield
    workers.stop_worker()


def seen(count: int) -> bool:
    pause = threading.Event()
    for _ in range(100):
        if WorkerNode.objects.filter(node_name="worker-7@test").count() == count:
            return True
        pause.wait(0.05)
    return False


@pytest.mark.usefixtures("worker")
def test_a_worker_registers_itself_and_drains() -> None:
    assert seen(1)
    row = WorkerNode.objects.get(node_name="worker-7@test")
    assert workers.this_worker().boot_id == row.boot_id
    assert (row.slots, row.work_classes, row.is_draining) == (3, ["control"], False)

    workers.drain_worker()
    assert WorkerNode.objects.get(pk=row.pk).is_draining
    workers.stop_worker()

    assert seen(0)
    assert workers.this_worker().node == "local"


@pytest.mark.usefixtures("worker")
def test_a_forked_child_gets_a_heartbeat_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(1)
    monkeypatch.setattr(workers._PROCESS, "pid", 1)
    before = workers._PROCESS.heartbeat

    found = {worker.boot_id for worker in at_once(lambda _: workers.this_worker())}

    assert len(found) == 1
    after = workers._PROCESS.heartbeat
    assert after is not before
    assert before is not None
    before.stop()


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "BOOT_RETRY_SECONDS", 0.01)
    tries: list[int] = []
    reclaim = sweeping.reclaim

    def away(**arguments: object) -> sweeping.Swept:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("away")
        return reclaim(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sweeping, "reclaim", away)
    start()
    try:
        assert seen(1)
    finally:
        workers.stop_worker()

    assert len(tries) == 3


def test_a_worker_whose_login_is_too_strong_does_not_serve() -> None:
    with pytest.raises(RoleTooStrong):  # the tests' login is the superuser
        workers.check_worker()
    with pytest.raises(SystemExit):
        celery_app._name_worker(sender=None)
