"""Attempts to pay an invoice, and the one way by which money reaches our books.

Lock order: Account, Payment, Invoice, Subscription, wallet, series of numbers. Whoever locks an
invoice first (a new attempt) holds no payment yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.db.models import Sum

from igny8_core.auth.models import Account
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import PaymentUnderWay
from igny8_core.business.billing.models import CreditLot, Invoice, InvoiceLine, Payment
from igny8_core.business.billing.services import paid_periods
from igny8_core.business.billing.services.invoices import finalise, locked_invoice
from igny8_core.business.billing.services.lots import grant_credits
from igny8_core.business.billing.states import (
    INVOICE,
    MANUAL_METHODS,
    PAYMENT,
    InvoiceStatus,
    LotKind,
    PaymentStatus,
    TransactionType,
)
from igny8_core.common.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.business.billing.models import PaymentMethodConfig
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PAYABLE = [InvoiceStatus.DRAFT, InvoiceStatus.PENDING, InvoiceStatus.UNCOLLECTIBLE]
UNDER_WAY = [
    PaymentStatus.PENDING,
    PaymentStatus.PROCESSING,
    PaymentStatus.SUCCEEDED,
    PaymentStatus.COMPLETED,
]


def is_under_way(payment: Payment) -> bool:
    """Whether an attempt keeps others from being made: open, or its money is there."""
    return payment.status in UNDER_WAY and payment.review_closed_at is None


@dataclass(frozen=True)
class Received:
    """Money, as the provider or a person's eye has it."""

    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Settled:
    """What became of a payment. ``is_new`` is false when it was settled before."""

    payment: Payment
    is_new: bool


@tenant_atomic()
def start_payment(
    *, account: Account, invoice_id: int, method: str, idempotency_key: str, now: datetime
) -> Payment:
    """A new attempt to pay what is open of an invoice. Safe to repeat with the same key.

    An invoice that is paid by hand gets its number now, with a date until which it is due.

    :raises NotFound: no such invoice.
    :raises InvalidInput: the way to pay is not offered in the buyer's country.
    :raises PaymentUnderWay: another attempt is open, or its money is there.
    :raises Conflict: the invoice is paid, void, or over nothing.
    :raises IdempotencyConflict: the key was used for another invoice or way to pay.
    """
    invoice = locked_invoice(account=account, invoice_id=invoice_id)
    mine = Payment.objects.for_account(account)
    earlier: Payment | None = mine.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        if (earlier.invoice_id, earlier.payment_method) != (invoice.pk, method):
            raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
        return earlier
    if paid_periods.is_collected_there(account=account, invoice=invoice):
        raise Conflict("The provider collects this period: pay it on its page.")
    open_minor = invoice.total_minor - invoice.credited_minor
    if invoice.status not in PAYABLE or not open_minor:
        raise Conflict(f"This invoice is {invoice.status}: there is nothing to pay.")
    attempts = mine.filter(invoice=invoice)
    if attempts.filter(status__in=UNDER_WAY, review_closed_at=None).exists():
        raise PaymentUnderWay("This invoice is being paid already.", invoice_id=invoice.pk)
    way = offered_way(method, invoice)
    payment = Payment(
        account_id=account.pk,
        invoice=invoice,
        payment_method=method,
        provider="" if method in MANUAL_METHODS else method,
        amount_minor=open_minor,
        currency=invoice.currency,
        idempotency_key=idempotency_key,
        attempt=attempts.count() + 1,
    )
    payment.save()
    if method in MANUAL_METHODS and invoice.status == InvoiceStatus.DRAFT:
        told = invoice.seller | {"pay_to": pay_to(way)}
        finalise(invoice, InvoiceStatus.PENDING, now=now, seller=told)
    return payment


def offered_way(method: str, invoice: Invoice) -> PaymentMethodConfig:
    """How one pays by a method in the buyer's country.

    :raises InvalidInput: not offered there, or not set up here.
    """
    return way_in(method, invoice.buyer.get("country_code", ""))


def way_in(method: str, country: str) -> PaymentMethodConfig:
    """How one pays by a method in a country.

    :raises InvalidInput: not offered there, or not set up here.
    """
    offered = selectors.offered_methods(country_code=country).filter(payment_method=method)
    found = offered.first()
    if found is None:
        raise InvalidInput("Nothing was started.", payment_method=[f"Not offered in {country}."])
    return found


def pay_to(way: PaymentMethodConfig) -> dict[str, str]:
    """Where to send the money, as the invoice keeps it."""
    names = (
        "payment_method",
        "display_name",
        "instructions",
        "bank_name",
        "account_holder",
        "iban",
        "swift",
        "wallet_type",
        "wallet_id",
    )
    return {name: getattr(way, name) for name in names}


