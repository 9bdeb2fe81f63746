"""Work items: made, claimed, settled, given back. One lease holder at a time, fenced by a token.

The statements here move ``WorkItem.status`` in sets, beside ``advance()`` (ADR 0005).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from igny8_core.ai.text import storable
from igny8_core.business.automation.errors import LeaseLost
from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.automation.services import doorbell
from igny8_core.business.automation.states import ErrorClass, WorkItemStatus
from igny8_core.business.billing import selectors as billing
from igny8_core.common import tracing
from igny8_core.common.errors import InvalidInput
from igny8_core.common.failpoints import failpoint
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.tenancy.context import TenantError, current_account_id, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from igny8_core.auth.models import Account

MAX_ATTEMPTS = 5
MAX_ITEMS_PER_CALL = 10_000
KEY_LENGTH = 64
ERROR_LENGTH = 500
BACKOFF_SECONDS, BACKOFF_FACTOR, BACKOFF_LIMIT_SECONDS = 5, 3, 900

RUN_ITEM, ADVANCE_RUN = "automation.run_item", "automation.advance_run"
DISPATCH = "automation.dispatch"
CONTROL_QUEUE = "control"

RUN_IS_ON = """(i.run_id IS NULL OR EXISTS (
    SELECT 1 FROM automation_automationrun r JOIN igny8_auth_site s ON s.id = r.site_id
     WHERE r.id = i.run_id AND r.status = 'running' AND r.desired = 'run' AND s.is_active))"""
ACCOUNT_IS_ON = """EXISTS (
    SELECT 1 FROM igny8_auth_account a WHERE a.id = i.account_id AND a.status = 'active')"""
RUN_IS_OVER = """EXISTS (
    SELECT 1 FROM automation_automationrun r
     WHERE r.id = i.run_id AND (r.status NOT IN ('running', 'paused') OR r.desired = 'cancel'))"""

CREATE = """
INSERT INTO automation_workitem (
    account_id, run_id, stage, batch, kind, work_class, related_type, related_id, idempotency_key,
    status, priority, lease_token, lease_node, attempts, crashes, error_class, error,
    credits_charged, traceparent, options, usage_log_after, created_at, updated_at)
SELECT %(account)s, %(run)s, %(stage)s, %(batch)s, %(kind)s, %(work_class)s, %(related_type)s,
       t.related_id, t.key, 'ready', %(priority)s, 0, '', 0, 0, '', '', 0, %(traceparent)s,
       %(options)s::jsonb, %(usage_log_after)s, %(now)s, %(now)s
  FROM unnest(%(ids)s::bigint[], %(keys)s::text[]) WITH ORDINALITY AS t (related_id, key, n)
 ORDER BY t.n
ON CONFLICT (account_id, kind, idempotency_key) DO NOTHING
"""
CLAIM = f"""
UPDATE automation_workitem i
   SET status = 'running', attempts = attempts + 1, lease_token = lease_token + 1,
       lease_node = %(node)s, lease_boot_id = %(boot)s, started_at = now(), updated_at = now(),
       lease_expires_at = now() + make_interval(secs => %(seconds)s)
 WHERE i.id = %(item)s AND i.account_id = %(account)s AND i.status = 'queued' AND {RUN_IS_ON}
   AND {ACCOUNT_IS_ON}
RETURNING i.kind, i.work_class, i.related_type, i.related_id, i.run_id, i.stage, i.lease_token,
          i.attempts, i.usage_log_after, i.options, i.traceparent
