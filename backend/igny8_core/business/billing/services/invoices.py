"""Invoices: drafted, numbered once, never changed after that; taken back by credit notes only."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Max

from igny8_core.business.billing.models import (
    BillingProfile,
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoiceTax,
    Payment,
    SellerEntity,
)
from igny8_core.business.billing.services.billing_profiles import FIELDS, known_buyer
from igny8_core.business.billing.services.taxes import Group, default_seller, rule_for, taxed
from igny8_core.business.billing.states import INVOICE, DocumentType, InvoiceStatus
from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.taxes import Line
    from igny8_core.common.tenancy.context import HasKey

CONTROL_QUEUE, DELIVER = "control", "billing.deliver_documents"

OPEN_SERIES = """
INSERT INTO billing_invoiceseries
       (entity_id, doc_type, year, prefix, last, created_at, updated_at)
VALUES (%(entity)s, %(doc_type)s, %(year)s, %(prefix)s, 0, %(now)s, %(now)s)
ON CONFLICT (entity_id, doc_type, year) DO NOTHING
"""
NEXT_NUMBER = """
UPDATE billing_invoiceseries
   SET last = last + 1, last_date = greatest(last_date, %(day)s::date), updated_at = %(now)s
 WHERE entity_id = %(entity)s AND doc_type = %(doc_type)s AND year = %(year)s
