"""Payments at a provider: whatever is lost, repeated or late, credits and invoices come once."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from igny8_core.business.billing.models import (
    CreditTransaction,
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
from igny8_core.business.billing.services.webhooks import (
    handle_due,
    purge_payloads,
    receive_webhook,
    reconcile,
)
from igny8_core.clients.payments import BadSignature
from igny8_core.common.errors import Conflict, NotFound, ProviderRejected, Transient
from tests.business.billing.deaths import OneDeath
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

CHECKOUTS = "/v1/checkout/sessions"


@pytest.fixture
def account() -> Account:
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def order(account: Account, server: StripeServer) -> Checkout:
    """1,000 credits for 119.00 EUR; the customer has not been at Stripe yet."""
    return make_billing.bought(account, make_billing.package(), method="stripe")


def clock() -> datetime:
    return timezone.now()


def stopped(at: datetime) -> Callable[[], datetime]:
    """A clock that stands still."""
    return lambda: at


def opened(order: Checkout) -> str:
    """The checkout's name at Stripe."""
    payment = order.payment
    assert open_checkout(account=payment.account, payment_id=payment.pk, clock=clock)
    payment.refresh_from_db()
    return str(payment.provider_ref)


def deliver(event: dict[str, Any]) -> bool:
    body, headers = signed(event)
    return receive_webhook(provider="stripe", body=body, headers=headers, now=clock())


def state(order: Checkout) -> tuple[str, str, int]:
    """(payment, invoice, credits that it brought)."""
    rows = CreditTransaction.unscoped.filter(payment_id=order.payment.pk, type="purchase")
    return (
        str(Payment.unscoped.get(pk=order.payment.pk).status),
        str(Invoice.unscoped.get(pk=order.invoice.pk).status),
        rows.aggregate(all=Sum("amount"))["all"] or 0,
    )


DONE = ("completed", "paid", 1_000)
WAITING = ("processing", "draft", 0)


def test_from_checkout_to_credits(order: Checkout, server: StripeServer) -> None:
    ref = opened(order)
    assert state(order) == WAITING
    server.pay(ref)

    assert deliver(server.events[0])
    assert handle_due(clock=clock) == 1

    assert state(order) == DONE
    invoice = Invoice.unscoped.get(pk=order.invoice.pk)
    assert invoice.number == f"INV-{clock().year}-00001"
    payment = Payment.unscoped.get(pk=order.payment.pk)
    assert payment.provider_refs["payment"].startswith("pi_")
    assert PaymentWebhook.objects.get().status == "done"


def test_a_webhook_that_is_sent_again_is_stored_once(order: Checkout, server: StripeServer) -> None:
    server.pay(opened(order))

    assert [deliver(server.events[0]) for _ in range(3)] == [True, False, False]
    assert [handle_due(clock=clock) for _ in range(2)] == [1, 0]
    assert state(order) == DONE


def test_five_events_in_every_order_end_in_the_same(account: Account, server: StripeServer) -> None:
    package, choice = make_billing.package(), random.Random(5)  # noqa: S311 - a test's dice
    orders = []
    for number, turn in enumerate(itertools.permutations(range(5))):
        order = make_billing.bought(account, package, method="stripe")
        ref, begin = opened(order), len(server.events)
        server.pay(ref, is_instant=False)
        server.arrive(ref)
        session = server.objects[ref]
        server.happened("checkout.session.completed", session)
        server.happened("checkout.session.expired", session | {"status": "expired"})
        server.happened(
            "charge.refunded",
            {"object": "charge", "id": f"ch_{number}"}
            | {"payment_intent": session["payment_intent"]},
        )
        events = server.events[begin:]
        lost = set(choice.sample(range(5), choice.choice([0, 1, 5])))
        for place in turn:
            if place not in lost:
                for _ in range(choice.randint(1, 3)):
                    deliver(events[place])
                if choice.random() < 0.5:
                    handle_due(clock=clock)
        orders.append(order)
    handle_due(clock=clock, limit=10_000)
    before = [state(order) for order in orders]

    missing = reconcile(now=clock())
    for hours in (1, 2):  # what is about money that was not known yet waits
        handle_due(clock=stopped(clock() + timedelta(hours=hours)), limit=10_000)

    assert len(orders) == 120
    assert missing > 0
    assert WAITING in before  # those of which every webhook was lost
    assert {state(order) for order in orders} == {DONE}
    assert PaymentWebhook.objects.count() == 600
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}
    assert Invoice.unscoped.filter(status="paid").count() == 120
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


