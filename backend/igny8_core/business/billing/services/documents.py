"""Invoices and credit notes as PDF/A-3, made from what was frozen: same input, same bytes."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, time
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import structlog
import typst
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.business.billing.states import TaxCategory
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.money import written
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import date

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

DOCUMENTS: Final = "documents"
PDF: Final = "application/pdf"
STANDARD: Final = "a-3b"
REVERSE_NOTE: Final = "Reverse charge: the recipient accounts for the tax."

Document = Invoice | CreditNote


def document_pdf(*, account: HasKey, kind: type[Document], document_id: int) -> tuple[str, bytes]:
    """The PDF of an invoice or credit note, and its file's name; outside of tenant blocks.

    The first one that is made of a numbered document is kept and given to everybody from then on.
    A draft is a pro-forma: made anew each time, kept nowhere.

    :raises NotFound: unknown, or another account's.
    :raises InvalidInput: a draft without a seller or without taxes: nobody has filled it in.
    """
    with tenant(account.pk, read_only=True):
        document = _find(account, kind, document_id)
        invoice = (
            document
            if isinstance(document, Invoice)
            else _find(account, Invoice, document.invoice_id)
        )
    if not invoice.seller or "groups" not in invoice.tax_evidence:
        raise InvalidInput(
            "the draft is not filled in", invoice=["It has no seller or no taxes yet."]
        )
    name = f"{document.number or f'pro-forma-{document.pk}'}.pdf"
    if document.pdf_sha256 and (kept := _kept(document)) is not None:
        return name, kept
    data = render(document, invoice)
    if document.number is not None:
        data = _keep(account, document, data)
    return name, data


def render(document: Document, invoice: Invoice) -> bytes:
    """The document as PDF/A-3b; as plain PDF when a letter of it is in none of our fonts."""
    shown = (
        _credit_note(document, invoice) if isinstance(document, CreditNote) else _invoice(document)
    )
    made_at = datetime.combine(_date(document), time(12), UTC)
    inputs = {"data": json.dumps(shown, ensure_ascii=False, sort_keys=True)}
    try:
        return _compiled(inputs, made_at, STANDARD)
    except typst.TypstError as exc:
        log.warning("billing.document.plain_pdf", document=str(document.pk), error=exc.message)
        return _compiled(inputs, made_at, "1.7")


def _compiled(inputs: dict[str, str], made_at: datetime, standard: Any) -> bytes:
    made = typst.compile(
        _template(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards=standard,
        timestamp=made_at,
    )
    if not isinstance(made, bytes):
        raise TypeError("one document, one file")
    return made


@cache
def _template() -> bytes:
    folder = resources.files("igny8_core.business.billing").joinpath("typst")
    return folder.joinpath("document.typ").read_bytes()


def _find(account: HasKey, kind: type[Document], document_id: int) -> Any:
    found = kind.objects.for_account(account).filter(pk=document_id).first()
    if found is None:
        raise NotFound("no such document", document_id=document_id)
    return found


def _path(document: Document, digest: str) -> str:
    return f"{document.account_id}/{document.number}-{digest[:16]}.pdf"


def _kept(document: Document) -> bytes | None:
    storage, path = storages[DOCUMENTS], _path(document, document.pdf_sha256)
    if not storage.exists(path):
        log.error("billing.document.lost", document=document.number)
        return None
    with storage.open(path) as file:
        data: bytes = file.read()
    return data


def _keep(account: HasKey, document: Document, data: bytes) -> bytes:
    """Store a PDF, unless another one was faster; what is kept."""
    digest = hashlib.sha256(data).hexdigest()
    storage, path = storages[DOCUMENTS], _path(document, digest)
    if not storage.exists(path):
        storage.save(path, ContentFile(data))
    with tenant(account.pk):
        rows = type(document).objects.for_account(account).filter(pk=document.pk)
        if rows.filter(pdf_sha256=document.pdf_sha256).update(pdf_sha256=digest):
            return data
        document.pdf_sha256 = rows.get().pdf_sha256
    return _kept(document) or data


def _date(document: Document) -> date:
    if isinstance(document, CreditNote):
        return document.issue_date
    return document.invoice_date or document.created_at.date()


def _invoice(invoice: Invoice) -> dict[str, Any]:
    is_draft = invoice.number is None
    facts = [["Date", _day(_date(invoice))]]
    if invoice.due_date is not None:
        facts.append(["Due", _day(invoice.due_date)])
    if invoice.period_start and invoice.period_end:
        facts.append(["Period", f"{_day(invoice.period_start)} to {_day(invoice.period_end)}"])
    if invoice.buyer.get("tax_id"):
        facts.append(["Your tax id", invoice.buyer["tax_id"]])
    heading = "Pro-forma" if is_draft else "Invoice"
    return _shown(
        invoice,
        invoice,
        heading,
        facts,
        notice="" if not is_draft else "This is no invoice: it has no number yet.",
        payment=[] if is_draft else _how_to_pay(invoice),
    )


def _credit_note(note: CreditNote, invoice: Invoice) -> dict[str, Any]:
    facts = [
        ["Date", _day(note.issue_date)],
        ["For invoice", invoice.number or ""],
        ["Invoice date", _day(_date(invoice))],
    ]
    return _shown(note, invoice, "Credit note", facts, notice=f"Reason: {note.reason}", payment=[])


def _shown(
    document: Document,
    invoice: Invoice,
    heading: str,
    facts: list[list[str]],
    *,
    notice: str,
    payment: list[str],
) -> dict[str, Any]:
    """What the template prints, every number written out."""
    seller, buyer, currency = invoice.seller, invoice.buyer, document.currency
    day, number = _date(document), document.number or ""
    groups = invoice.tax_evidence["groups"]
    notes = [group["legal_note"] for group in groups if group["legal_note"]]
    if not notes and any(g["category"] == TaxCategory.REVERSE_CHARGE for g in groups):
        notes = [REVERSE_NOTE]
    return {
        "title": f"{heading} {number}".strip(),
        "heading": heading,
        "number": number,
        "date": [day.year, day.month, day.day],
        "seller": {"legal_name": seller["legal_name"], "lines": _seller_lines(seller)},
        "buyer": {"legal_name": buyer["legal_name"], "lines": _address(buyer)},
        "facts": facts,
        "notice": notice,
        "lines": [_line(pos, line, currency) for pos, line in enumerate(document.line_items, 1)],
        "sums": [["Net", written(document.subtotal_minor, currency)], *_taxes(document, invoice)],
        "total": ["Total", written(document.total_minor, currency)],
        "notes": notes,
        "payment": payment,
        "footer": " · ".join([seller["legal_name"], *_tax_ids(seller)]),
    }


def _line(pos: int, line: dict[str, Any], currency: str) -> dict[str, str]:
    quantity = line.get("quantity", 1)
    return {
        "pos": str(pos),
        "description": line["description"],
        "quantity": f"{quantity:,}",
        "price": written(line.get("unit_price_minor", line["net_minor"]), currency),
        "tax": f"{_percent(line['rate_bp'])}",
        "net": written(line["net_minor"], currency),
    }


def _taxes(document: Document, invoice: Invoice) -> list[list[str]]:
    if isinstance(document, CreditNote):
        parts = [(line["rate_bp"], line["tax_minor"]) for line in document.line_items]
    else:
        parts = [(g["rate_bp"], g["tax_minor"]) for g in invoice.tax_evidence["groups"]]
    return [[f"Tax {_percent(rate)}", written(tax, document.currency)] for rate, tax in parts]


def _how_to_pay(invoice: Invoice) -> list[str]:
    """The bank account and what to write there, unless it was paid before it had a number."""
    bank = invoice.seller.get("bank") or {}
    if invoice.due_date is None or not bank:
        return []
    names = {"holder": "Account holder", "name": "Bank", "iban": "IBAN", "swift": "BIC"}
    lines = [f"{label}: {bank[key]}" for key, label in names.items() if bank.get(key)]
    return [*lines, f"Reference: {invoice.number}"]


def _seller_lines(seller: dict[str, Any]) -> list[str]:
    return [
        *_address(seller["address"] | {"country_code": seller["country_code"]}),
        *([seller["email"]] if seller.get("email") else []),
    ]


def _address(parts: dict[str, Any]) -> list[str]:
    place = " ".join(p for p in (parts.get("postal_code"), parts.get("city")) if p)
    lines = (parts.get("line1"), parts.get("line2"), place, parts.get("region"))
    return [line for line in (*lines, parts.get("country_code")) if line]


def _tax_ids(seller: dict[str, Any]) -> list[str]:
    return [f"{kind} {value}" for kind, value in sorted(seller["tax_ids"].items())]


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g} %"


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"
