"""Buying a package of credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.auth.models import Account
from igny8_core.business.billing.models import CreditPackage, Invoice, Payment
from igny8_core.business.billing.services.invoices import draft_invoice, locked_invoice
from igny8_core.business.billing.services.payments import start_payment
from igny8_core.business.billing.services.taxes import Line
from igny8_core.common.errors import Conflict, IdempotencyConflict, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

QUANTITY_MAX = 100


@dataclass(frozen=True)
class Checkout:
    """What was bought, and the attempt to pay it."""

    invoice: Invoice
    payment: Payment


@tenant_atomic()
def buy_package(
    *,
    account: Account,
    slug: str,
    method: str,
    quantity: int = 1,
    idempotency_key: str,
    now: datetime,
) -> Checkout:
    """An invoice over a package, and the first attempt to pay it. Safe to repeat.

    The price is today's, with the package's discount; the tax is the buyer's. Paid by hand, the
    invoice is numbered at once; at a provider it stays a draft until the money is there.

    :param quantity: from 1 to ``QUANTITY_MAX``.
    :raises NotFound: no such package is offered.
    :raises InvalidInput: the billing details are not complete; the way to pay is not offered.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    :raises IdempotencyConflict: the key was used for something else.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    mine = Payment.objects.for_account(account).select_related("invoice")
    earlier: Payment | None = mine.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        asked = {"package": slug, "quantity": quantity}
        if earlier.payment_method != method or earlier.metadata.get("asked") != asked:
            raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
        return Checkout(earlier.invoice, earlier)
    package = CreditPackage.objects.filter(is_active=True, slug=slug).first()
    if package is None:
        raise NotFound("no such package", package=slug)
    if not package.discounted_price_minor:
        raise Conflict("This package has no price.")
    line = Line(
        description=f"{package.name}: {package.credits:,} credits",
        unit_price_minor=package.discounted_price_minor,
        quantity=quantity,
        credits=package.credits * quantity,
        package_id=package.pk,
    )
    invoice = draft_invoice(account=account, lines=[line], currency=package.currency, now=now)
    payment = start_payment(
        account=account,
        invoice_id=invoice.pk,
        method=method,
        idempotency_key=idempotency_key,
        now=now,
    )
    payment.metadata = payment.metadata | {"asked": {"package": slug, "quantity": quantity}}
    payment.save(update_fields=["metadata"])
    return Checkout(locked_invoice(account=account, invoice_id=invoice.pk), payment)
