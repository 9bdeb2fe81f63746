"""Find deliveries whose time has come: lost hints, dead workers, checks for late writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from django.db.models import F, Q

from igny8_core.business.integration.services import items, sweeps
from igny8_core.business.integration.states import SyncStatus
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services.ask import DELIVER, QUEUE, ask_for_check
from igny8_core.business.publishing.states import PUBLISHING, PublishingStatus
from igny8_core.common.errors import StaleState
from igny8_core.common.queue import publish
from igny8_core.common.rounds import Round
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import datetime

log = structlog.get_logger(__name__)

BATCH: Final = 200
STOPPED: Final = [SyncStatus.PAUSED, SyncStatus.AUTH_FAILED]


def send_due(*, now: datetime, limit: int = BATCH) -> int:
    """Give back lost leases, start checks, and send a hint for each delivery that is due.

    :returns: how many hints were sent.
    """
    before = Round("send_due")
    before.attempt(release_expired, now=now, limit=limit)
    before.attempt(start_checks, now=now, limit=limit)
    rows = PublishingRecord.objects.across_accounts(reason="deliveries that are due")
    due = (
        rows.filter(
            Q(publish_at=None) | Q(publish_at__lte=now),
            Q(next_attempt_at=None) | Q(next_attempt_at__lte=now),
            status=PublishingStatus.PENDING,
            integration__isnull=False,
            integration__is_active=True,
        )
        .exclude(integration__sync_status__in=STOPPED)
        .order_by(F("next_attempt_at").asc(nulls_first=True), "pk")
    )
    sent = 0
    for account_id, record_id in due.values_list("account_id", "pk")[:limit]:
        if not publish(DELIVER, queue=QUEUE, account_id=account_id, record_id=record_id):
            break
        sent += 1
    before.end()
    return sent


def release_expired(*, now: datetime, limit: int = BATCH) -> int:
    """Let others deliver what a dead worker had; what it sent may still arrive."""
    rows = PublishingRecord.objects.across_accounts(reason="deliveries that lost their worker")
    lost = rows.filter(
        status=PublishingStatus.PUBLISHING, integration__isnull=False, lease_expires_at__lte=now
    )
    found = list(lost.order_by("lease_expires_at").values_list("account_id", "pk")[:limit])
    releasing = Round("release_expired")
    released = 0
    for account_id, record_id in found:
        ids = {"account_id": account_id, "record_id": record_id}
        released += bool(releasing.attempt(_release, **ids, now=now))
    releasing.end()
    return released


def _release(*, account_id: int, record_id: int, now: datetime) -> bool:
    account = sweeps.AccountKey(account_id)
    with tenant(account_id):
        rows = PublishingRecord.objects.for_account(account).select_for_update()
        record = rows.filter(
            pk=record_id, status=PublishingStatus.PUBLISHING, lease_expires_at__lte=now
        ).first()
        if record is None:
            return False
        integration = sweeps.integration_row(account, record.integration_id or 0)
        item = items.find_item(
            account=account,  # type: ignore[arg-type]  # its key is all that is needed
            integration=integration,
            content_id=record.content_id,
        )
        if item is not None:
            items.note_unknown(item, now=now)
        waits = rows.filter(
            content_id=record.content_id,
            destination=record.destination,
            status=PublishingStatus.PENDING,
        ).exists()
        to = PublishingStatus.FAILED if waits else PublishingStatus.PENDING
        try:
            advance(
                record,
                to,
                table=PUBLISHING,
                now=now,
                expect={"lease_token": record.lease_token},
                lease_expires_at=None,
                error_code="superseded" if waits else "worker_lost",
                error="The worker that delivered it has gone.",
            )
        except StaleState:
            return False
    log.warning("publishing.delivery.expired", record_id=record_id)
    return True


def start_checks(*, now: datetime, limit: int = BATCH) -> int:
    """Ask for a look at items whose lost answers are ten minutes old."""
    checking = Round("start_checks")
    started = 0
    for account_id, integration_id, content_id in sweeps.items_to_verify(now=now, limit=limit):
        ids = {"integration_id": integration_id, "content_id": content_id}
        account = sweeps.AccountKey(account_id)
        started += bool(checking.attempt(ask_for_check, account=account, **ids))
    checking.end()
    return started
