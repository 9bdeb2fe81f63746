"""A numbered invoice or credit note as Cross Industry Invoice, as EN 16931 and Factur-X want it.

Made from what was frozen alone: the same document gives the same bytes. Whether it holds is asked
of :mod:`einvoice_rules`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from igny8_core.business.billing.models import CreditNote
from igny8_core.business.billing.states import TaxCategory
from igny8_core.common.money import decimals, major

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from igny8_core.business.billing.models import Invoice

RSM: Final = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM: Final = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT: Final = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
QDT: Final = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
SPACES: Final = {"rsm": RSM, "ram": RAM, "udt": UDT, "qdt": QDT}
PROFILE: Final = "urn:cen.eu:en16931:2017"

INVOICE, CREDIT_NOTE, DEBIT_NOTE = "380", "381", "383"  # UNTDID 1001
SEPA, TRANSFER = "58", "30"  # UNTDID 4461
SEPA_CURRENCY: Final = "EUR"
VAT, TAX_NUMBER = "VA", "FC"
E_MAIL: Final = "EM"
EU_PREFIXES: Final = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split()  # noqa: SIM905
)
OWN_PREFIX: Final = {"GR": "EL"}
REASONS: Final = {
    TaxCategory.REVERSE_CHARGE: (
        "VATEX-EU-AE",
        "Reverse charge: the recipient accounts for the tax.",
    ),
    TaxCategory.OUT_OF_SCOPE: ("VATEX-EU-O", "Not subject to VAT."),
    TaxCategory.EXEMPT: ("", "Exempt from tax."),
}
"""Why there is no tax: a code where the list of codes has one, and words if nobody gave some."""
SETTLED: Final = "The amount is given back or set off."
NOT_GIVEN: Final = "Nothing is to be paid: the amount of the credit note was not given back."
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_ID: Final = re.compile(r"[^A-Z0-9+*]")
_INSTANT: Final = timedelta(microseconds=1)
_PREFIX: Final = 2


@dataclass(frozen=True)
class _Group:
    category: str
    rate_bp: int
    base_minor: int
    tax_minor: int
    note: str


@dataclass(frozen=True)
class _Frozen:
    """What both kinds of document have."""

    document: Invoice | CreditNote
    invoice: Invoice
    groups: list[_Group]

    @property
    def currency(self) -> str:
        return self.document.currency

    @property
    def is_note(self) -> bool:
        return isinstance(self.document, CreditNote)

    @property
    def is_reversal(self) -> bool:
        """Whether it puts back what a credit note took; nothing is to be paid by that."""
        return isinstance(self.document, CreditNote) and self.document.reverses_id is not None

    @property
    def is_untaxed(self) -> bool:
        """Nobody's VAT number may stand on what is not subject to VAT (BR-O-02)."""
        return any(group.category == TaxCategory.OUT_OF_SCOPE for group in self.groups)

    def amount(self, minor: int) -> str:
        return f"{major(minor, self.currency):.{decimals(self.currency)}f}"


def document_cii(document: Invoice | CreditNote, invoice: Invoice) -> bytes:
    """The document as XML.

    :param document: numbered; ``invoice`` is itself, or the one that it takes back.
    """
    frozen = _Frozen(document, invoice, _groups(document, invoice))
    root: Any = etree.Element(f"{{{RSM}}}CrossIndustryInvoice", nsmap=SPACES)
    root.extend(
        [
            _rsm(
                "ExchangedDocumentContext",
                _ram("GuidelineSpecifiedDocumentContextParameter", _text("ID", PROFILE)),
            ),
            _head(frozen),
            _rsm(
                "SupplyChainTradeTransaction",
                *(_line(frozen, pos, line) for pos, line in enumerate(document.line_items, 1)),
                _agreement(frozen),
                _delivery(frozen),
                _settlement(frozen),
            ),
        ]
    )
    etree.indent(root)
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return made


