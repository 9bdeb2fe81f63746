"""Payments at PayPal: approved is not paid, and whatever is lost or repeated, money comes once."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import (
    CreditTransaction,
    CreditWallet,
    Dispute,
    Invoice,
    Payment,
    PaymentWebhook,
)
from igny8_core.business.billing.services import webhooks
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.payments import start_payment
from igny8_core.business.billing.services.provider_payments import (
    open_checkout,
    refresh_payment,
)
from igny8_core.business.billing.services.refunds import finish_refunds, refund_payment
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook, reconcile
from igny8_core.common.errors import Transient
from tests.business.billing.deaths import OneDeath
from tests.fakes.paypal_server import ORDERS, PayPalServer, running, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

DONE = ("completed", "paid", 1_000)
WAITING = ("processing", "draft", 0)


@pytest.fixture
def server(settings: Any) -> Iterator[PayPalServer]:
    with running() as server:
        settings.PAYMENT_KEYS = {"paypal": server.keys}
        yield server


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    make_billing.offered("DE", "paypal")
    make_billing.offered("DE", "manual")
    return make_billing.buyer()


@pytest.fixture
def order(account: Account, server: PayPalServer) -> Checkout:
    """1,000 credits for 119.00 EUR; the customer has not been at PayPal yet."""
    return make_billing.bought(account, make_billing.package(), method="paypal")


def clock() -> datetime:
    return timezone.now()


def asked(order: Checkout) -> dict[str, Any]:
    return {"account": order.payment.account, "payment_id": order.payment.pk, "clock": clock}


def opened(order: Checkout) -> str:
    """The order's name at PayPal."""
    assert open_checkout(**asked(order))
    order.payment.refresh_from_db()
    return str(order.payment.provider_ref)


def capture_of(order: Checkout) -> str:
    return str(Payment.unscoped.get(pk=order.payment.pk).provider_refs["payment"])


def deliver(server: PayPalServer, event: dict[str, Any]) -> bool:
    body, headers = signed(server, event)
    return receive_webhook(provider="paypal", body=body, headers=headers, now=clock())


def told(server: PayPalServer) -> None:
    """Every event since the last time, and a worker that takes them."""
    for event in server.events:
        deliver(server, event)
    server.events.clear()
    handle_due(clock=clock)


def paid(order: Checkout, server: PayPalServer) -> str:
    """The name of the capture."""
    server.approve(opened(order))
    refresh_payment(**asked(order))
    server.events.clear()
    assert state(order) == DONE
    return capture_of(order)


def state(order: Checkout) -> tuple[str, str, int]:
    """(payment, invoice, credits that it brought)."""
    rows = CreditTransaction.unscoped.filter(payment_id=order.payment.pk, type="purchase")
    return (
        str(Payment.unscoped.get(pk=order.payment.pk).status),
        str(Invoice.unscoped.get(pk=order.invoice.pk).status),
        rows.aggregate(all=Sum("amount"))["all"] or 0,
    )


def test_a_customer_who_never_comes_back_gets_the_credits(
    order: Checkout, server: PayPalServer
) -> None:
    ref = opened(order)
    assert state(order) == WAITING
    server.approve(ref)

    assert deliver(server, server.events[0])
    assert handle_due(clock=clock) == 1

    assert state(order) == DONE
    assert server.calls[f"{ORDERS}/{ref}/capture"] == 1
    told(server)  # PayPal's own word of the capture comes after ours
    assert state(order) == DONE
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}


def test_one_who_comes_back_does_not_wait_for_a_webhook(
    order: Checkout, server: PayPalServer
) -> None:
    ref = opened(order)
    assert refresh_payment(**asked(order)).status == "processing"
    server.approve(ref)

    assert refresh_payment(**asked(order)).status == "completed"
    assert open_checkout(**asked(order)) == ""
    assert state(order) == DONE
    assert (
        capture_of(order)
        == server.objects[ref]["purchase_units"][0]["payments"]["captures"][0]["id"]
    )


