"""Subscriptions at PayPal: its clock runs, ours follows; each period's money is booked once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Plan, Subscription
from igny8_core.business.billing.models import Invoice, Payment, PaymentWebhook, SubscriptionPeriod
from igny8_core.business.billing.services import provider_subscriptions, subscriptions
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.plan_periods import months_after
from igny8_core.business.billing.services.provider_subscriptions import follow, open_page
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook
from igny8_core.common.errors import Transient
from tests.fakes.paypal_plans import PLANS, SUBSCRIPTIONS, order, take
from tests.fakes.paypal_server import PayPalServer, running, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - timedelta(days=40)


@pytest.fixture
def server(settings: Any) -> Iterator[PayPalServer]:
    with running() as server:
        settings.PAYMENT_KEYS = {"paypal": server.keys}
        yield server


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    make_billing.plan(10, code="free")
    make_billing.offered("DE", "paypal")
    return make_billing.buyer()


@pytest.fixture
def plan() -> Plan:
    return make_billing.plan(1_000, price_minor=10_000)


def ordered(account: Account, plan: Plan) -> Subscription:
    """An order forty days ago, whose page nobody has opened yet."""
    found = subscriptions.subscribe(
        account=account, plan_code=plan.code, method="paypal", idempotency_key="k", now=BEGIN
    )
    return found.subscription


def opened(row: Subscription) -> str:
    """PayPal's name of the subscription."""
    assert open_page(account=row.account, subscription_id=row.pk, clock=lambda: BEGIN)
    return str(reloaded(row).checkout_ref)


def reloaded(row: Subscription) -> Subscription:
    return Subscription.unscoped.select_related("plan", "account").get(pk=row.pk)


def told(server: PayPalServer, at: datetime) -> None:
    """Every event since the last time, twice, and a worker that takes them."""
    for event in [*server.events, *server.events]:
        body, headers = signed(server, event)
        receive_webhook(provider="paypal", body=body, headers=headers, now=at)
    server.events.clear()
    handle_due(clock=lambda: at)


def books() -> tuple[list[Any], list[str], list[str]]:
    return number_gaps(), ledger_problems(), money_problems()


def test_two_periods_are_booked_with_their_money(
    account: Account, plan: Plan, server: PayPalServer
) -> None:
    row = ordered(account, plan)
    ref = opened(row)
    follow(account=account, subscription_id=row.pk, clock=lambda: BEGIN)
    assert (reloaded(row).status, Invoice.unscoped.count()) == ("incomplete", 0)

    order(server, ref, at=BEGIN)
    told(server, BEGIN)
    row = reloaded(row)
    assert (row.status, row.provider_ref) == ("active", ref)
    assert accounts.account(account.pk).credits == 1_000
    take(server, ref, at=months_after(BEGIN, 1))
    told(server, NOW)

    paid = Payment.unscoped.filter(status="completed")
    assert [payment.amount_minor for payment in paid] == [11_900, 11_900]
    assert set(Invoice.unscoped.values_list("status", flat=True)) == {"paid"}
    periods = SubscriptionPeriod.unscoped.filter(subscription=row).order_by("starts_at")
    edges = [(period.starts_at, period.ends_at) for period in periods]
    assert edges == [(months_after(BEGIN, n), months_after(BEGIN, n + 1)) for n in (0, 1)]
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}
    assert books() == ([], [], [])


@pytest.mark.parametrize("path", [PLANS, SUBSCRIPTIONS])
def test_an_order_whose_answer_was_lost_is_found_by_our_name(
    account: Account, plan: Plan, server: PayPalServer, path: str
) -> None:
    row = ordered(account, plan)
    server.faults[path] = ["lost"]
    with pytest.raises(Transient):
        opened(row)
    ref = opened(row)
    Subscription.unscoped.filter(pk=row.pk).update(checkout_ref="")  # we died before noting it

    order(server, ref, at=BEGIN)
    told(server, BEGIN)

    assert reloaded(row).status == "active"
    assert server.calls[SUBSCRIPTIONS] == 1
    assert accounts.account(account.pk).credits == 1_000


def test_what_ends_with_its_period_is_suspended_there(
    account: Account, plan: Plan, server: PayPalServer
) -> None:
    row = ordered(account, plan)
    ref = opened(row)
    order(server, ref, at=BEGIN)
    told(server, BEGIN)
    subscriptions.cancel(account=account, subscription_id=row.pk, now=BEGIN)

    provider_subscriptions.push_due(now=BEGIN)

    assert server.objects[ref]["status"] == "SUSPENDED"
    assert reloaded(row).cancel_at_period_end
    assert books() == ([], [], [])
