"""What a site was seen to show, and what our records call live: the site is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from igny8_core.business.content import selectors as contents
from igny8_core.business.content.services.review import take_down
from igny8_core.business.content.states import ContentSource, ContentStatus
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.integration.states import LIVE_WORDS, ItemState
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services.ask import destination_of
from igny8_core.business.publishing.states import PublishingStatus
from igny8_core.common.errors import NotFound, StaleState
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.selectors import ExternalItem

log = structlog.get_logger(__name__)


@tenant_atomic()
def reconcile_records(*, account: Account, integration_id: int, now: datetime) -> int:
    """Retire records of what visitors of a site no longer see; returns how many.

    An article of ours that visitors see nowhere any more goes back into review, with the reason.

    :raises NotFound: the account has no such connection.
    """
    integration = integrations.integration(account=account, integration_id=integration_id)
    rows = PublishingRecord.objects.for_account(account).filter(
        LIVE, destination=destination_of(integration), integration=integration
    )
    known = {
        item.content_id: item
        for item in integrations.items(account=account, integration=integration)
        if item.content_id is not None
    }
    on_their_way = set(
        PublishingRecord.objects.for_account(account)
        .filter(
            integration=integration,
            status__in=[PublishingStatus.PENDING, PublishingStatus.PUBLISHING],
        )
        .values_list("content_id", flat=True)
    )
    retired = 0
    for record in rows.select_for_update(of=("self",)).order_by("pk"):
        item = known.get(record.content_id)
        if item is None or record.content_id in on_their_way or _is_live(item):
            continue
        reason = "deleted" if item.state == ItemState.GONE else item.site_status
        record.retired_at = now
        record.metadata = record.metadata | {"retired_because": f"at the site: {reason}"}
        record.save(update_fields=["retired_at", "metadata", "updated_at"])
        _take_down(account, record.content_id, f"At its site it is {reason}.", now)
        retired += 1
    if retired:
        log.info("publishing.records.retired", integration_id=integration_id, records=retired)
    return retired


def _is_live(item: ExternalItem) -> bool:
    return item.state != ItemState.GONE and item.site_status in LIVE_WORDS


def _take_down(account: Account, content_id: int, note: str, now: datetime) -> None:
    """Nothing happens to what is live elsewhere, or comes from that site itself."""
    rows = PublishingRecord.objects.for_account(account).filter(LIVE, content_id=content_id)
    if rows.exists():
        return
    try:
        row = contents.content(account=account, content_id=content_id)
        if row.source == ContentSource.IGNY8 and row.status == ContentStatus.PUBLISHED:
            take_down(account=account, content_id=content_id, note=note, now=now)
    except (NotFound, StaleState):
        return
