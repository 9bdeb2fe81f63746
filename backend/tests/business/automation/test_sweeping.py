from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db import connection

from igny8_core.business.automation.models import RunEvent, WorkerNode, WorkItem
from igny8_core.business.automation.services import sweeping
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.automation.services.sweeping import Swept
from igny8_core.business.automation.states import Desired, RunStatus, WorkItemStatus
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, claimed, overdue, queued, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db


def test_an_expired_lease_is_taken_back_and_its_token_kept(account: Account) -> None:
    mine, alive = work_items(account, 2)
    (theirs,) = work_items(make.account())
    lease = claimed(account, mine)
    claimed(account, alive)
    overdue(mine)

    assert sweeping.sweep() == Swept(expired=1)

    row = WorkItem.unscoped.get(pk=mine)
    assert (row.status, row.crashes, row.lease_token) == ("ready", 1, lease.token)
    assert (status(alive), status(theirs)) == ("running", "ready")


def crash(account: Account, item_id: int) -> tuple[Swept, float | None]:
    """The worker dies with the item; what the sweep did, and how long the item waits."""
    claimed(account, item_id)
    overdue(item_id)
    swept = sweeping.sweep()
    row = WorkItem.unscoped.get(pk=item_id)
    if row.not_before is None:
        return swept, None
    return swept, (row.not_before - row.updated_at).total_seconds()


def test_an_item_waits_longer_after_each_crash_and_ends_with_the_fifth(account: Account) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)

    crashes = [crash(account, item_id) for _ in range(sweeping.MAX_CRASHES)]

    waits = [wait for _, wait in crashes]
    assert waits[0] is None
    for wait, least in zip(waits[1:4], (7.5, 22.5, 67.5), strict=True):
        assert wait is not None
        assert least <= wait <= 3 * least
    assert [swept.dead for swept, _ in crashes] == [0, 0, 0, 0, 1]
    row = WorkItem.unscoped.get(pk=item_id)
    assert (row.status, row.error_class, row.crashes) == ("dead", "poison", 5)
    event = RunEvent.unscoped.get(run=run)
    assert (event.code, event.item_id) == ("item_dead", item_id)


def test_an_expired_lease_of_a_cancelled_run_ends(account: Account) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    claimed(account, item_id)
    type(run).unscoped.filter(pk=run.pk).update(status=RunStatus.CANCELLED, ended_at=NOW)
    overdue(item_id)

    sweeping.sweep()

    assert status(item_id) == WorkItemStatus.CANCELLED


def test_a_hint_that_nobody_followed_is_forgotten(account: Account) -> None:
    stale, fresh = work_items(account, 2)
    queued(stale, fresh)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET queued_at = now() - interval '31 s' WHERE id = %s",
            [stale],
        )

    assert sweeping.sweep() == Swept(forgotten=1)

    assert (status(stale), status(fresh)) == ("ready", "queued")


def test_batches_are_repeated_until_all_is_swept(account: Account) -> None:
    made = work_items(account, sweeping.BATCH + 1)
    queued(*made)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE automation_workitem SET queued_at = now() - interval '1 h'")

    assert sweeping.sweep().forgotten == sweeping.BATCH + 1


def test_a_boot_takes_back_what_its_earlier_life_held(account: Account) -> None:
    mine, others, hinted, fresh = work_items(account, 4)
    other = Worker(node="worker-2@test", boot_id=uuid4())
    claimed(account, mine, ME)
    claimed(account, others, other)
    queued(hinted, fresh)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET queued_at = now() - interval '2 s' WHERE id = %s",
            [hinted],
        )
    make_automation.worker(node_name=ME.node, boot_id=ME.boot_id, host="elsewhere")
    reborn = Worker(node=ME.node, boot_id=uuid4())

    assert sweeping.reclaim(worker=reborn, host="test") == Swept(expired=1, forgotten=1)

    assert [status(pk) for pk in (mine, others, hinted, fresh)] == [
        "ready",
        "running",
        "ready",
        "queued",
    ]
    assert not WorkerNode.objects.exists()


def test_a_second_worker_of_the_same_name_steals_nothing(account: Account) -> None:
    (item_id,) = work_items(account)
    claimed(account, item_id, ME)
    with subprocess.Popen(["sleep", "30"]) as process:
        make_automation.worker(node_name=ME.node, boot_id=ME.boot_id, host="test", pid=process.pid)
        second = Worker(node=ME.node, boot_id=uuid4())

        kept = sweeping.reclaim(worker=second, host="test")
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, not yet collected
        freed = sweeping.reclaim(worker=second, host="test")

    assert (kept.expired, freed.expired) == (0, 1)
    assert status(item_id) == WorkItemStatus.READY


def test_runs_with_nothing_alive_are_asked_to_step(account: Account, broker: Broker) -> None:
    idle = make_automation.run(account)
    busy = make_automation.run(account)
    work_items(account, run=busy)
    make_automation.run(account, wake_at=NOW.replace(year=2100))
    make_automation.run(account, status=RunStatus.PAUSED)
    make_automation.run(account, status=RunStatus.COMPLETED, ended_at=NOW)
    leaving = make_automation.run(account, status=RunStatus.PAUSED, desired=Desired.CANCEL)
    ended = make_automation.run(account)
    work_items(account, run=ended)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_automationrun SET status = 'cancelled', ended_at = now()"
            " WHERE id = %s",
            [ended.pk],
        )

    assert sweeping.sweep().runs == 3

    assert sorted(broker.runs()) == sorted([idle.pk, leaving.pk, ended.pk])


def test_old_ended_items_and_lost_workers_are_pruned(account: Account) -> None:
    old, recent, active, open_ = work_items(account, 4)
    run = make_automation.run(account)
    long_ago = NOW - timedelta(days=91)
    WorkItem.unscoped.filter(pk__in=[old, active]).update(status="done", ended_at=long_ago)
    WorkItem.unscoped.filter(pk=active).update(run=run, stage=1)
    WorkItem.unscoped.filter(pk=recent).update(status="done", ended_at=NOW)
    make_automation.worker(heartbeat_at=NOW - timedelta(hours=2))

    assert sweeping.prune(now=NOW) == (1, 1)

    left = set(WorkItem.unscoped.values_list("pk", flat=True))
    assert left == {recent, active, open_}