def test_events_in_every_order_end_in_the_same(account: Account, server: PayPalServer) -> None:
    package, choice = make_billing.package(), random.Random(7)  # noqa: S311 - a test's dice
    orders = []
    server.capture_as = "PENDING"
    for turn in itertools.permutations(range(4)):
        order = make_billing.bought(account, package, method="paypal")
        ref, begin = opened(order), len(server.events)
        server.approve(ref)
        refresh_payment(**asked(order))
        assert state(order) == WAITING  # taken, and not there yet
        server.arrive(capture_of(order))
        server.happened("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": ref})
        events = server.events[begin:]
        lost = set(choice.sample(range(4), choice.choice([0, 1, 4])))
        for place in turn:
            if place not in lost:
                for _ in range(choice.randint(1, 3)):
                    deliver(server, events[place])
        orders.append(order)
    handle_due(clock=clock, limit=10_000)
    before = [state(order) for order in orders]

    missing = reconcile(now=clock())
    handle_due(clock=clock, limit=10_000)

    assert len(orders) == 24
    assert missing > 0
    assert WAITING in before  # those of which every webhook was lost
    assert {state(order) for order in orders} == {DONE}
    assert PaymentWebhook.objects.count() == 96
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
def test_an_answer_that_is_lost_is_asked_for_again(
    order: Checkout, server: PayPalServer, fault: str
) -> None:
    server.faults[ORDERS] = [fault]
    with pytest.raises(Transient):
        open_checkout(**asked(order))
    assert Payment.unscoped.get(pk=order.payment.pk).outcome_unknown_since is not None
    ref = opened(order)
    server.approve(ref)
    server.faults[f"{ORDERS}/{ref}/capture"] = [fault]
    with pytest.raises(Transient):
        refresh_payment(**asked(order))
    assert state(order) == WAITING

    assert refresh_payment(**asked(order)).status == "completed"

    assert state(order) == DONE
    assert (server.calls[ORDERS], server.calls[f"{ORDERS}/{ref}/capture"]) == (1, 1)


def test_an_order_over_another_amount_is_not_taken(order: Checkout, server: PayPalServer) -> None:
    ref = opened(order)
    server.objects[ref]["purchase_units"][0]["amount"]["value"] = "1.00"
    server.approve(ref)

    refresh_payment(**asked(order))

    assert state(order) == ("failed", "draft", 0)
    assert server.calls[f"{ORDERS}/{ref}/capture"] == 0


def test_another_amount_than_ours_brings_nothing(order: Checkout, server: PayPalServer) -> None:
    ref = opened(order)
    server.approve(ref)
    server.post(f"{ORDERS}/{ref}/capture", "", "somebody else")
    capture = server.objects[ref]["purchase_units"][0]["payments"]["captures"][0]
    capture["amount"] = {"currency_code": "USD", "value": "119.00"}

    told(server)

    assert state(order) == ("succeeded", "draft", 0)
    payment = Payment.unscoped.get(pk=order.payment.pk)
    assert payment.review_reason == "received 11900 USD, asked for 11900 EUR"


def test_money_that_is_denied_later_fails_and_a_new_attempt_may_be_made(
    account: Account, order: Checkout, server: PayPalServer
) -> None:
    server.capture_as = "PENDING"
    server.approve(opened(order))
    told(server)
    assert state(order) == WAITING
    server.deny(capture_of(order))

    told(server)

    assert state(order) == ("failed", "draft", 0)
    server.capture_as = "COMPLETED"
    new = start_payment(
        account=account,
        invoice_id=order.invoice.pk,
        method="paypal",
        idempotency_key="second",
        now=clock(),
    )
    common: dict[str, Any] = {"account": account, "payment_id": new.pk, "clock": clock}
    assert open_checkout(**common) != ""
    new.refresh_from_db()
    server.approve(str(new.provider_ref))
    assert refresh_payment(**common).status == "completed"


def test_a_card_that_is_declined_leaves_the_page_open(
    order: Checkout, server: PayPalServer
) -> None:
    server.capture_as = "INSTRUMENT_DECLINED"
    ref = opened(order)
    server.approve(ref)

    assert refresh_payment(**asked(order)).status == "processing"
    assert open_checkout(**asked(order)).endswith(ref)
    server.capture_as = "COMPLETED"
    server.approve(ref)  # with another card
    assert refresh_payment(**asked(order)).status == "completed"


