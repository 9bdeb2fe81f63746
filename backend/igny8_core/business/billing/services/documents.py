"""Invoices and credit notes as PDF/A-3, made from what was frozen: same input, same bytes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, time
from functools import cache
from importlib import resources
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any, Final

import structlog
import typst

from igny8_core.auth.reference import countries
from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.business.billing.services.document_files import PDF as PDF_FILE
from igny8_core.business.billing.services.document_files import keep, kept, read_document
from igny8_core.business.billing.services.einvoice_pdf import marked_as_facturx
from igny8_core.business.billing.services.einvoice_xml import REASONS, last_day, pay_to
from igny8_core.business.billing.services.einvoices import checked_xml
from igny8_core.common.errors import InvalidInput
from igny8_core.common.money import written

if TYPE_CHECKING:
    from datetime import date

    from igny8_core.business.billing.services.document_files import Document
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PDF: Final = "application/pdf"
STANDARD, PLAIN = "a-3b", "1.7"
BREAK: Final = "\u200b"  # of no width: a line may end there
_LONG: Final = re.compile(r"[^\s@]{30}(?=[^\s@])")
FONTS: Final = {"manimgx-fonts": "manimgx_fonts", "manimgx-fonts-cjk": "manimgx_fonts_cjk"}
HAN: Final = {"JP": "JP", "KR": "KR", "TW": "TC", "HK": "HK", "MO": "HK"}
"""One character has several forms: the buyer's country says which."""


def document_pdf(*, account: HasKey, kind: type[Document], document_id: int) -> tuple[str, bytes]:
    """The PDF of an invoice or credit note, and its file's name; outside of tenant blocks.

    The first one that is made of a numbered document is kept and given to everybody from then on.
    A draft is a pro-forma: made anew each time, kept nowhere.

    :raises NotFound: unknown, or another account's.
    :raises InvalidInput: a draft without a seller or without taxes: nobody has filled it in.
    :raises EInvoiceRefused: the e-invoice in it does not hold: nothing leaves.
    """
    document, invoice = read_document(account=account, kind=kind, document_id=document_id)
    if not invoice.seller or "groups" not in invoice.tax_evidence:
        raise InvalidInput(
            "the draft is not filled in", invoice=["It has no seller or no taxes yet."]
        )
    name = f"{document.number or f'pro-forma-{document.pk}'}.pdf"
    if document.number is None:
        return name, render(document, invoice)
    if (data := kept(document, PDF_FILE)) is not None:
        return name, data
    xml = checked_xml(account=account, document=document, invoice=invoice)
    data = render(document, invoice, xml)
    return name, keep(account=account, document=document, suffix=PDF_FILE, data=data)


def render(document: Document, invoice: Invoice, xml: bytes | None = None) -> bytes:
    """The document as PDF/A-3b; as plain PDF when a letter of it is in none of our fonts.

    :param xml: the e-invoice that it carries.
    """
    shown = (
        _credit_note(document, invoice) if isinstance(document, CreditNote) else _invoice(document)
    )
    made_at = datetime.combine(_date(document), time(12), UTC)
    inputs = {"data": json.dumps(shown, ensure_ascii=False, sort_keys=True)}
    if xml is not None:
        inputs["xml"] = xml.decode()
    try:
        made = _compiled(inputs, made_at, STANDARD)
    except typst.TypstError as exc:
        log.warning("billing.document.plain_pdf", document=str(document.pk), error=exc.message)
        return _compiled(inputs, made_at, PLAIN)
    return made if xml is None else marked_as_facturx(made)


