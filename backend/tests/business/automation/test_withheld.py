from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.withheld import repeat_payable
from igny8_core.business.automation.states import ErrorClass, WorkItemStatus
from igny8_core.business.billing.services.late_results import withhold_result
from igny8_core.business.billing.services.sweeping import expire_due
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

TASK = 7


def failed_item(account: Account, kind: str, error_class: ErrorClass = ErrorClass.CREDITS) -> int:
    (item_id,) = make_automation.work_items(
        account, kind=kind, related_type="writing_task", first=TASK
    )
    WorkItem.unscoped.filter(pk=item_id).update(
        status=WorkItemStatus.FAILED, error_class=error_class, attempts=1, ended_at=NOW
    )
    return item_id


def withheld(account: Account) -> None:
    hold = make_billing.reservation(account, 10, related=("writing_task", TASK))
    expire_due(now=NOW + timedelta(hours=2))
    withhold_result(
        account=account, reservation_id=hold.reservation_id, attempt=1, amount=6, now=NOW
    )


def test_work_that_can_be_paid_again_is_repeated() -> None:
    account = make_billing.account_with(10)
    withheld(account)
    item_id = failed_item(account, "content.generate")
    of_another_kind = failed_item(account, "image.generate")

    ready, again = repeat_payable(now=NOW), repeat_payable(now=NOW)

    assert (ready, again) == (1, 0)
    assert make_automation.status(item_id) == WorkItemStatus.READY
    assert make_automation.status(of_another_kind) == WorkItemStatus.FAILED


def test_work_that_failed_for_another_reason_is_left_alone() -> None:
    account = make_billing.account_with(10)
    withheld(account)
    item_id = failed_item(account, "content.generate", ErrorClass.PERMANENT)

    assert repeat_payable(now=NOW) == 0
    assert make_automation.status(item_id) == WorkItemStatus.FAILED


def test_an_account_without_the_credits_waits() -> None:
    account = make_billing.account_with(10)
    withheld(account)
    item_id = failed_item(account, "content.generate")
    make_billing.reservation(account, 5)

    assert repeat_payable(now=NOW) == 0
    assert make_automation.status(item_id) == WorkItemStatus.FAILED