def test_an_order_that_paypal_forgot_has_failed(order: Checkout, server: PayPalServer) -> None:
    server.forget(opened(order))

    reconcile(now=clock() + webhooks.STALE)

    assert state(order) == ("failed", "draft", 0)
    assert Payment.unscoped.get(pk=order.payment.pk).failure_reason == "The order expired."


def test_what_was_given_up_is_not_taken(order: Checkout, server: PayPalServer) -> None:
    ref = opened(order)
    Payment.unscoped.filter(pk=order.payment.pk).update(status="failed", failure_reason="x")
    server.approve(ref)

    told(server)

    assert server.calls[f"{ORDERS}/{ref}/capture"] == 0
    assert state(order) == ("failed", "draft", 0)


def test_money_goes_back_once(account: Account, order: Checkout, server: PayPalServer) -> None:
    capture = paid(order, server)
    path = f"/v2/payments/captures/{capture}/refund"
    server.faults[path] = ["lost"]
    asked_for: dict[str, Any] = {
        "account": account,
        "payment_id": order.payment.pk,
        "reason": "withdrawal",
        "idempotency_key": "r",
        "clock": clock,
    }
    with pytest.raises(Transient):
        refund_payment(**asked_for)

    finish_refunds(now=clock() + timedelta(hours=1))

    assert server.calls[path] == 1
    made = refund_payment(**asked_for)
    assert (made.status, made.amount_minor, made.credits) == ("succeeded", 11_900, 1_000)
    assert state(order)[0] == "refunded"
    told(server)
    assert accounts.account(account.pk).credits == 0
    assert (ledger_problems(), money_problems()) == ([], [])


@pytest.mark.parametrize("is_reversed", [False, True])
def test_credits_follow_disputed_money(
    account: Account,
    order: Checkout,
    server: PayPalServer,
    is_reversed: bool,  # noqa: FBT001 - a parameter
) -> None:
    ref = server.dispute(paid(order, server))
    wallet = CreditWallet.objects.for_account(account)
    if is_reversed:
        server.move(ref, "DEBIT")
        server.events.reverse()
        told(server)
    else:
        told(server)
        assert (wallet.get().is_dispute_blocked, wallet.get().balance) == (True, 1_000)
        server.move(ref, "DEBIT")
        told(server)
    assert (wallet.get().balance, Dispute.unscoped.get().status) == (0, "withdrawn")
    server.move(ref, "CREDIT")
    server.close(ref, "RESOLVED_SELLER_FAVOUR")

    told(server)

    assert (wallet.get().is_dispute_blocked, wallet.get().balance) == (False, 1_000)
    assert Dispute.unscoped.get().status == "reinstated"
    assert (ledger_problems(), money_problems()) == ([], [])


def test_the_address_for_webhooks(order: Checkout, server: PayPalServer, client: Any) -> None:
    server.approve(opened(order))
    body, headers = signed(server, server.events[0])

    def post(data: bytes) -> Any:
        return client.post(
            "/webhooks/paypal/", data, content_type="application/json", headers=headers
        )

    answers = [post(body), post(body), post(body + b" ")]

    assert [answer.status_code for answer in answers] == [200, 200, 400]
    server.certificates.clear()
    webhooks.payment_client("paypal").signatures._known.clear()  # type: ignore[attr-defined]
    assert post(body).status_code == 503  # PayPal sends it again


PLACES = [
    "billing.checkout.made",
    "billing.checkout.approved",
    "billing.checkout.captured",
    "billing.webhook.claimed",
    "billing.settle.completed",
    "billing.settle.granted",
    "billing.settle.numbered",
    "billing.webhook.followed",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_death_anywhere_ends_in_one_payment_one_grant_and_one_invoice(
    order: Checkout, server: PayPalServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    death = OneDeath(place, at=clock() + timedelta(minutes=1), monkeypatch=monkeypatch)

    ref = death.again(lambda: opened(order))
    server.approve(ref)
    death.again(lambda: deliver(server, server.events[0]))
    death.again(lambda: handle_due(clock=lambda: death.at))

    assert death.deaths == [place]
    assert state(order) == DONE
    assert (server.calls[ORDERS], server.calls[f"{ORDERS}/{ref}/capture"]) == (1, 1)
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])
