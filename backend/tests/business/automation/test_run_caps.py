"""The limit of a run on credits: held under the wallet's lock, while its items work at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from igny8_core.ai.errors import RunCapReached, WorkCancelled
from igny8_core.ai.ports import Hold, Terms, Usage
from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.automation.services import configs, leases, runs, stages, working
from igny8_core.business.automation.services.leases import Holds
from igny8_core.business.automation.services.run_caps import RunCap
from igny8_core.business.automation.states import RunStatus, WorkItemStatus
from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.common.tenancy.context import tenant
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make.automation import KIND, ME, NOW, queued, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.automation.services.stages import Work

pytestmark = pytest.mark.django_db

USAGE = Usage("fake", "fake-1")
CREDITS = 30
"""What each item holds; it is charged a third of that."""


def capped_run(account: Account, limit: int | None) -> AutomationRun:
    return make_automation.run(
        account, config_snapshot={"max_credits_per_run": limit} if limit is not None else {}
    )


def items_of(run: AutomationRun, count: int) -> list[int]:
    with tenant(run.account_id):
        return work_items(run.account, count, run=run)


def hold_for(work: Work) -> Hold:
    return AccountCredits(work.account, caps=work.terms.caps).reserve(
        operation="content",
        quantities={"per_words": 100 * CREDITS},
        idempotency_key=f"item:{work.related_id}",
        related_type=work.related_type,
        related_id=work.related_id,
        ttl=timedelta(hours=1),
        now=work.clock(),
    )


def paid(work: Work) -> None:
    """Hold, work, capture a third."""
    hold = hold_for(work)
    with tenant(work.account.pk, durable=True):
        work.fence()
        AccountCredits(work.account).capture(
            hold, quantities={"per_words": 100 * CREDITS // 3}, usage=USAGE, now=work.clock()
        )


@pytest.fixture
def account(db: None) -> Account:
    return make_billing.account_with(10_000)


@pytest.fixture(autouse=True)
def _paid_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stages.KINDS, KIND, stages.Kind(paid, 60, "content"))


def attempt(account: Account, item_id: int) -> WorkItemStatus | None:
    queued(item_id)
    return working.run_item(account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW)


def spent(account: Account) -> tuple[int, int]:
    """Credits charged, and held."""
    wallet = billing.credit_wallet(account=account)
    return 10_000 - wallet.balance, wallet.held


def test_what_was_charged_and_what_is_held_stay_within_the_limit(account: Account) -> None:
    run = capped_run(account, 50)
    first, second, third, fourth = items_of(run, 4)
    assert attempt(account, first) == WorkItemStatus.DONE  # 10 charged
    assert attempt(account, second) == WorkItemStatus.DONE  # 20
    assert attempt(account, third) == WorkItemStatus.DONE  # 30, and 20 are left

    assert attempt(account, fourth) == WorkItemStatus.READY

    assert spent(account) == (30, 0)
    row = WorkItem.unscoped.get(pk=fourth)
    assert (row.error_class, row.attempts) == ("credits", 0)
    assert "30 are spent and 0 set aside; 30 more would lead over the limit" in row.error
    run.refresh_from_db()
    assert (run.status, run.pause_reason) == (RunStatus.PAUSED, "run_cap_reached")


def test_a_limit_that_is_raised_lets_it_go_on(account: Account) -> None:
    run = capped_run(account, 29)
    (item_id,) = items_of(run, 1)
    attempt(account, item_id)
    assert status(item_id) == WorkItemStatus.READY

    runs.resume_run(account=account, run_id=run.pk, max_credits=30, now=NOW)

    assert attempt(account, item_id) == WorkItemStatus.DONE


def test_other_work_of_the_account_does_not_count(account: Account) -> None:
    run = capped_run(account, CREDITS)
    (item_id,) = items_of(run, 1)
    make_billing.reservation(account, 500, related=("row", 1), now=NOW)
    other = capped_run(account, None)
    (elsewhere,) = items_of(other, 1)
    assert attempt(account, elsewhere) == WorkItemStatus.DONE

    assert attempt(account, item_id) == WorkItemStatus.DONE


def test_a_run_without_a_limit_and_one_that_is_gone_have_none(account: Account) -> None:
    hold = Hold(1, 1, 1_000_000)
    run = capped_run(account, None)
    with tenant(account.pk):
        RunCap(account, run.pk).check(hold, now=NOW)
        RunCap(account, run.pk + 1).check(hold, now=NOW)


def test_all_runs_of_a_site_together_stay_below_the_limit_of_its_month(account: Account) -> None:
    first = capped_run(account, None)
    config = make_automation.config(account, site=first.site, max_credits_per_month=40)
    for item_id in items_of(first, 2):
        assert attempt(account, item_id) == WorkItemStatus.DONE
    runs.cancel_run(account=account, run_id=first.pk, now=NOW)
    other = make_automation.run(account)  # of another site: it counts nowhere
    (elsewhere,) = items_of(other, 1)
    assert attempt(account, elsewhere) == WorkItemStatus.DONE
    second = make_automation.run(account, site=first.site)

    (item_id,) = items_of(second, 1)
    assert attempt(account, item_id) == WorkItemStatus.READY

    second.refresh_from_db()
    assert (second.status, second.pause_reason) == (RunStatus.PAUSED, "month_cap_reached")
    assert (second.pause_data["limit"], second.pause_data["spent"]) == (40, 20)
    assert second.resume_at is not None
    assert second.resume_at > NOW
    configs.change_config(account=account, config_id=config.pk, max_credits_per_month=50, now=NOW)
    runs.resume_run(account=account, run_id=second.pk, now=NOW)
    assert attempt(account, item_id) == WorkItemStatus.DONE


@pytest.mark.django_db(transaction=True)
def test_of_many_items_at_once_only_as_many_pass_as_fit() -> None:
    account = make_billing.account_with(10_000)
    run = capped_run(account, 100)
    ids = items_of(run, 8)
    gate, refused = threading.Barrier(8), []

    def reserve(item_id: int) -> None:
        row = WorkItem.unscoped.get(pk=item_id)
        gate.wait(10)
        try:
            hold_for(
                stages.Work(
                    account=account,
                    item_id=item_id,
                    related_type=row.related_type,
                    related_id=row.related_id,
                    attempt=1,
                    token=1,
                    fence=lambda: None,
                    clock=lambda: NOW,
                    terms=Terms(caps=(RunCap(account, run.pk),)),
                )
            )
        except RunCapReached as exc:
            refused.append(exc)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(reserve, ids))

    assert len(refused) == 5
    assert spent(account) == (0, 90)


# --- work that nobody wants any more


def test_a_cancelled_run_ends_the_work_of_its_items(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = Holds()
    run = capped_run(account, None)
    (item_id,) = items_of(run, 1)
    seen: list[bool] = []

    def works(work: Work) -> None:
        seen.append(work.terms.is_cancelled())
        runs.cancel_run(account=account, run_id=run.pk, now=NOW)
        leases.beat(worker=ME, holds=holds)
        seen.append(work.terms.is_cancelled())
        raise WorkCancelled("as the door to the models does")

    monkeypatch.setitem(stages.KINDS, KIND, stages.Kind(works, 60))
    queued(item_id)

    ended = working.run_item(
        account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW, holds=holds
    )

    assert seen == [False, True]
    assert ended == WorkItemStatus.CANCELLED
    assert status(item_id) == WorkItemStatus.CANCELLED


def test_a_lost_lease_ends_the_work_and_leaves_the_item_to_its_new_holder(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = Holds()
    (item_id,) = work_items(account)
    seen: list[bool] = []

    def works(work: Work) -> None:
        WorkItem.unscoped.filter(pk=item_id).update(lease_token=99)
        leases.beat(worker=ME, holds=holds)
        seen.append(work.terms.is_cancelled())
        raise WorkCancelled("as the door to the models does")

    monkeypatch.setitem(stages.KINDS, KIND, stages.Kind(works, 60))
    queued(item_id)

    ended = working.run_item(
        account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW, holds=holds
    )

    assert seen == [True]
    assert ended is None
    assert status(item_id) == WorkItemStatus.RUNNING
