"""Work items, workers, runs; and a kind of work that leaves a mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import connection

from igny8_core.business.automation.models import (
    AutomationConfig,
    AutomationRun,
    AutomationStage,
    RunEvent,
    WorkerNode,
    WorkItem,
)
from igny8_core.business.automation.services import configs, items
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.automation.states import Trigger, WorkItemStatus
from igny8_core.common.tenancy.context import tenant
from tests import make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.auth.models import Account, Plan
    from igny8_core.business.automation.services.items import Lease
    from igny8_core.business.automation.services.stages import Work

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KIND = "test.work"
EFFECT = "test_effect"
ME = Worker(node="worker-1@test", boot_id=uuid4())
ALL_CLASSES = ("interactive", "ai_text", "ai_image", "publish", "control")


def plan(**fields: Any) -> Plan:
    """A plan with caps of its own."""
    from igny8_core.auth.models import Plan as Plans

    code = make.unique("plan")
    return Plans.objects.create(code=code, name=code, **fields)


def worker(slots: int = 8, work_classes: Sequence[str] = ALL_CLASSES, **fields: Any) -> WorkerNode:
    """A worker that is alive; the dispatcher counts its slots."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    values = {"node_name": "worker-1@test", "host": "test", "pid": 1, "heartbeat_at": now}
    return WorkerNode.objects.create(
        slots=slots, work_classes=list(work_classes), started_at=now, **values | fields
    )


def work_items(account: Account, count: int = 1, **fields: Any) -> list[int]:
    """Ready items, each for a row of its own."""
    first = fields.pop("first", None) or next(_rows) * 100_000
    values: dict[str, Any] = {
        "kind": KIND,
        "related_type": "row",
        "work_class": "ai_text",
        "now": NOW,
    }
    return items.create_items(
        account=account, related_ids=range(first, first + count), **values | fields
    )


_rows = iter(range(1, 1_000_000))


def queued(*item_ids: int) -> None:
    """As if the dispatcher had sent the hints of the items just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET status = 'queued', queued_at = now()"
            " WHERE id = ANY(%s) AND status = 'ready'",
            [list(item_ids)],
        )


def claimed(account: Account, item_id: int, worker: Worker = ME) -> Lease:
    """A fresh lease on a ready item."""
    queued(item_id)
    with tenant(account.pk):
        lease = items.claim(account_id=account.pk, item_id=item_id, worker=worker)
    assert lease is not None
    return lease


def overdue(*item_ids: int) -> None:
    """As if the leases of the items had run out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automation_workitem SET lease_expires_at = now() - interval '1 second'"
            " WHERE id = ANY(%s) AND status = 'running'",
            [list(item_ids)],
        )


def run(account: Account, **fields: Any) -> AutomationRun:
    """A running run of a new site, in stage 1."""
    made: AutomationRun = AutomationRun.unscoped.create(
        account=account,
        site=fields.pop("site", None) or make.site(account),
        trigger=Trigger.MANUAL,
        **{"started_at": NOW} | fields,
    )
    AutomationStage.unscoped.create(
        account=account, run=made, number=made.current_stage, started_at=NOW
    )
    return made


def config(account: Account, **fields: Any) -> AutomationConfig:
    """A site's schedule; switched off unless asked otherwise."""
    site = fields.pop("site", None) or make.site(account)
    return configs.create_config(account=account, site_id=site.pk, now=NOW, **fields)


def event(run: AutomationRun, code: str = "run_started", **data: Any) -> RunEvent:
    """Something that happened to the run."""
    made: RunEvent = RunEvent.unscoped.create(account=run.account, run=run, code=code, data=data)
    return made


def status(item_id: int) -> WorkItemStatus:
    """Where the item is."""
    return WorkItemStatus(WorkItem.unscoped.get(pk=item_id).status)


def effects(*item_ids: int) -> dict[int, int]:
    """How often each item's effect was stored."""
    found = dict.fromkeys(item_ids, 0)
    rows = RunEvent.unscoped.filter(code=EFFECT, item_id__in=item_ids)
    for item_id in rows.values_list("item_id", flat=True):
        found[item_id or 0] += 1
    return found


@dataclass
class Handler:
    """Stores one effect behind the fence; raises what it is told to, before that.

    :ivar fails: errors by related row, raised in turn.
    """

    fails: dict[int, list[Exception]] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)

    def __call__(self, work: Work) -> int | None:
        self.calls.append(work.item_id)
        if errors := self.fails.get(work.related_id):
            raise errors.pop(0)
        with tenant(work.account.pk):
            work.fence()
            RunEvent.unscoped.create(account=work.account, item_id=work.item_id, code=EFFECT)
        return None
