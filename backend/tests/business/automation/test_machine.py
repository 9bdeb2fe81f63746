"""Any order of dispatches, hints, crashes, sweeps, pauses and cancels keeps the promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from igny8_core.business.automation.errors import LeaseLost
from igny8_core.business.automation.models import AutomationRun, RunEvent, WorkItem
from igny8_core.business.automation.services import admission, items, runs, sweeping
from igny8_core.business.automation.states import ErrorClass, RunStatus, WorkItemStatus
from igny8_core.common.errors import TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import EFFECT, ME, NOW, overdue, plan, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.automation.services.items import Lease
    from tests.business.automation.conftest import Broker

CAP = 3
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


class Engine(RuleBasedStateMachine):
    """Two accounts, a run in each and items without one; the broker is a list of hints."""

    broker: Broker

    @initialize()
    def begin(self) -> None:
        self.leases: list[Lease] = []
        self.created: list[int] = []
        self.gone: set[int] = set()
        self.accounts: dict[int, Account] = {}
        self.runs: list[AutomationRun] = []
        for model in (RunEvent, WorkItem, AutomationRun):
            model.unscoped.all().delete()
        for _ in range(2):
            account = make.account(plan=plan(max_in_flight=CAP))
            self.accounts[account.pk] = account
            self.runs.append(make_automation.run(account))
        make_automation.worker(slots=4)
        self.broker.sent.clear()

    @rule(of_run=st.booleans(), owner=st.integers(0, 1), count=st.integers(1, 4))
    def create(self, *, of_run: bool, owner: int, count: int) -> None:
        run = self.runs[owner]
        account = self.accounts[run.account_id]
        if of_run and self.status(run) in {RunStatus.RUNNING, RunStatus.PAUSED}:
            self.created += work_items(account, count, run=run)
        elif not of_run:
            self.created += work_items(account, count)

    @rule()
    def dispatch(self) -> None:
        admission.dispatch()

    @precondition(lambda self: self.broker.items())
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.take(self.hint(data))

    @precondition(lambda self: self.broker.items())
    @rule(data=st.data())
    def deliver_twice(self, data: st.DataObject) -> None:
        message = self.hint(data)
        self.take(message)
        self.take(message)

    @precondition(lambda self: self.broker.items())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.hint(data)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        lease = self.lease(data)
        try:
            with tenant(lease.account_id):
                items.settle(lease)
                RunEvent.unscoped.create(
                    account=self.accounts[lease.account_id], item_id=lease.item_id, code=EFFECT
                )
        except LeaseLost:
            assert WorkItem.unscoped.get(pk=lease.item_id).lease_token >= lease.token

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), is_final=st.booleans())
    def fail(self, data: st.DataObject, *, is_final: bool) -> None:
        lease = self.lease(data)
        with tenant(lease.account_id):
            items.give_back(
                lease, error_class=ErrorClass.TRANSIENT, error="failed", is_final=is_final
            )

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), comes_back=st.booleans())
    def expire(self, data: st.DataObject, *, comes_back: bool) -> None:
        lease = self.lease(data)
        overdue(lease.item_id)
        if comes_back:  # frozen, not dead: it will try to settle later
            self.leases.append(lease)

    @rule()
    def sweep(self) -> None:
        WorkItem.unscoped.filter(status="queued").update(queued_at=NOW)
        sweeping.sweep()

    @rule(number=st.integers(0, 1), what=st.sampled_from(["pause", "resume", "cancel"]))
    def steer(self, number: int, what: str) -> None:
        run = self.runs[number]
        steer = {"pause": runs.pause_run, "resume": runs.resume_run, "cancel": runs.cancel_run}
        over = self.status(run) == RunStatus.CANCELLED
        try:
            steer[what](account=self.accounts[run.account_id], run_id=run.pk, now=NOW)  # type: ignore[operator]  # one of three signatures
        except TransitionNotAllowed:
            assert over

    @rule()
    def retry(self) -> None:
        for account in self.accounts.values():
            items.retry_items(account=account, item_ids=self.created)

    @invariant()
    def no_effect_is_doubled_and_each_belongs_to_a_done_item(self) -> None:
        stored = list(
            RunEvent.unscoped.filter(code=EFFECT)
            .order_by("item_id")
            .values_list("item_id", flat=True)
        )
        done = WorkItem.unscoped.filter(status=WorkItemStatus.DONE).order_by("pk")
        assert stored == list(done.values_list("pk", flat=True))

    @invariant()
    def no_account_is_over_its_cap(self) -> None:
        for account in self.accounts.values():
            rows = WorkItem.unscoped.filter(account=account, status__in=["queued", "running"])
            assert rows.count() <= CAP

    @invariant()
    def no_item_is_lost(self) -> None:
        assert WorkItem.unscoped.count() == len(self.created)

    @invariant()
    def nothing_waits_in_a_run_that_has_ended(self) -> None:
        rows = WorkItem.unscoped.filter(run__status=RunStatus.CANCELLED)
        assert not rows.filter(status__in=["ready", "queued"]).exists()

    def teardown(self) -> None:
        """From any state, enough ticks end every item of every run that is on."""
        self.leases.clear()
        for run in self.runs:
            if self.status(run) == RunStatus.PAUSED:
                runs.resume_run(account=self.accounts[run.account_id], run_id=run.pk, now=NOW)
        left = WorkItem.unscoped.filter(status__in=["ready", "queued", "running"])
        for _ in range(60):
            if not left.exists():
                break
            overdue(*self.created)
            WorkItem.unscoped.filter(status="queued").update(queued_at=NOW)
            sweeping.sweep()
            WorkItem.unscoped.update(not_before=None)
            self.broker.sent.clear()
            admission.dispatch()
            while self.broker.items():
                self.take(self.broker.sent.pop(0))
            while self.leases:
                lease = self.leases.pop()
                with tenant(lease.account_id):
                    items.settle(lease)
                    RunEvent.unscoped.create(
                        account=self.accounts[lease.account_id], item_id=lease.item_id, code=EFFECT
                    )
        assert not left.exists(), list(left.values("pk", "status", "run__status"))
        self.no_effect_is_doubled_and_each_belongs_to_a_done_item()

    def status(self, run: AutomationRun) -> str:
        return str(AutomationRun.unscoped.get(pk=run.pk).status)

    def hint(self, data: st.DataObject) -> tuple[str, str, dict[str, int]]:
        messages = [m for m in self.broker.sent if m[0] == "automation.run_item"]
        message = messages[data.draw(st.integers(0, len(messages) - 1), label="hint")]
        self.broker.sent.remove(message)
        return message

    def take(self, message: tuple[str, str, dict[str, int]]) -> None:
        if message[0] != "automation.run_item":
            return
        ids = message[2]
        with tenant(ids["account_id"]):
            lease = items.claim(account_id=ids["account_id"], item_id=ids["item_id"], worker=ME)
        if lease is not None:
            self.leases.append(lease)

    def lease(self, data: st.DataObject) -> Lease:
        return self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1), label="lease"))


def test_any_order_of_events_keeps_the_promises(broker: Broker) -> None:
    Engine.broker = broker
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
