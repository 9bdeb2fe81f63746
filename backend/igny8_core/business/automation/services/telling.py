"""Events for whoever listens outside: written beside the event itself, in its transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from igny8_core.business.automation.models import RunEvent, WebhookDelivery
from igny8_core.business.automation.states import DeliveryStatus
from igny8_core.common.queue import enqueue_on_commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.backends.utils import CursorWrapper

    from igny8_core.common.errors import Scalar

DELIVER, QUEUE = "automation.deliver_webhook", "control"
CODES = (
    "run_started",
    "run_paused",
    "run_resumed",
    "run_cancelled",
    "run_completed",
    "run_failed",
    "stage_started",
    "stage_completed",
    "item_failed",
    "item_dead",
    "item_skipped",
    "items_retried",
    "schedule_skipped",
)
EVENT_TYPES = tuple(code.replace("_", ".", 1) for code in CODES)
"""What an address can ask for: an event's code, with a dot."""

# One statement whether anybody listens or not; the first underscore of the code becomes a dot.
TELL = """
INSERT INTO automation_webhookdelivery
    (account_id, endpoint_id, event_id, message_id, event_type, payload, status, attempts,
     next_attempt_at, lease_token, error, created_at, updated_at)
SELECT e.account_id, w.id, e.id, 'msg_' || e.id, t.name,
       jsonb_build_object(
           'type', t.name,
           'timestamp', to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'data', jsonb_build_object('account', e.account_id, 'site', r.site_id, 'run', e.run_id,
                                      'item', e.item_id) || e.data),
       'pending', 0, now(), 0, '', now(), now()
  FROM automation_runevent e
 CROSS JOIN LATERAL (SELECT regexp_replace(e.code, '_', '.') AS name) t
  JOIN automation_webhookendpoint w
    ON w.account_id = e.account_id AND w.is_enabled
   AND (cardinality(w.event_types) = 0 OR t.name = ANY (w.event_types))
  LEFT JOIN automation_automationrun r ON r.account_id = e.account_id AND r.id = e.run_id
 WHERE e.id = ANY (%(events)s) AND e.code = ANY (%(codes)s)
RETURNING account_id, id
"""


def record(
    *,
    account_id: int,
    code: str,
    run_id: int | None = None,
    item_id: int | None = None,
    data: Mapping[str, Scalar] | None = None,
) -> None:
    """Append to the history, and to what the account's addresses are told."""
    event = RunEvent.unscoped.create(
        account_id=account_id, run_id=run_id, item_id=item_id, code=code, data=dict(data or {})
    )
    with connection.cursor() as cursor:
        tell(cursor, [event.pk])


def tell(cursor: CursorWrapper, event_ids: Sequence[int], *, using: str = "default") -> None:
    """Write the deliveries of events that were just recorded, in the same transaction.

    :param using: the alias of the cursor's connection.
    """
    if not event_ids:
        return
    cursor.execute(TELL, {"events": list(event_ids), "codes": list(CODES)})
    for account_id, delivery_id in cursor.fetchall():
        hint_delivery(account_id=account_id, delivery_id=delivery_id, using=using)


def hint_delivery(*, account_id: int, delivery_id: int, using: str = "default") -> None:
    """Ask for an attempt after the commit; a hint that is lost is found by the sweep."""
    enqueue_on_commit(
        DELIVER, queue=QUEUE, using=using, account_id=account_id, delivery_id=delivery_id
    )


def hint_next(*, account_id: int, endpoint_id: int) -> None:
    """Ask for what has waited longest for an address. Inside the account's block."""
    waiting = WebhookDelivery.unscoped.filter(
        account_id=account_id, endpoint_id=endpoint_id, status=DeliveryStatus.PENDING
    ).order_by("next_attempt_at", "pk")
    first = waiting.values_list("pk", flat=True).first()
    if first is not None:
        hint_delivery(account_id=account_id, delivery_id=first)
