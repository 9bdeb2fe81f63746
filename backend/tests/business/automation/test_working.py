from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog
from django.db import DatabaseError

from igny8_core.ai.errors import CapReached, ProviderUnavailable, RateLimited, RequestRejected
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.automation.services import stages, working
from igny8_core.business.automation.services.items import MAX_ATTEMPTS
from igny8_core.business.automation.states import ErrorClass, RunStatus, WorkItemStatus
from igny8_core.common.errors import InsufficientCredits, InvalidInput
from igny8_core.common.tenancy.context import tenant
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, effects, overdue, queued, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.automation.services.stages import Work
    from tests.make.automation import Handler

pytestmark = pytest.mark.django_db


def attempt(account: Account, item_id: int) -> WorkItemStatus | None:
    WorkItem.unscoped.filter(pk=item_id).update(not_before=None)
    queued(item_id)
    return working.run_item(account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW)


def test_one_attempt_claims_works_and_settles(account: Account, handler: Handler) -> None:
    (item_id,) = work_items(account)

    assert attempt(account, item_id) == WorkItemStatus.DONE
    assert attempt(account, item_id) is None

    assert effects(item_id) == {item_id: 1}
    assert handler.calls == [item_id]


def test_a_service_with_nothing_to_store_still_ends_its_item(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stages.KINDS, make_automation.KIND, stages.Kind(lambda _: 7, 60))
    (item_id,) = work_items(account)

    assert attempt(account, item_id) == WorkItemStatus.DONE

    row = WorkItem.unscoped.get(pk=item_id)
    assert (row.status, row.result_id) == ("done", 7)


def test_the_result_of_a_worker_that_outlived_its_lease_is_dropped(
    account: Account, monkeypatch: pytest.MonkeyPatch, handler: Handler
) -> None:
    (item_id,) = work_items(account)

    def slow(work: Work) -> None:
        WorkItem.unscoped.filter(pk=item_id).update(lease_token=99)  # somebody else's by now
        handler(work)

    monkeypatch.setitem(stages.KINDS, make_automation.KIND, stages.Kind(slow, 60))

    assert attempt(account, item_id) is None

    assert effects(item_id) == {item_id: 0}
    assert status(item_id) == WorkItemStatus.RUNNING


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderUnavailable("5xx"), ("ready", ErrorClass.TRANSIENT, 1)),
        (RateLimited("429", retry_after_seconds=30), ("ready", ErrorClass.RATE, 0)),
        (InsufficientCredits("none", available=0), ("failed", ErrorClass.CREDITS, 1)),
        (CapReached("day"), ("failed", ErrorClass.CREDITS, 1)),
        (RequestRejected("no"), ("failed", ErrorClass.PERMANENT, 1)),
        (InvalidInput("no"), ("failed", ErrorClass.PERMANENT, 1)),
        (DatabaseError("gone"), ("ready", ErrorClass.UNEXPECTED, 1)),
        (ZeroDivisionError("bug"), ("ready", ErrorClass.UNEXPECTED, 1)),
    ],
)
def test_the_error_decides_what_becomes_of_an_item(
    account: Account,
    handler: Handler,
    error: Exception,
    expected: tuple[str, ErrorClass, int],
) -> None:
    (item_id,) = work_items(account, first=1)
    handler.fails[1] = [error]

    attempt(account, item_id)

    row = WorkItem.unscoped.get(pk=item_id)
    assert (row.status, row.error_class, row.attempts) == expected
    assert row.error in {str(error), repr(error)}
    assert effects(item_id) == {item_id: 0}


def test_a_provider_says_when_to_come_back(account: Account, handler: Handler) -> None:
    (item_id,) = work_items(account, first=1)
    handler.fails[1] = [RateLimited("429", retry_after_seconds=30)]

    attempt(account, item_id)

    row = WorkItem.unscoped.get(pk=item_id)
    assert row.not_before is not None
    assert row.started_at is not None
    assert 29 <= (row.not_before - row.started_at).total_seconds() <= 32


@pytest.mark.parametrize("error", [ProviderUnavailable, ZeroDivisionError])
def test_five_failed_attempts_are_enough(
    account: Account, handler: Handler, error: type[Exception]
) -> None:
    (item_id,) = work_items(account, first=1)
    handler.fails[1] = [error("again") for _ in range(9)]

    ends = [attempt(account, item_id) for _ in range(MAX_ATTEMPTS)]

    assert ends == ["ready"] * 4 + ["failed"]
    assert len(handler.calls) == MAX_ATTEMPTS


def test_an_unknown_kind_fails_without_a_retry(account: Account) -> None:
    (item_id,) = work_items(account, kind="no.such")

    assert attempt(account, item_id) == WorkItemStatus.FAILED

    assert WorkItem.unscoped.get(pk=item_id).error == "unknown kind of work"


def test_a_run_without_credits_is_paused_with_the_reason(
    account: Account, handler: Handler
) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, first=1, run=run)
    handler.fails[1] = [InsufficientCredits("none", available=0)]

    assert attempt(account, item_id) == WorkItemStatus.READY

    row = AutomationRun.unscoped.get(pk=run.pk)
    assert (row.status, row.pause_reason) == (RunStatus.PAUSED, "insufficient_credits")
    assert WorkItem.unscoped.get(pk=item_id).attempts == 0


def test_a_runs_failed_item_is_an_event(account: Account, handler: Handler) -> None:
    run = make_automation.run(account)
    (item_id,) = work_items(account, first=1, run=run)
    handler.fails[1] = [InvalidInput("no")]

    attempt(account, item_id)

    with tenant(account.pk):
        (event,) = selectors.events(account=account, run_id=run.pk)
    assert (event.code, event.item_id, event.data["error"]) == (
        "item_failed",
        item_id,
        "invalid_input",
    )


def test_a_crash_before_the_fence_leaves_a_lease_that_runs_out(
    account: Account, handler: Handler
) -> None:
    (item_id,) = work_items(account, first=1)
    handler.fails[1] = [KeyboardInterrupt()]  # type: ignore[list-item]  # as if the process ended
    queued(item_id)

    with pytest.raises(KeyboardInterrupt):
        working.run_item(account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW)

    assert status(item_id) == WorkItemStatus.RUNNING
    overdue(item_id)
    assert effects(item_id) == {item_id: 0}


def test_logs_of_an_item_name_the_request_that_asked_for_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def watch(_work: Work) -> None:
        seen.update(structlog.contextvars.get_contextvars())

    monkeypatch.setitem(stages.KINDS, make_automation.KIND, stages.Kind(watch, 60))
    request_id = "0af7651916cd43dd8448eb211c80319c"
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        (item_id,) = work_items(account)

    assert attempt(account, item_id) == WorkItemStatus.DONE
    assert (seen["request_id"], seen["item_id"], seen["run_id"]) == (request_id, item_id, None)
    assert "item_id" not in structlog.contextvars.get_contextvars()
