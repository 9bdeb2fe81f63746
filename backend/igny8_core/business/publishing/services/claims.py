"""The right to deliver one record: taken, renewed, given back. One worker at a time has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from igny8_core.auth.states import AccountStatus
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.integration.services import items
from igny8_core.business.integration.states import SyncStatus
from igny8_core.business.publishing.errors import DeliveryLost, NotDue
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.states import (
    PUBLISHING,
    PublishingAction,
    PublishingStage,
    PublishingStatus,
)
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.selectors import ExternalItem, SiteIntegration

LEASE: Final = timedelta(seconds=120)
"""How long a silent worker keeps others waiting; renewed by each step."""

AT_ONCE: Final = 2
"""Deliveries to one site at a time."""


@dataclass
class Claim:
    """A record that this worker delivers.

    :ivar is_check: it only looks whether an older write came late, and clears up.
    """

    account: Account
    record: PublishingRecord
    integration: SiteIntegration
    item: ExternalItem
    is_check: bool

    @property
    def is_withdrawing(self) -> bool:
        return bool(self.record.action == PublishingAction.WITHDRAW)


@tenant_atomic(durable=True)
def claim_record(*, account: Account, record_id: int, external_type: str, now: datetime) -> Claim:
    """Take a fresh lease on a record that waits and is due.

    :raises NotFound: no such record of this account, or it goes to a static site.
    :raises TransitionNotAllowed: it is done, or another worker has it.
    :raises NotDue: its time has not come, or the site's queue stands.
    """
    record = record_row(account, record_id)
    integration = integrations.integration(
        account=account, integration_id=record.integration_id or 0
    )
    integrations.lock_integration(account=account, integration_id=integration.pk)
    record = record_row(account, record_id)
    if record.status != PublishingStatus.PENDING:
        raise TransitionNotAllowed(
            "The record does not wait.",
            source=record.status,
            target=PublishingStatus.PUBLISHING.value,
        )
    _check_due(account, record, integration, now)
    item = items.item_of(
        account=account,
        integration=integration,
        content_id=record.content_id,
        external_type=external_type,
    )
    advance(
        record,
        PublishingStatus.PUBLISHING,
        table=PUBLISHING,
        now=now,
        lease_token=record.lease_token + 1,
        lease_expires_at=now + LEASE,
        attempts=record.attempts + 1,
        next_attempt_at=None,
    )
    is_check = record.stage == PublishingStage.VERIFY
    return Claim(account, record, integration, item, is_check)


def record_row(account: Account, record_id: int) -> PublishingRecord:
    """A record that goes through a connection.

    :raises NotFound: none of this account.
    """
    rows = PublishingRecord.objects.for_account(account).filter(integration__isnull=False)
    found: PublishingRecord | None = rows.filter(pk=record_id).first()
    if found is None:
        raise NotFound("no such publishing record", record_id=record_id)
    return found


def _check_due(
    account: Account, record: PublishingRecord, integration: SiteIntegration, now: datetime
) -> None:
    times = [at for at in (record.publish_at, record.next_attempt_at) if at is not None]
    if any(at > now for at in times):
        raise NotDue("Its time has not come.", record_id=record.pk)
    is_stopped = integration.sync_status in {SyncStatus.PAUSED, SyncStatus.AUTH_FAILED}
    if is_stopped or not integration.is_active or not integration.credentials:
        raise NotDue("The site's queue stands.", integration_id=integration.pk)
    if account.status != AccountStatus.ACTIVE:
        raise NotDue("The account is not active.", account_id=account.pk)
    running = PublishingRecord.objects.for_account(account).filter(
        integration=integration, status=PublishingStatus.PUBLISHING
    )
    if running.filter(content_id=record.content_id).exists():
        raise NotDue("Another revision is on its way.", record_id=record.pk)
    if running.count() >= AT_ONCE:
        raise NotDue("Others are on their way to this site.", integration_id=integration.pk)


def renew(claim: Claim, *, now: datetime) -> None:
    """Extend the lease.

    :raises DeliveryLost: another worker has it.
    """
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now)


def hold(claim: Claim, *, now: datetime, **columns: Any) -> None:
    """Extend the lease, with columns of the record, inside a transaction that writes more.

    :raises DeliveryLost: another worker has it; roll back.
    """
    rows = PublishingRecord.objects.for_account(claim.account).filter(
        pk=claim.record.pk,
        status=PublishingStatus.PUBLISHING,
        lease_token=claim.record.lease_token,
    )
    if rows.update(lease_expires_at=now + LEASE, updated_at=now, **columns) != 1:
        raise DeliveryLost("another worker delivers this record", record_id=claim.record.pk)
    for name, value in columns.items():
        setattr(claim.record, name, value)
