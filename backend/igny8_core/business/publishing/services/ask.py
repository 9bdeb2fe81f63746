"""Ask for an article to go to a site, to be hidden there, or to be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from igny8_core.business.content import selectors as contents
from igny8_core.business.content.services.external import mark_sync
from igny8_core.business.content.services.gate_verdicts import require_publishable
from igny8_core.business.content.states import ContentStatus, SyncStatus
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.integration.services import items
from igny8_core.business.integration.states import ItemState, Platform
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import NotDeliverable
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.states import (
    PUBLISHING,
    Destination,
    PublishingAction,
    PublishingStage,
    PublishingStatus,
)
from igny8_core.common.errors import InvalidInput, NotFound, TransitionNotAllowed
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.selectors import Content
    from igny8_core.business.integration.selectors import SiteIntegration

DELIVER, QUEUE = "publishing.deliver", "publish"
IDS_MAX: Final = 500
DESTINATION_OF: Final = {
    Platform.WORDPRESS: Destination.WORDPRESS,
    Platform.SHOPIFY: Destination.SHOPIFY,
    Platform.CUSTOM: Destination.CUSTOM,
}


@tenant_atomic()
def request_publishing(
    *,
    account: Account,
    integration_id: int,
    content_ids: Sequence[int],
    publish_at: datetime | None = None,
    again: bool = False,
    now: datetime,
) -> list[PublishingRecord]:
    """Ask for articles to go to a site, as they are now: all of them or none.

    An article that waits already waits once, with its newest revision. A worker delivers it.

    :param publish_at: not before; a time in the past is now. None: when the article's own time
        has come, or now.
    :param again: make anew what was deleted at the site.
    :raises NotFound: an article or the connection is unknown.
    :raises NotDeliverable: the connection is off, or an article is neither published nor
        approved; ``content_id`` says which. Nothing was written.
    :raises GatesFailed: a hard gate stops an article by now; ``content_id`` says which.
    :raises InvalidInput: an article of another site, or too many.
    """
    integration = _usable(account, integration_id)
    wanted = list(dict.fromkeys(content_ids))
    if not 0 < len(wanted) <= IDS_MAX:
        raise InvalidInput("how many", contents=[f"1 to {IDS_MAX} at once"])
    records = []
    for content_id in wanted:
        row = contents.content(account=account, content_id=content_id)
        _check_deliverable(account, row, integration)
        record = _waiting_record(account, row, integration)
        when = record.publish_at = publish_at or row.publish_at
        if again:
            _let_be_made_again(account, integration, row, record)
        _save_waiting(record, PublishingAction.PUBLISH, row.version)
        mark_sync(account=account, content_id=row.pk, to=SyncStatus.PENDING, now=now)
        if when is None or when <= now:
            _hint(record)
        records.append(record)
    return records


@tenant_atomic()
def request_withdrawal(
    *, account: Account, integration_id: int, content_id: int
) -> PublishingRecord:
    """Ask for an article to be hidden at a site; it stays there as a draft.

    :raises NotFound: the connection is unknown, or the article never went there.
    :raises NotDeliverable: the connection is off.
    """
    integration = _usable(account, integration_id)
    item = items.find_item(account=account, integration=integration, content_id=content_id)
    asked = selectors.publishing_records(
        account=account, content_id=content_id, destination=destination_of(integration)
    )
    latest = asked.first()
    if latest is None:
        raise NotFound("it never went to this site", content_id=content_id)
    # No older than what may be there: a request whose answer was lost may have been carried out.
    newest = max([item.revision if item else 0, *asked.values_list("revision", flat=True)])
    record = _waiting_record(account, latest.content, integration)
    record.publish_at = None
    _save_waiting(record, PublishingAction.WITHDRAW, newest)
    _hint(record)
    return record


@tenant_atomic()
def retry_publishing(
    *, account: Account, record_id: int, overwrite: bool = False, now: datetime
) -> PublishingRecord:
    """Try a failed record again, with its own revision.

    :param overwrite: write over what was changed at the site; only what the person was shown.
    :raises NotFound: no such record.
    :raises NotDeliverable: it goes to a static site, or the connection is off.
    :raises TransitionNotAllowed: it has not failed, or a newer one waits.
    """
    rows = PublishingRecord.objects.for_account(account)
    record: PublishingRecord | None = (
        rows.select_for_update(of=("self",)).filter(pk=record_id).first()
    )
    if record is None:
        raise NotFound("no such publishing record", record_id=record_id)
    if record.integration_id is None:
        raise NotDeliverable("Its site is deployed as a whole.", record_id=record_id)
    integration = _usable(account, record.integration_id)
    pair = rows.filter(content_id=record.content_id, destination=record.destination)
    if pair.filter(status=PublishingStatus.PENDING).exists():
        raise TransitionNotAllowed(
            "A newer request waits.", source=record.status, target=PublishingStatus.PENDING.value
        )
    metadata = dict(record.metadata)
    if overwrite:
        item = items.find_item(
            account=account,
            integration=integration,
            content_id=record.content_id,
        )
        if item is not None:
            metadata["overwrite"] = (item.metadata.get("conflict") or {}).get("hash", "")
    advance(
        record,
        PublishingStatus.PENDING,
        table=PUBLISHING,
        now=now,
        attempts=0,
        next_attempt_at=None,
        metadata=metadata,
    )
    _hint(record)
    return record


@tenant_atomic()
def ask_for_check(*, account: Account, integration_id: int, content_id: int) -> bool:
    """Look whether an older write came late; False when a delivery is on its way anyway."""
    integration = integrations.integration(account=account, integration_id=integration_id)
    rows = PublishingRecord.objects.for_account(account).filter(
        content_id=content_id, destination=destination_of(integration)
    )
    if rows.filter(status__in=[PublishingStatus.PENDING, PublishingStatus.PUBLISHING]).exists():
        return False
    latest = rows.filter(status=PublishingStatus.PUBLISHED).order_by("-published_at", "-pk").first()
    if latest is None:
        return False
    record = _waiting_record(account, latest.content, integration)
    record.stage = PublishingStage.VERIFY
    _save_waiting(record, PublishingAction(latest.action), latest.revision, keep_stage=True)
    _hint(record)
    return True


def destination_of(integration: SiteIntegration) -> Destination:
    """Where a connection leads."""
    return DESTINATION_OF[Platform(integration.platform)]


def _usable(account: Account, integration_id: int) -> SiteIntegration:
    row = integrations.integration(account=account, integration_id=integration_id)
    if not row.is_active or not row.credentials:
        raise NotDeliverable("The site is not connected.", integration_id=row.pk)
    return row


def _check_deliverable(account: Account, row: Content, integration: SiteIntegration) -> None:
    if row.site_id != integration.site_id:
        raise InvalidInput("another site", content=["is of another site than the connection"])
    is_out = row.status == ContentStatus.PUBLISHED
    is_approved = row.status == ContentStatus.REVIEW and row.approved_version == row.version
    if not is_out and not is_approved:
        raise NotDeliverable(
            "Only what is published or approved goes out.", content_id=row.pk, status=row.status
        )
    if not is_out:
        require_publishable(account, row)


def _waiting_record(
    account: Account, row: Content, integration: SiteIntegration
) -> PublishingRecord:
    """The record of the pair that waits, locked; or a new one, not yet saved."""
    rows = PublishingRecord.objects.for_account(account).select_for_update(of=("self",))
    found: PublishingRecord | None = rows.filter(
        content_id=row.pk,
        destination=destination_of(integration),
        status=PublishingStatus.PENDING,
    ).first()
    return found or PublishingRecord(
        content=row,
        integration=integration,
        destination=destination_of(integration),
        idempotency_key=f"out:{row.pk}:{uuid4().hex}",
    )


def _save_waiting(
    record: PublishingRecord,
    action: PublishingAction,
    revision: int,
    *,
    keep_stage: bool = False,
) -> None:
    record.action, record.revision = action, revision
    record.next_attempt_at, record.error_code, record.error = None, "", ""
    if not keep_stage:
        record.stage = PublishingStage.NONE
    record.save()


def _let_be_made_again(
    account: Account,
    integration: SiteIntegration,
    row: Content,
    record: PublishingRecord,
) -> None:
    item = items.find_item(account=account, integration=integration, content_id=row.pk)
    if item is not None and item.state == ItemState.GONE:
        items.forget_remote(item)
        record.metadata = record.metadata | {"again": True}


def _hint(record: PublishingRecord) -> None:
    enqueue_on_commit(DELIVER, queue=QUEUE, account_id=record.account_id, record_id=record.pk)


def live_destinations(*, account: Account, content_id: int) -> list[PublishingRecord]:
    """Where visitors see an article outside of our own sites."""
    rows = PublishingRecord.objects.for_account(account).filter(LIVE, content_id=content_id)
    return list(rows.filter(integration__isnull=False).order_by("pk"))
