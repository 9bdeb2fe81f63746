"""What items were charged, read from the usage logs that were written with their results.

An item knows the last log before it was asked for. So what is its own is told by keys, not by
clocks, which may differ from machine to machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.stages import KINDS
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.billing import selectors as billing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account


def credits_charged(
    *, account: Account, operation: str, related_type: str, after: Mapping[int, int]
) -> dict[int, int]:
    """Credits by related row. Inside the account's block.

    :param after: of each related row, the key of the last log that does not count.
    """
    rows = billing.usage_logs(account=account).filter(
        operation_type=operation,
        related_type=related_type,
        related_id__in=list(after),
        pk__gt=min(after.values(), default=0),
    )
    found: dict[int, int] = {}
    for pk, row, credits_used in rows.values_list("pk", "related_id", "credits_used"):
        related_id = int(row or 0)
        if pk > after[related_id]:
            found[related_id] = found.get(related_id, 0) + credits_used
    return found


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
        after={item.related_id: item.usage_log_after for item in items},
    )
    for item in items:
        if found.get(item.related_id):
            item.credits_charged = found[item.related_id]
            item.save(update_fields=["credits_charged"])
