"""E-invoices: every kind of document holds, a falsified one does not leave."""

from __future__ import annotations

import io
import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from igny8_core.business.billing.errors import EInvoiceRefused
from igny8_core.business.billing.models import (
    CreditNote,
    Invoice,
    InvoiceTax,
    SellerEntity,
)
from igny8_core.business.billing.services.credit_notes import _parts
from igny8_core.business.billing.services.document_mail import deliver_documents
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoice_rules import einvoice_problems
from igny8_core.business.billing.services.einvoice_xml import document_cii, vat_id
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.services.invoices import (
    draft_invoice,
)
from igny8_core.business.billing.services.taxes import Line
from igny8_core.business.billing.states import InvoiceStatus
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.money import decimals, major
from tests.business.billing.einvoice_samples import (
    CREDITS,
    NOVEMBER,
    SPACES,
    issued,
    sold,
    taken_back,
    text,
    xml_of,
)
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

KINDS: dict[str, dict[str, Any]] = {
    "standard": {},
    "reduced": {"country": "AT", "rule": ("S", 1000)},
    "exempt": {"country": "AT", "rule": ("E", 0, "Exempt: small business, § 6 UStG.")},
    "exempt without a word": {"country": "AT", "rule": ("E", 0)},
    "reverse charge": {"country": "FR", "buyer": {"tax_id": "FR12345678901"}},
    "reverse charge, number without its country": {
        "country": "GR",
        "rule": ("AE", 0, "Reverse charge."),
        "buyer": {"tax_id": "123 456 789"},
    },
    "out of scope": {"country": "US", "buyer": {"tax_id": "12-3456789", "region": "NY"}},
    "out of scope, consumer": {"country": "US", "buyer": {"is_business": False}},
    "zero rate": {"country": "AT", "rule": ("Z", 0)},
    "consumer": {"country": "FR", "buyer": {"is_business": False, "email": ""}},
    "yen": {"country": "JP", "rule": ("S", 1000), "currency": "JPY", "lines": [Line("x", 12_345)]},
    "proration": {
        "lines": [
            Line("Plan, rest of the month", 900, **NOVEMBER),
            Line("Old plan, rest of the month", -400, **NOVEMBER),
        ],
        "period": NOVEMBER,
    },
    "discount": {"lines": [Line("1,000 credits", 10_000, 3), Line("Discount 15 %", -1_500, 3)]},
    "nothing": {"lines": [Line("Free of charge", 0)]},
    "many lines": {"lines": [Line(f"Line {n}", 100 + n, n) for n in range(1, 90)]},
    "prepaid": {"status": InvoiceStatus.PAID},
    "prepaid yen": {
        "country": "JP",
        "rule": ("S", 1000),
        "currency": "JPY",
        "status": InvoiceStatus.PAID,
    },
    "dollars": {"currency": "USD"},
    "names": {"buyer": {"legal_name": '株式会社 <&> \x0b"שלום"  GmbH', "tax_id": "DE 136 695 976"}},
    "a note on a rate": {"country": "AT", "rule": ("S", 2000, "Österreichische Umsatzsteuer.")},
    "a seller with a tax number alone": {"seller": {"tax_ids": {"Steuernummer": "30/123/45678"}}},
    "no bank": {"seller": {"bank": {}, "email": ""}},
}


