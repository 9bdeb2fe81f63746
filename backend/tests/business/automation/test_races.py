"""Sixteen threads at once, on real transactions."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest
from django.db import connection, connections, transaction

from igny8_core.business.automation.errors import LeaseLost, RunActive
from igny8_core.business.automation.models import (
    AutomationRun,
    PeriodicJob,
    RunEvent,
    WorkItem,
)
from igny8_core.business.automation.services import (
    admission,
    items,
    resuming,
    runs,
    schedules,
    sweeping,
    webhook_endpoints,
    webhooks,
    working,
)
from igny8_core.business.automation.states import DeliveryStatus
from igny8_core.clients import webhooks as client
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, claimed, effects, overdue, plan, queued, work_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.make.automation import Handler

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
T = TypeVar("T")


def at_once(work: Callable[[int], T], count: int = THREADS) -> list[T]:
    """Call ``work`` from as many threads, all at the same moment."""
    gate = threading.Barrier(count)

    def one(number: int) -> T:
        try:
            connection.ensure_connection()
            gate.wait(20)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_one_of_sixteen_claims_an_item() -> None:
    account = make.account()
    (item_id,) = work_items(account)
    queued(item_id)

    def claim(_number: int) -> items.Lease | None:
        with tenant(account.pk):
            return items.claim(account_id=account.pk, item_id=item_id, worker=ME)

    leases = [lease for lease in at_once(claim) if lease]

    assert [lease.token for lease in leases] == [1]


def test_doubled_hints_store_each_effect_once(handler: Handler) -> None:
    account = make.account()
    made = work_items(account, 24)
    queued(*made)

    def deliver(number: int) -> None:
        order = made * 2
        random.Random(number).shuffle(order)  # noqa: S311 - a seeded order
        for item_id in order:
            working.run_item(account_id=account.pk, item_id=item_id, worker=ME, clock=lambda: NOW)

    at_once(deliver)

    assert effects(*made) == dict.fromkeys(made, 1)
    assert len(handler.calls) == len(made)


def test_one_of_two_owners_settles() -> None:
    account = make.account()
    made = work_items(account, 8)
    late = [claimed(account, item_id) for item_id in made]
    overdue(*made)
    sweeping.sweep()
    current = [claimed(account, item_id) for item_id in made]

    def settle(number: int) -> bool:
        lease = (late + current)[number]
        try:
            with tenant(account.pk):
                items.settle(lease)
        except LeaseLost:
            return False
        return True

    assert at_once(settle) == [False] * 8 + [True] * 8


def test_a_cancel_and_a_finish_have_one_winner() -> None:
    account = make.account()
    made = work_items(account, 8)
    leases = {item_id: claimed(account, item_id) for item_id in made[:4]}
    queued(*made[4:])

    def race(number: int) -> None:
        item_id = made[number % 8]
        if number < 8:
            items.cancel_items(account=account, item_ids=[item_id])
        elif item_id in leases:
            with tenant(account.pk):
                items.settle(leases[item_id])
        else:
            with tenant(account.pk):
                items.claim(account_id=account.pk, item_id=item_id, worker=ME)

    at_once(race)

    rows = WorkItem.unscoped.in_bulk(made)
    assert [rows[pk].status for pk in made[:4]] == ["done"] * 4
    assert {rows[pk].status for pk in made[4:]} <= {"cancelled", "running"}


def test_many_dispatchers_keep_every_cap() -> None:
    owners = [make.account(plan=plan(max_in_flight=5)) for _ in range(3)]
    for owner in owners:
        work_items(owner, 30)
        work_items(owner, 30, work_class="ai_image")
    make_automation.worker(slots=50)

    at_once(lambda _: admission.dispatch())
    admission.dispatch()

    rows = WorkItem.unscoped.filter(status="queued")
    assert sorted(rows.values_list("account_id", flat=True)) == sorted(
        owner.pk for owner in owners for _ in range(5)
    )


def test_one_dispatcher_at_a_time_decides() -> None:
    work_items(make.account(), 3)
    make_automation.worker()
    PeriodicJob.objects.create(name=admission.LOCK, next_run_at=NOW)
    locked, done = threading.Event(), threading.Event()

    def decide() -> None:
        with transaction.atomic():
            PeriodicJob.objects.select_for_update().get(name=admission.LOCK)
            locked.set()
            done.wait(20)
        connections.close_all()

    thread = threading.Thread(target=decide)
    thread.start()
    locked.wait(20)
    first = admission.dispatch()
    done.set()
    thread.join(20)
    second = admission.dispatch()

    assert (first.sent, second.sent) == (0, 3)


def test_a_row_that_a_frozen_worker_holds_does_not_stop_the_sweep() -> None:
    account = make.account()
    held, free = work_items(account, 2)
    claimed(account, held)
    claimed(account, free)
    overdue(held, free)
    locked, done = threading.Event(), threading.Event()

    def freeze() -> None:
        with tenant(account.pk):
            WorkItem.objects.select_for_update().get(pk=held)
            locked.set()
            done.wait(20)
        connections.close_all()

    thread = threading.Thread(target=freeze)
    thread.start()
    locked.wait(20)
    first = sweeping.sweep()
    done.set()
    thread.join(20)
    second = sweeping.sweep()

    assert (first.expired, second.expired) == (1, 1)


def test_a_site_gets_one_active_run() -> None:
    account = make.account()
    site = make.site(account)

    def start(_number: int) -> tuple[str, object]:
        try:
            return "started", runs.start_run(account=account, site_id=site.pk, now=NOW).pk
        except RunActive as exc:
            return "refused", exc.data["run_id"]

    answers = at_once(start)

    run = AutomationRun.unscoped.get()
    assert sorted(answers) == [("refused", run.pk)] * (THREADS - 1) + [("started", run.pk)]


def test_any_number_of_tickers_starts_one_run_for_each_slot() -> None:
    now = NOW + timedelta(days=1)
    sites = [make_automation.config(make.account(), is_enabled=True).site for _ in range(12)]

    started = at_once(lambda _number: schedules.start_due_runs(now=now), count=8)

    assert sum(started) == len(sites)
    runs_of = AutomationRun.unscoped.values_list("site_id", flat=True)
    assert sorted(runs_of) == sorted(site.pk for site in sites)
    assert sum(at_once(lambda _number: schedules.start_due_runs(now=now), count=8)) == 0


def test_any_number_of_tickers_resumes_a_run_once() -> None:
    account = make.account(max_credits_per_day=500)
    run = make_automation.run(account)
    runs.pause_run(
        account=account,
        run_id=run.pk,
        reason="day_cap_reached",
        data={"limit": 500},
        resume_at=NOW,
        now=NOW,
    )

    resumed = at_once(lambda _number: resuming.resume_ready_runs(now=NOW), count=8)

    assert sum(resumed) == 1
    assert RunEvent.unscoped.filter(run=run, code="run_resumed").count() == 1


def test_a_delivery_is_attempted_by_one_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    endpoint, _ = webhook_endpoints.create_endpoint(account=account, url="https://example.com/")
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=endpoint.pk, now=NOW)
    sent: list[str] = []

    def send(url: str, **_options: object) -> int:
        sent.append(url)
        return 200

    monkeypatch.setattr(client, "send", send)

    answers = at_once(
        lambda _number: webhooks.deliver(
            account_id=account.pk, delivery_id=delivery.pk, clock=lambda: NOW
        )
    )

    assert sent == ["https://example.com/"]
    assert [answer for answer in answers if answer] == [DeliveryStatus.DELIVERED]