"""  # noqa: S608 - constants
# The fence and the hand-over in one statement: the next item of the account takes this one's
# slot, unless another account waits in the class.
SETTLE = f"""
WITH settled AS (
    UPDATE automation_workitem
       SET status = 'done', lease_expires_at = NULL, ended_at = now(), updated_at = now(),
           error_class = '', error = ''
     WHERE id = %(item)s AND account_id = %(account)s AND lease_token = %(token)s
       AND status = 'running'
    RETURNING id
), next AS (
    UPDATE automation_workitem SET status = 'queued', queued_at = now(), updated_at = now()
     WHERE id = (
        SELECT i.id FROM automation_workitem i
         WHERE i.account_id = %(account)s AND i.work_class = %(work_class)s AND i.status = 'ready'
           AND (i.not_before IS NULL OR i.not_before <= now()) AND {RUN_IS_ON}
           AND {ACCOUNT_IS_ON}
         ORDER BY i.priority, i.id LIMIT 1 FOR UPDATE SKIP LOCKED)
       AND EXISTS (SELECT 1 FROM settled)
       AND NOT EXISTS (SELECT 1 FROM automation_workclass
                        WHERE name = %(work_class)s AND is_contended)
    RETURNING id
)
SELECT (SELECT count(*) FROM settled), (SELECT id FROM next)
"""  # noqa: S608 - constants
GIVE_BACK = f"""
UPDATE automation_workitem i
   SET status = CASE WHEN %(status)s = 'ready' AND {RUN_IS_OVER} THEN 'cancelled'
                     ELSE %(status)s END,
       ended_at = CASE WHEN %(status)s = 'ready' AND NOT {RUN_IS_OVER} THEN NULL ELSE now() END,
       lease_expires_at = NULL, updated_at = now(),
       attempts = attempts - %(uncounted)s, error_class = %(error_class)s, error = %(error)s,
       not_before = CASE WHEN %(status)s = 'ready'
                         THEN now() + make_interval(secs => %(delay)s) ELSE not_before END
 WHERE i.id = %(item)s AND i.account_id = %(account)s AND i.lease_token = %(token)s
   AND i.status = 'running'
RETURNING i.status
"""  # noqa: S608 - constants
CANCEL = """
UPDATE automation_workitem SET status = 'cancelled', ended_at = now(), updated_at = now()
 WHERE account_id = %(account)s AND status IN ('ready', 'queued')
   AND (id = ANY(%(items)s) OR run_id = %(run)s)
"""
UNQUEUE = """
UPDATE automation_workitem SET status = 'ready', queued_at = NULL, updated_at = now()
 WHERE account_id = %(account)s AND run_id = %(run)s AND status = 'queued'
"""
UNBLOCK = """
UPDATE automation_workitem SET not_before = NULL, updated_at = now()
 WHERE account_id = %(account)s AND run_id = %(run)s AND status = 'ready'
   AND error_class = 'credits'
"""
RETRY = """
UPDATE automation_workitem i
   SET status = 'ready', attempts = 0, crashes = 0, not_before = NULL, ended_at = NULL,
       error_class = '', error = '', updated_at = now()
 WHERE i.account_id = %(account)s AND i.id = ANY(%(items)s) AND i.status IN ('failed', 'dead')
   AND (i.run_id IS NULL OR EXISTS (
        SELECT 1 FROM automation_automationrun r
         WHERE r.id = i.run_id AND r.status IN ('running', 'paused')
           AND r.current_stage = i.stage))
