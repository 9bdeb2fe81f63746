"""Money that somebody gives back in Stripe's own pages is found, and booked once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import CreditNote, Dispute, Payment, PaymentWebhook, Refund
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.outside_refunds import follow_refunds
from igny8_core.business.billing.services.provider_payments import refresh_payment
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook, reconcile
from igny8_core.common.errors import DomainError
from tests.business.billing.test_webhooks import opened
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

clock = timezone.now


@pytest.fixture
def account(server: StripeServer) -> Account:
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def payment(account: Account, server: StripeServer) -> Payment:
    """1,000 credits for 119.00 EUR, paid at Stripe; its events were all seen."""
    order = make_billing.bought(account, make_billing.package(), method="stripe")
    server.pay(opened(order))
    refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)
    server.events.clear()
    return Payment.unscoped.get(pk=order.payment.pk)


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def money(payment: Payment) -> str:
    return str(payment.provider_refs["payment"])


def deliver(event: dict[str, Any]) -> None:
    body, headers = signed(event)
    receive_webhook(provider="stripe", body=body, headers=headers, now=clock())
    handle_due(clock=clock)


def test_a_webhook_tells_and_it_is_booked_once(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    server.refund_there(money(payment), 5_950)

    for _ in range(2):
        deliver(server.events[-1])
        follow_refunds(account=account, payment_id=payment.pk, clock=clock)

    refund = Refund.unscoped.get()
    assert (refund.status, refund.amount_minor, refund.credits) == ("succeeded", 5_950, 500)
    assert (CreditNote.unscoped.get().total_minor, balance(account)) == (5_950, 500)
    payment.refresh_from_db()
    assert (payment.status, payment.refunded_minor) == ("completed", 5_950)
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


def test_reconciliation_finds_what_no_webhook_told(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    server.refund_there(money(payment), 11_900)
    dispute = server.dispute(money(payment), amount=1)
    server.close(dispute, "won")

    assert reconcile(now=clock()) == 3
    handle_due(clock=clock)

    payment.refresh_from_db()
    assert (payment.status, balance(account)) == ("refunded", 0)
    assert Dispute.unscoped.get().status == "won"
    assert set(PaymentWebhook.objects.values_list("status", flat=True)) == {"done"}
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])


def test_what_was_sent_back_here_is_not_booked_again(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    refund_payment(
        account=account,
        payment_id=payment.pk,
        reason="x",
        idempotency_key="r",
        amount_minor=1_190,
        clock=clock,
    )
    server.refund_there(money(payment), 2_380)

    assert [
        follow_refunds(account=account, payment_id=payment.pk, clock=clock) for _ in range(2)
    ] == [1, 0]

    payment.refresh_from_db()
    assert (payment.refunded_minor, balance(account)) == (3_570, 700)
    assert Refund.unscoped.count() == CreditNote.unscoped.count() == 2


def test_money_of_a_payment_in_no_book_is_noted_for_a_person(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    order = make_billing.bought(account, make_billing.package(), method="stripe")
    server.pay(opened(order), amount=1)
    refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)
    odd = Payment.unscoped.get(pk=order.payment.pk)
    server.refund_there(money(odd), 1)

    assert [follow_refunds(account=account, payment_id=odd.pk, clock=clock) for _ in range(2)] == [
        1,
        0,
    ]

    odd.refresh_from_db()
    assert (odd.status, list(odd.metadata["outside_refunds"].values())) == ("succeeded", [1])
    assert not Refund.unscoped.exists()
    assert money_problems() == []


def act(server: StripeServer, payment: Payment, choice: random.Random) -> None:
    """Something that can happen to money: here, at Stripe, or at a bank."""
    amount = choice.choice([1, 700, 5_950, 11_900])
    disputes = [row["id"] for row in server.objects.values() if row.get("object") == "dispute"]
    acts = ["here", "there", "dispute", "withdraw", "reinstate", "close", "spend", "fail"]
    what = choice.choice(acts)
    sent = [
        ref
        for ref, row in server.objects.items()
        if row.get("object") == "refund"
        and (row["payment_intent"], row["status"]) == (money(payment), "succeeded")
    ]
    try:
        if what == "here":
            refund_payment(
                account=payment.account,
                payment_id=payment.pk,
                reason="x",
                idempotency_key=f"r{choice.random()}",
                amount_minor=amount,
                clock=clock,
            )
        elif what == "there" and amount <= left_there(server, payment):
            server.refund_there(money(payment), amount)
        elif what == "dispute":
            server.dispute(money(payment), amount=amount)
        elif what == "fail" and sent:
            server.fail_refund(choice.choice(sent))
        elif what == "spend":
            make_billing.reservation(payment.account, 300, now=clock())
        elif what == "close" and disputes:
            server.close(choice.choice(disputes), choice.choice(["won", "lost"]))
        elif what in {"withdraw", "reinstate"} and disputes:
            getattr(server, what)(choice.choice(disputes))
    except DomainError:
        return  # refused: nothing happened


def left_there(server: StripeServer, payment: Payment) -> int:
    intent = server.objects[money(payment)]
    return int(intent["amount"] - intent["amount_refunded"])


def test_no_history_gives_more_back_than_was_paid(account: Account, server: StripeServer) -> None:
    reached = set()
    for seed in range(12):
        choice = random.Random(seed)  # noqa: S311 - a test's dice
        package = make_billing.package(currency=choice.choice(["EUR", "JPY"]))
        order = make_billing.bought(account, package, method="stripe")
        server.pay(opened(order))
        refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)
        payment = Payment.unscoped.select_related("account").get(pk=order.payment.pk)
        server.objects = {
            ref: row for ref, row in server.objects.items() if row.get("object") != "dispute"
        }
        server.events.clear()
        for _ in range(14):
            act(server, payment, choice)
        for event in choice.sample(server.events, len(server.events)):
            deliver(event)
        payment.refresh_from_db()
        rows = Refund.unscoped.filter(payment=payment, status="succeeded")
        back = sum(row.amount_minor for row in rows)
        taken = sum(
            row.withdrawn_minor
            for row in Dispute.unscoped.filter(payment=payment, status__in=["withdrawn", "lost"])
        )
        assert (back, taken) == (payment.refunded_minor, payment.disputed_minor)
        assert back + taken <= payment.amount_minor
        assert (payment.status == "refunded") is (back == payment.amount_minor)
        has_failed = Refund.unscoped.filter(payment=payment, reversal__isnull=False).exists()
        reached.add((back > 0, taken > 0, has_failed))
    assert {each[:2] for each in reached} >= {(True, True), (True, False)}
    assert {each[2] for each in reached} == {True, False}
    assert (number_gaps(), ledger_problems(), money_problems()) == ([], [], [])
