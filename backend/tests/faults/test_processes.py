"""Whatever dies, every item ends once and its effect is stored once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from igny8_core.business.automation.models import RunEvent, WorkItem
from igny8_core.business.automation.services.audit import pipeline_problems
from igny8_core.business.automation.services.sweeping import MAX_CRASHES
from tests import make
from tests.faults import worker_app
from tests.faults.harness import LEASE_SECONDS, Stack, stack, wait_until
from tests.make import automation as make_automation

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
]


def made(count: int, accounts: int = 2) -> list[int]:
    """Ready items of several accounts."""
    ids: list[int] = []
    for _ in range(accounts):
        plan = make_automation.plan(max_in_flight=50)
        account = make.account(plan=plan)
        ids += make_automation.work_items(account, count // accounts, kind=worker_app.KIND)
    return ids


def stored() -> Counter[int | None]:
    rows = RunEvent.unscoped.filter(code=worker_app.EFFECT)
    return Counter(rows.values_list("item_id", flat=True))


def statuses() -> Counter[str]:
    return Counter(WorkItem.unscoped.values_list("status", flat=True))


def finish(ids: list[int], *, supervised: Stack | None = None, seconds: float = 120) -> None:
    """Wait for the end and hold the books against the items.

    :param supervised: its worker is started again when a lost connection ended it, as it does
        now and then; the supervisor of the product does the same.
    """

    def is_done() -> bool:
        if supervised is not None and supervised.processes[-1].poll() is not None:
            supervised.start_worker()
        return is_over(len(ids))

    wait_until(is_done, seconds=seconds, what=str(statuses()))
    time.sleep(0.5)  # a late result would come now
    assert stored() == dict.fromkeys(ids, 1)
    assert pipeline_problems() == []
    connections.close_all()


def is_over(count: int) -> bool:
    """Whether all is done; meanwhile, nobody waits for the time after repeated crashes."""
    WorkItem.unscoped.filter(status="ready", crashes__gt=0).update(not_before=None)
    return statuses() == {"done": count}


def progress(beyond: int, *, total: int, seconds: float = 60) -> float:
    """Seconds until more effects than ``beyond`` are stored, or all."""
    target = min(beyond + 1, total)
    return wait_until(lambda: stored().total() >= target, seconds=seconds, what="progress")


def test_a_killed_worker_loses_and_doubles_nothing(tmp_path: Path) -> None:
    ids = made(240)
    with stack(tmp_path) as running:
        progress(20, total=len(ids))
        worker, back = running.processes[1], []
        for _ in range(3):
            running.end(worker)
            worker = running.start_worker()
            back.append(progress(stored().total(), total=len(ids)))
        finish(ids)

    assert max(back) < 30


def test_a_wiped_broker_and_a_killed_ticker_lose_nothing(tmp_path: Path) -> None:
    ids = made(160)
    with stack(tmp_path) as running:
        valkey, worker, ticker = running.processes
        progress(20, total=len(ids))
        running.end(ticker)
        running.end(valkey)
        for file in (tmp_path / "valkey").rglob("*.aof*"):
            file.unlink(missing_ok=True)
        running.start_valkey()
        running.start_ticker()
        running.processes.append(worker)  # the last one is the one that is watched
        finish(ids, supervised=running)


def test_a_frozen_worker_is_fenced_when_it_thaws(tmp_path: Path) -> None:
    ids = made(60)
    with stack(tmp_path, latency_ms=400) as running:
        frozen = running.processes[1]
        progress(5, total=len(ids))
        frozen.send_signal(signal.SIGSTOP)
        running.start_worker("worker-2")
        held = WorkItem.unscoped.filter(status="running", lease_node="worker-1@test")
        wait_until(lambda: not held.exists(), seconds=40, what="leases of the frozen worker")
        frozen.send_signal(signal.SIGCONT)
        finish(ids)
        fenced = running.log("worker-1").count("automation.item.fenced")

    assert fenced >= 1


def test_an_orderly_stop_repeats_nothing(tmp_path: Path) -> None:
    ids = made(60)
    with stack(tmp_path) as running:
        progress(10, total=len(ids))
        running.end(running.processes[1], signal.SIGTERM)
        assert statuses()["running"] == 0
        running.start_worker()
        finish(ids)

    assert set(WorkItem.unscoped.values_list("attempts", flat=True)) == {1}


def test_a_forked_child_keeps_an_item_that_takes_longer_than_its_lease(tmp_path: Path) -> None:
    account = make.account()
    ids = make_automation.work_items(account, 2, kind=worker_app.KIND, work_class="planning_heavy")
    with Stack(tmp_path, latency_ms=1000 * LEASE_SECONDS + 2500) as running:
        running.start_valkey()
        running.start_ticker()
        running.start_worker("heavy-1", pool="prefork")
        finish(ids)

    rows = WorkItem.unscoped.all()
    assert set(rows.values_list("attempts", "crashes", "lease_node")) == {(1, 0, "heavy-1@test")}


def test_a_crash_at_a_named_place_is_repaired(tmp_path: Path) -> None:
    places = ("after_claim", "before_fence", "after_fence", "after_work")
    ids = made(60)
    with Stack(tmp_path, latency_ms=20) as running:
        running.start_valkey()
        running.start_ticker()
        for place in places:
            WorkItem.unscoped.filter(status="ready").update(not_before=None)
            worker = running.start_worker(crash_at=f"automation.{place}")
            assert worker.wait(60) == 9
        running.start_worker()
        finish(ids)

    assert max(WorkItem.unscoped.values_list("crashes", flat=True)) <= len(places)


def test_an_item_that_kills_its_workers_ends_and_the_others_are_done(tmp_path: Path) -> None:
    *others, poison = made(40)
    WorkItem.unscoped.filter(pk=poison).update(crashes=MAX_CRASHES - 2)  # it began before
    ended = WorkItem.unscoped.filter(pk=poison, status="dead")
    with Stack(tmp_path, latency_ms=20) as running:
        running.start_valkey()
        running.start_ticker()
        running.start_worker(poison=poison)

        def is_done() -> bool:
            if running.processes[-1].poll() is not None:
                running.start_worker(poison=poison)
            WorkItem.unscoped.filter(status="ready", crashes__gt=0).update(not_before=None)
            return ended.exists() and statuses() == {"done": len(others), "dead": 1}

        wait_until(is_done, seconds=120, what=str(statuses()))

    assert stored() == dict.fromkeys(others, 1)
    assert ended.get().error_class == "poison"
    assert pipeline_problems() == []
    connections.close_all()