def _compiled(inputs: dict[str, str], made_at: datetime, standard: Any) -> bytes:
    made = typst.compile(
        _template(),
        format="pdf",
        font_paths=_fonts(),
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


@cache
def _fonts() -> typst.Fonts:
    """The typesetter's own fonts, and Noto's for the letters that it has not."""
    folders = [str(distribution(name).locate_file(path)) for name, path in FONTS.items()]
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


def _date(document: Document) -> date:
    if isinstance(document, CreditNote):
        return document.issue_date
    return document.invoice_date or document.created_at.date()


def _invoice(invoice: Invoice) -> dict[str, Any]:
    is_draft = invoice.number is None
    facts = [["Date", _day(_date(invoice))]]
    if invoice.due_date is not None:
        facts.append(["Due", _day(invoice.due_date)])
    elif not is_draft and invoice.paid_at is not None:
        facts.append(["Paid", _day(invoice.paid_at)])
    if invoice.period_start and invoice.period_end:
        facts.append(["Period", _span(invoice.period_start, invoice.period_end)])
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
    heading, facts = "Credit note", [["Date", _day(note.issue_date)]]
    if note.reverses is not None:
        heading = "Reversal of a credit note"
        facts.append(["For credit note", note.reverses.number])
    facts += [["For invoice", invoice.number or ""], ["Invoice date", _day(_date(invoice))]]
    return _shown(note, invoice, heading, facts, notice=f"Reason: {note.reason}", payment=[])


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
    reasons = {category: words for category, (_, words) in REASONS.items()}
    notes = [g["legal_note"] or reasons.get(g["category"], "") for g in groups]
    return {
        "title": f"{heading} {number}".strip(),
        "han": f"Noto Sans CJK {HAN.get(buyer['country_code'], 'SC')}",
        "heading": heading,
        "number": number,
        "date": [day.year, day.month, day.day],
        "seller": {"legal_name": _broken(seller["legal_name"]), "lines": _seller_lines(seller)},
        "buyer": {"legal_name": _broken(buyer["legal_name"]), "lines": _address(buyer)},
        "facts": facts,
        "notice": _broken(notice),
        "lines": [_line(pos, line, currency) for pos, line in enumerate(document.line_items, 1)],
        "sums": [["Net", written(document.subtotal_minor, currency)], *_taxes(document, invoice)],
        "total": ["Total", written(document.total_minor, currency)],
        "notes": [note for note in notes if note],
        "payment": payment,
        "footer": " · ".join([_broken(seller["legal_name"]), *_tax_ids(seller)]),
    }


def _line(pos: int, line: dict[str, Any], currency: str) -> dict[str, str]:
    quantity = line.get("quantity", 1)
    return {
        "pos": str(pos),
        "description": _broken(line["description"]),
        "period": _line_period(line),
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
    """Where to send the money and what to write there, unless it was paid before it had a number.

    Of the way that was chosen in the buyer's country; where that says nothing, the seller's bank.
    """
    if invoice.due_date is None:
        return []
    way = pay_to(invoice)
    names = {
        "account_holder": "Account holder",
        "bank_name": "Bank",
        "iban": "IBAN",
        "swift": "BIC",
        "wallet_type": "Wallet",
        "wallet_id": "Account",
    }
    lines = [f"{label}: {way[key]}" for key, label in names.items() if way.get(key)]
    lines += [_broken(line) for line in way.get("instructions", "").splitlines() if line.strip()]
    return [*lines, f"Reference: {invoice.number}"] if lines else []


def _seller_lines(seller: dict[str, Any]) -> list[str]:
    return [
        *_address(seller["address"] | {"country_code": seller["country_code"]}),
        *([seller["email"]] if seller.get("email") else []),
    ]


def _address(parts: dict[str, Any]) -> list[str]:
    place = " ".join(p for p in (parts.get("postal_code"), parts.get("city")) if p)
    code = parts.get("country_code") or ""
    country = countries().get(code, code)
    lines = (parts.get("line1"), parts.get("line2"), place, parts.get("region"), country)
    return [_broken(line) for line in lines if line]


def _broken(text: str) -> str:
    """The text, with places at which a word may be cut that is longer than a line."""
    return _LONG.sub(rf"\g<0>{BREAK}", text)


def _tax_ids(seller: dict[str, Any]) -> list[str]:
    return [f"{kind} {value}" for kind, value in sorted(seller["tax_ids"].items())]


def _line_period(line: dict[str, Any]) -> str:
    start, end = line.get("period_start"), line.get("period_end")
    if not start or not end:
        return ""
    return _span(datetime.fromisoformat(start), datetime.fromisoformat(end))


def _span(start: datetime, end: datetime) -> str:
    """A half-open period by its first and its last day."""
    return f"{_day(start)} to {_day(max(start.date(), last_day(end)))}"


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g} %"


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"
