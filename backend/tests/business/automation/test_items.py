from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation import selectors
from igny8_core.business.automation.errors import LeaseLost
from igny8_core.business.automation.models import WorkClass, WorkItem
from igny8_core.business.automation.selectors import Progress
from igny8_core.business.automation.services import items
from igny8_core.business.automation.states import (
    Desired,
    ErrorClass,
    RunStatus,
    WorkItemStatus,
)
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import TenantError, tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, claimed, queued, status, work_items

if TYPE_CHECKING:
    from pytest_django import DjangoCaptureOnCommitCallbacks

    from igny8_core.auth.models import Account
    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db


def test_items_are_made_once_and_returned_in_the_order_asked(account: Account) -> None:
    made = work_items(account, first=1, count=3)

    again = items.create_items(
        account=account,
        kind=make_automation.KIND,
        related_type="row",
        related_ids=[3, 1, 4],
        work_class="ai_text",
        now=NOW,
    )

    assert again[:2] == [made[2], made[0]]
    assert WorkItem.objects.for_account(account).count() == 4
    row = WorkItem.unscoped.get(pk=made[0])
    assert (row.status, row.idempotency_key, row.created_at) == ("ready", "row:1", NOW)


def test_a_key_tells_two_requests_for_the_same_row_apart(account: Account) -> None:
    first = work_items(account, first=1)
    second = work_items(account, first=1, idempotency_key="again")
    run = make_automation.run(account)
    third = work_items(account, first=1, run=run)

    assert len({*first, *second, *third}) == 3
    assert WorkItem.unscoped.get(pk=third[0]).stage == 1


def test_too_many_rows_or_too_long_a_key_write_nothing(account: Account) -> None:
    with pytest.raises(InvalidInput):
        work_items(account, first=1, count=items.MAX_ITEMS_PER_CALL + 1)
    with pytest.raises(InvalidInput):
        work_items(account, first=1, idempotency_key="k" * 60)

    assert not WorkItem.objects.for_account(account).exists()


def test_a_claim_takes_a_lease_and_a_second_finds_nothing(account: Account) -> None:
    (item_id,) = work_items(account)

    lease = claimed(account, item_id)

    with tenant(account.pk):
        assert items.claim(account_id=account.pk, item_id=item_id, worker=ME) is None
    row = WorkItem.unscoped.get(pk=item_id)
    assert (lease.token, lease.attempt) == (row.lease_token, row.attempts) == (1, 1)
    assert (row.status, row.lease_node, row.lease_boot_id) == ("running", ME.node, ME.boot_id)


def test_an_item_that_was_not_dispatched_cannot_be_claimed(account: Account) -> None:
    (item_id,) = work_items(account)

    with tenant(account.pk):
        assert items.claim(account_id=account.pk, item_id=item_id, worker=ME) is None

    assert status(item_id) == WorkItemStatus.READY


def test_another_accounts_item_cannot_be_claimed(account: Account) -> None:
    other = make.account()
    (item_id,) = work_items(other)
    queued(item_id)

    with tenant(account.pk):
        assert items.claim(account_id=account.pk, item_id=item_id, worker=ME) is None

    assert status(item_id) == WorkItemStatus.QUEUED


@pytest.mark.parametrize(
    "columns",
    [
        {"status": RunStatus.PAUSED},
        {"desired": Desired.PAUSE},
        {"status": RunStatus.CANCELLED, "ended_at": NOW},
    ],
)
def test_no_item_begins_while_its_run_is_not_on(
    account: Account, columns: dict[str, object]
) -> None:
    run = make_automation.run(account, **columns)
    (item_id,) = work_items(account, run=run)
    queued(item_id)

    with tenant(account.pk):
        assert items.claim(account_id=account.pk, item_id=item_id, worker=ME) is None

    assert status(item_id) == WorkItemStatus.QUEUED


def test_only_the_newest_lease_passes_the_fence(account: Account) -> None:
    (item_id,) = work_items(account)
    late = claimed(account, item_id)
    with tenant(account.pk):
        items.give_back(late, error_class=ErrorClass.TRANSIENT, error="slow")
    WorkItem.unscoped.filter(pk=item_id).update(not_before=None)
    current = claimed(account, item_id)

    with pytest.raises(LeaseLost), tenant(account.pk):
        items.settle(late)
    with tenant(account.pk):
        items.settle(current)
    with pytest.raises(LeaseLost), tenant(account.pk):
        items.settle(current)

    assert status(item_id) == WorkItemStatus.DONE


def test_the_fence_stands_in_its_accounts_block(account: Account) -> None:
    (item_id,) = work_items(account)
    lease = claimed(account, item_id)

    with pytest.raises(TenantError):
        items.settle(lease)
    with pytest.raises(TenantError), tenant(make.account().pk):
        items.settle(lease)

    assert status(item_id) == WorkItemStatus.RUNNING


