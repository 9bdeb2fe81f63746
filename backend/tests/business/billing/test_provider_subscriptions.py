"""Subscriptions at Stripe: its clock runs, ours follows; each period's money is booked once."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Plan, Subscription
from igny8_core.business.billing.models import (
    DunningNotice,
    Invoice,
    Payment,
    PaymentWebhook,
    ProviderCustomer,
    SubscriptionPeriod,
)
from igny8_core.business.billing.services import plan_orders, subscriptions
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.payments import start_payment
from igny8_core.business.billing.services.plan_periods import months_after
from igny8_core.business.billing.services.provider_payments import open_checkout, refresh_payment
from igny8_core.business.billing.services.provider_subscriptions import (
    follow,
    follow_due,
    open_page,
    push,
    push_due,
    where_to_pay,
)
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook, reconcile
from igny8_core.common.errors import Conflict, NotFound, ProviderRejected, Transient
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing
from tests.make import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

NOW = datetime.now(UTC).replace(microsecond=0)  # signatures of webhooks are checked by the clock
DAY = timedelta(days=1)
CHECKOUTS = "/v1/checkout/sessions"
BALANCED: tuple[list[Any], list[str], list[str]] = ([], [], [])


@pytest.fixture
def account(server: StripeServer) -> Account:
    server.at = int(NOW.timestamp())
    return make_billing.plan_buyer()


@pytest.fixture
def plan() -> Plan:
    return make_billing.plan(1_000, price_minor=10_000, trial_days=14, trial_credits=50)


def at(server: StripeServer) -> Callable[[], datetime]:
    """The time of the server's clock."""
    return lambda: datetime.fromtimestamp(server.at, UTC)


def ordered(account: Account, plan: Plan, **fields: Any) -> Subscription:
    found = subscriptions.subscribe(
        account=account,
        plan_code=plan.code,
        method="stripe",
        idempotency_key=unique("order"),
        now=NOW,
        **fields,
    )
    open_page(account=account, subscription_id=found.subscription.pk, clock=lambda: NOW)
    return reloaded(found.subscription)


def subscribed(server: StripeServer, account: Account, plan: Plan) -> Subscription:
    """An order that was paid on Stripe's page, and that we have followed."""
    row = ordered(account, plan)
    server.pay(row.checkout_ref)
    return followed(server, row)


def followed(server: StripeServer, row: Subscription) -> Subscription:
    follow(account=row.account, subscription_id=row.pk, clock=at(server))
    return reloaded(row)


def reloaded(row: Subscription) -> Subscription:
    return Subscription.unscoped.select_related("plan", "account").get(pk=row.pk)


def there(server: StripeServer, row: Subscription) -> dict[str, Any]:
    return server.objects[str(row.provider_ref)]


def price_there(server: StripeServer, row: Subscription) -> int:
    return int(there(server, row)["items"]["data"][0]["price"]["unit_amount"])


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def books() -> tuple[list[Any], list[str], list[str]]:
    return number_gaps(), ledger_problems(), money_problems()


