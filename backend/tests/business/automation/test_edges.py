"""The statements that move items in sets allow exactly the edges of the table WORK_ITEM."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db import connection

from igny8_core.business.automation.errors import LeaseLost
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import admission, items, sweeping
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.automation.states import RUN, STAGE, WORK_ITEM, ErrorClass, WorkItemStatus
from igny8_core.common.tenancy.context import tenant
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, work_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def put(item_id: int, status: WorkItemStatus) -> None:
    """The item as if it had reached the status an hour ago, twice crashed or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET status = %(status)s, lease_token = 1,"
            " lease_node = %(node)s, lease_boot_id = %(boot)s, error_class = 'credits',"
            " queued_at = now() - interval '1 h',"
            " lease_expires_at = CASE WHEN %(status)s = 'running'"
            " THEN now() - interval '1 h' END WHERE id = %(item)s",
            {"item": item_id, "status": str(status), "node": ME.node, "boot": ME.boot_id},
        )


def give_back(*, is_final: bool) -> Callable[[Account, int], None]:
    def statement(account: Account, item_id: int) -> None:
        with tenant(account.pk):
            items.give_back(
                lease(account, item_id),
                error_class=ErrorClass.TRANSIENT,
                error="",
                is_final=is_final,
            )

    return statement


def lease(account: Account, item_id: int) -> items.Lease:
    return items.Lease(account.pk, item_id, "k", "ai_text", "row", 1, None, None, 1, 1, 0)


def claim(account: Account, item_id: int) -> None:
    with tenant(account.pk):
        items.claim(account_id=account.pk, item_id=item_id, worker=ME)


def settle(account: Account, item_id: int) -> None:
    with tenant(account.pk):
        items.settle(lease(account, item_id))


def hand_over(account: Account, item_id: int) -> None:
    (other,) = work_items(account)
    done = make_automation.claimed(account, other)
    with tenant(account.pk):
        items.settle(done)


def poisonous(account: Account, item_id: int) -> None:
    WorkItem.unscoped.filter(pk=item_id).update(crashes=sweeping.MAX_CRASHES - 1)
    sweeping.sweep()


def sweep_of_cancelled_run(account: Account, item_id: int) -> None:
    run = make_automation.run(account, status="cancelled", ended_at=NOW)
    WorkItem.unscoped.filter(pk=item_id).update(run=run, stage=1)
    sweeping.sweep()


def unqueue(account: Account, item_id: int) -> None:
    run = make_automation.run(account)
    WorkItem.unscoped.filter(pk=item_id).update(run=run, stage=1)
    items.unqueue(account=account, run_id=run.pk)
    items.unblock(account=account, run_id=run.pk)


def dispatch(account: Account, item_id: int) -> None:
    make_automation.worker()
    admission.dispatch()


def unsent(account: Account, item_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(admission.UNSENT, [[item_id]])


def reclaim(account: Account, item_id: int) -> None:
    sweeping.reclaim(worker=Worker(node=ME.node, boot_id=uuid4()), host="test")


STATEMENTS: list[Callable[[Account, int], object]] = [
    claim,
    settle,
    hand_over,
    give_back(is_final=False),
    give_back(is_final=True),
    lambda account, item_id: items.cancel_items(account=account, item_ids=[item_id]),
    lambda account, item_id: items.retry_items(account=account, item_ids=[item_id]),
    lambda _account, _item_id: sweeping.sweep(),
    poisonous,
    sweep_of_cancelled_run,
    unqueue,
    dispatch,
    unsent,
    reclaim,
]


def test_the_statements_make_every_edge_and_no_other(account: Account) -> None:
    seen = set()
    for statement in STATEMENTS:
        for source in WorkItemStatus:
            (item_id,) = work_items(account)
            put(item_id, source)
            with contextlib.suppress(LeaseLost):
                statement(account, item_id)
            if (target := make_automation.status(item_id)) != source:
                seen.add((source, target))
            WorkItem.unscoped.all().delete()

    allowed = {(a, b) for a in WorkItemStatus for b in WorkItemStatus if WORK_ITEM.allows(a, b)}
    assert seen == allowed


@pytest.mark.parametrize("table", [RUN, STAGE, WORK_ITEM])
def test_every_state_can_end(table: object) -> None:
    assert "--> [*]" in table.mermaid()  # type: ignore[attr-defined]