def test_a_webhook_that_comes_before_our_row_waits_for_it(
    order: Checkout, server: StripeServer
) -> None:
    ref = opened(order)
    server.pay(ref)
    Payment.unscoped.filter(pk=order.payment.pk).update(provider_ref=None)
    event = server.events[0]
    event["data"]["object"]["client_reference_id"] = None
    deliver(event)

    handle_due(clock=clock)
    row = PaymentWebhook.objects.get()
    assert (row.status, row.error) == ("received", "no such payment yet")
    Payment.unscoped.filter(pk=order.payment.pk).update(provider_ref=ref)
    later = clock() + timedelta(minutes=1)
    assert handle_due(clock=lambda: later) == 1

    assert state(order) == DONE


def test_after_a_day_an_unknown_object_is_given_up(server: StripeServer) -> None:
    deliver(server.happened("checkout.session.expired", {"object": "checkout.session", "id": "x"}))
    handle_due(clock=clock)
    tomorrow = clock() + timedelta(hours=24)

    handle_due(clock=lambda: tomorrow)

    assert PaymentWebhook.objects.get().status == "failed"


def test_a_crash_after_the_provider_made_the_checkout_is_made_good_by_the_webhook(
    order: Checkout, server: StripeServer
) -> None:
    ref = opened(order)
    Payment.unscoped.filter(pk=order.payment.pk).update(provider_ref=None, status="pending")
    server.pay(ref)

    deliver(server.events[0])
    handle_due(clock=clock)

    assert state(order) == DONE
    assert server.calls[CHECKOUTS] == 1


@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
def test_a_lost_answer_blocks_new_attempts_and_the_same_call_goes_on(
    account: Account, order: Checkout, server: StripeServer, fault: str
) -> None:
    server.faults[CHECKOUTS] = [fault]
    common: dict[str, Any] = {"account": account, "payment_id": order.payment.pk, "clock": clock}

    with pytest.raises(Transient):
        open_checkout(**common)
    payment = Payment.unscoped.get(pk=order.payment.pk)
    assert payment.status == "processing"
    assert payment.outcome_unknown_since is not None
    with pytest.raises(Conflict):
        start_payment(
            account=account,
            invoice_id=order.invoice.pk,
            method="manual",
            idempotency_key="second",
            now=clock(),
        )

    assert open_checkout(**common) == open_checkout(**common) != ""
    assert server.calls[CHECKOUTS] == 1
    assert Payment.unscoped.get(pk=order.payment.pk).outcome_unknown_since is None


