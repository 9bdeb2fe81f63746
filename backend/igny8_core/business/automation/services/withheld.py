"""Work whose finished result waits for credits: repeated once the account can pay.

The answers are in the journal of calls, so the repeat asks no provider.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import structlog
from django.db.models import Q

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.items import retry_items
from igny8_core.business.automation.services.stages import KINDS
from igny8_core.business.automation.states import ErrorClass, WorkItemStatus
from igny8_core.business.billing.services.late_results import Payable, payable_results
from igny8_core.common.rounds import Round
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)


def repeat_payable(*, now: datetime) -> int:
    """Make failed items ready again whose results can be paid by now, in a bounded batch.

    Items of a run wait with their run, until a person resumes it.

    :returns: how many items are ready again.
    """
    found = sorted(payable_results(now=now), key=lambda result: result.account_id)
    repeating = Round("repeat_payable")
    ready = 0
    for account_id, results in groupby(found, key=lambda result: result.account_id):
        of_one = list(results)
        ready += repeating.attempt(_repeat_of, account_id=account_id, results=of_one) or 0
    repeating.end()
    return ready


def _repeat_of(*, account_id: int, results: Iterable[Payable]) -> int:
    return _repeat(account=accounts.account(account_id), results=results)


@tenant_atomic()
def _repeat(*, account: Account, results: Iterable[Payable]) -> int:
    wanted = Q(pk=None)
    for result in results:
        kinds = [name for name, kind in KINDS.items() if kind.operation == result.operation]
        wanted |= Q(kind__in=kinds, related_type=result.related_type, related_id=result.related_id)
    failed = WorkItem.objects.for_account(account).filter(
        wanted, run=None, status=WorkItemStatus.FAILED, error_class=ErrorClass.CREDITS
    )
    item_ids = retry_items(account=account, item_ids=list(failed.values_list("pk", flat=True)))
    if item_ids:
        log.info("automation.withheld.repeated", account_id=account.pk, items=len(item_ids))
    return len(item_ids)
