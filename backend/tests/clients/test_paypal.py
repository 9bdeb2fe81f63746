"""PayPal's client against its double, through PayPal's own library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from paypalserversdk.models.order import Order
from paypalserversdk.models.orders_capture import OrdersCapture
from paypalserversdk.models.refund import Refund

from igny8_core.clients.payments import (
    BadSignature,
    CheckoutRequest,
    DisputeOutcome,
    RemoteStatus,
    configured,
    payment_client,
)
from igny8_core.clients.paypal import PayPalPayments
from igny8_core.clients.paypal_webhooks import Signatures
from igny8_core.common.errors import ProviderRejected, Transient
from tests.fakes.paypal_certificates import root_pem, signer
from tests.fakes.paypal_server import CERTIFICATE, ORDERS, PayPalServer, running, signed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[PayPalServer]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: PayPalServer) -> PayPalPayments:
    return PayPalPayments(**server.keys)


def asked(**fields: Any) -> CheckoutRequest:
    values: dict[str, Any] = {
        "key": "payment:1:2",
        "reference": "1:2",
        "amount_minor": 11_900,
        "currency": "EUR",
        "description": "1,000 credits",
        "success_url": "http://testserver/?payment=2",
        "cancel_url": "http://testserver/?payment=2",
    }
    return CheckoutRequest(**values | fields)


def paid(server: PayPalServer, client: PayPalPayments, **fields: Any) -> str:
    """The name of a capture."""
    ref = client.create_checkout(asked(**fields)).ref
    server.approve(ref)
    return client.capture_checkout(ref, key=f"capture:{ref}").payment_ref


def test_an_order_from_the_page_to_the_money(server: PayPalServer, client: PayPalPayments) -> None:
    made = client.create_checkout(asked())

    assert (made.status, made.amount_minor, made.currency) == (RemoteStatus.OPEN, 11_900, "EUR")
    assert (made.reference, made.url) == ("1:2", f"{server.address}/pay/{made.ref}")
    order = server.objects[made.ref]
    assert order["purchase_units"][0]["invoice_id"] == "P1:2"
    assert order["experience"]["return_url"] == "http://testserver/?payment=2"
    server.approve(made.ref)
    assert client.get_checkout(made.ref).status is RemoteStatus.APPROVED
    taken = client.capture_checkout(made.ref, key="capture:1")
    assert (taken.status, taken.amount_minor, taken.url) == (RemoteStatus.PAID, 11_900, "")
    assert client.capture_checkout(made.ref, key="capture:1") == taken
    assert client.capture_checkout(made.ref, key="another") == taken
    assert client.get_checkout(made.ref) == taken
    assert server.calls[f"{ORDERS}/{made.ref}/capture"] == 1


def test_the_same_key_is_the_same_order(server: PayPalServer, client: PayPalPayments) -> None:
    first = client.create_checkout(asked())

    assert client.create_checkout(asked()) == first
    with pytest.raises(ProviderRejected):
        client.create_checkout(asked(amount_minor=1))
    assert server.calls[ORDERS] == 1


@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
def test_an_answer_that_does_not_come_is_asked_for_again(
    server: PayPalServer, client: PayPalPayments, fault: str
) -> None:
    server.faults[ORDERS] = [fault]
    with pytest.raises(Transient):
        client.create_checkout(asked())
    ref = client.create_checkout(asked()).ref
    server.approve(ref)
    server.faults[f"{ORDERS}/{ref}/capture"] = [fault]

    with pytest.raises(Transient):
        client.capture_checkout(ref, key="k")
    assert client.capture_checkout(ref, key="k").status is RemoteStatus.PAID
    assert (server.calls[ORDERS], server.calls[f"{ORDERS}/{ref}/capture"]) == (1, 1)


def test_without_a_token_nothing_is_known(server: PayPalServer, client: PayPalPayments) -> None:
    server.faults["/v1/oauth2/token"] = ["down"]

    with pytest.raises(Transient):
        client.create_checkout(asked())

    assert server.calls[ORDERS] == 0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("PENDING", RemoteStatus.PROCESSING),
        ("DECLINED", RemoteStatus.FAILED),
        ("FAILED", RemoteStatus.FAILED),
        ("COMPLETED", RemoteStatus.PAID),
        ("INSTRUMENT_DECLINED", RemoteStatus.OPEN),
    ],
)
def test_a_capture_is_not_always_money(
    server: PayPalServer, client: PayPalPayments, status: str, expected: RemoteStatus
) -> None:
    server.capture_as = status
    ref = client.create_checkout(asked()).ref
    server.approve(ref)

    assert client.capture_checkout(ref, key="k").status is expected


def test_what_nobody_approved(server: PayPalServer, client: PayPalPayments) -> None:
    ref = client.create_checkout(asked()).ref

    assert client.capture_checkout(ref, key="k").status is RemoteStatus.OPEN
    server.objects[ref]["status"] = "VOIDED"
    assert client.get_checkout(ref).failure == "The order expired."
    server.forget(ref)
    gone = client.get_checkout(ref)
    assert (gone.status, gone.failure) == (RemoteStatus.FAILED, "The order expired.")
    with pytest.raises(ProviderRejected):
        client.capture_checkout(ref, key="other")


def test_other_refusals_are_passed_on(server: PayPalServer, client: PayPalPayments) -> None:
    ref = client.create_checkout(asked()).ref
    server.faults[f"{ORDERS}/{ref}"] = ["refused"]
    server.faults[f"{ORDERS}/{ref}/capture"] = ["refused"]

    acts = [partial(client.get_checkout, ref), partial(client.capture_checkout, ref, key="k")]
    for act in acts:
        with pytest.raises(ProviderRejected) as refused:
            act()
        assert refused.value.message == "Refused: NOT_LIKE_THIS."
        assert refused.value.data == {"status": 422, "issue": "NOT_LIKE_THIS"}


@pytest.mark.parametrize(
    ("currency", "minor", "value"),
    [("EUR", 11_901, "119.01"), ("JPY", 12_000, "12000"), ("HUF", 500_000, "5000")],
)
def test_amounts_are_written_as_paypal_wants_them(
    server: PayPalServer, client: PayPalPayments, currency: str, minor: int, value: str
) -> None:
    made = client.create_checkout(asked(currency=currency, amount_minor=minor))

    assert made.amount_minor == minor
    amount = server.objects[made.ref]["purchase_units"][0]["amount"]
    assert amount == {"currency_code": currency, "value": value}


def test_parts_of_a_forint_are_refused(client: PayPalPayments) -> None:
    with pytest.raises(ProviderRejected):
        client.create_checkout(asked(currency="HUF", amount_minor=1))


def test_money_goes_back_once_per_key(server: PayPalServer, client: PayPalPayments) -> None:
    capture = paid(server, client)
    path = f"/v2/payments/captures/{capture}/refund"
    server.faults[path] = ["lost"]
    back: dict[str, Any] = {"payment_ref": capture, "currency": "EUR"}

    with pytest.raises(Transient):
        client.refund(amount_minor=1_900, key="r1", **back)
    refund = client.refund(amount_minor=1_900, key="r1", **back)

    assert (refund.status, refund.amount_minor) == (RemoteStatus.PAID, 1_900)
    assert server.calls[path] == 1
    with pytest.raises(ProviderRejected):
        client.refund(amount_minor=10_001, key="r2", **back)
    assert client.refund(amount_minor=10_000, key="r3", **back).status is RemoteStatus.PAID


def test_a_dispute_from_the_first_word_to_the_last(
    server: PayPalServer, client: PayPalPayments
) -> None:
    capture = paid(server, client)
    ref = server.dispute(capture)

    opened = client.get_dispute(ref)
    server.move(ref, "DEBIT")
    taken = client.get_dispute(ref)
    server.move(ref, "CREDIT")
    server.close(ref, "RESOLVED_SELLER_FAVOUR")
    won = client.get_dispute(ref)

    assert (opened.payment_ref, opened.amount_minor, opened.reason) == (
        capture,
        11_900,
        "unauthorised",
    )
    steps = [(row.outcome, row.withdrawn_minor) for row in (opened, taken, won)]
    assert steps == [
        (DisputeOutcome.OPEN, 0),
        (DisputeOutcome.OPEN, 11_900),
        (DisputeOutcome.WON, 0),
    ]


def test_a_dispute_that_is_lost_without_movements_has_taken_the_money(
    server: PayPalServer, client: PayPalPayments
) -> None:
    ref = server.dispute(paid(server, client), amount="19.00")
    server.close(ref, "RESOLVED_BUYER_FAVOUR")

    lost = client.get_dispute(ref)

    assert (lost.outcome, lost.withdrawn_minor) == (DisputeOutcome.LOST, 1_900)


def test_events_are_read_page_by_page(server: PayPalServer, client: PayPalPayments) -> None:
    server.page_size = 2
    begin = datetime.now(UTC) - timedelta(minutes=1)
    capture = paid(server, client)
    client.refund(payment_ref=capture, amount_minor=1, currency="EUR", key="r")
    server.dispute(capture)
    server.happened("BILLING.PLAN.CREATED", {"id": "of no interest"})

    found = list(client.events_since(begin))

    assert [event.type for event in found] == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.REFUNDED",
        "CUSTOMER.DISPUTE.CREATED",
    ]
    order = found[0].object_ref
    assert [event.object_ref for event in found] == [order, order, capture, capture]
    assert [event.reference for event in found] == ["1:2", "1:2", "", ""]
    assert [bool(event.dispute_ref) for event in found] == [False, False, False, True]
    assert list(client.events_since(datetime.now(UTC) + timedelta(minutes=1))) == []


# --- webhooks


def test_a_webhook_of_ours_is_taken(server: PayPalServer, client: PayPalPayments) -> None:
    event = server.happened("CHECKOUT.ORDER.APPROVED", {"id": "O1", "purchase_units": [{}]})
    body, headers = signed(server, event)

    found = [client.verify_webhook(body=body, headers=headers) for _ in range(2)]

    assert (found[0].event_id, found[0].object_ref) == (event["id"], "O1")
    assert found[0] == found[1]


def test_while_a_webhook_is_changed_two_hold(server: PayPalServer) -> None:
    keys = server.keys | {"webhook_secrets": ["WH-NEW", "WH-OLD"]}
    client = PayPalPayments(**keys)
    event = server.happened("CHECKOUT.ORDER.APPROVED", {"id": "O1"})

    for webhook in ("WH-NEW", "WH-OLD"):
        body, headers = signed(server, event, webhook=webhook)
        assert client.verify_webhook(body=body, headers=headers).object_ref == "O1"


FALSE: dict[str, dict[str, Any]] = {
    "the event's id instead of the webhook's": {"webhook": "WH-E00000001"},
    "old": {"at": datetime.now(UTC) - timedelta(days=5)},
    "of tomorrow": {"at": datetime.now(UTC) + timedelta(days=1)},
    "no time": {"Transmission_Time": "yesterday"},
    "another algorithm": {"Auth_Algo": "SHA1withRSA"},
    "no signature": {"Transmission_Sig": "?"},
    "another signature": {"Transmission_Sig": "AAAA"},
    "no header": {"Transmission_Id": ""},
    "a key that signed itself": {"by": signer(is_known=False)},
    "somebody else's certificate": {"by": signer("example.com")},
    "a certificate of old": {"by": signer(days=-1)},
    "a certificate elsewhere": {"Cert_Url": "https://example.com/v1/notifications/certs/C"},
}


@pytest.mark.parametrize("fault", FALSE)
def test_what_paypal_did_not_sign_for_us_is_refused(
    server: PayPalServer, client: PayPalPayments, fault: str
) -> None:
    event = server.happened("CHECKOUT.ORDER.APPROVED", {"id": "O1"})
    body, headers = signed(server, event, **FALSE[fault])

    with pytest.raises(BadSignature):
        client.verify_webhook(body=body, headers=headers)


def test_a_changed_byte_is_refused(server: PayPalServer, client: PayPalPayments) -> None:
    body, headers = signed(server, server.happened("CHECKOUT.ORDER.APPROVED", {"id": "O1"}))

    with pytest.raises(BadSignature):
        client.verify_webhook(body=body.replace(b"O1", b"O2"), headers=headers)


@pytest.mark.parametrize("said", [[], {}, {"id": "x", "event_type": "CUSTOMER.DISPUTE.CREATED"}])
def test_what_is_no_event_is_refused(
    server: PayPalServer, client: PayPalPayments, said: Any
) -> None:
    body, headers = signed(server, said)

    with pytest.raises(BadSignature):
        client.verify_webhook(body=body, headers=headers)


def test_a_certificate_that_cannot_be_had_is_no_refusal(
    server: PayPalServer, client: PayPalPayments
) -> None:
    body, headers = signed(server, server.happened("CHECKOUT.ORDER.APPROVED", {"id": "O1"}))
    del server.certificates[CERTIFICATE]

    with pytest.raises(Transient):
        client.verify_webhook(body=body, headers=headers)
    server.certificates[CERTIFICATE] = b"nonsense"
    with pytest.raises(BadSignature):
        client.verify_webhook(body=body, headers=headers)


@pytest.mark.parametrize(
    ("url", "is_live"),
    [
        ("http://api.paypal.com/v1/notifications/certs/C", True),
        ("https://api.paypal.com.example.com/v1/notifications/certs/C", True),
        ("https://api.paypal.com@example.com/v1/notifications/certs/C", True),
        ("https://example.com/?https://api.paypal.com/v1/notifications/certs/C", True),
        ("https://api.paypal.com/v1/other", True),
        ("https://api.paypal.com:444/v1/notifications/certs/C", True),
        ("https://api.sandbox.paypal.com/v1/notifications/certs/C", True),
        ("https://api.paypal.com/v1/notifications/certs/C", False),
    ],
)
def test_a_certificate_is_fetched_from_paypal_alone(url: str, is_live: bool) -> None:  # noqa: FBT001
    signatures = Signatures(webhook_ids=("WH",), is_live=is_live, trust=root_pem())

    with pytest.raises(BadSignature, match="not at PayPal"):
        signatures._certificate(url, datetime.now(UTC))


# --- the double itself


def test_the_double_answers_what_the_library_understands(
    server: PayPalServer, client: PayPalPayments
) -> None:
    raw = client.client
    ref = client.create_checkout(asked()).ref
    server.approve(ref)
    options = {"id": ref, "paypal_request_id": "k", "prefer": "return=representation"}

    order = raw.orders.capture_order(options).body
    capture = order.purchase_units[0].payments.captures[0]
    found = raw.payments.get_captured_payment({"capture_id": capture.id}).body
    refund = raw.payments.refund_captured_payment(
        {"capture_id": capture.id, "body": {"amount": {"currency_code": "EUR", "value": "1.00"}}}
    ).body

    assert [type(row) for row in (order, capture, refund)] == [Order, OrdersCapture, Refund]
    assert (order.status, capture.status, refund.status) == ("COMPLETED",) * 3
    assert found.supplementary_data.related_ids.order_id == ref
    assert order.links[1].rel == "payer-action"


def test_paypal_is_there_with_its_keys(settings: Any) -> None:
    keys = {"client_id": "id", "secret_key": "s", "webhook_secrets": ["WH"], "is_live": True}
    settings.PAYMENT_KEYS = {"paypal": keys}

    assert configured() == ["paypal"]
    client = payment_client("paypal")
    assert isinstance(client, PayPalPayments)
    assert client is payment_client("paypal")
    assert client.client.config.get_base_uri() == "https://api-m.paypal.com"


def test_what_went_back_and_what_is_disputed_can_be_asked(
    server: PayPalServer, client: PayPalPayments
) -> None:
    capture = paid(server, client)
    assert (client.refunds_of(capture), client.disputes_of(capture)) == ([], [])
    ours = client.refund(payment_ref=capture, amount_minor=1, currency="EUR", key="refund:1")
    dispute = server.dispute(capture)

    assert client.refunds_of(capture) == [ours]
    assert (ours.key, ours.amount_minor) == ("refund:1", 1)
    assert client.disputes_of(capture) == [dispute]
    del server.objects[capture]["supplementary_data"]
    assert client.refunds_of(capture) == []