def test_whoever_finishes_hands_over_to_the_accounts_next_item(
    account: Account,
    broker: Broker,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first, second, urgent = work_items(account, 3)
    WorkItem.unscoped.filter(pk=urgent).update(priority=1)
    lease = claimed(account, first)

    with django_capture_on_commit_callbacks(execute=True), tenant(account.pk):
        items.settle(lease)

    assert [status(pk) for pk in (first, second, urgent)] == ["done", "ready", "queued"]
    assert broker.items() == [urgent]


@pytest.mark.parametrize("change", ["contended", "not yet", "paused run", "other class"])
def test_nothing_is_handed_over_to_what_may_not_begin(
    account: Account,
    broker: Broker,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    change: str,
) -> None:
    first, second = work_items(account, 2)
    rows = WorkItem.unscoped.filter(pk=second)
    if change == "contended":
        WorkClass.objects.create(name="ai_text", is_contended=True)
    elif change == "not yet":
        rows.update(not_before=NOW.replace(year=2100))
    elif change == "paused run":
        rows.update(run=make_automation.run(account, status=RunStatus.PAUSED), stage=1)
    else:
        rows.update(work_class="ai_image")
    lease = claimed(account, first)

    with django_capture_on_commit_callbacks(execute=True), tenant(account.pk):
        items.settle(lease)

    assert (status(first), status(second)) == ("done", "ready")
    assert broker.sent == []


def test_the_last_item_of_a_run_asks_for_a_step(
    account: Account,
    broker: Broker,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    lease = claimed(account, item_id)

    with django_capture_on_commit_callbacks(execute=True), tenant(account.pk):
        items.settle(lease)

    assert broker.sent == [
        ("automation.advance_run", "control", {"account_id": account.pk, "run_id": run.pk})
    ]


def test_a_failed_attempt_waits_and_counts_only_when_it_should(account: Account) -> None:
    counted, uncounted, final = work_items(account, 3)

    with tenant(account.pk):
        first = items.give_back(
            claimed_in_block(account, counted),
            error_class=ErrorClass.TRANSIENT,
            error="x" * 600,
            delay_seconds=60,
        )
        second = items.give_back(
            claimed_in_block(account, uncounted),
            error_class=ErrorClass.RATE,
            error="",
            is_counted=False,
        )
        third = items.give_back(
            claimed_in_block(account, final),
            error_class=ErrorClass.PERMANENT,
            error="no",
            is_final=True,
        )

    assert (first, second, third) == ("ready", "ready", "failed")
    rows = WorkItem.unscoped.in_bulk([counted, uncounted, final])
    assert [rows[pk].attempts for pk in (counted, uncounted, final)] == [1, 0, 1]
    assert len(rows[counted].error) == items.ERROR_LENGTH
    assert rows[counted].not_before is not None
    assert rows[final].ended_at is not None


def claimed_in_block(account: Account, item_id: int) -> items.Lease:
    WorkItem.unscoped.filter(pk=item_id).update(status="queued", queued_at=NOW)
    lease = items.claim(account_id=account.pk, item_id=item_id, worker=ME)
    assert lease is not None
    return lease


def test_an_attempt_that_fails_after_its_run_was_cancelled_is_not_repeated(
    account: Account,
) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    lease = claimed(account, item_id)
    type(run).unscoped.filter(pk=run.pk).update(status=RunStatus.CANCELLED, ended_at=NOW)

    with tenant(account.pk):
        assert items.give_back(lease, error_class=ErrorClass.TRANSIENT, error="") == "cancelled"

    assert status(item_id) == WorkItemStatus.CANCELLED


def test_a_lost_lease_gives_nothing_back(account: Account) -> None:
    (item_id,) = work_items(account)
    lease = claimed(account, item_id)
    with tenant(account.pk):
        items.settle(lease)
        found = items.give_back(lease, error_class=ErrorClass.TRANSIENT, error="late")

    assert found is None
    assert status(item_id) == WorkItemStatus.DONE


def test_a_late_attempt_cannot_give_back_what_another_works_on(account: Account) -> None:
    (item_id,) = work_items(account)
    late = claimed(account, item_id)
    with tenant(account.pk):
        items.give_back(late, error_class=ErrorClass.TRANSIENT, error="")
    WorkItem.unscoped.filter(pk=item_id).update(not_before=None)
    current = claimed(account, item_id)

    with tenant(account.pk):
        assert items.give_back(late, error_class=ErrorClass.TRANSIENT, error="late") is None
        items.settle(current)

    assert status(item_id) == WorkItemStatus.DONE


def test_cancel_takes_what_has_not_begun(account: Account) -> None:
    ready, hinted, running = work_items(account, 3)
    queued(hinted)
    claimed(account, running)

    count = items.cancel_items(account=account, item_ids=[ready, hinted, running])

    assert count == 2
    assert [status(pk) for pk in (ready, hinted, running)] == ["cancelled", "cancelled", "running"]


def test_retry_makes_ended_items_ready_with_all_their_attempts(account: Account) -> None:
    failed, dead, done = work_items(account, 3)
    for item_id, end in ((failed, "failed"), (dead, "dead"), (done, "done")):
        WorkItem.unscoped.filter(pk=item_id).update(status=end, attempts=5, crashes=3, ended_at=NOW)
    other = make.account()

    assert items.retry_items(account=other, item_ids=[failed]) == []
    assert items.retry_items(account=account, item_ids=[failed, dead, done]) == [failed, dead]

    row = WorkItem.unscoped.get(pk=dead)
    assert (row.status, row.attempts, row.crashes, row.ended_at) == ("ready", 0, 0, None)


def test_progress_counts_the_accounts_own_items(account: Account) -> None:
    made = work_items(account, 3)
    foreign = work_items(make.account())
    claimed(account, made[0])

    found = selectors.progress(account=account, item_ids=[*made, *foreign])

    assert found == Progress(ready=2, running=1)
    assert (found.total, found.open) == (3, 3)


@pytest.mark.parametrize(("attempt", "base"), [(1, 5), (2, 15), (3, 45), (4, 135), (7, 900)])
def test_waits_grow_and_are_spread(attempt: int, base: int) -> None:
    waits = [items.backoff_seconds(attempt=attempt, item_id=pk) for pk in range(1, 400)]

    assert 0.5 * base <= min(waits)
    assert max(waits) <= 1.5 * base
    assert len({round(wait, 3) for wait in waits}) > 200
