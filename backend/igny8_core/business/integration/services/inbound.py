"""Messages of sites: checked, kept once, done later. What they say is a hint, never the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from igny8_core.auth.states import AccountStatus
from igny8_core.business.integration.models import InboundWebhook, SiteIntegration
from igny8_core.business.integration.services import sync
from igny8_core.business.integration.services.events import cleaned, record_event, without_secrets
from igny8_core.business.integration.services.sweeps import AccountKey, integration_row
from igny8_core.business.integration.services.webhook_secrets import open_webhook_secrets
from igny8_core.business.integration.states import (
    WEBHOOK,
    EventAction,
    EventType,
    WebhookStatus,
)
from igny8_core.clients.guarded_http import parse_json
from igny8_core.common.errors import DomainError, InvalidInput, NotFound, Transient
from igny8_core.common.queue import enqueue_on_commit, publish
from igny8_core.common.signed_messages import SignatureWrong, verified_id
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

PROCESS, QUEUE = "integration.process_webhook", "publish"
BODY_BYTES_MAX: Final = 256 * 1024
ATTEMPTS_MAX: Final = 5
WAIT: Final = timedelta(minutes=2)
KEPT_FOR: Final = timedelta(days=7)
BATCH: Final = 200
EXTERNAL_TYPES: Final = frozenset({"post", "page"})
KEPT_FIELDS: Final = (
    "id",
    "post_type",
    "status",
    "slug",
    "modified_gmt",
    "content_id",
    "origin",
    "taxonomy",
)


def receive_webhook(
    *, hook_id: UUID, headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Keep a site's message once; whether it is new.

    :param headers: with lower-case names.
    :raises SignatureWrong: not signed by that site, too old, or there is no such site: one answer.
    :raises InvalidInput: signed, but not what a message is.
    """
    rows = SiteIntegration.objects.across_accounts(reason="a message of a site")
    row = rows.filter(hook_id=hook_id, is_active=True).select_related("account").first()
    if row is None or row.account.status != AccountStatus.ACTIVE or len(body) > BODY_BYTES_MAX:
        raise SignatureWrong("The signature is wrong.")
    event_id = verified_id(open_webhook_secrets(row, now=now), headers, body, now=now)
    event_type, payload = _read(body)
    with tenant(row.account_id):
        made = InboundWebhook.unscoped.bulk_create(
            [
                InboundWebhook(
                    account_id=row.account_id,
                    site_id=row.site_id,
                    integration_id=row.pk,
                    event_id=event_id,
                    event_type=event_type,
                    payload=payload,
                )
            ],
            ignore_conflicts=True,
        )
        _ = made
        kept = InboundWebhook.objects.filter(integration_id=row.pk, event_id=event_id).first()
        is_new = kept is not None and kept.attempts == 0 and kept.status == WebhookStatus.RECEIVED
        if kept is not None and is_new:
            enqueue_on_commit(PROCESS, queue=QUEUE, account_id=row.account_id, webhook_id=kept.pk)
    return is_new


def process_webhook(
    *, account: Account, webhook_id: int, clock: Callable[[], datetime]
) -> InboundWebhook:
    """Look at what a message names. A repeat finds it done.

    :raises NotFound: no such message.
    :raises Transient: the site does not answer; it is tried again.
    """
    row = _begin(account=account, webhook_id=webhook_id, now=clock())
    if row.status != WebhookStatus.RECEIVED:
        return row
    data = row.payload
    kind = str(data.get("post_type", ""))
    is_of_post = row.event_type.startswith("post.") and kind in EXTERNAL_TYPES
    if not is_of_post or not str(data.get("id", "")).isdigit():
        return _end(account=account, row=row, to=WebhookStatus.IGNORED, now=clock())
    try:
        counts = sync.refresh_item(
            account=account,
            integration_id=row.integration_id,
            external_type=kind,
            external_id=str(data["id"]),
            clock=clock,
        )
    except DomainError as exc:
        if row.attempts >= ATTEMPTS_MAX or not isinstance(exc, Transient):
            _end(account=account, row=row, to=WebhookStatus.FAILED, error=exc, now=clock())
        raise
    return _end(account=account, row=row, to=WebhookStatus.PROCESSED, counts=counts, now=clock())


def send_due_webhooks(*, now: datetime, limit: int = BATCH) -> int:
    """Send a hint for messages that nobody has looked at; forget old ones. How many hints."""
    rows = InboundWebhook.objects.across_accounts(reason="messages of sites that wait")
    waiting = rows.filter(status=WebhookStatus.RECEIVED, created_at__lte=now - WAIT).exclude(
        next_attempt_at__gt=now
    )
    sent = 0
    for account_id, webhook_id in waiting.order_by("pk").values_list("account_id", "pk")[:limit]:
        if not publish(PROCESS, queue=QUEUE, account_id=account_id, webhook_id=webhook_id):
            break
        sent += 1
    old = rows.filter(created_at__lte=now - KEPT_FOR).exclude(status=WebhookStatus.RECEIVED)
    for account_id in sorted(set(old.values_list("account_id", flat=True)[:limit])):
        with tenant(account_id):
            InboundWebhook.objects.filter(created_at__lte=now - KEPT_FOR).exclude(
                status=WebhookStatus.RECEIVED
            ).delete()
    return sent


def _read(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        message = parse_json(body)
        event_type, data = str(message["type"])[:64], message["data"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise InvalidInput("no message", body=["type and data are missing"]) from exc
    if not isinstance(data, dict):
        raise InvalidInput("no message", body=["data is no object"])
    kept = {name: data[name] for name in KEPT_FIELDS if name in data}
    return event_type, {k: v for k, v in cleaned(kept).items() if not isinstance(v, dict | list)}


@tenant_atomic(durable=True)
def _begin(*, account: Account, webhook_id: int, now: datetime) -> InboundWebhook:
    rows = InboundWebhook.objects.for_account(account).select_for_update()
    row: InboundWebhook | None = rows.filter(pk=webhook_id).first()
    if row is None:
        raise NotFound("no such message", webhook_id=webhook_id)
    if row.status == WebhookStatus.RECEIVED:
        row.attempts += 1
        row.next_attempt_at = now + WAIT
        row.save(update_fields=["attempts", "next_attempt_at", "updated_at"])
    return row


@tenant_atomic(durable=True)
def _end(
    *,
    account: Account,
    row: InboundWebhook,
    to: WebhookStatus,
    now: datetime,
    error: DomainError | None = None,
    counts: Mapping[str, int] | None = None,
) -> InboundWebhook:
    advance(
        row, to, table=WEBHOOK, now=now, error=without_secrets(error.message)[:500] if error else ""
    )
    record_event(
        account=account,
        integration=integration_row(AccountKey(account.pk), row.integration_id),
        event_type=EventType.WEBHOOK,
        action=EventAction.RECEIVE,
        error=error,
        external_id=str(row.payload.get("id", "")),
        details={"type": row.event_type, "origin": row.payload.get("origin", ""), **(counts or {})},
    )
    return row
