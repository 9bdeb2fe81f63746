from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from igny8_core.business.automation.models import WorkerNode, WorkItem
from igny8_core.business.automation.services import items, leases
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.automation.services.leases import Beat, Holds
from igny8_core.business.automation.states import Desired
from igny8_core.common.tenancy.context import tenant
from tests.make import automation as make_automation
from tests.make.automation import ME, claimed, overdue, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def register(worker: Worker = ME) -> WorkerNode:
    leases.register_worker(
        worker=worker, host="test", pid=1, slots=4, work_classes=["ai_text", "control"]
    )
    return WorkerNode.objects.get(pk=worker.boot_id)


def test_one_beat_extends_every_lease_that_is_worked_on(account: Account) -> None:
    held, forgotten = work_items(account, 2)
    holds = Holds()
    first = register()
    lease = claimed(account, held)
    claimed(account, forgotten)
    overdue(held, forgotten)

    with holds.holding(lease, deadline_seconds=60):
        assert leases.beat(worker=ME, holds=holds) == Beat(lost=[], cancelled=[])

    rows = WorkItem.unscoped.in_bulk([held, forgotten])
    assert rows[held].lease_expires_at > rows[forgotten].lease_expires_at  # type: ignore[operator]
    node = WorkerNode.objects.get(pk=ME.boot_id)
    assert (node.slots, node.work_classes, first.last_hint_at) == (4, ["ai_text", "control"], None)
    assert node.last_hint_at is not None


def test_a_beat_says_what_was_lost_and_what_nobody_wants(account: Account) -> None:
    run = make_automation.run(account)
    (unwanted,) = work_items(account, run=run)
    (lost,) = work_items(account)
    holds = Holds()
    first, second = claimed(account, unwanted), claimed(account, lost)
    type(run).unscoped.filter(pk=run.pk).update(desired=Desired.CANCEL)
    WorkItem.unscoped.filter(pk=lost).update(lease_token=9)

    with (
        holds.holding(first, deadline_seconds=60) as wanted,
        holds.holding(second, deadline_seconds=60) as gone,
    ):
        found = leases.beat(worker=ME, holds=holds)

    assert found == Beat(lost=[lost], cancelled=[unwanted])
    assert (wanted.is_cancelled, wanted.is_lost) == (True, False)
    assert (gone.is_cancelled, gone.is_lost) == (False, True)


def test_work_beyond_its_deadline_is_not_extended(account: Account) -> None:
    (item_id,) = work_items(account)
    holds = Holds()
    lease = claimed(account, item_id)

    with holds.holding(lease, deadline_seconds=0):
        assert holds.live() == []
    with holds.holding(lease, deadline_seconds=60):
        assert [hold.lease for hold in holds.live()] == [lease]
    assert holds.live() == []


def test_a_beat_after_the_end_of_the_work_has_nothing_to_say(account: Account) -> None:
    (item_id,) = work_items(account)
    holds = Holds()
    lease = claimed(account, item_id)
    with holds.holding(lease, deadline_seconds=60), tenant(account.pk):
        items.settle(lease)

    assert leases.beat(worker=ME, holds=holds) == Beat(lost=(), cancelled=())


def test_a_worker_drains_and_goes() -> None:
    worker = Worker(node="worker-9@test", boot_id=uuid4())
    register(worker)

    leases.retire_worker(worker=worker, is_gone=False)
    assert WorkerNode.objects.get(pk=worker.boot_id).is_draining
    leases.retire_worker(worker=worker, is_gone=True)

    assert not WorkerNode.objects.exists()