def last_day(until: datetime) -> date:
    """The last day of a half-open period."""
    return (until - _INSTANT).date()


def pay_to(invoice: Invoice) -> dict[str, str]:
    """Where the money for an invoice is to go, by the names of ``PaymentMethodConfig``.

    As the way to pay said in the buyer's country; if it said nothing, the seller's bank.
    """
    told = {name: value for name, value in invoice.seller.get("pay_to", {}).items() if value}
    if told.keys() & {"iban", "wallet_id", "instructions"}:
        return told
    bank = invoice.seller.get("bank") or {}
    names = {"account_holder": "holder", "bank_name": "name", "iban": "iban", "swift": "swift"}
    return {name: bank[key] for name, key in names.items() if bank.get(key)}


def vat_id(tax_id: str, country_code: str) -> str:
    """A tax id as VAT number, which begins with its country; empty for what is none."""
    cleaned = _NOT_ID.sub("", tax_id.upper())
    own = OWN_PREFIX.get(country_code, country_code)
    if not cleaned or cleaned[:_PREFIX] in EU_PREFIXES | {own}:
        return cleaned
    return f"{own}{cleaned}" if own in EU_PREFIXES else ""


def _groups(document: Invoice | CreditNote, invoice: Invoice) -> list[_Group]:
    found = invoice.tax_evidence["groups"]
    if not isinstance(document, CreditNote):
        return [
            _Group(g["category"], g["rate_bp"], g["base_minor"], g["tax_minor"], g["legal_note"])
            for g in found
        ]
    notes = {(g["category"], g["rate_bp"]): g["legal_note"] for g in found}
    return [
        _Group(
            line["category"],
            line["rate_bp"],
            line["net_minor"],
            line["tax_minor"],
            notes.get((line["category"], line["rate_bp"]), ""),
        )
        for line in document.line_items
    ]


def _head(frozen: _Frozen) -> Any:
    document = frozen.document
    day: date | None
    if isinstance(document, CreditNote):
        kind = DEBIT_NOTE if frozen.is_reversal else CREDIT_NOTE
        day, notes = document.issue_date, [document.reason]
    else:
        kind, day, notes = INVOICE, document.invoice_date, []
    notes += [g.note for g in frozen.groups if g.note and g.category not in REASONS]
    return _rsm(
        "ExchangedDocument",
        _text("ID", document.number or ""),
        _text("TypeCode", kind),
        _moment("IssueDateTime", day),
        *(_ram("IncludedNote", _text("Content", note)) for note in notes),
    )


def _line(frozen: _Frozen, pos: int, line: Mapping[str, Any]) -> Any:
    """A price is never negative (BR-27): what is taken off has a negative quantity."""
    net, quantity = line["net_minor"], line.get("quantity", 1)
    price = line.get("unit_price_minor", net)
    if price < 0:
        price, quantity = -price, -quantity
    return _ram(
        "IncludedSupplyChainTradeLineItem",
        _ram("AssociatedDocumentLineDocument", _text("LineID", str(pos))),
        _ram("SpecifiedTradeProduct", _text("Name", line["description"])),
        _ram(
            "SpecifiedLineTradeAgreement",
            _ram("NetPriceProductTradePrice", _text("ChargeAmount", frozen.amount(price))),
        ),
        _ram(
            "SpecifiedLineTradeDelivery",
            _text("BilledQuantity", str(quantity), unitCode=line.get("unit", "C62")),
        ),
        _ram(
            "SpecifiedLineTradeSettlement",
            _ram("ApplicableTradeTax", *_rate(line["category"], line["rate_bp"])),
            _period(_read(line.get("period_start")), _read(line.get("period_end"))),
            _ram(
                "SpecifiedTradeSettlementLineMonetarySummation",
                _text("LineTotalAmount", frozen.amount(net)),
            ),
        ),
    )