RETURNING id, prefix, last, last_date
"""


@tenant_atomic()
def draft_invoice(
    *,
    account: Account,
    lines: Sequence[Line],
    currency: str,
    subscription_id: int | None = None,
    period_start: datetime | None = None,
    period_end: datetime | None = None,
    period_key: str | None = None,
    tax_on: date | None = None,
    now: datetime,
) -> Invoice:
    """A draft: a pro-forma without a number, with the tax as it is today.

    :param tax_on: the day whose tax counts, if it is not today's.
    :param period_key: what of a subscription it is for; there is one such invoice, unless void.
    :raises InvalidInput: the billing details are not complete, or the lines come to less than 0.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    """
    seller, buyer = default_seller(), known_buyer(account=account)
    rule = rule_for(seller=seller, buyer=buyer, on=tax_on or now.date())
    marked, groups = taxed(lines, rule)
    subtotal = sum(line.net_minor for line in marked)
    tax = sum(group.tax_minor for group in groups)
    invoice = Invoice(
        account_id=account.pk,
        subscription_id=subscription_id,
        currency=currency,
        subtotal_minor=subtotal,
        tax_minor=tax,
        total_minor=subtotal + tax,
        seller=seller_snapshot(seller),
        buyer=buyer_snapshot(buyer),
        tax_evidence=_evidence(account, buyer, groups),
        line_items=[_line_item(pos, line) for pos, line in enumerate(marked, 1)],
        period_start=period_start,
        period_end=period_end,
        period_key=period_key,
    )
    invoice.save()
    InvoiceLine.unscoped.bulk_create(
        InvoiceLine(
            account_id=account.pk,
            invoice=invoice,
            pos=pos,
            net_minor=line.net_minor,
            tax_category=line.category,
            tax_rate_bp=line.rate_bp,
            **{
                name: value
                for name, value in asdict(line).items()
                if name not in {"category", "rate_bp"}
            },
        )
        for pos, line in enumerate(marked, 1)
    )
    InvoiceTax.unscoped.bulk_create(
        InvoiceTax(account_id=account.pk, invoice=invoice, **asdict(group)) for group in groups
    )
    return invoice


def finalise(invoice: Invoice, to: InvoiceStatus, *, now: datetime, **columns: Any) -> None:
    """Give a draft its number, as ``pending`` or ``paid``. The last write of its transaction.

    The caller holds the invoice's lock. The counter stays locked until the transaction ends: if
    it rolls back, the number was never given.

    :raises TransitionNotAllowed: the invoice is no draft; nothing was written.
    """
    seller = SellerEntity.objects.get(code=invoice.seller["code"])
    number = next_number(seller, DocumentType.INVOICE, now=now)
    due = number["date"] + timedelta(days=seller.due_days)
    advance(
        invoice,
        to,
        table=INVOICE,
        now=now,
        series_id=number["series"],
        no=number["no"],
        number=number["number"],
        invoice_date=number["date"],
        due_date=due if to is InvoiceStatus.PENDING else None,  # it was paid before it had a number
        **columns,
    )
    enqueue_on_commit(DELIVER, queue=CONTROL_QUEUE, account_id=invoice.account_id)


def next_number(seller: SellerEntity, doc_type: DocumentType, *, now: datetime) -> dict[str, Any]:
    """The next number of a series, with its date: dates follow the numbers.

    Must be used in this transaction: the counter's key asks for its document at COMMIT.
    """
    is_invoice = doc_type is DocumentType.INVOICE
    values: dict[str, Any] = {
        "entity": seller.pk,
        "doc_type": doc_type.value,
        "year": now.year,
        "prefix": seller.invoice_prefix if is_invoice else seller.credit_note_prefix,
        "day": now.date(),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, values)
        if cursor.rowcount == 0:
            cursor.execute(OPEN_SERIES, values)
            cursor.execute(NEXT_NUMBER, values)
        series, prefix, no, day = cursor.fetchone()
    return {"series": series, "no": no, "number": f"{prefix}{now.year}-{no:05d}", "date": day}


def locked_invoice(*, account: HasKey, invoice_id: int) -> Invoice:
    """One invoice, locked; inside the account's block.

    :raises NotFound: unknown, or another account's.
    """
    rows = Invoice.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    found: Invoice | None = rows.filter(pk=invoice_id).first()
    if found is None:
        raise NotFound("no such invoice", invoice_id=invoice_id)
    return found


@tenant_atomic()
def drop_draft(*, account: HasKey, invoice_id: int) -> None:
    """Forget a draft that nobody tried to pay.

    :raises NotFound: no such invoice.
    :raises Conflict: it has a number, or payments; nothing was deleted.
    """
    invoice = locked_invoice(account=account, invoice_id=invoice_id)
    if invoice.number is not None:
        raise Conflict("This invoice has a number. It is taken back by a credit note.")
    if Payment.objects.for_account(account).filter(invoice=invoice).exists():
        raise Conflict("Somebody tried to pay this draft: it stays.")
    invoice.delete()


def number_gaps() -> list[dict[str, Any]]:
    """Series whose documents are not exactly 1 … last: none, unless somebody forged them."""
    invoices = Invoice.objects.across_accounts(reason="number audit").filter(no__isnull=False)
    notes = CreditNote.objects.across_accounts(reason="number audit")
    found = []
    for rows in (invoices, notes):
        counted = rows.values("series_id", "series__doc_type", "series__last")
        found += [
            row
            for row in counted.annotate(count=Count("pk"), top=Max("no")).order_by("series_id")
            if not row["count"] == row["top"] == row["series__last"]
        ]
    return found


def seller_snapshot(seller: SellerEntity) -> dict[str, Any]:
    """The seller as a document keeps it."""
    names = (
        "code",
        "legal_name",
        "address",
        "country_code",
        "tax_ids",
        "bank",
        "email",
        "einvoice_format",
    )
    return {name: getattr(seller, name) for name in names}


def buyer_snapshot(buyer: BillingProfile) -> dict[str, Any]:
    """The buyer as a document keeps it."""
    return {name: getattr(buyer, name) for name in FIELDS}


def _evidence(account: Account, buyer: BillingProfile, groups: Sequence[Group]) -> dict[str, Any]:
    """Where the buyer is, by two sources, and the tax of each group."""
    return {
        "billing_country": buyer.country_code,
        "account_country": account.country_code,
        "tax_id": buyer.tax_id,
        "groups": [asdict(group) for group in groups],
    }


def _line_item(pos: int, line: Line) -> dict[str, Any]:
    item = asdict(line) | {"pos": pos, "net_minor": line.net_minor, "unit": "C62"}
    for name in ("period_start", "period_end"):
        value: date | None = item[name]
        item[name] = value.isoformat() if value is not None else None
    return item
