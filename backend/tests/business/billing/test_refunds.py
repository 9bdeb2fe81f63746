"""Money back: never more than was paid, and the credits go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import CreditNote, Invoice, Payment, Refund
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.payments import Received, settle_payment
from igny8_core.business.billing.services.provider_payments import refresh_payment
from igny8_core.business.billing.services.refunds import finish_refunds, refund_payment
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    ProviderRejected,
    Transient,
)
from tests import make
from tests.business.billing.test_webhooks import opened
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout
    from tests.fakes.stripe_server import StripeServer


pytestmark = pytest.mark.django_db(databases=["default", "admin"])

REFUNDS = "/v1/refunds"


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    return make_billing.buyer()


def paid(account: Account) -> Checkout:
    """1,000 credits for 119.00 EUR, paid by hand."""
    order = make_billing.bought(account, make_billing.package())
    settle_payment(
        account=account, payment_id=order.payment.pk, received=Received(11_900, "EUR"), now=NOW
    )
    return order


def refund(order: Checkout, **fields: Any) -> Refund:
    values: dict[str, Any] = {"reason": "withdrawal", "idempotency_key": "r", "clock": lambda: NOW}
    payment = order.payment
    return refund_payment(account=payment.account, payment_id=payment.pk, **values | fields)


def state(order: Checkout) -> tuple[str, int, int]:
    """(payment, money given back, credits that are left)."""
    payment = Payment.unscoped.get(pk=order.payment.pk)
    return payment.status, payment.refunded_minor, accounts.account(payment.account_id).credits


def test_all_of_it_goes_back_when_nothing_was_used(account: Account) -> None:
    order = paid(account)

    made = refund(order, actor_id=make.user().pk)

    assert (made.status, made.amount_minor, made.credits) == ("succeeded", 11_900, 1_000)
    assert state(order) == ("refunded", 11_900, 0)
    note = CreditNote.unscoped.get()
    assert made.credit_note_id == note.pk
    assert (note.total_minor, note.tax_minor, note.reason) == (11_900, 1_900, "withdrawal")
    assert Invoice.unscoped.get(pk=order.invoice.pk).credited_minor == 11_900
    assert (ledger_problems(), number_gaps()) == ([], [])


def test_used_and_held_credits_stay_paid_for(account: Account) -> None:
    order = paid(account)
    make_billing.reservation(account, 250)

    made = refund(order)

    assert (made.amount_minor, made.credits) == (8_925, 750)
    assert state(order) == ("completed", 8_925, 250)


def test_a_refund_is_made_once_per_key(account: Account) -> None:
    order = paid(account)

    first, again = refund(order, amount_minor=1_190), refund(order, amount_minor=1_190)

    assert first.pk == again.pk
    assert state(order) == ("completed", 1_190, 900)
    with pytest.raises(IdempotencyConflict):
        refund(order, amount_minor=1_191)


@pytest.mark.parametrize("amount", [0, -1, 11_901])
def test_no_more_than_was_paid(account: Account, amount: int) -> None:
    order = paid(account)

    with pytest.raises(InvalidInput):
        refund(order, amount_minor=amount)

    assert state(order) == ("completed", 0, 1_000)
    assert not Refund.unscoped.exists()


def test_only_what_is_in_the_books_goes_back(account: Account) -> None:
    order = make_billing.bought(account, make_billing.package())
    with pytest.raises(Conflict):
        refund(order)
    with pytest.raises(NotFound):
        refund_payment(
            account=make_billing.buyer(),
            payment_id=order.payment.pk,
            reason="x",
            idempotency_key="r",
            clock=lambda: NOW,
        )
    back = paid(account)
    refund(back)
    with pytest.raises(Conflict):
        refund(back, idempotency_key="again")


@given(amounts=st.lists(st.integers(1, 6_000), min_size=1, max_size=8))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_row_of_refunds_stays_within_what_was_paid(
    account: Account, amounts: list[int]
) -> None:
    order, given_back = paid(account), 0
    for number, amount in enumerate(amounts):
        key = f"{order.payment.pk}:{number}"
        if given_back + amount > 11_900 or given_back == 11_900:
            with pytest.raises((InvalidInput, Conflict)):
                refund(order, amount_minor=amount, idempotency_key=key)
            continue
        refund(order, amount_minor=amount, idempotency_key=key)
        given_back += amount

    payment = Payment.unscoped.get(pk=order.payment.pk)
    notes = CreditNote.unscoped.filter(invoice=order.invoice)
    assert payment.refunded_minor == sum(note.total_minor for note in notes) == given_back
    assert (payment.status == "refunded") is (given_back == 11_900)
    assert (ledger_problems(), money_problems()) == ([], [])


# --- at a provider


def paid_at_stripe(account: Account, server: StripeServer) -> Checkout:
    order = make_billing.bought(account, make_billing.package(), method="stripe")
    server.pay(opened(order))
    refresh_payment(account=account, payment_id=order.payment.pk, clock=lambda: NOW)
    return order


def test_stripe_sends_the_money_back(account: Account, server: StripeServer) -> None:
    order = paid_at_stripe(account, server)

    made = refund(order, amount_minor=5_950)

    assert (made.status, made.credits) == ("succeeded", 500)
    assert str(made.provider_ref).startswith("re_")
    assert state(order) == ("completed", 5_950, 500)


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_a_lost_answer_is_asked_for_again_and_money_goes_back_once(
    account: Account, server: StripeServer, fault: str
) -> None:
    order = paid_at_stripe(account, server)
    server.faults[REFUNDS] = [fault]
    with pytest.raises(Transient):
        refund(order)
    assert state(order) == ("completed", 11_900, 0)
    assert Refund.unscoped.get().status == "processing"

    assert finish_refunds(now=NOW) == 1
    assert finish_refunds(now=NOW) == 0

    assert Refund.unscoped.get().status == "succeeded"
    assert state(order) == ("refunded", 11_900, 0)
    assert server.calls[REFUNDS] == 1
    assert CreditNote.unscoped.count() == 1


def test_a_refund_that_stripe_refuses_gives_the_credits_back(
    account: Account, server: StripeServer
) -> None:
    order = paid_at_stripe(account, server)
    server.faults[REFUNDS] = ["refused"]

    with pytest.raises(ProviderRejected):
        refund(order)

    made = Refund.unscoped.get()
    assert (made.status, made.failure_reason) == ("failed", "not like this")
    assert state(order) == ("completed", 0, 1_000)
    assert not CreditNote.unscoped.exists()
    assert ledger_problems() == []


FORGERIES = {
    "numbers of a series": "UPDATE billing_invoiceseries SET last = last + 1",
    "whose invoice is not paid": "UPDATE billing_invoice SET status = 'pending'",
    "without a payment": "UPDATE billing_payment SET status = 'failed'",
    "credits of a payment": "UPDATE billing_invoiceline SET credits = credits + 1",
    "sum of the refunds": "UPDATE billing_payment SET refunded_minor = refunded_minor - 1",
    "credit notes say": "UPDATE billing_invoice SET credited_minor = credited_minor + 1",
}


@pytest.mark.parametrize("finding", FORGERIES)
def test_the_audit_finds_what_was_forged(account: Account, finding: str) -> None:
    refund(paid(account), amount_minor=1_190)
    assert money_problems() == []

    make_billing.forge(FORGERIES[finding])

    assert any(finding in problem for problem in money_problems())