def agrees(document: Invoice | CreditNote, xml: bytes) -> None:
    """The XML's sums, reckoned from its lines alone, are those of the row."""
    tree, unit = etree.fromstring(xml), Decimal(1).scaleb(-decimals(document.currency))
    nets: dict[str, Decimal] = {}
    for line in tree.iterfind(".//ram:IncludedSupplyChainTradeLineItem", SPACES):
        (price,), (count,) = text(line, "ram:ChargeAmount"), text(line, "ram:BilledQuantity")
        rate = "".join(text(line, "ram:RateApplicablePercent")) or "0"
        nets[rate] = nets.get(rate, Decimal(0)) + Decimal(price) * Decimal(count)
        assert Decimal(price) >= 0
    net = sum(nets.values(), Decimal(0))
    (tax,) = text(tree, "ram:TaxTotalAmount")
    (total,) = text(tree, "ram:GrandTotalAmount")
    assert net == major(document.subtotal_minor, document.currency)
    assert Decimal(tax) == major(document.tax_minor, document.currency)
    assert Decimal(total) == net + Decimal(tax) == major(document.total_minor, document.currency)
    if isinstance(document, Invoice):
        exact = [base * Decimal(rate) / 100 for rate, base in nets.items()]
        assert Decimal(tax) == sum(part.quantize(unit, ROUND_HALF_UP) for part in exact)
    due = Decimal(text(tree, "ram:DuePayableAmount")[0])
    is_paid = isinstance(document, Invoice) and document.status == InvoiceStatus.PAID
    assert due == (0 if is_paid else Decimal(total))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_invoice_holds_and_its_credit_notes_do(kind: str) -> None:
    invoice = issued(**KINDS[kind])

    xml = xml_of(invoice)

    agrees(invoice, xml)
    assert xml == xml_of(invoice) == document_cii(invoice, invoice)
    total = invoice.total_minor
    parts = [total // 3, total - total // 3] if total else []
    for number, part in enumerate(parts):
        note = taken_back(invoice, part, f"n{number}")
        found = xml_of(note)
        agrees(note, found)
        assert text(etree.fromstring(found), "ram:InvoiceReferencedDocument/ram:IssuerAssignedID")


def mixed(*parts: tuple[str, int, int, str]) -> Invoice:
    """A frozen invoice with several rates, which no rule of today's makes. Not saved."""
    groups: list[dict[str, Any]] = []
    for category, rate, base, note in parts:
        exact = Decimal(base * rate) / 10_000
        tax = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        groups.append(
            {"category": category, "rate_bp": rate, "base_minor": base, "tax_minor": tax}
            | {"legal_note": note}
        )
    subtotal, tax = (sum(group[name] for group in groups) for name in ("base_minor", "tax_minor"))
    return Invoice(
        number="INV-2026-00007",
        currency="EUR",
        subtotal_minor=subtotal,
        tax_minor=tax,
        total_minor=subtotal + tax,
        seller={
            "code": "s",
            "legal_name": "Seller",
            "address": {"line1": "Rue 1", "city": "Berlin"},
            "country_code": "DE",
            "tax_ids": {"VAT": "DE123456789"},
            "einvoice_format": "facturx",
        },
        buyer={"legal_name": "Buyer", "country_code": "DE", "city": "Bonn", "tax_id": ""},
        tax_evidence={"groups": groups},
        line_items=[
            {"description": f"At {g['rate_bp']}", "category": g["category"]}
            | {"rate_bp": g["rate_bp"], "net_minor": g["base_minor"]}
            | {"unit_price_minor": g["base_minor"], "quantity": 1}
            for g in groups
        ],
        invoice_date=date(2026, 11, 2),
        due_date=date(2026, 11, 16),
    )


def test_several_rates_on_one_invoice_and_on_its_credit_note() -> None:
    invoice = mixed(
        ("S", 1900, 9_999, ""), ("S", 700, 1_234, ""), ("E", 0, 500, "§ 4"), ("Z", 0, 1, "")
    )
    xml = document_cii(invoice, invoice)
    groups = invoice.tax_evidence["groups"]
    note = CreditNote(
        invoice=invoice,
        number="CN-2026-00001",
        issue_date=date(2026, 11, 3),
        reason="all of it",
        currency="EUR",
        subtotal_minor=invoice.subtotal_minor,
        tax_minor=invoice.tax_minor,
        total_minor=invoice.total_minor,
        line_items=[g | {"description": "x", "net_minor": g["base_minor"]} for g in groups],
    )

    assert einvoice_problems(xml) == []
    agrees(invoice, xml)
    assert einvoice_problems(document_cii(note, invoice)) == []


@examples(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([1900, 700, 550, 2550, 100]),
    nets=st.lists(st.integers(-5_000, 1_000_000), min_size=1, max_size=4),
)
def test_any_amounts_hold(rate: int, nets: list[int]) -> None:
    invoice = mixed(("S", rate, abs(sum(nets)), ""))
    line = invoice.line_items[0]
    invoice.line_items = [line | {"unit_price_minor": n, "net_minor": n} for n in nets]
    if sum(nets) < 0:
        invoice.line_items.append(line | {"unit_price_minor": -sum(nets), "quantity": 2})
        invoice.line_items[-1]["net_minor"] = -2 * sum(nets)

    assert einvoice_problems(document_cii(invoice, invoice)) == []


@examples(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([800, 1000, 2000]),
    net=st.integers(1, 100_000),
    cut=st.integers(1, 99),
    currency=st.sampled_from(["JPY", "EUR"]),
)
def test_any_cut_in_two_holds(rate: int, net: int, cut: int, currency: str) -> None:
    invoice = mixed(("S", rate, net, ""))
    invoice.currency = currency
    (group,) = (InvoiceTax(**g) for g in invoice.tax_evidence["groups"])
    earlier: list[CreditNote] = []

    first = max(1, invoice.total_minor * cut // 100)
    for amount in (first, invoice.total_minor - first):
        if amount:
            lines = _parts([group], invoice, earlier, amount)
            note = CreditNote(
                invoice=invoice,
                number="CN-2026-00001",
                issue_date=date(2026, 11, 3),
                reason="a part",
                currency=currency,
                subtotal_minor=sum(line["net_minor"] for line in lines),
                tax_minor=sum(line["tax_minor"] for line in lines),
                total_minor=amount,
                line_items=lines,
            )
            assert einvoice_problems(document_cii(note, invoice)) == []
            earlier.append(note)
            invoice.credited_minor += amount

    assert sum(note.tax_minor for note in earlier) == invoice.tax_minor


# --- what does not hold

FORGERIES = {
    "gross": ("GrandTotalAmount", "119.00", "119.01", "[BR-CO-15]"),
    "net": ("TaxBasisTotalAmount", "100.00", "99.99", "[BR-CO-13]"),
    "due": ("DuePayableAmount", "119.00", "11.90", "[BR-CO-16]"),
    "sum of lines": ("LineTotalAmount", "100.00", "1000.00", "[BR-S-08]"),
    "tax by one": ("CalculatedAmount", "19.00", "18.99", "The tax on 100.00 at 19.00 % is 19.00"),
    "rate": ("RateApplicablePercent", "19.00", "7.00", "The tax on 100.00 at 7.00 % is 7.00"),
    "price": ("ChargeAmount", "100.00", "10.00", "quantity times its price"),
    "currency": ("InvoiceCurrencyCode", "EUR", "EUX", "'ram:InvoiceCurrencyCode' is not allowed"),
    "kind": ("TypeCode", "380", "", "[BR-04]"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_falsified_invoice_does_not_hold(forgery: str) -> None:
    name, before, after, problem = FORGERIES[forgery]
    xml = document_cii(invoice := mixed(("S", 1900, 10_000, "")), invoice).decode()
    pattern = f"(<ram:{name}[^>]*>){re.escape(before)}(</ram:{name}>)"
    forged, count = re.subn(pattern, rf"\g<1>{after}\g<2>", xml)

    found = einvoice_problems(forged.encode())

    assert count > 0
    assert any(problem in line for line in found), found


def test_what_is_no_xml_does_not_hold() -> None:
    assert einvoice_problems(b"<a>")[0].startswith("XML:")
    assert einvoice_problems(b"<a/>")[0].startswith("XSD:")


def test_a_document_that_does_not_hold_stays_issued_and_here() -> None:
    invoice = issued(seller={"tax_ids": {}})
    account = invoice.account
    ask: dict[str, Any] = {"account": account, "kind": Invoice, "document_id": invoice.pk}
    for act in (document_xml, document_pdf):
        with pytest.raises(EInvoiceRefused) as refused:
            act(**ask)
        assert any("[BR-S-02]" in line for line in refused.value.texts)
    SellerEntity.objects.update(tax_ids={"VAT": "DE123456789"})
    fine = sold(account)
    note = taken_back(invoice, 100)

    assert deliver_documents(account=account, now=NOW) == 1  # the other one

    assert [message.attachments[0][0] for message in mail.outbox] == [f"{fine.number}.pdf"]
    for row in (invoice, note):
        row.refresh_from_db()
        assert (row.pdf_sha256, row.xml_sha256) == ("", "")
    assert (invoice.status, invoice.mailed_at, invoice.mail_tries) == ("pending", None, 1)


def test_a_total_that_was_forged_in_the_database_does_not_leave() -> None:
    invoice = issued()
    make_billing.forge(
        "UPDATE billing_invoice SET total_minor = total_minor + 1, tax_minor = tax_minor + 1 "
        "WHERE id = %s",
        invoice.pk,
    )

    with pytest.raises(EInvoiceRefused) as refused:
        xml_of(invoice)

    assert "TaxTotalAmount is 19.01, not 19.00." in refused.value.texts


# --- where there is none


def test_a_draft_and_a_seller_without_e_invoices_have_none() -> None:
    invoice = issued(seller={"einvoice_format": ""})
    account = invoice.account
    draft = draft_invoice(account=account, lines=CREDITS, currency="EUR", now=NOW)

    for row in (invoice, draft):
        with pytest.raises(InvalidInput):
            xml_of(row)
    assert deliver_documents(account=account, now=NOW) == 1
    (attached,) = mail.outbox[0].attachments
    assert attached[0] == f"{invoice.number}.pdf"
    assert "factur-x.xml" not in PdfReader(io.BytesIO(attached[1])).attachments


def test_three_decimals_are_too_many() -> None:
    invoice = issued(currency="KWD")
    ask: dict[str, Any] = {"account": invoice.account, "document_id": invoice.pk}

    with pytest.raises(InvalidInput):
        document_xml(kind=Invoice, **ask)
    assert document_pdf(kind=Invoice, **ask)[1].startswith(b"%PDF-")


def test_nobody_elses() -> None:
    invoice = issued()

    with pytest.raises(NotFound):
        document_xml(account=make_billing.buyer(), kind=Invoice, document_id=invoice.pk)


@pytest.mark.parametrize(
    ("tax_id", "country", "expected"),
    [
        ("DE 123.456-789", "DE", "DE123456789"),
        ("123456789", "DE", "DE123456789"),
        ("FR12345678901", "DE", "FR12345678901"),
        ("123456789", "GR", "EL123456789"),
        ("EL123456789", "GR", "EL123456789"),
        ("CHE-123.456.789 MWST", "CH", "CHE123456789MWST"),
        ("12-3456789", "US", ""),
        ("", "DE", ""),
    ],
)
def test_a_vat_number_begins_with_its_country(tax_id: str, country: str, expected: str) -> None:
    assert vat_id(tax_id, country) == expected