@tenant_atomic()
def settle_payment(
    *, account: HasKey, payment_id: int, received: Received, now: datetime, **columns: Any
) -> Settled:
    """The only way to money: payment completed, invoice paid and numbered, credits granted.

    What a subscription's invoice brings is a period, or a larger plan for the one that runs.

    All of it or nothing, in one transaction, once: whoever comes later finds it done. Money that
    is not what the invoice asks for, or that comes for an invoice that is paid already, stays
    ``succeeded`` with a ``review_reason``, and nothing is granted. Once an operator has dealt with
    it, it stays as it is.

    :param columns: further columns of the payment that belong to this step.
    :raises NotFound: no such payment.
    :raises TransitionNotAllowed: the payment was refunded.
    """
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.status == PaymentStatus.COMPLETED or payment.review_closed_at is not None:
        return Settled(payment, is_new=False)
    invoice = locked_invoice(account=account, invoice_id=payment.invoice_id)
    if payment.status != PaymentStatus.SUCCEEDED:
        known = {"processed_at": now, "outcome_unknown_since": None, "failure_reason": ""}
        advance(payment, PaymentStatus.SUCCEEDED, table=PAYMENT, now=now, **known | columns)
    problem = _problem(payment, invoice, received) or paid_periods.problem_of(
        account=account, invoice=invoice, now=now
    )
    if problem:
        _keep_for_review(payment, problem, now=now)
        return Settled(payment, is_new=False)
    advance(payment, PaymentStatus.COMPLETED, table=PAYMENT, now=now, review_reason="")
    failpoint("billing.settle.completed")
    lines = InvoiceLine.objects.for_account(account).filter(invoice=invoice)
    if amount := lines.aggregate(credits=Sum("credits"))["credits"]:
        grant_credits(
            account=account,
            amount=amount,
            type=TransactionType.PURCHASE,
            idempotency_key=grant_key(payment),
            invoice_id=invoice.pk,
            payment_id=payment.pk,
            now=now,
        )
    paid_periods.bring(account=account, invoice=invoice, payment_id=payment.pk, now=now)
    failpoint("billing.settle.granted")
    if invoice.status == InvoiceStatus.DRAFT:
        finalise(invoice, InvoiceStatus.PAID, now=now, paid_at=now)
    else:
        advance(invoice, InvoiceStatus.PAID, table=INVOICE, now=now, paid_at=now)
    failpoint("billing.settle.numbered")
    log.info("billing.payment.completed", account_id=account.pk, payment_id=payment.pk)
    return Settled(payment, is_new=True)


@tenant_atomic()
def fail_payment(
    *, account: HasKey, payment_id: int, reason: str, now: datetime, **columns: Any
) -> Payment:
    """Nothing came of the attempt. A repeat, and money that is there already, change nothing.

    :raises NotFound: no such payment.
    """
    payment = locked_payment(account=account, payment_id=payment_id)
    if PAYMENT.allows(payment.status, PaymentStatus.FAILED):
        known = {"failure_reason": reason, "outcome_unknown_since": None}
        advance(payment, PaymentStatus.FAILED, table=PAYMENT, now=now, **known | columns)
    return payment


@tenant_atomic()
def cancel_payment(*, account: HasKey, payment_id: int, now: datetime) -> Payment:
    """Give an attempt by hand up before anybody looked at it. Safe to repeat.

    The invoice stays as it is: another attempt may be made.

    :raises NotFound: no such payment.
    :raises Conflict: an operator has approved it, or a provider has it; nothing was written.
    """
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.status == PaymentStatus.CANCELLED:
        return payment
    if payment.status != PaymentStatus.PENDING or payment.provider or payment.approved_by_id:
        raise Conflict("This payment can no longer be cancelled.")
    advance(payment, PaymentStatus.CANCELLED, table=PAYMENT, now=now)
    return payment


def locked_payment(*, account: HasKey, payment_id: int) -> Payment:
    """One payment, locked, and the account before it; inside the account's block.

    :raises NotFound: unknown, or another account's.
    """
    Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    rows = Payment.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    found: Payment | None = rows.filter(pk=payment_id).first()
    if found is None:
        raise NotFound("no such payment", payment_id=payment_id)
    return found


def lot_of(*, account: HasKey, payment: Payment) -> CreditLot | None:
    """The lot that a payment brought: of what was bought, or of the plan's period."""
    lots = CreditLot.objects.for_account(account)
    bought: CreditLot | None = lots.filter(source_key=grant_key(payment)).first()
    of_plan = lots.filter(payment_id=payment.pk, kind=LotKind.PLAN)
    return bought or of_plan.order_by("pk").first()


def grant_key(payment: Payment) -> str:
    """The key of the credits that a payment brings."""
    return f"pay:{payment.pk}"


def _problem(payment: Payment, invoice: Invoice, received: Received) -> str:
    if (received.amount_minor, received.currency) != (payment.amount_minor, payment.currency):
        return (
            f"received {received.amount_minor} {received.currency}, "
            f"asked for {payment.amount_minor} {payment.currency}"
        )
    if invoice.status not in PAYABLE:
        return f"the invoice is {invoice.status}"
    if payment.amount_minor != invoice.total_minor - invoice.credited_minor:
        return "a part of the invoice was taken back meanwhile"
    return ""


def _keep_for_review(payment: Payment, problem: str, *, now: datetime) -> None:
    payment.review_reason = problem
    payment.updated_at = now
    payment.save(update_fields=["review_reason", "updated_at"])
    log.error("billing.payment.review", account_id=payment.account_id, payment_id=payment.pk)