def test_an_order_on_the_page_is_booked_with_its_money(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = ordered(account, plan)
    assert followed(server, row).status == "incomplete"
    assert (Invoice.unscoped.count(), balance(account)) == (0, 0)
    server.pay(row.checkout_ref)

    for _ in range(3):
        row = followed(server, row)

    assert (row.status, row.current_period_end) == ("active", months_after(NOW, 1))
    payment, invoice = Payment.unscoped.get(), Invoice.unscoped.get()
    assert (payment.status, payment.amount_minor) == ("completed", 11_900)
    assert (invoice.status, invoice.total_minor, invoice.number) == (
        "paid",
        11_900,
        f"INV-{NOW.year}-00001",
    )
    assert SubscriptionPeriod.unscoped.get().invoice_id == invoice.pk
    assert ProviderCustomer.unscoped.get().ref.startswith("cus_")
    assert balance(account) == 1_000
    assert open_page(account=account, subscription_id=row.pk, clock=at(server)) == ""
    assert books() == BALANCED


def test_a_renewal_brings_the_next_period(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)

    server.renew(str(row.provider_ref))
    row = followed(server, row)

    assert row.current_period_start == months_after(NOW, 1)
    assert Invoice.unscoped.filter(status="paid").count() == 2
    assert SubscriptionPeriod.unscoped.count() == 2
    assert balance(account) == 1_000
    assert books() == BALANCED


def test_a_trial_costs_nothing_and_then_begins_to_cost(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = ordered(account, plan, wants_trial=True)
    server.pay(row.checkout_ref)

    row = followed(server, row)
    assert (row.status, row.trial_ends_at, balance(account)) == ("trialing", NOW + 14 * DAY, 50)
    assert not Invoice.unscoped.exists()
    server.renew(str(row.provider_ref))
    row = followed(server, row)

    assert (row.status, row.current_period_start) == ("active", NOW + 14 * DAY)
    assert (Invoice.unscoped.get().total_minor, balance(account)) == (11_900, 1_000)
    assert books() == BALANCED


def test_an_upgrade_is_paid_here_and_told_there(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    large = make_billing.plan(3_000, price_minor=30_000)
    server.at += 86_400
    order = plan_orders.change_plan(
        account=account,
        subscription_id=row.pk,
        plan_code=large.code,
        idempotency_key="up",
        now=at(server)(),
    )
    assert order.payment is not None
    open_checkout(account=account, payment_id=order.payment.pk, clock=at(server))
    server.pay(str(Payment.unscoped.get(pk=order.payment.pk).provider_ref))

    refresh_payment(account=account, payment_id=order.payment.pk, clock=at(server))

    assert (reloaded(row).plan, price_there(server, row)) == (large, 11_900)
    assert [push_due(now=at(server)()) for _ in range(2)] == [1, 0]
    assert price_there(server, row) == 35_700
    server.renew(str(row.provider_ref))
    followed(server, row)
    newest = Invoice.unscoped.latest("pk")
    assert (newest.status, newest.total_minor, balance(account)) == ("paid", 35_700, 3_000)
    assert books() == BALANCED


def test_an_upgrade_whose_page_is_open_keeps_nobody_from_changing_the_plan(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    orders = []
    for number in (2, 3):
        larger = make_billing.plan(number * 1_000, price_minor=number * 10_000)
        order = plan_orders.change_plan(
            plan_code=larger.code, idempotency_key=f"up{number}", now=NOW, **ids
        )
        assert order.payment is not None
        open_checkout(account=account, payment_id=order.payment.pk, clock=at(server))
        orders.append(Payment.unscoped.get(pk=order.payment.pk))

    for payment in orders:
        server.pay(str(payment.provider_ref))
        refresh_payment(account=account, payment_id=payment.pk, clock=at(server))

    reasons = [Payment.unscoped.get(pk=payment.pk).review_reason for payment in orders]
    assert reasons == ["the plan was changed meanwhile", ""]
    assert reloaded(row).plan.credits_per_period == 3_000
    assert subscriptions.cancel(now=NOW, **ids).cancel_at_period_end
    assert books() == BALANCED


def test_a_downgrade_is_told_before_the_renewal(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    small = make_billing.plan(100, price_minor=1_000)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    plan_orders.change_plan(plan_code=small.code, idempotency_key="d", now=NOW, **ids)
    assert [push(clock=at(server), **ids) for _ in range(2)] == [True, False]
    server.renew(str(row.provider_ref))
    row = followed(server, row)

    assert (row.plan, balance(account)) == (small, 100)
    assert Payment.unscoped.latest("pk").amount_minor == 1_190
    assert books() == BALANCED


def test_cancelled_here_or_there_it_ends_with_its_period(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    subscriptions.cancel(now=NOW, **ids)
    push(clock=at(server), **ids)
    assert there(server, row)["cancel_at_period_end"] is True
    subscriptions.resume(now=NOW, **ids)
    push(clock=at(server), **ids)
    assert there(server, row)["cancel_at_period_end"] is False
    there(server, row)["cancel_at_period_end"] = True

    assert followed(server, row).cancel_at_period_end
    server.renew(str(row.provider_ref))
    row = followed(server, row)

    assert (row.status, Invoice.unscoped.count()) == ("cancelled", 1)
    assert push(clock=at(server), **ids) is True  # an end that is known there already
    holder = accounts.account(account.pk)
    assert holder.plan is not None
    assert holder.plan.code == "free"
    assert books() == BALANCED


@pytest.mark.parametrize("says", ["declined", "action"])
def test_a_renewal_that_fails_is_owed_until_it_is_paid(
    account: Account, plan: Plan, server: StripeServer, says: str
) -> None:
    row = subscribed(server, account, plan)
    server.says[there(server, row)["customer"]] = says
    server.renew(str(row.provider_ref))

    for _ in range(2):
        row = followed(server, row)

    assert (row.status, row.dunning_stage) == ("past_due", "past_due")
    assert row.past_due_since == months_after(NOW, 1)
    payment = Payment.unscoped.latest("pk")
    told = {"declined": "Your card was declined.", "action": "The bank asks for a confirmation."}
    assert (payment.status, payment.failure_reason) == ("failed", told[says])
    steps = set(DunningNotice.unscoped.values_list("step", flat=True))
    assert steps == {"due", "action"} if says == "action" else {"due"}
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    assert where_to_pay(**ids).startswith("http://127.0.0.1/invoice/in_")
    with pytest.raises(Conflict):
        start_payment(
            account=account,
            invoice_id=payment.invoice_id,
            method="manual",
            idempotency_key="twice",
            now=at(server)(),
        )
    server.says.clear()
    server.retry(str(row.provider_ref))
    row = followed(server, row)

    assert (row.status, row.dunning_stage, row.past_due_since) == ("active", "none", None)
    assert (Payment.unscoped.count(), balance(account)) == (2, 1_000)
    assert where_to_pay(**ids) == ""
    assert books() == BALANCED


def deliver(server: StripeServer, event: dict[str, Any]) -> None:
    body, headers = signed(event)
    receive_webhook(provider="stripe", body=body, headers=headers, now=at(server)())


def test_a_first_payment_and_a_renewal_in_every_order_end_in_the_same(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    del account
    reconcile(now=NOW)
    choice, rows = random.Random(10), []  # noqa: S311 - a test's dice
    for turn in itertools.permutations(range(5)):
        server.at = int(NOW.timestamp())
        row, begin = ordered(make_billing.buyer(), plan), len(server.events)
        server.pay(row.checkout_ref)
        server.renew(server.objects[row.checkout_ref]["subscription"])
        events = server.events[begin:]
        lost = set(choice.sample(range(5), choice.choice([0, 1, 5])))
        for place in turn:
            if place not in lost:
                for _ in range(choice.randint(1, 3)):
                    deliver(server, events[place])
                if choice.random() < 0.3:
                    handle_due(clock=at(server))
        rows.append(row)
    assert [event["type"] for event in events] == [
        "customer.subscription.created",
        "invoice.paid",
        "checkout.session.completed",
        "invoice.paid",
        "customer.subscription.updated",
    ]
    handle_due(clock=at(server), limit=10_000)
    before = {state(row) for row in rows}

    missing = reconcile(now=at(server)())
    for hours in (1, 2):
        handle_due(clock=lambda: at(server)() + timedelta(hours=hours), limit=10_000)  # noqa: B023 - used at once

    assert (len(rows), missing > 0) == (120, True)
    assert ("incomplete", 0, 0, 0) in before
    assert {state(row) for row in rows} == {("active", 2, 2, 1_000)}
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}
    assert PaymentWebhook.objects.count() == 600
    assert Payment.unscoped.count() == 240
    assert books() == BALANCED


def state(row: Subscription) -> tuple[str, int, int, int]:
    """(status, periods, numbered invoices, balance)."""
    mine = {"account_id": row.account_id}
    return (
        str(reloaded(row).status),
        SubscriptionPeriod.unscoped.filter(**mine).count(),
        Invoice.unscoped.filter(status="paid", **mine).count(),
        accounts.account(row.account_id).credits,
    )


def test_an_old_answer_changes_nothing(account: Account, plan: Plan, server: StripeServer) -> None:
    row = subscribed(server, account, plan)
    there(server, row)["status"] = "canceled"

    follow(account=account, subscription_id=row.pk, clock=lambda: NOW - DAY)

    assert reloaded(row).status == "active"


def test_money_for_what_is_not_ours_to_book_waits_for_a_person(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    there(server, row)["items"]["data"][0]["price"]["unit_amount"] = 11_899

    server.renew(str(row.provider_ref))
    row = followed(server, row)

    payment = Payment.unscoped.latest("pk")
    assert (payment.status, payment.review_reason) == (
        "succeeded",
        "received 11899 EUR, asked for 11900 EUR",
    )
    assert (
        SubscriptionPeriod.unscoped.count(),
        Invoice.unscoped.filter(status="paid").count(),
    ) == (
        1,
        1,
    )


def test_a_second_subscription_that_was_paid_all_the_same_brings_nothing(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    first = ordered(account, plan)
    second = ordered(account, plan)
    server.pay(second.checkout_ref)
    server.pay(first.checkout_ref)  # in another window: it was given up meanwhile
    second = followed(server, second)

    first = followed(server, first)

    assert (second.status, first.status) == ("active", "cancelled")
    assert Payment.unscoped.latest("pk").review_reason == "the subscription has ended"
    assert push_due(now=at(server)()) == 1
    assert there(server, first)["status"] == "canceled"
    assert (there(server, second)["status"], balance(account)) == ("active", 1_000)


def test_a_period_that_is_charged_twice_brings_its_credits_once(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    server.bill(str(row.provider_ref))

    for _ in range(2):
        followed(server, row)

    payments = Payment.unscoped.order_by("pk").values_list("status", "review_reason")
    assert list(payments) == [("completed", ""), ("succeeded", "the period is paid already")]
    assert (SubscriptionPeriod.unscoped.count(), balance(account)) == (1, 1_000)
    assert books() == BALANCED


def test_a_trial_that_was_over_before_we_heard_of_it_was_the_only_one(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = ordered(account, plan, wants_trial=True)
    server.pay(row.checkout_ref)
    server.renew(server.objects[row.checkout_ref]["subscription"])

    row = followed(server, row)

    assert (row.status, row.trial_ends_at, balance(account)) == ("active", NOW + 14 * DAY, 1_000)
    assert Invoice.unscoped.get().status == "paid"
    assert books() == BALANCED


@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
def test_the_same_call_gets_the_same_page(
    account: Account, plan: Plan, server: StripeServer, fault: str
) -> None:
    found = subscriptions.subscribe(
        account=account, plan_code=plan.code, method="stripe", idempotency_key="k", now=NOW
    )
    ids: dict[str, Any] = {"account": account, "subscription_id": found.subscription.pk}
    server.faults[CHECKOUTS] = [fault]

    with pytest.raises(Transient):
        open_page(clock=at(server), **ids)

    assert open_page(clock=at(server), **ids) == open_page(clock=at(server), **ids) != ""
    assert server.calls[CHECKOUTS] == 1


def test_a_refused_or_expired_page_gives_the_order_up(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    server.faults[CHECKOUTS] = ["refused"]
    with pytest.raises(ProviderRejected):
        ordered(account, plan)
    row = ordered(account, plan)
    server.expire(row.checkout_ref)

    assert follow_due(now=at(server)()) == 1

    assert set(Subscription.unscoped.values_list("status", flat=True)) == {"cancelled"}


def test_a_subscription_by_hand_is_not_asked_about(account: Account, plan: Plan) -> None:
    found = subscriptions.subscribe(
        account=account, plan_code=plan.code, method="manual", idempotency_key="k", now=NOW
    )
    ids: dict[str, Any] = {"account": account, "subscription_id": found.subscription.pk}

    for act in (follow, open_page):
        with pytest.raises(Conflict):
            act(clock=lambda: NOW, **ids)
    assert push(clock=lambda: NOW, **ids) is False
    assert where_to_pay(**ids) == ""
    with pytest.raises(NotFound):
        follow(
            account=make_billing.buyer(), subscription_id=ids["subscription_id"], clock=lambda: NOW
        )


def test_a_period_that_is_refunded_and_disputed_gives_its_credits_back(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    subscribed(server, account, plan)
    payment = Payment.unscoped.get()
    refund_payment(
        account=account,
        payment_id=payment.pk,
        reason="Half of it",
        idempotency_key="r",
        amount_minor=5_950,
        clock=at(server),
    )
    assert balance(account) == 500
    dispute = server.dispute(payment.provider_refs["payment"], amount=5_950)
    server.withdraw(dispute)
    deliver(server, server.events[-1])
    handle_due(clock=at(server))
    assert balance(account) == 0
    server.reinstate(dispute)
    deliver(server, server.events[-1])
    handle_due(clock=at(server))

    assert balance(account) == 500
    assert books() == BALANCED