def _agreement(frozen: _Frozen) -> Any:
    seller, buyer = frozen.invoice.seller, frozen.invoice.buyer
    ids = {kind.upper(): value for kind, value in seller["tax_ids"].items() if value}
    own_vat = vat_id(ids.get("VAT", ""), seller["country_code"])
    numbers = [value for kind, value in sorted(ids.items()) if kind != "VAT"]
    name = own_vat or (numbers[0] if numbers else seller["code"])
    theirs = vat_id(buyer.get("tax_id", ""), buyer["country_code"])
    if frozen.is_untaxed:
        own_vat = theirs = ""
    return _ram(
        "ApplicableHeaderTradeAgreement",
        _party(
            "SellerTradeParty",
            seller | seller["address"],
            {VAT: own_vat, TAX_NUMBER: numbers[0] if numbers else ""},
            own_id="" if own_vat else name,
        ),
        _party(
            "BuyerTradeParty",
            buyer,
            {VAT: theirs},
            register="" if theirs else buyer.get("tax_id", ""),
        ),
    )


def _party(
    name: str,
    parts: Mapping[str, Any],
    tax_ids: Mapping[str, str],
    *,
    own_id: str = "",
    register: str = "",
) -> Any:
    email = parts.get("email") or ""
    return _ram(
        name,
        _text("ID", own_id),
        _text("Name", parts["legal_name"]),
        _ram("SpecifiedLegalOrganization", _text("ID", register)) if register else None,
        _ram(
            "PostalTradeAddress",
            _text("PostcodeCode", parts.get("postal_code") or ""),
            _text("LineOne", parts.get("line1") or ""),
            _text("LineTwo", parts.get("line2") or ""),
            _text("CityName", parts.get("city") or ""),
            _text("CountryID", parts["country_code"]),
            _text("CountrySubDivisionName", parts.get("region") or ""),
        ),
        _ram("URIUniversalCommunication", _text("URIID", email, schemeID=E_MAIL))
        if email
        else None,
        *(
            _ram("SpecifiedTaxRegistration", _text("ID", value, schemeID=kind))
            for kind, value in tax_ids.items()
            if value
        ),
    )


def _delivery(frozen: _Frozen) -> Any:
    """Where, but not when: credits are there once they are paid. It may not be empty."""
    country = frozen.invoice.buyer["country_code"]
    return _ram(
        "ApplicableHeaderTradeDelivery",
        _ram("ShipToTradeParty", _ram("PostalTradeAddress", _text("CountryID", country))),
    )


def _settlement(frozen: _Frozen) -> Any:
    invoice, document = frozen.invoice, frozen.document
    is_asked_for = not frozen.is_note and invoice.due_date is not None
    bank = pay_to(invoice) if is_asked_for else {}
    terms = None
    if is_asked_for:
        terms = _ram("SpecifiedTradePaymentTerms", _moment("DueDateDateTime", invoice.due_date))
    elif frozen.is_note:
        words = NOT_GIVEN if frozen.is_reversal else SETTLED
        terms = _ram("SpecifiedTradePaymentTerms", _text("Description", words))
    return _ram(
        "ApplicableHeaderTradeSettlement",
        _text("PaymentReference", (document.number or "") if bank.get("iban") else ""),
        _text("InvoiceCurrencyCode", frozen.currency),
        _account(frozen.currency, bank) if bank.get("iban") else None,
        *(_tax(frozen, group) for group in frozen.groups),
        None if frozen.is_note else _period(invoice.period_start, invoice.period_end),
        terms,
        _totals(frozen, is_paid=frozen.is_reversal or not (frozen.is_note or is_asked_for)),
        *_preceding(frozen),
    )