RETURNING i.id
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """Who holds leases: a stable name, and one life of it."""

    node: str
    boot_id: UUID


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one item, until it runs out."""

    account_id: int
    item_id: int
    kind: str
    work_class: str
    related_type: str
    related_id: int
    run_id: int | None
    stage: int | None
    token: int
    attempt: int
    usage_log_after: int
    options: dict[str, Any] = field(default_factory=dict)
    traceparent: str = ""


@tenant_atomic()
def create_items(
    *,
    account: Account,
    kind: str,
    related_type: str,
    related_ids: Sequence[int],
    work_class: str,
    run: AutomationRun | None = None,
    batch: int = 0,
    priority: int = 5,
    idempotency_key: str = "",
    options: Mapping[str, Any] | None = None,
    now: datetime,
) -> list[int]:
    """Ask for work: one item for each related row, ready to be dispatched.

    Safe to repeat: an item of the same kind and key is returned, whatever became of it.

    :param kind: a key of the handler table (``stages.KINDS``).
    :param related_ids: at most 10,000 rows of the type that the kind works on.
    :param run: the items belong to its current stage.
    :param idempotency_key: tells two requests for the same rows apart, for example the third
        publication of a site; at most 30 characters.
    :param options: arguments of the kind's service beside the row; JSON.
    :returns: ids in the order of ``related_ids``.
    :raises InvalidInput: too many rows, or a key that is too long; nothing was written.
    """
    if len(related_ids) > MAX_ITEMS_PER_CALL:
        raise InvalidInput("too many rows at once", related_ids=[f"at most {MAX_ITEMS_PER_CALL}"])
    scope = f"run{run.pk}.{run.current_stage}:" if run else ""
    suffix = f":{idempotency_key}" if idempotency_key else ""
    keys = [f"{scope}{related_type}:{related_id}{suffix}" for related_id in related_ids]
    if any(len(key) > KEY_LENGTH for key in keys):
        raise InvalidInput("the key is too long", idempotency_key=[f"at most {KEY_LENGTH}"])
    with connection.cursor() as cursor:
        cursor.execute(
            CREATE,
            {
                "account": account.pk,
                "run": run.pk if run else None,
                "stage": run.current_stage if run else None,
                "batch": batch,
                "kind": kind,
                "work_class": work_class,
                "related_type": related_type,
                "priority": priority,
                "ids": list(related_ids),
                "keys": keys,
                "options": json.dumps(dict(options or {})),
                "traceparent": tracing.traceparent(),
                "usage_log_after": billing.newest_usage_log(account=account),
                "now": now,
            },
        )
    found = WorkItem.objects.for_account(account).filter(kind=kind, idempotency_key__in=keys)
    by_key = dict(found.values_list("idempotency_key", "pk"))
    return [by_key[key] for key in keys]


def claim(*, account_id: int, item_id: int, worker: Worker) -> Lease | None:
    """Take a fresh lease on a queued item; None when the hint was stale or doubled, and while the
    account is suspended.

    Called inside the account's block.
    """
    values: dict[str, Any] = {
        "account": account_id,
        "item": item_id,
        "node": worker.node,
        "boot": worker.boot_id,
        "seconds": settings.LEASE_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
    if row is None:
        return None
    kind, work_class, related_type, related_id, run_id, stage, token, attempt, *rest = row
    after, options, traceparent = rest
    return Lease(
        account_id=account_id,
        item_id=item_id,
        kind=kind,
        work_class=work_class,
        related_type=related_type,
        related_id=related_id,
        run_id=run_id,
        stage=stage,
        token=token,
        attempt=attempt,
        usage_log_after=after,
        options=json.loads(options),
        traceparent=traceparent,
    )


def settle(lease: Lease) -> None:
    """The fence: the item is done, if this lease still holds it. First in the transaction that
    stores the result, so that fence, effect and hand-over stand or fall together.

    :raises LeaseLost: another worker owns the item, or it was cancelled: roll back.
    """
    if current_account_id() != lease.account_id:
        raise TenantError("the fence stands inside its account's block")
    failpoint("automation.before_fence")
    values: dict[str, Any] = {
        "account": lease.account_id,
        "item": lease.item_id,
        "token": lease.token,
        "work_class": lease.work_class,
    }
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, values)
        settled, next_id = cursor.fetchone()
    if not settled:
        raise LeaseLost("the lease is over", item_id=lease.item_id)
    doorbell.ring(lease.run_id)
    if next_id is not None:
        enqueue_on_commit(
            RUN_ITEM, queue=lease.work_class, account_id=lease.account_id, item_id=next_id
        )
    else:
        hint_run(account_id=lease.account_id, run_id=lease.run_id)
    failpoint("automation.after_fence")


def give_back(
    lease: Lease,
    *,
    error_class: ErrorClass | None,
    error: str,
    is_final: bool = False,
    is_skipped: bool = False,
    is_counted: bool = True,
    delay_seconds: float = 0,
) -> str | None:
    """End an attempt that made nothing: ready again after a while, failed, or skipped. Inside the
    account's block.

    :param is_skipped: nothing failed: the item is cancelled, and ``error`` says why.
    :param is_counted: whether the attempt is one of the five.
    :returns: the item's status; None when the lease had been lost, and nothing was written.
    """
    status = WorkItemStatus.FAILED if is_final else WorkItemStatus.READY
    values: dict[str, Any] = {
        "account": lease.account_id,
        "item": lease.item_id,
        "token": lease.token,
        "status": str(WorkItemStatus.CANCELLED if is_skipped else status),
        "uncounted": 0 if is_counted else 1,
        "error_class": str(error_class or ""),
        "error": storable(error[:ERROR_LENGTH]),
        "delay": delay_seconds,
    }
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, values)
        row = cursor.fetchone()
    if row is None:
        return None
    doorbell.ring(lease.run_id)
    if row[0] != WorkItemStatus.READY:
        hint_run(account_id=lease.account_id, run_id=lease.run_id)
    return str(row[0])


def backoff_seconds(*, attempt: int, item_id: int) -> float:
    """How long to wait after the given attempt: 5 s, 15 s, 45 s …, at most 15 min, ± 50 %.

    Spread by the item, so that items that failed together do not come back together.
    """
    seconds = float(min(BACKOFF_SECONDS * BACKOFF_FACTOR ** (attempt - 1), BACKOFF_LIMIT_SECONDS))
    spread = (item_id * 2_654_435_761 + attempt * 40_503) % 1_000 / 1_000
    return seconds * (0.5 + spread)


@tenant_atomic()
def cancel_items(
    *, account: Account, item_ids: Collection[int] = (), run_id: int | None = None
) -> int:
    """Cancel what has not begun; what runs goes on to its end. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(CANCEL, {"account": account.pk, "items": list(item_ids), "run": run_id})
        return int(cursor.rowcount)


