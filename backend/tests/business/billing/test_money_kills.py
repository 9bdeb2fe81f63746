"""Real processes, killed with SIGKILL: numbers without a gap, money once.

Children are forked, so that eight of them cost no start of their own; each opens its own
connections and ends by a signal or without any clean-up.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Subscription
from igny8_core.business.billing.models import Invoice, InvoiceSeries, Payment, SubscriptionPeriod
from igny8_core.business.billing.services import (
    payments,
    provider_subscriptions,
    subscriptions,
    webhooks,
)
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import draft_invoice, finalise, number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.provider_subscriptions import open_page
from igny8_core.business.billing.services.taxes import Line
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook
from igny8_core.business.billing.states import InvoiceStatus
from igny8_core.clients import payments as clients
from igny8_core.common.tenancy.context import tenant
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing
from tests.make import unique
from tests.make.billing import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igny8_core.auth.models import Account

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "admin"]),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # fork beside a thread
]

PROCESSES, ROUNDS = 8, 12
KILLED = -signal.SIGKILL


class Changed(Exception):
    """A worker changed its mind."""


def forked(work: Callable[[], None]) -> int:
    """Do it in a process of its own, with connections of its own; the process id."""
    connections.close_all()
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """How it ended: 0, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die(*_args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def number_one(account: Account, how: str) -> str:
    """Draft and number an invoice; or change one's mind, or die, once the number was taken."""
    with tenant(account.pk):
        invoice = draft_invoice(account=account, lines=[Line("x", 100)], currency="EUR", now=NOW)
        finalise(invoice, InvoiceStatus.PENDING, now=NOW)
        if how == "changes its mind":
            raise Changed
        if how == "dies early":
            die()
    if how == "dies late":
        die()
    return str(invoice.number)


def number_many(log: Path, plan: list[str], buyers: list[Account], first: int) -> None:
    with log.open("a") as file:
        for place in range(first, len(plan)):
            file.write(f"{place}\n")
            file.flush()
            try:
                given = number_one(buyers[place % len(buyers)], plan[place])
            except Changed:
                continue
            file.write(f"{place} {given}\n")
            file.flush()


def test_eight_processes_that_change_their_minds_and_die_leave_no_gap(tmp_path: Path) -> None:
    make_billing.seller()
    buyers = [make_billing.buyer() for _ in range(3)]
    choice = random.Random(80)  # noqa: S311 - a test's dice
    kinds, weights = ["commits", "changes its mind", "dies early", "dies late"], [72, 20, 4, 4]
    plans = [choice.choices(kinds, weights, k=ROUNDS) for _ in range(PROCESSES)]
    logs = [tmp_path / f"{n}.log" for n in range(PROCESSES)]

    def started(n: int) -> int:
        lines = logs[n].read_text().splitlines() if logs[n].exists() else []
        first = int(lines[-1].split()[0]) + 1 if lines else 0
        return forked(lambda: number_many(logs[n], plans[n], buyers, first))

    alive, deaths = {started(n): n for n in range(PROCESSES)}, 0
    while alive:
        pid, status = os.waitpid(-1, 0)
        n, code = alive.pop(pid), os.waitstatus_to_exitcode(status)
        assert code in {0, KILLED}
        if code == KILLED:
            deaths += 1
            alive[started(n)] = n

    hows = Counter(chain(*plans))
    noted = [
        line.split()[1] for log in logs for line in log.read_text().splitlines() if " " in line
    ]
    rows = Invoice.unscoped.order_by("no").values_list("no", "number")
    stored = hows["commits"] + hows["dies late"]
    assert deaths == hows["dies early"] + hows["dies late"] > 0
    assert hows["changes its mind"] > PROCESSES
    assert [no for no, _ in rows] == list(range(1, stored + 1))
    assert len(noted) == len(set(noted)) == hows["commits"]
    assert set(noted) <= {number for _, number in rows}
    assert InvoiceSeries.objects.get().last == stored
    assert number_gaps() == []


PLACES = [
    "billing.subscription.page_made",
    "billing.webhook.stored",
    "billing.webhook.claimed",
    "billing.subscription.fetched",
    "billing.settle.completed",
    "billing.settle.granted",
    "billing.settle.numbered",
    "billing.subscription.booked",
    "billing.webhook.followed",
]
MODULES = (payments, provider_subscriptions, webhooks)


def test_a_process_that_is_killed_anywhere_leaves_a_subscription_that_is_paid_once(
    server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_billing.prices()
    make_billing.seller()
    make_billing.plan(10, code="free")
    plan, now = make_billing.plan(1_000, price_minor=10_000), datetime.now(UTC)
    rows = []

    for turn, place in enumerate(PLACES):

        def dying(name: str, place: str = place) -> None:
            if name == place:
                die()

        row = _ordered(make_billing.buyer(), plan.code, now)
        ends = []
        at = now + timedelta(minutes=10 * turn)
        for act in (_page, _webhook, _handle):  # each time somebody asks again
            with monkeypatch.context() as patched:
                for module in MODULES:
                    patched.setattr(module, "failpoint", dying)
                ends.append(ended(forked(lambda: _apart(act, server, row, at))))  # noqa: B023 - waited for
            at += timedelta(minutes=3)
            act(server, row, at)
            if act is _page:
                server.pay(Subscription.unscoped.get(pk=row.pk).checkout_ref)
        rows.append(row)
        assert sorted(ends) == [KILLED, 0, 0], place

    assert [_state(row) for row in rows] == [("active", 1, 1, 1, 1_000)] * len(PLACES)
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


def _ordered(account: Account, plan_code: str, now: datetime) -> Subscription:
    found = subscriptions.subscribe(
        account=account,
        plan_code=plan_code,
        method="stripe",
        idempotency_key=unique("order"),
        now=now,
    )
    return found.subscription


def _apart(act: Any, server: StripeServer, row: Subscription, at: datetime) -> None:
    clients._made.cache_clear()  # a connection to the provider is not shared
    act(server, row, at)


def _page(_server: StripeServer, row: Subscription, at: datetime) -> None:
    account = accounts.account(row.account_id)
    open_page(account=account, subscription_id=row.pk, clock=lambda: at)


def _webhook(server: StripeServer, row: Subscription, at: datetime) -> None:
    """Stripe tells that the page was paid, until somebody listens."""
    ref = Subscription.unscoped.get(pk=row.pk).checkout_ref
    (paid,) = (event for event in server.events if event["data"]["object"]["id"] == ref)
    body, headers = signed(paid)
    receive_webhook(provider="stripe", body=body, headers=headers, now=at)


def _handle(_server: StripeServer, _row: Subscription, at: datetime) -> None:
    handle_due(clock=lambda: at)


def _state(row: Subscription) -> tuple[str, int, int, int, int]:
    """(status, periods, completed payments, numbered invoices, balance)."""
    mine = {"account_id": row.account_id}
    return (
        str(Subscription.unscoped.get(pk=row.pk).status),
        SubscriptionPeriod.unscoped.filter(**mine).count(),
        Payment.unscoped.filter(status="completed", **mine).count(),
        Invoice.unscoped.filter(status="paid", **mine).count(),
        accounts.account(row.account_id).credits,
    )