def _preceding(frozen: _Frozen) -> list[Any]:
    """The documents that this one is about: the credit note that it reverses, the invoice."""
    document, found = frozen.document, []
    if not isinstance(document, CreditNote):
        return []
    if document.reverses is not None:
        found.append((document.reverses.number, document.reverses.issue_date))
    found.append((frozen.invoice.number or "", frozen.invoice.invoice_date))
    return [
        _ram(
            "InvoiceReferencedDocument",
            _text("IssuerAssignedID", number),
            _ram("FormattedIssueDateTime", _day(QDT, day)),
        )
        for number, day in found
    ]


def _account(currency: str, bank: Mapping[str, str]) -> Any:
    return _ram(
        "SpecifiedTradeSettlementPaymentMeans",
        _text("TypeCode", SEPA if currency == SEPA_CURRENCY else TRANSFER),
        _ram(
            "PayeePartyCreditorFinancialAccount",
            _text("IBANID", bank["iban"].replace(" ", "")),
            _text("AccountName", bank.get("account_holder") or ""),
        ),
        _ram("PayeeSpecifiedCreditorFinancialInstitution", _text("BICID", bank["swift"]))
        if bank.get("swift")
        else None,
    )


def _tax(frozen: _Frozen, group: _Group) -> Any:
    code, words = REASONS.get(TaxCategory(group.category), ("", ""))
    kind, category, *rate = _rate(group.category, group.rate_bp)
    return _ram(
        "ApplicableTradeTax",
        _text("CalculatedAmount", frozen.amount(group.tax_minor)),
        kind,
        _text("ExemptionReason", (group.note or words) if words else ""),
        _text("BasisAmount", frozen.amount(group.base_minor)),
        category,
        _text("ExemptionReasonCode", code),
        *rate,
    )


def _rate(category: str, rate_bp: int) -> list[Any]:
    is_taxable = category != TaxCategory.OUT_OF_SCOPE
    return [
        _text("TypeCode", "VAT"),
        _text("CategoryCode", category),
        _text("RateApplicablePercent", f"{rate_bp / 100:.2f}") if is_taxable else None,
    ]


def _totals(frozen: _Frozen, *, is_paid: bool) -> Any:
    document = frozen.document
    net, total = frozen.amount(document.subtotal_minor), frozen.amount(document.total_minor)
    return _ram(
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        _text("LineTotalAmount", net),
        _text("TaxBasisTotalAmount", net),
        _text("TaxTotalAmount", frozen.amount(document.tax_minor), currencyID=frozen.currency),
        _text("GrandTotalAmount", total),
        _text("TotalPrepaidAmount", total) if is_paid else None,
        _text("DuePayableAmount", frozen.amount(0) if is_paid else total),
    )


def _period(start: datetime | None, end: datetime | None) -> Any:
    if start is None or end is None:
        return None
    return _ram(
        "BillingSpecifiedPeriod",
        _moment("StartDateTime", start.date()),
        _moment("EndDateTime", max(start.date(), last_day(end))),
    )


def _read(moment: str | None) -> datetime | None:
    return datetime.fromisoformat(moment) if moment else None


def _moment(name: str, day: date | None) -> Any:
    return _ram(name, _day(UDT, day))


def _day(space: str, day: date | None) -> Any:
    if day is None:
        raise ValueError("a numbered document has its dates")
    made = etree.Element(f"{{{space}}}DateTimeString", format="102")
    made.text = f"{day:%Y%m%d}"
    return made


def _text(name: str, value: str, **attributes: str) -> Any:
    """An element with text; None when there is none."""
    cleaned = " ".join(_NOT_XML.sub(" ", value).split())
    if not cleaned:
        return None
    made = etree.Element(f"{{{RAM}}}{name}", attributes)
    made.text = cleaned
    return made


def _ram(name: str, *parts: Any) -> Any:
    return _filled(etree.Element(f"{{{RAM}}}{name}"), parts)


def _rsm(name: str, *parts: Any) -> Any:
    return _filled(etree.Element(f"{{{RSM}}}{name}"), parts)


def _filled(made: Any, parts: Sequence[Any]) -> Any:
    made.extend([part for part in parts if part is not None])
    return made
