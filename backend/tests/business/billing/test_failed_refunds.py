"""Money that a provider could not give back after all: nothing of the refund stays in the books."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import payment_selectors
from igny8_core.business.billing.models import (
    CreditNote,
    CreditWallet,
    Dispute,
    Invoice,
    InvoiceTax,
    Payment,
    Refund,
)
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.credit_notes import _parts, reverse_credit_note
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.services.failed_refunds import leave_refund, undo_refund
from igny8_core.business.billing.services.invoice_export import documents_csv
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.outside_refunds import follow_refunds
from igny8_core.business.billing.services.provider_payments import refresh_payment
from igny8_core.business.billing.services.refunds import (
    finish_refunds,
    refund_payment,
    retry_refund,
)
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook, reconcile
from igny8_core.common.errors import Conflict, IdempotencyConflict, NotFound, Transient
from tests import make
from tests.business.billing.test_webhooks import opened
from tests.fakes import paypal_server
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account
    from tests.fakes.paypal_server import PayPalServer

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

clock = timezone.now
REFUNDS = "/v1/refunds"
BALANCED: tuple[list[Any], list[str], list[str]] = ([], [], [])
EXPIRED = "The card has expired, or its account was closed."


@pytest.fixture
def account(server: StripeServer) -> Account:
    del server
    make_billing.prices()
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def payment(account: Account, server: StripeServer) -> Payment:
    return paid(account, server)


def paid(account: Account, server: StripeServer) -> Payment:
    """1,000 credits for 119.00 EUR, paid at Stripe; its events were all seen."""
    order = make_billing.bought(account, make_billing.package(), method="stripe")
    server.pay(opened(order))
    refresh_payment(account=account, payment_id=order.payment.pk, clock=clock)
    server.events.clear()
    return Payment.unscoped.get(pk=order.payment.pk)


def refunded(payment: Payment, **fields: Any) -> Refund:
    values: dict[str, Any] = {"reason": "withdrawal", "idempotency_key": "r", "clock": clock}
    return refund_payment(account=payment.account, payment_id=payment.pk, **values | fields)


def told(server: StripeServer, *, times: int = 1) -> None:
    """Every event since the last time, the newest first, and a worker that takes them."""
    for event in reversed(server.events):
        for _ in range(times):
            body, headers = signed(event)
            receive_webhook(provider="stripe", body=body, headers=headers, now=clock())
    server.events.clear()
    handle_due(clock=clock)


def state(payment: Payment) -> tuple[str, int, int, int]:
    """(payment, money given back, taken back of the invoice, credits)."""
    row = Payment.unscoped.select_related("invoice").get(pk=payment.pk)
    balance = accounts.account(row.account_id).credits
    return row.status, row.refunded_minor, row.invoice.credited_minor, balance


def books() -> tuple[list[Any], list[str], list[str]]:
    return number_gaps(), ledger_problems(), money_problems()


def test_what_was_booked_is_undone_once_and_can_be_tried_again(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    made = refunded(payment)
    assert state(payment) == ("refunded", 11_900, 11_900, 0)
    server.fail_refund(str(made.provider_ref))

    told(server, times=2)
    follow_refunds(account=account, payment_id=payment.pk, clock=clock)

    made.refresh_from_db()
    assert (made.status, made.failure_reason) == ("failed", EXPIRED)
    assert state(payment) == ("completed", 0, 0, 1_000)
    note, back = CreditNote.unscoped.order_by("no")
    assert (made.credit_note_id, made.reversal_id, back.reverses_id) == (note.pk, back.pk, note.pk)
    assert (back.total_minor, back.tax_minor, back.number[-5:]) == (11_900, 1_900, "00002")
    assert [row.pk for row in payment_selectors.refunds_to_review()] == [made.pk]
    assert books() == BALANCED

    again: dict[str, Any] = {"account": account, "refund_id": made.pk, "actor_id": make.user().pk}
    retried = [retry_refund(is_by_hand=False, clock=clock, **again) for _ in range(2)]

    assert {row.pk for row in retried} == {retried[0].pk} != {made.pk}
    assert (retried[0].status, retried[0].credits, server.calls[REFUNDS]) == ("succeeded", 1_000, 2)
    assert state(payment) == ("refunded", 11_900, 11_900, 0)
    assert list(payment_selectors.refunds_to_review()) == []
    with pytest.raises(IdempotencyConflict):
        retry_refund(is_by_hand=True, clock=clock, **again)
    assert books() == BALANCED


def test_the_reversal_is_a_document_of_its_own(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    made = refunded(payment, amount_minor=5_951)
    server.fail_refund(str(made.provider_ref))
    told(server)
    note = CreditNote.unscoped.get(reverses__isnull=False)
    ids: dict[str, Any] = {"account": account, "kind": CreditNote, "document_id": note.pk}

    _, xml = document_xml(**ids)  # which is refused when a rule does not hold
    name, pdf = document_pdf(**ids)

    assert b"<ram:TypeCode>383</ram:TypeCode>" in xml
    assert b"<ram:DuePayableAmount>0.00</ram:DuePayableAmount>" in xml
    assert note.reverses is not None
    assert note.reverses.number.encode() in xml
    assert (name, pdf[:5]) == (f"{note.number}.pdf", b"%PDF-")
    lines = [line.split(",") for line in documents_csv(account=account)]
    assert [(line[1], line[-4]) for line in lines[1:]] == [
        ("invoice", "119.00"),
        ("credit_note", "-59.51"),
        ("credit_note_reversal", "59.51"),
    ]


def test_sent_another_way_or_left(account: Account, server: StripeServer) -> None:
    person, payments = make.user().pk, [paid(account, server) for _ in range(2)]
    failed: list[dict[str, Any]] = []
    for row in payments:
        made = refunded(row, idempotency_key=f"r{row.pk}")
        server.fail_refund(str(made.provider_ref))
        told(server)
        failed.append({"account": account, "refund_id": made.pk, "actor_id": person})
    first, second = failed

    by_hand = retry_refund(is_by_hand=True, clock=clock, **first)
    left = [leave_refund(now=clock(), **second) for _ in range(2)]

    assert (by_hand.status, by_hand.provider_ref, server.calls[REFUNDS]) == ("succeeded", None, 2)
    assert (left[0].reviewed_by_id, left[1].status) == (person, "failed")
    assert [state(row)[0] for row in payments] == ["refunded", "completed"]
    assert list(payment_selectors.refunds_to_review()) == []
    with pytest.raises(Conflict):
        leave_refund(now=clock(), **first)
    with pytest.raises(Conflict):
        retry_refund(is_by_hand=False, clock=clock, **second)
    with pytest.raises(NotFound):
        undo_refund(
            account=make_billing.buyer(), refund_id=second["refund_id"], reason="x", now=clock()
        )
    assert books() == BALANCED


LOOKS = [
    (False,) * 3,
    (True,) * 3,
    (True, False, False),
    (False, True, False),
    (False, False, True),
]
"""After which of the first three steps somebody looks; after the last one always."""
STEPS = [
    ("refund", "dispute", "withdraw", "fail"),
    ("refund", "dispute", "fail", "withdraw"),
    ("refund", "fail", "dispute", "withdraw"),
]


def test_a_refund_a_dispute_and_the_failure_in_any_order_end_in_the_same(
    server: StripeServer, account: Account
) -> None:
    del account
    ends = set()
    for steps, looks in itertools.product(STEPS, LOOKS):
        holder = make_billing.buyer()
        payment = paid(holder, server)
        held = make_billing.reservation(holder, 300)
        capture_credits(
            account=holder,
            reservation_id=held.reservation_id,
            amount=300,
            attempt=held.attempt,
            now=make_billing.NOW,
        )
        money, dispute = str(payment.provider_refs["payment"]), ""
        for step, is_looked_at in zip(steps, (*looks, True), strict=True):
            if step == "refund":
                made = refunded(payment, amount_minor=5_950)
            elif step == "dispute":
                dispute = server.dispute(money)
            elif step == "withdraw":
                server.withdraw(dispute)
            else:
                server.fail_refund(str(made.provider_ref))
            if is_looked_at:
                told(server, times=2)
        wallet = CreditWallet.objects.for_account(holder).get()
        row = Dispute.unscoped.get(payment=payment)
        refund = Refund.unscoped.get(payment=payment)
        payment.refresh_from_db()
        sums = payment.refunded_minor, payment.disputed_minor, wallet.balance, wallet.debt
        ends.add((refund.status, row.status, row.clawed, row.withdrawn_minor, *sums))

    assert ends == {("failed", "withdrawn", 1_000, 11_900, 0, 11_900, 0, 300)}
    assert books() == BALANCED


def test_credits_that_came_back_go_with_the_next_refund_and_dispute(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    made = refunded(payment, amount_minor=5_950)
    server.fail_refund(str(made.provider_ref))
    told(server)
    assert accounts.account(account.pk).credits == 1_000

    partly = refunded(payment, amount_minor=8_925, idempotency_key="2")
    assert (partly.credits, accounts.account(account.pk).credits) == (750, 250)
    server.withdraw(server.dispute(str(payment.provider_refs["payment"]), amount=2_975))
    told(server)

    wallet = CreditWallet.objects.for_account(account).get()
    assert (wallet.balance, wallet.debt) == (0, 0)
    assert books() == BALANCED


def test_one_that_failed_before_its_answer_came_is_not_booked(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    server.faults[REFUNDS] = ["lost"]
    with pytest.raises(Transient):
        refunded(payment)
    (ref,) = (key for key, row in server.objects.items() if row.get("object") == "refund")
    server.fail_refund(ref)

    assert finish_refunds(now=clock()) == 1

    assert (Refund.unscoped.get().status, server.calls[REFUNDS]) == ("failed", 1)
    assert state(payment) == ("completed", 0, 0, 1_000)
    assert not CreditNote.unscoped.exists()
    told(server)
    assert state(payment) == ("completed", 0, 0, 1_000)
    assert books() == BALANCED


def test_an_event_of_the_failure_may_come_before_the_answer(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    server.faults[REFUNDS] = ["lost"]
    with pytest.raises(Transient):
        refunded(payment)
    (ref,) = (key for key, row in server.objects.items() if row.get("object") == "refund")
    server.fail_refund(ref)

    told(server)

    assert Refund.unscoped.get().status == "failed"
    assert finish_refunds(now=clock()) == 0
    assert state(payment) == ("completed", 0, 0, 1_000)


def test_what_somebody_sent_back_at_stripe_and_did_not_arrive(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    money = str(payment.provider_refs["payment"])
    server.refund_there(money, 5_950)
    told(server)
    (first,) = (key for key, row in server.objects.items() if row.get("object") == "refund")
    assert state(payment) == ("completed", 5_950, 5_950, 500)
    server.fail_refund(first)
    server.refund_there(money, 11_900)  # in its place, and more
    told(server)
    assert state(payment) == ("refunded", 11_900, 11_900, 0)
    (second,) = (
        key for key, row in server.objects.items() if row.get("object") == "refund" and key != first
    )
    server.fail_refund(second)
    told(server)
    server.refund_there(money, 1_190)
    server.fail_refund(list(server.objects)[-1])  # we hear of it when it has failed already
    told(server)

    assert set(Refund.unscoped.values_list("status", flat=True)) == {"failed"}
    assert (Refund.unscoped.count(), CreditNote.unscoped.count()) == (3, 4)
    assert state(payment) == ("completed", 0, 0, 1_000)
    assert books() == BALANCED


def test_more_than_was_left_is_booked_once_there_is_room(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    """Stripe lists the failure after the refund that was sent in its place."""
    made, money = refunded(payment), str(payment.provider_refs["payment"])
    server.objects[money]["amount_refunded"] = 0
    server.refund_there(money, 11_900)
    told(server)
    payment.refresh_from_db()
    assert list(payment.metadata["outside_refunds"].values()) == [11_900]
    server.objects[money]["amount_refunded"] = 23_800
    server.fail_refund(str(made.provider_ref))

    told(server)

    payment.refresh_from_db()
    assert payment.metadata["outside_refunds"] == {}
    assert state(payment) == ("refunded", 11_900, 11_900, 0)
    assert sorted(Refund.unscoped.values_list("status", flat=True)) == ["failed", "succeeded"]
    assert books() == BALANCED


@contextmanager
def paid_at_paypal(settings: Any) -> Iterator[tuple[PayPalServer, Payment]]:
    """A package of 1,000 credits for 119.00 EUR, as long as the double answers."""
    make_billing.prices()
    make_billing.seller()
    holder = make_billing.buyer()
    make_billing.offered("DE", "paypal")
    with paypal_server.running() as server:
        settings.PAYMENT_KEYS = {"paypal": server.keys}
        order = make_billing.bought(holder, make_billing.package(), method="paypal")
        server.approve(opened(order))
        yield server, refresh_payment(account=holder, payment_id=order.payment.pk, clock=clock)


def test_paypal_tells_of_no_failure_so_it_is_asked(settings: Any) -> None:
    with paid_at_paypal(settings) as (server, payment):
        server.refund_as = "PENDING"
        made = [refunded(payment, amount_minor=n, idempotency_key=str(n)) for n in (1_190, 2_380)]
        assert state(payment) == ("completed", 3_570, 3_570, 700)
        assert {row.confirmed_at for row in made} == {None}
        server.fail_refund(str(made[0].provider_ref))
        server.objects[str(made[1].provider_ref)]["status"] = "COMPLETED"

        reconcile(now=clock())

        statuses = [Refund.unscoped.get(pk=row.pk).status for row in made]
        assert statuses == ["failed", "succeeded"]
        assert Refund.unscoped.get(pk=made[0].pk).failure_reason == "PayPal says: ECHECK."
        assert Refund.unscoped.get(pk=made[1].pk).confirmed_at is not None
        assert state(payment) == ("completed", 2_380, 2_380, 800)
        assert books() == BALANCED


def test_what_is_given_back_in_paypals_pages_is_found(settings: Any) -> None:
    with paid_at_paypal(settings) as (server, payment):
        refunded(payment, amount_minor=1_190)
        server.refund_there(payment.provider_refs["payment"], "59.50")

        assert reconcile(now=clock()) > 0
        handle_due(clock=clock)

        assert state(payment) == ("completed", 7_140, 7_140, 400)
        assert Refund.unscoped.filter(requested_by=None).count() == 2
        assert books() == BALANCED


def test_nobody_reverses_by_another_sum_or_twice(
    account: Account, payment: Payment, server: StripeServer
) -> None:
    made = refunded(payment, amount_minor=5_950)
    server.fail_refund(str(made.provider_ref))
    told(server)
    note, back = CreditNote.unscoped.order_by("no")
    ids: dict[str, Any] = {"account": account, "reason": "x", "now": clock()}

    for row in (note, back):
        with pytest.raises(Conflict):
            reverse_credit_note(note_id=row.pk, idempotency_key="more", **ids)
    with pytest.raises(NotFound):
        reverse_credit_note(note_id=0, idempotency_key="more", **ids)
    again = refunded(payment, amount_minor=5_950, idempotency_key="2")
    forged: Any = CreditNote.unscoped.get(pk=again.credit_note_id or 0)
    forged.pk, forged.no, forged.number = None, 4, "CN-X-00004"
    forged.idempotency_key, forged.reverses_id = "forged", again.credit_note_id
    forged.total_minor, forged.subtotal_minor = forged.total_minor + 1, forged.subtotal_minor + 1
    with pytest.raises(IntegrityError, match="does not put back"), transaction.atomic():
        forged.save(force_insert=True)


@settings(max_examples=100, deadline=None)
@given(
    bases=st.lists(st.tuples(st.integers(1, 5_000), st.sampled_from([0, 700, 1900])), min_size=1,
                   max_size=3, unique_by=lambda pair: pair[1]),
    acts=st.lists(st.tuples(st.booleans(), st.integers(0, 9_999)), max_size=8),
)  # fmt: skip
def test_parts_add_up_however_they_are_cut_and_put_back(
    bases: list[tuple[int, int]], acts: list[tuple[bool, int]]
) -> None:
    groups = [
        InvoiceTax(category="S" if rate else "Z", rate_bp=rate, base_minor=base)
        for base, rate in bases
    ]
    for group in groups:
        group.tax_minor = (group.base_minor * group.rate_bp + 5_000) // 10_000
    total = sum(group.base_minor + group.tax_minor for group in groups)
    invoice, notes = Invoice(number="INV-1", total_minor=total), list[CreditNote]()

    def take(amount: int) -> None:
        lines = _parts(groups, invoice, notes, amount)
        assert sum(line["net_minor"] + line["tax_minor"] for line in lines) == amount
        assert all(line["net_minor"] >= 0 and line["tax_minor"] >= 0 for line in lines)
        notes.append(CreditNote(line_items=lines, total_minor=amount))
        invoice.credited_minor += amount

    for is_reversal, number in acts:
        standing = [n for n in notes if n.reverses_id is None and not n.reason]
        if is_reversal and standing:
            note = standing[number % len(standing)]
            note.reason = "reversed"
            notes.append(CreditNote(line_items=note.line_items, reverses_id=1))
            invoice.credited_minor -= note.total_minor
        elif invoice.credited_minor < total:
            take(1 + number % (total - invoice.credited_minor))
    if invoice.credited_minor < total:
        take(total - invoice.credited_minor)

    for group in groups:
        net = tax = 0
        for note in notes:
            sign = 1 if note.reverses_id is None else -1
            for line in note.line_items:
                if line["rate_bp"] == group.rate_bp:
                    net, tax = net + sign * line["net_minor"], tax + sign * line["tax_minor"]
        assert (net, tax) == (group.base_minor, group.tax_minor)
