"""The operators' queue of payments."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from igny8_core.business.billing.errors import PaymentUnderWay
from igny8_core.business.billing.models import Payment, Refund
from igny8_core.business.billing.services.approvals import submit_proof
from igny8_core.business.billing.services.failed_refunds import undo_refund
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.payments import (
    Received,
    settle_payment,
    start_payment,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.business.billing.services.checkout import Checkout

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

PAGE = "/ops/payments/"


@pytest.fixture
def order() -> Checkout:
    make_billing.seller()
    return make_billing.bought(make_billing.buyer(), make_billing.package())


def operator(*, may_approve: bool = True) -> Client:
    person = make.user(is_staff=True)
    if may_approve:
        codes = ["approve_payment", "refund_payment"]
        person.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client = Client()
    client.force_login(person)
    return client


def act(client: Client, order: Checkout, **fields: Any) -> Any:
    body = {"payment": order.payment.pk, "act": "approve", "received": "119.00"} | fields
    return client.post(PAGE, body, follow=True)


def status(order: Checkout) -> str:
    return str(Payment.unscoped.get(pk=order.payment.pk).status)


def test_the_queue_shows_the_payment_and_an_approval_settles_it(order: Checkout) -> None:
    client = operator()
    shown = client.get(PAGE).content.decode()
    assert "119.00 EUR" in shown
    assert "INV-2026-00001" in shown

    answer = act(client, order).content.decode()

    assert "is in the books" in answer
    assert "Nothing waits." in answer
    assert status(order) == "completed"


def test_two_people_are_needed_for_a_large_payment(order: Checkout, settings: Any) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 1
    first, second = operator(), operator()

    assert "waits for a second person" in act(first, order).content.decode()
    again = act(first, order)
    assert (again.status_code, status(order)) == (403, "pending")
    assert "is in the books" in act(second, order).content.decode()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"received": ""}, 422),
        ({"received": "1.001"}, 422),
        ({"received": "-5"}, 422),
        ({"received": "NaN"}, 422),
        ({"act": "steal"}, 422),
        ({"payment": "x"}, 422),
        ({"payment": "0"}, 404),
        ({"act": "reject", "reason": " "}, 422),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    order: Checkout, fields: dict[str, Any], code: int
) -> None:
    assert act(operator(), order, **fields).status_code == code
    assert status(order) == "pending"


def test_a_rejection_and_money_that_does_not_fit(order: Checkout) -> None:
    other = make_billing.bought(make_billing.buyer(), make_billing.package())
    client = operator()

    assert "is rejected" in act(client, order, act="reject", reason="No.").content.decode()
    assert "does not fit" in act(client, other, received="100").content.decode()

    assert (status(order), status(other)) == ("failed", "succeeded")
    assert "received 10000 EUR, asked for 11900 EUR" in client.get(PAGE).content.decode()


def test_money_that_did_not_fit_is_closed_and_the_invoice_paid_anew(order: Checkout) -> None:
    client = operator()
    act(client, order, received="100")
    again: dict[str, Any] = {"account": order.payment.account, "invoice_id": order.invoice.pk}
    with pytest.raises(PaymentUnderWay):
        start_payment(method="manual", idempotency_key="again", now=NOW, **again)

    assert act(client, order, act="close", note=" ").status_code == 422
    assert act(operator(may_approve=False), order, act="close", note="x").status_code == 403
    closed = [act(client, order, act="close", note="Sent back today.") for _ in range(2)]

    assert all("is dealt with" in answer.content.decode() for answer in closed)
    assert "received 10000 EUR" not in client.get(PAGE).content.decode()
    row = Payment.unscoped.get(pk=order.payment.pk)
    assert (row.status, row.review_note) == ("succeeded", "Sent back today.")
    settle_payment(
        account=row.account, payment_id=row.pk, received=Received(11_900, "EUR"), now=NOW
    )
    assert status(order) == "succeeded"
    second = start_payment(method="manual", idempotency_key="again", now=NOW, **again)
    settle_payment(
        account=row.account, payment_id=second.pk, received=Received(11_900, "EUR"), now=NOW
    )
    assert Payment.unscoped.get(pk=second.pk).status == "completed"
    assert money_problems() == []
    other = make_billing.bought(row.account, make_billing.package())
    assert act(client, other, act="close", note="x").status_code == 409


def test_without_the_permission_one_only_looks(order: Checkout) -> None:
    client = operator(may_approve=False)

    assert "The money is there" not in client.get(PAGE).content.decode()
    assert act(client, order).status_code == 403
    assert status(order) == "pending"


def test_evidence_is_a_download(order: Checkout) -> None:
    client = operator()
    page = f"{PAGE}?proof={order.payment.pk}"
    assert client.get(page).status_code == 404
    submit_proof(
        account=order.payment.account,
        payment_id=order.payment.pk,
        file=io.BytesIO(b"%PDF-1.7 x"),
        reference="",
        notes="",
        now=NOW,
    )

    answer = client.get(page)

    assert answer.content == b"%PDF-1.7 x"
    assert answer["Content-Disposition"].startswith("attachment")
    assert client.get(f"{PAGE}?proof=x").status_code == 422


def give_back(client: Client, order: Checkout, **fields: Any) -> Any:
    body = {"payment": order.payment.pk, "amount": "", "reason": "withdrawal", "key": "k1"}
    return client.post("/ops/refunds/", body | fields, follow=True)


def test_money_goes_back_once_however_often_the_form_is_sent(order: Checkout) -> None:
    client = operator()
    act(client, order)
    assert client.get("/ops/refunds/").status_code == 200

    answers = [give_back(client, order, amount="11.90") for _ in range(2)]

    told = "11.90 EUR and 100 credits"
    assert all(told in answer.content.decode() for answer in answers)
    assert Payment.unscoped.get(pk=order.payment.pk).refunded_minor == 1_190


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"payment": "0"}, 404),
        ({"reason": " "}, 422),
        ({"key": "-"}, 422),
        ({"amount": "x"}, 422),
        ({"amount": "119.01"}, 422),
    ],
)
def test_a_refund_that_makes_no_sense(order: Checkout, fields: dict[str, Any], code: int) -> None:
    client = operator()
    act(client, order)

    assert give_back(client, order, **fields).status_code == code
    assert Payment.unscoped.get(pk=order.payment.pk).refunded_minor == 0


def test_without_the_permission_nothing_goes_back(order: Checkout) -> None:
    act(operator(), order)

    assert give_back(operator(may_approve=False), order).status_code == 403


def test_what_did_not_arrive_is_decided_here(order: Checkout) -> None:
    client = operator()
    act(client, order)
    give_back(client, order, amount="11.90")
    (made,) = Refund.unscoped.all()
    undo_refund(
        account=order.payment.account,
        refund_id=made.pk,
        reason="The account was closed.",
        now=timezone.now(),
    )

    def decide(by: Client, what: str, refund: int = made.pk) -> Any:
        return by.post("/ops/refunds/", {"refund": refund, "act": what}, follow=True)

    shown = client.get("/ops/refunds/").content.decode()
    assert "Did not arrive" in shown
    assert "CN-2026-00001 is reversed by CN-2026-00002" in shown.replace(str(NOW.year), "2026")
    assert decide(operator(may_approve=False), "again").status_code == 403
    assert decide(client, "burn").status_code == 422
    assert decide(client, "again", 0).status_code == 404
    answer = decide(client, "again").content.decode()

    assert "11.90 EUR and 100 credits" in answer
    assert "Did not arrive" not in answer
    assert Payment.unscoped.get(pk=order.payment.pk).refunded_minor == 1_190
    assert decide(client, "leave").status_code == 409
