"""What items were charged, read from the usage logs that were written with their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Sum

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.stages import KINDS
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.billing import selectors as billing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from igny8_core.auth.models import Account


def credits_charged(
    *,
    account: Account,
    operation: str,
    related_type: str,
    related_ids: Iterable[int],
    since: datetime,
) -> dict[int, int]:
    """Credits by related row. Inside the account's block."""
    rows = billing.usage_logs(account=account).filter(
        operation_type=operation,
        related_type=related_type,
        related_id__in=list(related_ids),
        created_at__gte=since,
    )
    sums = rows.order_by().values_list("related_id").annotate(Sum("credits_used"))
    return {int(related_id): int(total) for related_id, total in sums}


def book_charges(*, account: Account, run_id: int, stage: int) -> None:
    """Write what a stage's ended items cost onto them; only a crash leaves any to do."""
    missing = WorkItem.objects.for_account(account).filter(
        run_id=run_id, stage=stage, status=WorkItemStatus.DONE, credits_charged=0
    )
    items = [item for item in missing if item.kind in KINDS and KINDS[item.kind].operation]
    if not items:
        return
    first = items[0]
    found = credits_charged(
        account=account,
        operation=KINDS[first.kind].operation,
        related_type=first.related_type,
        related_ids=[item.related_id for item in items],
        since=min(item.created_at for item in items),
    )
    for item in items:
        if found.get(item.related_id):
            item.credits_charged = found[item.related_id]
            item.save(update_fields=["credits_charged"])
