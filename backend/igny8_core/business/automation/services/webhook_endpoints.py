"""Addresses that events are sent to: made, changed, taken away; their secrets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import connection

from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import WebhookDelivery, WebhookEndpoint
from igny8_core.business.automation.services import telling
from igny8_core.clients.addresses import address_problem
from igny8_core.clients.webhooks import new_secret
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.vault import vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account

PURPOSE = "webhook-secret"
ENDPOINTS_MOST = 10
OLD_SECRET_LIFE = timedelta(days=1)
EDITABLE = ("url", "description", "event_types", "is_enabled")
TEST = "webhook.test"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('igny8.webhooks', %s))"


class TooManyEndpoints(Conflict):
    """An account has at most ten addresses."""

    code = "too_many_endpoints"


@tenant_atomic()
def create_endpoint(*, account: Account, **columns: Any) -> tuple[WebhookEndpoint, str]:
    """An address and its signing secret, which nobody can read again.

    :param columns: any of :data:`EDITABLE`; ``url`` is needed.
    :raises InvalidInput: by field; nothing was written.
    :raises TooManyEndpoints: nothing was written.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account.pk])
    if selectors.webhook_endpoints(account=account).count() >= ENDPOINTS_MOST:
        raise TooManyEndpoints(f"an account has at most {ENDPOINTS_MOST}", limit=ENDPOINTS_MOST)
    row = WebhookEndpoint(account=account)
    _set(row, {"url": "", **columns})
    row.save()
    secret = new_secret()
    row.secret = {"sealed": _seal(row, secret)}
    row.save(update_fields=["secret", "updated_at"])
    return row, secret


@tenant_atomic()
def change_endpoint(*, account: Account, endpoint_id: int, **columns: Any) -> WebhookEndpoint:
    """Change an address; one that is switched on again gets what has waited for it.

    :raises NotFound: the account has no such address.
    :raises InvalidInput: by field; nothing was written.
    """
    row = selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id, is_locked=True)
    _set(row, columns)
    if "is_enabled" in columns:
        row.disabled_reason, row.failing_since = "", None
    row.save()
    if row.is_enabled:
        telling.hint_next(account_id=account.pk, endpoint_id=row.pk)
    return row


@tenant_atomic()
def delete_endpoint(*, account: Account, endpoint_id: int) -> None:
    """Take an address away, with the log of its deliveries.

    :raises NotFound: the account has no such address.
    """
    selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id).delete()


@tenant_atomic()
def rotate_secret(*, account: Account, endpoint_id: int, now: datetime) -> str:
    """Another secret; for a day every message is signed with both.

    :raises NotFound: the account has no such address.
    """
    row = selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id, is_locked=True)
    secret = new_secret()
    row.secret = {
        "sealed": _seal(row, secret),
        "previous": row.secret.get("sealed", ""),
        "previous_until": (now + OLD_SECRET_LIFE).isoformat(),
    }
    row.save(update_fields=["secret", "updated_at"])
    return secret


@tenant_atomic()
def send_test(*, account: Account, endpoint_id: int, now: datetime) -> WebhookDelivery:
    """Ask for a message that says nothing, to see whether it arrives.

    :raises NotFound: the account has no such address.
    """
    endpoint = selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id)
    made: WebhookDelivery = WebhookDelivery.unscoped.create(
        account=account,
        endpoint=endpoint,
        message_id=f"msg_test_{uuid4().hex}",
        event_type=TEST,
        payload={
            "type": TEST,
            "timestamp": now.isoformat(),
            "data": {"account": account.pk, "endpoint": endpoint.pk},
        },
        next_attempt_at=now,
    )
    telling.hint_delivery(account_id=account.pk, delivery_id=made.pk)
    return made


def secrets_of(row: WebhookEndpoint, *, now: datetime) -> list[str]:
    """What messages to the address are signed with now.

    :raises VaultError: sealed with a key that is not configured.
    """
    sealed = [row.secret.get("sealed", "")]
    until = row.secret.get("previous_until")
    if until and now < datetime.fromisoformat(until):
        sealed.append(row.secret.get("previous", ""))
    safe = vault(purpose=PURPOSE)
    return [safe.open(text, context=_context(row)) for text in sealed if text]


def _set(row: WebhookEndpoint, columns: Mapping[str, Any]) -> None:
    if unknown := set(columns) - set(EDITABLE):
        raise InvalidInput("unknown settings", **{name: ["unknown"] for name in sorted(unknown)})
    for name, value in columns.items():
        setattr(row, name, value)
    problems = {}
    problem = address_problem(row.url, is_private_allowed=settings.WEBHOOK_PRIVATE_ADDRESSES)
    if problem is not None:
        problems["url"] = [problem]
    if strange := sorted(set(row.event_types) - {*telling.EVENT_TYPES}):
        problems["event_types"] = [f"{name} is no type of event" for name in strange]
    if problems:
        raise InvalidInput("Events cannot be sent so.", **problems)
    row.event_types = list(dict.fromkeys(row.event_types))


def _seal(row: WebhookEndpoint, secret: str) -> str:
    return vault(purpose=PURPOSE).seal(secret, context=_context(row))


def _context(row: WebhookEndpoint) -> str:
    return f"acct:{row.account_id}/webhook:{row.pk}"
