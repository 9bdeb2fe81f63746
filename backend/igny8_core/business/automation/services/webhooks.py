"""Deliveries to addresses outside: claim, send, settle; again for days; replayed when asked."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import connection

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from igny8_core.business.automation.services import telling
from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.services.webhook_endpoints import secrets_of
from igny8_core.business.automation.states import DELIVERY, DeliveryStatus
from igny8_core.clients import webhooks as client
from igny8_core.common.errors import DomainError, StaleState
from igny8_core.common.queue import publish
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import acting, tenant, tenant_atomic
from igny8_core.common.vault import VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60
RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After each failed attempt; the one after the last of them is the last: in all, three days."""

GIVE_UP_AFTER = timedelta(days=5)
"""An address that failed for so long, whatever it was sent, is switched off."""

GONE = 410
ERROR_LENGTH = 300
SWEPT = 200
KEPT = timedelta(days=30)

# An address is asked for one thing at a time: a slow one holds up nobody but itself.
LOCK_ENDPOINT = """
SELECT w.id FROM automation_webhookendpoint w
  JOIN automation_webhookdelivery d ON d.account_id = w.account_id AND d.endpoint_id = w.id
  JOIN igny8_auth_account a ON a.id = w.account_id AND a.status = 'active'
 WHERE d.id = %(delivery)s AND d.account_id = %(account)s AND w.is_enabled
   AND NOT EXISTS (SELECT 1 FROM automation_webhookdelivery o
                    WHERE o.account_id = w.account_id AND o.endpoint_id = w.id
                      AND o.status = 'pending' AND o.leased_until > now())
   FOR UPDATE OF w SKIP LOCKED
"""
CLAIM = """
UPDATE automation_webhookdelivery
   SET attempts = attempts + 1, lease_token = lease_token + 1, updated_at = now(),
       leased_until = now() + make_interval(secs => %(seconds)s)
 WHERE id = %(delivery)s AND account_id = %(account)s AND status = 'pending'
   AND next_attempt_at <= now() AND (leased_until IS NULL OR leased_until <= now())
RETURNING id
"""
DUE = """
SELECT DISTINCT ON (d.endpoint_id) d.account_id, d.id FROM automation_webhookdelivery d
  JOIN automation_webhookendpoint w ON w.account_id = d.account_id AND w.id = d.endpoint_id
   AND w.is_enabled
  JOIN igny8_auth_account a ON a.id = d.account_id AND a.status = 'active'
 WHERE d.status = 'pending' AND d.next_attempt_at <= now()
   AND (d.leased_until IS NULL OR d.leased_until <= now())
 ORDER BY d.endpoint_id, d.next_attempt_at, d.id LIMIT %s
"""
PRUNE = (
    """
    DELETE FROM automation_webhookattempt WHERE delivery_id IN (
        SELECT id FROM automation_webhookdelivery WHERE created_at < %s ORDER BY created_at
         LIMIT 5000)
    """,
    """
    DELETE FROM automation_webhookdelivery WHERE id IN (
        SELECT id FROM automation_webhookdelivery WHERE created_at < %s ORDER BY created_at
         LIMIT 5000)
    """,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went.

    :ivar error: empty when the address took the message.
    """

    status_code: int | None
    error: str
    milliseconds: int


def deliver(
    *, account_id: int, delivery_id: int, clock: Callable[[], datetime]
) -> DeliveryStatus | None:
    """Make one attempt, if it is due and the address is asked for nothing else meanwhile.

    :returns: the delivery's status; None when there was nothing to do.
    """
    with acting(f"webhook:{delivery_id}"):
        with tenant(account_id):
            row = _claim(account_id, delivery_id)
            if row is None:
                return None
        outcome = _send(row, now=clock())
        try:
            with tenant(account_id):
                status = _settle(row, outcome, now=clock())
        except (StaleState, WebhookEndpoint.DoesNotExist):  # another attempt has it; or it is gone
            return None
    log.info(
        "automation.webhook.sent",
        delivery_id=delivery_id,
        status=str(status),
        status_code=outcome.status_code,
        error=outcome.error,
    )
    return status


def send_due(*, now: datetime) -> int:  # noqa: ARG001 - as every periodic job; due by the database
    """Send hints for what is due, one for each address, in a bounded batch; returns how many."""
    with staff_cursor() as cursor:
        cursor.execute(DUE, [SWEPT])
        due = cursor.fetchall()
    for sent, (account_id, delivery_id) in enumerate(due):
        if not publish(
            telling.DELIVER, queue=telling.QUEUE, account_id=account_id, delivery_id=delivery_id
        ):
            return sent
    return len(due)


def prune_webhooks(*, now: datetime) -> int:
    """Remove the log of deliveries that are older than 30 days, in a bounded batch."""
    with staff_cursor() as cursor:
        for statement in PRUNE:
            cursor.execute(statement, [now - KEPT])
        return int(cursor.rowcount)


@tenant_atomic()
def replay_deliveries(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Send messages again that were delivered or given up; others wait anyway.

    :returns: how many are sent again.
    :raises NotFound: an id is unknown, or another account's; nothing was changed.
    """
    rows = [selectors.webhook_delivery(account=account, delivery_id=pk) for pk in sorted(set(ids))]
    ended = [row for row in rows if row.status != DeliveryStatus.PENDING]
    for row in ended:
        advance(
            row,
            DeliveryStatus.PENDING,
            table=DELIVERY,
            now=now,
            attempts=0,
            next_attempt_at=now,
            delivered_at=None,
            error="",
        )
        telling.hint_delivery(account_id=account.pk, delivery_id=row.pk)
    return len(ended)


@tenant_atomic()
def replay_failed(*, account: Account, endpoint_id: int, now: datetime) -> int:
    """Send again what was given up for an address, the oldest thousand; returns how many.

    :raises NotFound: the account has no such address.
    """
    endpoint = selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id)
    failed = selectors.webhook_deliveries(
        account=account, endpoint_id=endpoint.pk, status=DeliveryStatus.FAILED
    )
    ids = list(failed.order_by("pk").values_list("pk", flat=True)[:1_000])
    return replay_deliveries(account=account, ids=ids, now=now)


