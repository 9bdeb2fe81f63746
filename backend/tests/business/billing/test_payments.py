"""Buying credits and paying by hand: every credit once, every cent accounted for."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages
from django.db.models import Sum

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import payment_selectors
from igny8_core.business.billing.errors import PaymentUnderWay, ProofRefused
from igny8_core.business.billing.models import CreditTransaction, Invoice, Payment
from igny8_core.business.billing.services.approvals import (
    approve_payment,
    read_proof,
    reject_payment,
    submit_proof,
)
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.payments import (
    Received,
    cancel_payment,
    settle_payment,
    start_payment,
)
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    Refused,
    TransitionNotAllowed,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def order(account: Account) -> Checkout:
    """1,000 credits for 119.00 EUR, by bank transfer."""
    return make_billing.bought(account, make_billing.package())


@pytest.fixture
def person() -> Any:
    return make.user(is_staff=True)


def approve(order: Checkout, person: Any, received: int = 11_900) -> Payment:
    return approve_payment(
        account=order.payment.account,
        payment_id=order.payment.pk,
        actor_id=person.pk,
        received_minor=received,
        now=NOW,
    )


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def granted(account: Account) -> int:
    rows = CreditTransaction.unscoped.filter(account=account, type="purchase")
    return rows.aggregate(all=Sum("amount"))["all"] or 0


def test_a_package_by_bank_transfer_is_billed_at_once_and_brings_nothing_yet(
    account: Account,
) -> None:
    package = make_billing.package(discount_bp=1_000)

    order = make_billing.bought(account, package, quantity=2)

    assert (order.invoice.status, order.invoice.number) == ("pending", "INV-2026-00001")
    assert (order.invoice.subtotal_minor, order.invoice.total_minor) == (18_000, 21_420)
    assert (order.payment.status, order.payment.amount_minor) == ("pending", 21_420)
    assert balance(account) == 0


def test_an_order_is_made_once_per_key(account: Account) -> None:
    package, other = make_billing.package(), make_billing.package()

    first = make_billing.bought(account, package, idempotency_key="k")
    again = make_billing.bought(account, package, idempotency_key="k")

    assert (first.invoice.pk, first.payment.pk) == (again.invoice.pk, again.payment.pk)
    for of, fields in ((other, {}), (package, {"quantity": 2}), (package, {"method": "manual"})):
        with pytest.raises(IdempotencyConflict):
            make_billing.bought(account, of, idempotency_key="k", **fields)
    assert Invoice.unscoped.count() == 1


@pytest.mark.parametrize("method", ["paypal", "cash", ""])
def test_what_is_not_offered_in_the_country_is_refused_and_leaves_nothing(
    account: Account, method: str
) -> None:
    with pytest.raises(InvalidInput):
        make_billing.bought(account, make_billing.package(), method=method)

    assert not Invoice.unscoped.exists()
    assert not Payment.unscoped.exists()


def test_a_provider_that_is_not_set_up_is_not_offered(account: Account, settings: Any) -> None:
    settings.PAYMENT_KEYS = {}

    with pytest.raises(InvalidInput):
        make_billing.bought(account, make_billing.package(), method="stripe")


def test_what_is_not_for_sale_cannot_be_bought(account: Account) -> None:
    with pytest.raises(NotFound):
        make_billing.bought(account, make_billing.package(is_active=False))
    with pytest.raises(Conflict):
        make_billing.bought(account, make_billing.package(price_minor=0))


def test_an_approval_pays_the_invoice_and_brings_the_credits(
    account: Account, order: Checkout, person: Any
) -> None:
    done = approve(order, person)

    assert (done.status, done.approved_by_id, done.processed_at) == ("completed", person.pk, NOW)
    order.invoice.refresh_from_db()
    assert (order.invoice.status, order.invoice.paid_at) == ("paid", NOW)
    assert balance(account) == 1_000
    row = CreditTransaction.unscoped.get(account=account, type="purchase")
    assert (row.invoice_id, row.payment_id) == (order.invoice.pk, order.payment.pk)
    assert ledger_problems() == []


def test_an_approval_that_is_sent_twice_counts_once(
    account: Account, order: Checkout, person: Any
) -> None:
    for _ in range(3):
        assert approve(order, person).status == "completed"

    assert granted(account) == balance(account) == 1_000
    assert number_gaps() == []


def test_from_the_limit_on_two_people_approve(
    account: Account, order: Checkout, person: Any, settings: Any
) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 11_900
    second = make.user(is_staff=True)

    assert approve(order, person).status == "pending"
    assert balance(account) == 0
    with pytest.raises(Refused):
        approve(order, person)
    with pytest.raises(InvalidInput):
        approve(order, second, received=11_901)
    done = approve(order, second)

    assert (done.status, done.approved_by_id) == ("completed", person.pk)
    assert done.second_approved_by_id == second.pk
    assert approve(order, person).status == "completed"
    assert granted(account) == 1_000


def test_below_the_limit_one_person_is_enough(order: Checkout, person: Any, settings: Any) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 11_901

    assert approve(order, person).status == "completed"


@pytest.mark.parametrize("received", [11_899, 11_901])
def test_money_that_does_not_fit_brings_nothing_and_is_looked_into(
    account: Account, order: Checkout, person: Any, received: int
) -> None:
    kept = approve(order, person, received=received)

    assert kept.status == "succeeded"
    assert kept.review_reason == f"received {received} EUR, asked for 11900 EUR"
    assert balance(account) == 0
    assert [row.pk for row in payment_selectors.payments_to_review()] == [kept.pk]
    with pytest.raises(PaymentUnderWay):
        start_payment(
            account=account,
            invoice_id=order.invoice.pk,
            method="manual",
            idempotency_key="another",
            now=NOW,
        )


def test_another_currency_does_not_fit(account: Account, order: Checkout) -> None:
    settled = settle_payment(
        account=account, payment_id=order.payment.pk, received=Received(11_900, "USD"), now=NOW
    )

    assert (settled.is_new, settled.payment.status) == (False, "succeeded")
    assert granted(account) == 0


def test_what_is_in_review_is_settled_once_it_fits(account: Account, order: Checkout) -> None:
    pay: dict[str, Any] = {"account": account, "payment_id": order.payment.pk, "now": NOW}
    settle_payment(received=Received(11_000, "EUR"), **pay)

    settled = settle_payment(received=Received(11_900, "EUR"), **pay)

    assert (settled.is_new, settled.payment.status) == (True, "completed")
    assert settled.payment.review_reason == ""
    assert granted(account) == 1_000


def test_a_rejection_says_why_and_another_attempt_may_be_made(
    account: Account, order: Checkout, person: Any
) -> None:
    reject: dict[str, Any] = {
        "account": account,
        "payment_id": order.payment.pk,
        "actor_id": person.pk,
        "now": NOW,
    }
    with pytest.raises(InvalidInput):
        reject_payment(reason=" ", **reject)
    rejected = reject_payment(reason="No money came.", **reject)
    assert reject_payment(reason="Again.", **reject).failure_reason == "No money came."

    assert (rejected.status, rejected.rejected_by_id) == ("failed", person.pk)
    with pytest.raises(Conflict):
        approve(order, person)
    new = start_payment(
        account=account,
        invoice_id=order.invoice.pk,
        method="manual",
        idempotency_key="second",
        now=NOW,
    )
    assert (new.attempt, new.amount_minor, new.status) == (2, 11_900, "pending")


def test_late_money_of_a_failed_attempt_counts_unless_it_was_paid_meanwhile(
    account: Account, order: Checkout, person: Any
) -> None:
    late, pay = order.payment, {"received": Received(11_900, "EUR"), "now": NOW}
    cancel_payment(account=account, payment_id=late.pk, now=NOW)
    new = start_payment(
        account=account,
        invoice_id=order.invoice.pk,
        method="manual",
        idempotency_key="second",
        now=NOW,
    )
    settle_payment(account=account, payment_id=new.pk, **pay)  # type: ignore[arg-type]  # as above

    kept = settle_payment(account=account, payment_id=late.pk, **pay).payment  # type: ignore[arg-type]  # as above

    assert (kept.status, kept.review_reason) == ("succeeded", "the invoice is paid")
    assert granted(account) == 1_000


def test_an_invoice_has_one_attempt_at_a_time(account: Account, order: Checkout) -> None:
    start: dict[str, Any] = {"account": account, "invoice_id": order.invoice.pk, "now": NOW}

    with pytest.raises(PaymentUnderWay):
        start_payment(method="manual", idempotency_key="second", **start)
    cancel_payment(account=account, payment_id=order.payment.pk, now=NOW)
    first = start_payment(method="manual", idempotency_key="second", **start)
    assert start_payment(method="manual", idempotency_key="second", **start).pk == first.pk
    with pytest.raises(IdempotencyConflict):
        start_payment(method="bank_transfer", idempotency_key="second", **start)


def test_an_attempt_is_cancelled_until_somebody_approved_it(
    account: Account, order: Checkout, person: Any, settings: Any
) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 1
    approve(order, person)

    with pytest.raises(Conflict):
        cancel_payment(account=account, payment_id=order.payment.pk, now=NOW)


def test_an_invoice_that_was_credited_in_part_is_not_settled_for_all_of_it(
    account: Account, order: Checkout, person: Any
) -> None:
    issue_credit_note(
        account=account,
        invoice_id=order.invoice.pk,
        amount_minor=1_000,
        reason="goodwill",
        idempotency_key="n",
        now=NOW,
    )

    kept = approve(order, person)

    assert kept.review_reason == "a part of the invoice was taken back meanwhile"
    assert granted(account) == 0


def test_a_refunded_payment_is_not_settled_again(account: Account, order: Checkout) -> None:
    Payment.unscoped.filter(pk=order.payment.pk).update(status="refunded")

    with pytest.raises(TransitionNotAllowed):
        settle_payment(
            account=account, payment_id=order.payment.pk, received=Received(11_900, "EUR"), now=NOW
        )
    assert granted(account) == 0


def test_nobody_else_pays_or_approves(order: Checkout, person: Any) -> None:
    other = make_billing.buyer()

    with pytest.raises(NotFound):
        approve_payment(
            account=other,
            payment_id=order.payment.pk,
            actor_id=person.pk,
            received_minor=11_900,
            now=NOW,
        )
    with pytest.raises(NotFound):
        start_payment(
            account=other,
            invoice_id=order.invoice.pk,
            method="manual",
            idempotency_key="k",
            now=NOW,
        )


# --- evidence


def prove(order: Checkout, data: bytes | None, **fields: Any) -> Payment:
    values: dict[str, Any] = {"reference": "R 7", "notes": "", "now": NOW}
    return submit_proof(
        account=order.payment.account,
        payment_id=order.payment.pk,
        file=None if data is None else io.BytesIO(data),
        **values | fields,
    )


@pytest.mark.parametrize(
    ("data", "ending", "media_type"),
    [
        (b"%PDF-1.7 x", "pdf", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n x", "png", "image/png"),
        (b"\xff\xd8\xff x", "jpg", "image/jpeg"),
    ],
)
def test_evidence_is_kept_and_read_back(
    order: Checkout, data: bytes, ending: str, media_type: str
) -> None:
    row = prove(order, data)

    assert row.manual_reference == "R 7"
    assert row.proof_file.startswith(f"{row.account_id}/")
    assert read_proof(row) == (data, f"payment-{row.pk}.{ending}", media_type)


@pytest.mark.parametrize("data", [b"<html>", b"", b"%PDF-" + b"x" * (5 * 1024 * 1024)])
def test_anything_else_is_no_evidence(order: Checkout, data: bytes) -> None:
    with pytest.raises(ProofRefused):
        prove(order, data)

    row = Payment.unscoped.get(pk=order.payment.pk)
    assert (row.proof_file, row.manual_reference) == ("", "")
    assert read_proof(row) is None


def test_evidence_stays_once_somebody_relied_on_it(
    order: Checkout, person: Any, settings: Any
) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 1
    kept = prove(order, b"%PDF-1")
    assert prove(order, None, reference="R 8").proof_file == kept.proof_file
    approve(order, person)

    with pytest.raises(Conflict):
        prove(order, b"%PDF-2")

    assert storages["proofs"].exists(kept.proof_file)


def test_a_provider_says_itself_whether_its_money_came(account: Account, person: Any) -> None:
    order = make_billing.bought(account, make_billing.package(), method="stripe")

    assert (order.invoice.status, order.invoice.number) == ("draft", None)
    assert order.payment.provider == "stripe"
    with pytest.raises(Conflict):
        approve(order, person)
    settled = settle_payment(
        account=account,
        payment_id=order.payment.pk,
        received=Received(11_900, "EUR"),
        now=NOW + timedelta(minutes=1),
    )
    assert settled.is_new
    order.invoice.refresh_from_db()
    assert (order.invoice.status, order.invoice.number) == ("paid", "INV-2026-00001")
    assert order.invoice.due_date is None


def test_the_queue_shows_what_waits_in_every_account(order: Checkout, person: Any) -> None:
    other = make_billing.bought(make_billing.buyer("FR"), make_billing.package())

    waiting = payment_selectors.payments_to_approve()

    assert [row.pk for row in waiting] == [order.payment.pk, other.payment.pk]
    approve(order, person)
    assert [row.pk for row in payment_selectors.payments_to_approve()] == [other.payment.pk]
    assert payment_selectors.any_payment(other.payment.pk).account == other.payment.account
    with pytest.raises(NotFound):
        payment_selectors.any_payment(0)