def test_a_refusal_fails_the_attempt(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    server.faults[CHECKOUTS] = ["refused"]

    with pytest.raises(ProviderRejected):
        open_checkout(account=account, payment_id=order.payment.pk, clock=clock)

    payment = Payment.unscoped.get(pk=order.payment.pk)
    assert (payment.status, payment.failure_reason) == ("failed", "not like this")


def test_another_amount_than_ours_brings_nothing(order: Checkout, server: StripeServer) -> None:
    server.pay(opened(order), amount=11_899)

    deliver(server.events[0])
    handle_due(clock=clock)

    assert state(order) == ("succeeded", "draft", 0)
    payment = Payment.unscoped.get(pk=order.payment.pk)
    assert payment.review_reason == "received 11899 EUR, asked for 11900 EUR"


def test_an_expired_page_fails_and_a_new_attempt_may_be_made(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    server.expire(opened(order))

    refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)

    assert state(order) == ("failed", "draft", 0)
    new = start_payment(
        account=account,
        invoice_id=order.invoice.pk,
        method="stripe",
        idempotency_key="second",
        now=clock(),
    )
    assert new.attempt == 2
    assert open_checkout(account=account, payment_id=new.pk, clock=clock) != ""


def test_the_page_that_one_returns_to_settles_as_well(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    ref = opened(order)
    ask: dict[str, Any] = {"account": account, "payment_id": order.payment.pk, "clock": clock}
    assert refresh_payment(**ask).status == "processing"
    server.pay(ref)

    assert refresh_payment(**ask).status == "completed"
    assert refresh_payment(**ask).status == "completed"
    deliver(server.events[0])
    handle_due(clock=clock)
    assert state(order) == DONE
    assert open_checkout(**ask) == ""


def test_reconciliation_asks_about_what_nobody_asked_about(
    order: Checkout, server: StripeServer
) -> None:
    server.pay(opened(order))
    server.events.clear()
    assert reconcile(now=clock()) == 0
    assert state(order) == WAITING

    reconcile(now=clock() + webhooks.STALE)

    assert state(order) == DONE


def test_a_provider_that_is_away_does_no_harm(order: Checkout, server: StripeServer) -> None:
    server.pay(opened(order))
    deliver(server.events[0])
    server.faults = {
        "/v1/events": ["down"],
        f"{CHECKOUTS}/{Payment.unscoped.get(pk=order.payment.pk).provider_ref}": ["down"],
    }

    assert reconcile(now=clock()) == 0
    handle_due(clock=clock)
    row = PaymentWebhook.objects.get()
    assert (row.status, row.error) == ("received", "transient: Stripe does not answer.")
    later = clock() + timedelta(minutes=1)
    handle_due(clock=lambda: later)

    assert state(order) == DONE


def test_what_is_not_signed_is_not_stored(order: Checkout, server: StripeServer) -> None:
    server.pay(opened(order))
    body, headers = signed(server.events[0], secret="whsec_other")

    with pytest.raises(BadSignature):
        receive_webhook(provider="stripe", body=body, headers=headers, now=clock())

    assert not PaymentWebhook.objects.exists()


def test_nobody_elses_payment_is_opened_or_asked_about(order: Checkout) -> None:
    other = make_billing.buyer()

    for act in (open_checkout, refresh_payment):
        with pytest.raises(NotFound):
            act(account=other, payment_id=order.payment.pk, clock=clock)


def test_a_payment_by_hand_is_not_asked_about(account: Account) -> None:
    order = make_billing.bought(account, make_billing.package())

    with pytest.raises(Conflict):
        refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)


def test_the_address_for_webhooks(order: Checkout, server: StripeServer, client: Any) -> None:
    server.pay(opened(order))
    body, headers = signed(server.events[0])

    def post(data: bytes, provider: str = "stripe") -> Any:
        return client.post(
            f"/webhooks/{provider}/", data, content_type="application/json", headers=headers
        )

    answers = [post(body), post(body), post(body + b" "), post(body, "other")]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 422]
    assert [answer.json() for answer in answers[:3]] == [
        {"is_new": True},
        {"is_new": False},
        {"code": "bad_signature"},
    ]
    assert client.get("/webhooks/stripe/").status_code == 405


PLACES = [
    "billing.checkout.made",
    "billing.webhook.stored",
    "billing.webhook.claimed",
    "billing.settle.completed",
    "billing.settle.granted",
    "billing.settle.numbered",
    "billing.webhook.followed",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_death_anywhere_ends_in_one_payment_one_grant_and_one_invoice(
    order: Checkout, server: StripeServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    death = OneDeath(place, at=clock() + timedelta(minutes=1), monkeypatch=monkeypatch)

    ref = death.again(lambda: opened(order))
    server.pay(ref)
    death.again(lambda: deliver(server.events[0]))
    death.again(lambda: handle_due(clock=lambda: death.at))

    assert death.deaths == [place]
    assert state(order) == DONE
    assert PaymentWebhook.objects.get().status == "done"
    assert server.calls[CHECKOUTS] == 1
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


def test_what_old_events_said_is_forgotten_and_they_are_still_known(
    order: Checkout, server: StripeServer
) -> None:
    server.pay(opened(order))
    deliver(server.events[0])

    assert purge_payloads(now=clock() + timedelta(days=89)) == 0
    assert purge_payloads(now=clock() + timedelta(days=91)) == 1
    assert purge_payloads(now=clock() + timedelta(days=91)) == 0

    assert PaymentWebhook.objects.get().payload == {}
    assert not deliver(server.events[0])
