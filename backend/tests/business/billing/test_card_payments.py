"""An upgrade is paid from the saved card by one click; another interval waits for its day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.billing.models import AccountPaymentMethod, Invoice, Payment
from igny8_core.business.billing.services import card_payments, plan_orders, provider_payments
from igny8_core.business.billing.services.card_payments import pay_by_card
from igny8_core.business.billing.services.cards import follow_cards
from igny8_core.business.billing.services.plan_periods import months_after
from igny8_core.business.billing.services.provider_payments import refresh_payment
from igny8_core.business.billing.services.provider_subscriptions import push, push_due
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.webhooks import reconcile
from igny8_core.common.errors import InvalidInput, NotFound, Transient
from tests.business.billing.deaths import Died
from tests.business.billing.test_provider_subscriptions import (
    BALANCED,
    DAY,
    NOW,
    at,
    balance,
    books,
    followed,
    price_there,
    reloaded,
    subscribed,
    there,
)
from tests.fakes import paypal_server
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Plan, Subscription
    from igny8_core.business.billing.services.plan_orders import PlanOrder
    from tests.fakes.stripe_server import StripeServer

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

INTENTS = "/v1/payment_intents"


@pytest.fixture
def account(server: StripeServer) -> Account:
    server.at = int(NOW.timestamp())
    return make_billing.plan_buyer()


@pytest.fixture
def row(account: Account, server: StripeServer) -> Subscription:
    """On a plan of 1,000 credits for 119.00 EUR a month; the card is known here."""
    made = subscribed(server, account, make_billing.plan(1_000, price_minor=10_000))
    follow_cards(account=account, provider="stripe")
    server.at += 86_400
    return made


@pytest.fixture
def large() -> Plan:
    return make_billing.plan(3_000, price_minor=30_000)


def upgrade(row: Subscription, plan: Plan, server: StripeServer, key: str = "up") -> PlanOrder:
    return plan_orders.change_plan(
        account=row.account,
        subscription_id=row.pk,
        plan_code=plan.code,
        idempotency_key=key,
        now=at(server)(),
    )


def pay(order: PlanOrder, server: StripeServer) -> str:
    assert order.payment is not None
    account = make_account(order)
    return pay_by_card(account=account, payment_id=order.payment.pk, clock=at(server))


def make_account(order: PlanOrder) -> Account:
    assert order.payment is not None
    found: Account = Payment.unscoped.get(pk=order.payment.pk).account
    return found


def attempts(order: PlanOrder) -> list[str]:
    assert order.invoice is not None
    rows = Payment.unscoped.filter(invoice=order.invoice).order_by("pk")
    return list(rows.values_list("status", flat=True))


def charges(server: StripeServer) -> list[str]:
    """What became of the charges of saved cards."""
    rows = [o for o in server.objects.values() if o.get("object") == "payment_intent"]
    return [str(one["status"]) for one in rows if "payment_method" in one]


def test_one_confirmation_pays_the_upgrade(
    account: Account, row: Subscription, large: Plan, server: StripeServer
) -> None:
    preview = plan_orders.preview_change(
        account=account, subscription_id=row.pk, plan_code=large.code, now=at(server)()
    )
    assert preview.amount is not None
    assert sum(line.net_minor for line in preview.lines) == preview.amount.subtotal_minor
    assert [line.net_minor < 0 for line in preview.lines] == [True, False]

    pages = []
    for _ in range(2):
        order = upgrade(row, large, server)
        pages.append(pay(order, server))

    assert (pages, charges(server)) == (["", ""], ["succeeded"])
    assert attempts(order) == ["completed"]
    assert (reloaded(row).plan, price_there(server, row)) == (large, 11_900)
    assert order.invoice is not None
    invoice = Invoice.unscoped.get(pk=order.invoice.pk)
    assert (invoice.status, invoice.total_minor) == ("paid", preview.amount.total_minor)
    assert balance(account) == 1_000 + preview.credits_added
    assert push_due(now=at(server)()) == 1
    assert price_there(server, row) == 35_700
    payment = Payment.unscoped.get(invoice=invoice)
    refund_payment(
        account=account, payment_id=payment.pk, reason="x", idempotency_key="r", clock=at(server)
    )
    assert Payment.unscoped.get(pk=payment.pk).status == "refunded"
    assert books() == BALANCED


@pytest.mark.parametrize("says", ["action", "declined"])
def test_a_bank_that_wants_more_leads_to_the_providers_page(
    account: Account, row: Subscription, large: Plan, server: StripeServer, says: str
) -> None:
    server.says[there(server, row)["customer"]] = says
    order = upgrade(row, large, server)

    pages = {pay(order, server) for _ in range(2)}

    assert order.invoice is not None
    assert len(pages) == 1
    assert pages.pop().startswith(f"{server.address}/pay/cs_test_")
    assert (attempts(order), charges(server)) == (["failed", "processing"], ["canceled"])
    first, second = Payment.unscoped.filter(invoice=order.invoice).order_by("pk")
    told = {"action": "The bank asks for a confirmation.", "declined": "Your card was declined."}
    assert first.failure_reason == told[says]
    server.pay(str(second.provider_ref))
    refresh_payment(account=account, payment_id=second.pk, clock=at(server))

    assert (attempts(order), reloaded(row).plan) == (["failed", "completed"], large)
    assert pay(order, server) == ""
    assert books() == BALANCED


@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
@pytest.mark.parametrize("place", ["create", "confirm"])
def test_a_lost_answer_takes_the_money_once(
    row: Subscription, large: Plan, server: StripeServer, fault: str, place: str
) -> None:
    order = upgrade(row, large, server)
    if place == "create":
        server.faults[INTENTS] = [fault]
    else:
        number = server._number + 1
        server.faults[f"{INTENTS}/pi_{number:08d}/confirm"] = [fault]
    with pytest.raises(Transient):
        pay(order, server)

    assert pay(order, server) == ""

    assert (attempts(order), charges(server)) == (["completed"], ["succeeded"])
    assert server.calls[INTENTS] == 1
    assert books() == BALANCED


@pytest.mark.parametrize("place", ["billing.charge.prepared", "billing.charge.confirmed"])
def test_a_death_in_between_ends_paid_or_open_never_twice(
    row: Subscription,
    large: Plan,
    server: StripeServer,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    order = upgrade(row, large, server)

    def die(name: str) -> None:
        if name == place:
            raise Died

    monkeypatch.setattr(card_payments, "failpoint", die)
    with pytest.raises(Died):
        pay(order, server)
    monkeypatch.undo()

    monkeypatch.setattr("igny8_core.clients.stripe.RETRIES", 0)
    reconcile(now=at(server)() + timedelta(minutes=20))

    if place == "billing.charge.confirmed":
        assert (attempts(order), charges(server)) == (["completed"], ["succeeded"])
    assert order.payment is not None
    pay(order, server)
    assert charges(server).count("succeeded") <= 1
    assert books() == BALANCED


def test_a_charge_that_nobody_finished_is_dropped(
    account: Account, row: Subscription, large: Plan, server: StripeServer
) -> None:
    order = upgrade(row, large, server)
    assert order.payment is not None
    payment = Payment.unscoped.get(pk=order.payment.pk)
    card_payments._prepared(account, payment, at(server))
    ids: dict[str, Any] = {"account": account, "payment_id": payment.pk}
    assert refresh_payment(clock=at(server), **ids).status == "processing"

    later = at(server)() + provider_payments.CHARGE_TIME + DAY
    assert refresh_payment(clock=lambda: later, **ids).status == "failed"

    assert charges(server) == ["canceled"]
    assert pay(order, server).startswith(f"{server.address}/pay/")


def test_without_a_card_that_is_taken_it_is_the_page(
    account: Account, row: Subscription, large: Plan, server: StripeServer
) -> None:
    AccountPaymentMethod.unscoped.all().delete()
    for card in [o for o in server.objects.values() if o.get("object") == "payment_method"]:
        card["customer"] = None
    order = upgrade(row, large, server)

    assert pay(order, server).startswith(f"{server.address}/pay/")

    assert (attempts(order), charges(server)) == (["processing"], [])
    assert order.payment is not None
    with pytest.raises(NotFound):
        pay_by_card(account=make_billing.buyer(), payment_id=order.payment.pk, clock=at(server))
    assert pay(order, server).startswith(f"{server.address}/pay/")


def test_a_card_saved_with_the_order_is_found_there(
    row: Subscription, large: Plan, server: StripeServer
) -> None:
    AccountPaymentMethod.unscoped.all().delete()

    assert pay(upgrade(row, large, server), server) == ""

    assert AccountPaymentMethod.unscoped.get().display_name == "Visa ending in 4242"


def test_months_become_years_when_the_period_ends_and_back(
    account: Account, row: Subscription, server: StripeServer
) -> None:
    yearly = make_billing.plan(12_000, price_minor=100_000, interval="year")
    month, end = row.plan, months_after(NOW, 1)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    now: dict[str, Any] = {"now": at(server)()}
    order = plan_orders.change_plan(plan_code=yearly.code, idempotency_key="y", **now, **ids)
    assert (order.amount, order.effective_at) == (None, end)
    invoices = len([o for o in server.objects.values() if o.get("object") == "invoice"])
    assert [push(clock=at(server), **ids) for _ in range(2)] == [True, False]
    plan_orders.change_plan(plan_code=month.code, idempotency_key="m", **now, **ids)
    push(clock=at(server), **ids)
    assert price_there(server, row) == 11_900
    plan_orders.change_plan(plan_code=yearly.code, idempotency_key="y2", **now, **ids)
    push(clock=at(server), **ids)

    assert len([o for o in server.objects.values() if o.get("object") == "invoice"]) == invoices
    assert (followed(server, row).status, balance(account)) == ("active", 1_000)
    server.renew(str(row.provider_ref))
    row = followed(server, row)

    assert (row.plan, row.current_period_start) == (yearly, end)
    assert row.current_period_end == months_after(end, 12)
    assert (Payment.unscoped.latest("pk").amount_minor, balance(account)) == (119_000, 12_000)
    plan_orders.change_plan(plan_code=month.code, idempotency_key="back", now=at(server)(), **ids)
    push(clock=at(server), **ids)
    server.renew(str(row.provider_ref))
    row = followed(server, row)
    assert (row.plan, Payment.unscoped.latest("pk").amount_minor) == (month, 11_900)
    assert row.current_period_end == months_after(months_after(end, 12), 1)
    assert books() == BALANCED


def test_paypal_cannot_change_its_rhythm(settings: Any) -> None:
    make_billing.prices()
    make_billing.seller()
    holder = make_billing.buyer()
    make_billing.offered("DE", "paypal")
    month = make_billing.plan(1_000, price_minor=10_000)
    yearly = make_billing.plan(12_000, price_minor=100_000, interval="year")
    with paypal_server.running() as server:
        settings.PAYMENT_KEYS = {"paypal": server.keys}
        row = make_billing.provider_subscription(
            holder,
            month,
            provider="paypal",
            payment_method="paypal",
            current_period_start=NOW,
            current_period_end=months_after(NOW, 1),
        )
        with pytest.raises(InvalidInput, match="Nothing was changed"):
            plan_orders.preview_change(
                account=holder, subscription_id=row.pk, plan_code=yearly.code, now=NOW
            )
