"""Taking an invoice back, wholly or in part: the parts of every tax group add up to the group."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db.models import F

from igny8_core.business.billing.models import CreditNote, Invoice, InvoiceTax, SellerEntity
from igny8_core.business.billing.services.invoices import (
    CONTROL_QUEUE,
    DELIVER,
    locked_invoice,
    next_number,
)
from igny8_core.business.billing.services.taxes import WHOLE_BP
from igny8_core.business.billing.states import INVOICE, DocumentType, InvoiceStatus
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    TransitionNotAllowed,
)
from igny8_core.common.money import share
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey


@tenant_atomic()
def issue_credit_note(
    *,
    account: HasKey,
    invoice_id: int,
    amount_minor: int,
    reason: str,
    idempotency_key: str,
    now: datetime,
) -> CreditNote:
    """Take back ``amount_minor`` (with tax) of a numbered invoice. Safe to repeat.

    :raises NotFound: no such invoice.
    :raises InvalidInput: less than 1, or more than is left of the invoice; nothing was written.
    :raises Conflict: the invoice is a draft.
    :raises IdempotencyConflict: the key was used for something else.
    """
    invoice = locked_invoice(account=account, invoice_id=invoice_id)
    notes = CreditNote.objects.for_account(account)
    earlier: CreditNote | None = notes.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        if (earlier.invoice_id, earlier.total_minor) != (invoice.pk, amount_minor):
            raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
        return earlier
    if invoice.number is None:
        raise Conflict("A draft is dropped, not taken back.")
    left = invoice.total_minor - invoice.credited_minor
    if not 1 <= amount_minor <= left:
        text = f"From 1 to {left}: what is left of the invoice."
        raise InvalidInput("Nothing was taken back.", amount_minor=[text])
    groups = InvoiceTax.objects.for_account(account).filter(invoice=invoice).order_by("pk")
    lines = _parts(list(groups), invoice, notes.filter(invoice=invoice), amount_minor)
    invoices = Invoice.objects.for_account(account).filter(pk=invoice.pk)
    invoices.update(credited_minor=F("credited_minor") + amount_minor, updated_at=now)
    invoice.credited_minor += amount_minor
    seller = SellerEntity.objects.get(code=invoice.seller["code"])
    number = next_number(seller, DocumentType.CREDIT_NOTE, now=now)
    note = CreditNote(
        account_id=account.pk,
        invoice=invoice,
        series_id=number["series"],
        no=number["no"],
        number=number["number"],
        issue_date=number["date"],
        reason=reason,
        idempotency_key=idempotency_key,
        currency=invoice.currency,
        subtotal_minor=sum(line["net_minor"] for line in lines),
        tax_minor=sum(line["tax_minor"] for line in lines),
        total_minor=amount_minor,
        line_items=lines,
    )
    note.save()
    enqueue_on_commit(DELIVER, queue=CONTROL_QUEUE, account_id=account.pk)
    return note


@tenant_atomic()
def void_invoice(
    *, account: HasKey, invoice_id: int, reason: str, idempotency_key: str, now: datetime
) -> CreditNote | None:
    """Give an unpaid invoice up: a credit note over what is left of it. Safe to repeat.

    :returns: the credit note; None for an invoice over nothing.
    :raises NotFound: no such invoice.
    :raises TransitionNotAllowed: it is a draft, or paid; nothing was written.
    """
    invoice = locked_invoice(account=account, invoice_id=invoice_id)
    notes = CreditNote.objects.for_account(account).filter(idempotency_key=idempotency_key)
    if invoice.status == InvoiceStatus.VOID:
        return notes.first()
    if not INVOICE.allows(invoice.status, InvoiceStatus.VOID):
        raise TransitionNotAllowed(f"An invoice that is {invoice.status} is not given up.")
    left, note = invoice.total_minor - invoice.credited_minor, None
    if left:
        note = issue_credit_note(
            account=account,
            invoice_id=invoice_id,
            amount_minor=left,
            reason=reason,
            idempotency_key=idempotency_key,
            now=now,
        )
    advance(invoice, InvoiceStatus.VOID, table=INVOICE, now=now, voided_at=now)
    return note


def _parts(
    groups: Sequence[InvoiceTax], invoice: Invoice, earlier: Iterable[CreditNote], amount_minor: int
) -> list[Any]:
    """What the credit note takes of each tax group.

    Gross is reckoned as the difference of two running totals, and of tax the last note takes
    what is left: so the notes over a whole invoice add up to it exactly, group by group, however
    it was cut.
    """
    before = _taken(groups, invoice.total_minor, invoice.credited_minor)
    after = _taken(groups, invoice.total_minor, invoice.credited_minor + amount_minor)
    taxes = Counter[tuple[str, int]]()
    for note in earlier:
        for line in note.line_items:
            taxes[line["category"], line["rate_bp"]] += line["tax_minor"]
    parts = []
    for group, gross, old_gross in zip(groups, after, before, strict=True):
        left = group.base_minor + group.tax_minor - old_gross
        left_tax = group.tax_minor - taxes[group.category, group.rate_bp]
        tax = _tax(gross - old_gross, left, left_tax, group.rate_bp)
        parts.append(
            {
                "description": f"Taken back from invoice {invoice.number}",
                "category": group.category,
                "rate_bp": group.rate_bp,
                "net_minor": gross - old_gross - tax,
                "tax_minor": tax,
            }
        )
    return parts


def _taken(groups: Sequence[InvoiceTax], total: int, credited: int) -> list[int]:
    """Gross taken of each group once ``credited`` of ``total`` is taken back."""
    found = []
    left_total, left = total, credited
    for group in groups:
        gross = group.base_minor + group.tax_minor
        taken = left * gross // left_total if left_total else 0
        found.append(taken)
        left_total, left = left_total - gross, left - taken
    return found


def _tax(gross: int, left: int, left_tax: int, rate_bp: int) -> int:
    """The tax in ``gross``, of ``left`` with ``left_tax``: nearest to the rate in both parts.

    Each of them stands on a document of its own, where tax must be that of its net amount to
    less than a smallest unit; what is rounded here is missing there.
    """
    if gross == left or not left:
        return left_tax
    near = share(left_tax, gross, left)

    def off(tax: int) -> tuple[int, int]:
        rest_net, rest_tax = left - gross - (left_tax - tax), left_tax - tax
        here = abs(tax * WHOLE_BP - (gross - tax) * rate_bp)
        there = abs(rest_tax * WHOLE_BP - rest_net * rate_bp)
        return max(here, there), here

    base = left - left_tax
    close = [t for t in (near, near - 1, near + 1) if 0 <= t <= left_tax and 0 <= gross - t <= base]
    return min(close or [near], key=off)
