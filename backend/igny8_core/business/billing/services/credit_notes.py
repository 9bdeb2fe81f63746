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
from igny8_core.business.billing.services.rounds import AccountKey
from igny8_core.business.billing.services.taxes import WHOLE_BP
from igny8_core.business.billing.states import INVOICE, DocumentType, InvoiceStatus
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
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
    return _issue(
        invoice, CreditNote(reason=reason, idempotency_key=idempotency_key), lines, now=now
    )


@tenant_atomic()
def reverse_credit_note(
    *, account: HasKey, note_id: int, reason: str, idempotency_key: str, now: datetime
) -> CreditNote:
    """Put back what a credit note took of its invoice, in the same parts. Safe to repeat.

    The note itself stays: it has a number. What is left of the invoice can be taken back anew.

    :raises NotFound: no such credit note.
    :raises Conflict: it is a reversal itself, or was reversed under another key.
    """
    rows = CreditNote.objects.for_account(account)
    found: CreditNote | None = rows.filter(pk=note_id).first()
    if found is None:
        raise NotFound("no such credit note", note_id=note_id)
    invoice = locked_invoice(account=account, invoice_id=found.invoice_id)
    earlier: CreditNote | None = rows.filter(reverses=found).first()
    if earlier is not None and earlier.idempotency_key == idempotency_key:
        return earlier
    if earlier is not None or found.reverses_id is not None:
        raise Conflict(f"{found.number} can not be reversed.")
    words = f"Put back to invoice {invoice.number}"
    lines = [line | {"description": words} for line in found.line_items]
    made = CreditNote(reason=reason, idempotency_key=idempotency_key, reverses=found)
    return _issue(invoice, made, lines, now=now)


def _issue(
    invoice: Invoice, note: CreditNote, lines: Sequence[dict[str, Any]], *, now: datetime
) -> CreditNote:
    """Number a credit note, or a reversal, and move what is left of its locked invoice."""
    net, tax = (sum(line[name] for line in lines) for name in ("net_minor", "tax_minor"))
    moved = net + tax if note.reverses_id is None else -net - tax
    invoices = Invoice.objects.for_account(AccountKey(invoice.account_id)).filter(pk=invoice.pk)
    invoices.update(credited_minor=F("credited_minor") + moved, updated_at=now)
    invoice.credited_minor += moved
    seller = SellerEntity.objects.get(code=invoice.seller["code"])
    number = next_number(seller, DocumentType.CREDIT_NOTE, now=now)
    note.account_id, note.invoice = invoice.account_id, invoice
    note.series_id, note.no, note.number = number["series"], number["no"], number["number"]
    note.issue_date, note.currency = number["date"], invoice.currency
    note.subtotal_minor, note.tax_minor, note.total_minor = net, tax, net + tax
    note.line_items = list(lines)
    note.save()
    enqueue_on_commit(DELIVER, queue=CONTROL_QUEUE, account_id=invoice.account_id)
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
    it was cut, and whatever of it was put back meanwhile.
    """
    gone, taxes = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for note in earlier:
        sign = 1 if note.reverses_id is None else -1
        for line in note.line_items:
            group = line["category"], line["rate_bp"]
            gone[group] += sign * (line["net_minor"] + line["tax_minor"])
            taxes[group] += sign * line["tax_minor"]
    left = [g.base_minor + g.tax_minor - gone[g.category, g.rate_bp] for g in groups]
    after = _taken(groups, invoice.total_minor, invoice.credited_minor + amount_minor)
    wanted = [n - gone[g.category, g.rate_bp] for n, g in zip(after, groups, strict=True)]
    parts = []
    for group_, gross, rest in zip(groups, _fitted(wanted, left, amount_minor), left, strict=True):
        left_tax = group_.tax_minor - taxes[group_.category, group_.rate_bp]
        tax = _tax(gross, rest, left_tax, group_.rate_bp)
        parts.append(
            {
                "description": f"Taken back from invoice {invoice.number}",
                "category": group_.category,
                "rate_bp": group_.rate_bp,
                "net_minor": gross - tax,
                "tax_minor": tax,
            }
        )
    return parts


def _fitted(wanted: Sequence[int], left: Sequence[int], amount: int) -> list[int]:
    """Parts of ``amount`` as near to ``wanted`` as each group's ``left`` allows.

    They fit already, unless a part was put back: the cuts before and after it are others then.
    """
    parts = [min(max(want, 0), most) for want, most in zip(wanted, left, strict=True)]
    missing = amount - sum(parts)
    for place, most in enumerate(left):
        step = min(missing, most - parts[place]) if missing > 0 else max(missing, -parts[place])
        parts[place], missing = parts[place] + step, missing - step
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
