"""Stripe's client against its double, through Stripe's own library."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from igny8_core.clients.payments import (
    BadSignature,
    CheckoutRequest,
    RemoteStatus,
    configured,
    payment_client,
)
from igny8_core.clients.stripe import StripePayments
from igny8_core.common.errors import InvalidInput, ProviderRejected, Transient
from tests.fakes.stripe_server import StripeServer, running, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUTS, REFUNDS = "/v1/checkout/sessions", "/v1/refunds"


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: StripeServer, monkeypatch: pytest.MonkeyPatch) -> StripePayments:
    monkeypatch.setattr("igny8_core.clients.stripe.RETRIES", 0)
    return StripePayments(
        secret_key="sk_test_1", webhook_secrets=["whsec_new", "whsec_test"], address=server.address
    )


def asked(**fields: Any) -> CheckoutRequest:
    values: dict[str, Any] = {
        "key": "payment:1:2",
        "reference": "1:2",
        "amount_minor": 11_900,
        "currency": "EUR",
        "description": "1,000 credits",
        "success_url": "http://testserver/?payment=2",
        "cancel_url": "http://testserver/?payment=2",
        "email": "books@example.com",
    }
    return CheckoutRequest(**values | fields)


def test_a_checkout_from_the_page_to_the_money(
    server: StripeServer, client: StripePayments
) -> None:
    made = client.create_checkout(asked())

    assert (made.status, made.amount_minor, made.currency) == (RemoteStatus.OPEN, 11_900, "EUR")
    assert (made.reference, made.url) == ("1:2", f"{server.address}/pay/{made.ref}")
    assert server.objects[made.ref]["customer_email"] == "books@example.com"
    server.pay(made.ref)
    paid = client.get_checkout(made.ref)
    assert (paid.status, paid.url) == (RemoteStatus.PAID, "")
    assert server.objects[paid.payment_ref]["metadata"] == {"reference": "1:2"}


def test_a_slow_bank_and_an_empty_page(server: StripeServer, client: StripePayments) -> None:
    slow, left = client.create_checkout(asked()), client.create_checkout(asked(key="k2"))
    server.pay(slow.ref, is_instant=False)
    server.expire(left.ref)

    assert client.get_checkout(slow.ref).status is RemoteStatus.PROCESSING
    expired = client.get_checkout(left.ref)
    assert (expired.status, expired.failure) == (RemoteStatus.FAILED, "The checkout expired.")
    server.arrive(slow.ref)
    assert client.get_checkout(slow.ref).status is RemoteStatus.PAID


def test_the_same_key_is_the_same_checkout(server: StripeServer, client: StripePayments) -> None:
    first, again = client.create_checkout(asked()), client.create_checkout(asked())

    assert first == again
    assert server.calls[CHECKOUTS] == 1
    with pytest.raises(ProviderRejected):
        client.create_checkout(asked(amount_minor=1))


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_an_answer_that_is_lost_after_the_effect_is_found_by_the_same_key(
    server: StripeServer, client: StripePayments, fault: str
) -> None:
    server.faults[CHECKOUTS] = [fault]

    with pytest.raises(Transient):
        client.create_checkout(asked())

    assert client.create_checkout(asked()).status is RemoteStatus.OPEN
    assert server.calls[CHECKOUTS] == 1


@pytest.mark.parametrize(("fault", "error"), [("down", Transient), ("refused", ProviderRejected)])
def test_refusals_and_faults_are_told_apart(
    server: StripeServer, client: StripePayments, fault: str, error: type[Exception]
) -> None:
    server.faults[CHECKOUTS] = [fault]

    with pytest.raises(error):
        client.create_checkout(asked())

    assert server.calls[CHECKOUTS] == 0


def test_nobody_listening_is_transient() -> None:
    client = StripePayments(secret_key="sk_test_1", address="http://127.0.0.1:9")

    with pytest.raises(Transient):
        client.get_checkout("cs_1")


def test_money_goes_back_once_and_never_more_than_there_is(
    server: StripeServer, client: StripePayments
) -> None:
    made = client.create_checkout(asked())
    server.pay(made.ref)
    money = client.get_checkout(made.ref).payment_ref
    back: dict[str, Any] = {"payment_ref": money, "currency": "EUR"}

    first = client.refund(amount_minor=10_000, key="r1", **back)
    again = client.refund(amount_minor=10_000, key="r1", **back)

    assert first == again
    assert (first.status, first.amount_minor) == (RemoteStatus.PAID, 10_000)
    with pytest.raises(ProviderRejected):
        client.refund(amount_minor=1_901, key="r2", **back)
    assert server.objects[money]["amount_refunded"] == 10_000


def test_currencies_that_stripe_counts_in_hundredths(
    server: StripeServer, client: StripePayments
) -> None:
    made = client.create_checkout(asked(currency="ISK", amount_minor=5_000))

    assert server.objects[made.ref]["amount_total"] == 500_000
    assert made.amount_minor == 5_000


# --- webhooks


def happened(server: StripeServer, client: StripePayments) -> dict[str, Any]:
    made = client.create_checkout(asked())
    server.pay(made.ref)
    return server.events[-1]


@pytest.mark.parametrize("secret", ["whsec_new", "whsec_test"])
def test_a_webhook_signed_by_any_of_our_secrets_is_believed(
    server: StripeServer, client: StripePayments, secret: str
) -> None:
    sent = happened(server, client)
    body, headers = signed(sent, secret=secret)

    event = client.verify_webhook(body=body, headers=headers)

    assert (event.event_id, event.type) == (sent["id"], "checkout.session.completed")
    assert (event.object_ref, event.reference) == (sent["data"]["object"]["id"], "1:2")
    assert event.payload["id"] == sent["id"]


def test_webhooks_that_stripe_did_not_send_now(
    server: StripeServer, client: StripePayments
) -> None:
    sent = happened(server, client)
    body, headers = signed(sent)
    wrong = [
        (body.replace(b"11900", b"99900"), headers),
        signed(sent, secret="whsec_other"),
        signed(sent, at=int(time.time()) - 301),
        (body, {}),
        (body, {"Stripe-Signature": "t=1,v1=00"}),
        (b"", headers),
    ]

    for data, signature in wrong:
        with pytest.raises(BadSignature):
            client.verify_webhook(body=data, headers=signature)


def test_events_are_read_back_over_pages(server: StripeServer, client: StripePayments) -> None:
    made = client.create_checkout(asked())
    for _ in range(130):
        server.happened("checkout.session.expired", server.objects[made.ref])
    server.happened("customer.created", {"id": "cus_1", "object": "customer"})

    found = list(client.events_since(datetime.now(UTC) - timedelta(hours=1)))

    assert len({event.event_id for event in found}) == 130
    assert list(client.events_since(datetime.now(UTC) + timedelta(hours=1))) == []


def test_a_call_that_another_one_is_busy_with_is_not_refused(
    server: StripeServer, client: StripePayments
) -> None:
    server.faults[CHECKOUTS] = ["busy"]

    with pytest.raises(Transient):
        client.create_checkout(asked())

    assert client.create_checkout(asked()).status is RemoteStatus.OPEN


@pytest.mark.parametrize(("currency", "there"), [("EUR", 500), ("JPY", 500), ("ISK", 50_000)])
def test_a_saved_card_is_charged_in_the_currencys_own_units(
    server: StripeServer, client: StripePayments, currency: str, there: int
) -> None:
    customer = client.create_customer(key="c", name="x", email="")
    card = server.save_card(customer)
    request = asked(amount_minor=500, currency=currency)
    made = [client.create_charge(request, customer_ref=customer, card_ref=card) for _ in range(2)]
    assert {row.ref for row in made} == {made[0].ref}
    assert (made[0].status, server.objects[made[0].ref]["amount"]) == (RemoteStatus.OPEN, there)

    taken = client.confirm_charge(made[0].ref, key="k")

    assert (taken.status, taken.amount_minor, taken.currency) == (RemoteStatus.PAID, 500, currency)
    assert client.drop_charge(made[0].ref).status is RemoteStatus.PAID
    assert client.get_checkout(made[0].ref).payment_ref == made[0].ref
    raw = client.client.v1.payment_intents.retrieve(made[0].ref)
    assert isinstance(raw, stripe.PaymentIntent)


def test_every_answer_of_the_double_is_one_of_stripes_objects(server: StripeServer) -> None:
    raw = stripe.StripeClient("sk_test_1", base_addresses={"api": server.address})
    line: Any = {
        "quantity": 2,
        "price_data": {"currency": "eur", "unit_amount": 50, "product_data": {"name": "x"}},
    }
    session = raw.v1.checkout.sessions.create(
        {"mode": "payment", "line_items": [line], "success_url": "http://testserver/"}
    )
    server.pay(session.id)
    found = raw.v1.checkout.sessions.retrieve(session.id)
    assert isinstance(found.payment_intent, str)
    refund = raw.v1.refunds.create({"payment_intent": found.payment_intent, "amount": 1})
    events = raw.v1.events.list({"types": ["charge.refunded", "checkout.session.completed"]})

    assert isinstance(session, stripe.checkout.Session)
    assert isinstance(refund, stripe.Refund)
    assert (session.amount_total, found.payment_status, refund.status) == (100, "paid", "succeeded")
    kinds = [type(event.data.object) for event in events.data]
    assert kinds == [stripe.Charge, stripe.checkout.Session]


def test_a_provider_without_keys_is_not_there(settings: Any) -> None:
    assert configured() == ["stripe"]
    settings.PAYMENT_KEYS = {}

    assert configured() == []
    with pytest.raises(InvalidInput):
        payment_client("stripe")
    with pytest.raises(InvalidInput):
        payment_client("other")
