from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from igny8_core.auth.models import Account as Accounts
from igny8_core.business.automation.models import WorkClass, WorkerNode, WorkItem
from igny8_core.business.automation.services.admission import Dispatched, dispatch
from igny8_core.business.automation.states import RunStatus, WorkItemStatus
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import NOW, claimed, plan, queued, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db


def in_flight() -> Counter[int]:
    rows = WorkItem.unscoped.filter(status__in=["queued", "running"])
    return Counter(rows.values_list("account_id", flat=True))


def test_ready_items_are_queued_and_hinted(account: Account, broker: Broker) -> None:
    made = work_items(account, 3)
    (image,) = work_items(account, work_class="ai_image")
    make_automation.worker(slots=8)

    assert dispatch() == Dispatched(sent=4, is_contended=False)

    assert sorted(broker.items()) == sorted([*made, image])
    assert broker.sent[-1] == (
        "automation.run_item",
        "ai_image",
        {"account_id": account.pk, "item_id": image},
    )
    assert dispatch().sent == 0


def test_nothing_is_queued_without_a_worker_that_serves_the_class(account: Account) -> None:
    (item_id,) = work_items(account)
    make_automation.worker(work_classes=["publish"])
    make_automation.worker(is_draining=True)
    make_automation.worker(heartbeat_at=NOW - timedelta(days=1))

    assert dispatch().sent == 0

    assert status(item_id) == WorkItemStatus.READY


def test_at_most_two_items_a_slot_are_in_flight(broker: Broker) -> None:
    account = make.account(plan=plan(max_in_flight=100))
    made = work_items(account, 20)
    claimed(account, made[0])
    make_automation.worker(slots=3)

    assert dispatch().sent == 5

    assert broker.items() == made[1:6]
    assert in_flight()[account.pk] == 6


def test_an_account_stays_under_its_plans_cap_over_all_classes() -> None:
    account = make.account(plan=plan(max_in_flight=3))
    work_items(account, 5)
    work_items(account, 5, work_class="ai_image")
    make_automation.worker(slots=50)

    assert dispatch().sent == 3
    assert dispatch().sent == 0

    assert in_flight() == {account.pk: 3}


def test_urgent_items_go_first(account: Account, broker: Broker) -> None:
    slow, urgent, later = work_items(account, 3)
    WorkItem.unscoped.filter(pk=urgent).update(priority=1)
    WorkItem.unscoped.filter(pk=later).update(not_before=NOW.replace(year=2100))
    make_automation.worker(slots=1)

    dispatch()

    assert set(broker.items()) == {slow, urgent}
    assert status(later) == WorkItemStatus.READY


@pytest.mark.parametrize("status_", [RunStatus.PAUSED, RunStatus.CANCELLED])
def test_items_of_a_run_that_is_not_on_wait(account: Account, status_: RunStatus) -> None:
    ended = NOW if status_ == RunStatus.CANCELLED else None
    run = make_automation.run(account, status=status_, ended_at=ended)
    work_items(account, 3, run=run)
    make_automation.worker()

    assert dispatch().sent == 0


def test_items_of_a_suspended_account_wait(account: Account) -> None:
    work_items(account)
    Accounts.objects.filter(pk=account.pk).update(status="suspended")
    make_automation.worker()

    assert dispatch().sent == 0


def test_a_whale_starves_nobody_and_weights_share_the_slots() -> None:
    whale = make.account(plan=plan(max_in_flight=200, weight=1))
    heavy = make.account(plan=plan(max_in_flight=200, weight=3))
    small = [make.account(plan=plan(max_in_flight=10)) for _ in range(20)]
    work_items(whale, 3000)
    work_items(heavy, 3000)
    for owner in small:
        work_items(owner, 10)
    make_automation.worker(slots=20)
    served: Counter[int] = Counter()

    for _ in range(12):
        dispatch()
        with connection.cursor() as cursor:  # everything in flight ends at once
            cursor.execute(
                "UPDATE automation_workitem SET status = 'cancelled', ended_at = now()"
                " WHERE status = 'queued' RETURNING account_id"
            )
            served.update(row[0] for row in cursor.fetchall())

    assert [served[owner.pk] for owner in small] == [10] * 20
    assert sum(served.values()) == 12 * 40
    assert 2 <= served[heavy.pk] / served[whale.pk] <= 4


def test_contention_stops_the_hand_over(account: Account) -> None:
    other = make.account()
    work_items(account, 3)
    make_automation.worker(slots=1)

    assert not dispatch().is_contended
    work_items(other, 2)

    assert dispatch().is_contended
    assert WorkClass.objects.get(name="ai_text").is_contended
    assert not WorkClass.objects.get(name="ai_image").is_contended


def test_a_class_is_free_again_when_nobody_else_waits(account: Account) -> None:
    WorkClass.objects.create(name="ai_text", slots=9, is_contended=True)
    work_items(account, 3)
    make_automation.worker(slots=1)

    assert not dispatch().is_contended

    row = WorkClass.objects.get(name="ai_text")
    assert (row.is_contended, row.slots) == (False, 1)


def test_an_account_over_a_lowered_cap_hands_nothing_over() -> None:
    account = make.account(plan=plan(max_in_flight=1))
    made = work_items(account, 3)
    queued(*made[:2])
    make_automation.worker()

    assert dispatch() == Dispatched(sent=0, is_contended=True)


def test_what_the_broker_did_not_take_is_ready_at_once(account: Account, broker: Broker) -> None:
    made = work_items(account, 3)
    make_automation.worker()
    broker.takes = 1

    assert dispatch().sent == 1

    assert [status(pk) for pk in made] == ["queued", "ready", "ready"]
    broker.takes = None
    assert dispatch().sent == 2


def test_a_dead_workers_slots_do_not_count_twice(account: Account) -> None:
    made = work_items(account, 8)
    make_automation.worker(slots=2, work_classes=["ai_text"])
    WorkerNode.objects.update(heartbeat_at=NOW)
    make_automation.worker(slots=1, work_classes=["ai_text"])

    assert dispatch().sent == 2
    assert len(made) == 8