def _claim(account_id: int, delivery_id: int) -> WebhookDelivery | None:
    values: dict[str, Any] = {
        "account": account_id,
        "delivery": delivery_id,
        "seconds": LEASE_SECONDS,
    }
    with connection.cursor() as cursor:
        for statement in (LOCK_ENDPOINT, CLAIM):
            cursor.execute(statement, values)
            if cursor.fetchone() is None:
                return None
    account = accounts.account(account_id)
    rows = selectors.webhook_deliveries(account=account).select_related("endpoint")
    return rows.get(pk=delivery_id)


def _send(row: WebhookDelivery, *, now: datetime) -> Outcome:
    """The call itself; no transaction is open."""
    began = time.monotonic()
    status_code: int | None = None
    error = ""
    try:
        status_code = client.send(
            row.endpoint.url,
            secrets_of=secrets_of(row.endpoint, now=now),
            message_id=row.message_id,
            timestamp=int(now.timestamp()),
            body=json.dumps(row.payload, separators=(",", ":")).encode(),
            is_private_allowed=settings.WEBHOOK_PRIVATE_ADDRESSES,
        )
    except DomainError as exc:
        said = exc.data.get("status")
        status_code = said if isinstance(said, int) else None
        error = f"{exc.code}: {exc.message}"[:ERROR_LENGTH]
    except VaultError as exc:
        error = str(exc)[:ERROR_LENGTH]
    return Outcome(status_code, error, int((time.monotonic() - began) * 1000))


def _settle(row: WebhookDelivery, outcome: Outcome, *, now: datetime) -> DeliveryStatus:
    """Write how it went, behind the fence of the lease.

    :raises StaleState: another attempt owns the delivery; nothing was written.
    """
    endpoint = WebhookEndpoint.unscoped.select_for_update().get(pk=row.endpoint_id)
    status = DeliveryStatus(row.status)
    columns: dict[str, Any] = {
        "status_code": outcome.status_code,
        "error": outcome.error,
        "leased_until": None,
    }
    if not outcome.error:
        status = DeliveryStatus.DELIVERED
        columns["delivered_at"] = now
        endpoint.failing_since, endpoint.last_delivered_at = None, now
    else:
        endpoint.failing_since = endpoint.failing_since or now
        if row.attempts > len(RETRY_SECONDS):
            status = DeliveryStatus.FAILED
        if outcome.status_code == GONE:
            _switch_off(endpoint, "gone")
        elif now - endpoint.failing_since >= GIVE_UP_AFTER:
            _switch_off(endpoint, "failing")
    mine = {"lease_token": row.lease_token}
    if status == DeliveryStatus.PENDING:
        columns["next_attempt_at"] = now + _wait(row)
        rows = WebhookDelivery.unscoped.filter(pk=row.pk, status=DeliveryStatus.PENDING, **mine)
        if not rows.update(updated_at=now, **columns):
            raise StaleState("the lease is over", delivery_id=row.pk)
    else:
        advance(row, status, table=DELIVERY, now=now, expect=mine, **columns)
    endpoint.save()
    WebhookAttempt.unscoped.create(
        account_id=row.account_id,
        delivery=row,
        number=row.attempts,
        status_code=outcome.status_code,
        error=outcome.error,
        milliseconds=outcome.milliseconds,
    )
    if endpoint.is_enabled and not outcome.error:
        telling.hint_next(account_id=row.account_id, endpoint_id=endpoint.pk)
    return status


def _switch_off(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoint.is_enabled, endpoint.disabled_reason = False, reason
    log.warning("automation.webhook.switched_off", endpoint_id=endpoint.pk, reason=reason)


def _wait(row: WebhookDelivery) -> timedelta:
    """Until the next attempt, ± 20 %: what failed together does not come back together."""
    spread = (row.pk * 2_654_435_761 + row.attempts * 40_503) % 1_000 / 1_000
    return timedelta(seconds=RETRY_SECONDS[row.attempts - 1] * (0.8 + 0.4 * spread))