@tenant_atomic()
def retry_items(*, account: Account, item_ids: Collection[int]) -> list[int]:
    """Make failed and dead items ready again, with all their attempts.

    Items of a run come back only while the run is active and in their stage.

    :returns: the ids that are ready now.
    """
    owners = WorkItem.objects.for_account(account).filter(pk__in=item_ids, run__isnull=False)
    runs = AutomationRun.objects.for_account(account).filter(pk__in=owners.values("run_id"))
    list(runs.select_for_update().order_by("pk").values_list("pk"))  # their stage must not close
    with connection.cursor() as cursor:
        cursor.execute(RETRY, {"account": account.pk, "items": list(item_ids)})
        return sorted(row[0] for row in cursor.fetchall())


@tenant_atomic()
def unqueue(*, account: Account, run_id: int) -> int:
    """Call back the hints of a run: its queued items are ready. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(UNQUEUE, {"account": account.pk, "run": run_id})
        return int(cursor.rowcount)


@tenant_atomic()
def unblock(*, account: Account, run_id: int) -> int:
    """Let items that waited for credits begin at once. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(UNBLOCK, {"account": account.pk, "run": run_id})
        return int(cursor.rowcount)


def hint_run(*, account_id: int, run_id: int | None) -> None:
    """Ask for a step of the run after the commit; nothing for items without a run."""
    if run_id is not None:
        enqueue_on_commit(ADVANCE_RUN, queue=CONTROL_QUEUE, account_id=account_id, run_id=run_id)


def hint_dispatch() -> None:
    """Ask for a dispatch after the commit: new items need not wait for the ticker's next one."""
    enqueue_on_commit(DISPATCH, queue=CONTROL_QUEUE)
