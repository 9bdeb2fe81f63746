"""Invoices and credit notes as PDF, and the mail with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any

import pytest
import typst
from django.core import mail
from django.core.files.storage import storages

from igny8_core.auth.states import Role
from igny8_core.business.billing.models import CreditNote, Invoice, PaymentMethodConfig
from igny8_core.business.billing.services import documents
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.document_mail import deliver_documents, deliver_due
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.services.invoices import draft_invoice
from igny8_core.business.billing.services.taxes import Line
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make_billing.bought(account, make_billing.package()).invoice


def pdf(document: Any) -> bytes:
    account = document.account
    return document_pdf(account=account, kind=type(document), document_id=document.pk)[1]


def credit_note(invoice: Invoice) -> CreditNote:
    return issue_credit_note(
        account=invoice.account,
        invoice_id=invoice.pk,
        amount_minor=1_190,
        reason="goodwill",
        idempotency_key="n",
        now=NOW,
    )


def printed(document: Any, invoice: Invoice, monkeypatch: Any) -> dict[str, Any]:
    """What the template is given."""
    given: list[Any] = []
    compiled = documents._compiled

    def listen(inputs: Any, made_at: Any, standard: Any) -> bytes:
        given.append(json.loads(inputs["data"]))
        return compiled(inputs, made_at, standard)

    monkeypatch.setattr(documents, "_compiled", listen)
    documents.render(document, invoice)
    (data,) = given
    return dict(data)


def test_an_invoice_says_all_that_it_must(invoice: Invoice, monkeypatch: Any) -> None:
    shown = printed(invoice, invoice, monkeypatch)

    assert (shown["heading"], shown["number"]) == ("Invoice", "INV-2026-00001")
    assert shown["seller"]["lines"] == [
        "Hauptstr. 1",
        "10115 Berlin",
        "Germany",
        "billing@example.com",
    ]
    assert shown["buyer"] == {
        "legal_name": "Käufer & Söhne",
        "lines": ["Rue 2", "20095 Hamburg", "Germany"],
    }
    (line,) = shown["lines"]
    assert (line["quantity"], line["price"], line["tax"], line["net"]) == (
        "1",
        "100.00 EUR",
        "19 %",
        "100.00 EUR",
    )
    assert shown["sums"] == [["Net", "100.00 EUR"], ["Tax 19 %", "19.00 EUR"]]
    assert shown["total"] == ["Total", "119.00 EUR"]
    assert shown["facts"] == [["Date", "02 Nov 2026"], ["Due", "16 Nov 2026"]]
    assert shown["footer"] == "Igny Eight GmbH · VAT DE123456789"
    assert shown["payment"] == [
        "Account holder: Igny Eight GmbH",
        "IBAN: DE89370400440532013000",
        "BIC: COBADEFF",
        "Reference: INV-2026-00001",
    ]


@pytest.mark.parametrize(
    ("method", "fields", "lines"),
    [
        (
            "bank_transfer",
            {"iban": "FR7630006000011234567890189", "bank_name": "Banque", "swift": "AGRIFRPP"},
            ["Bank: Banque", "IBAN: FR7630006000011234567890189", "BIC: AGRIFRPP"],
        ),
        (
            "local_wallet",
            {"wallet_type": "Wero", "wallet_id": "+33 1", "instructions": "In the app:\n\n pay."},
            ["Wallet: Wero", "Account: +33 1", "In the app:", " pay."],
        ),
        ("manual", {"instructions": "At the counter."}, ["At the counter."]),
    ],
)
def test_the_way_that_was_chosen_says_where_the_money_goes(
    monkeypatch: Any, method: str, fields: dict[str, str], lines: list[str]
) -> None:
    make_billing.seller()
    account = make_billing.buyer()
    PaymentMethodConfig.objects.filter(payment_method=method).update(**fields)
    order = make_billing.bought(account, make_billing.package(), method=method)
    PaymentMethodConfig.objects.all().delete()  # it is on the invoice

    shown = printed(order.invoice, order.invoice, monkeypatch)

    assert shown["payment"] == [*lines, "Reference: INV-2026-00001"]
    xml = document_xml(account=account, kind=Invoice, document_id=order.invoice.pk)[1]
    assert (b"FR7630006000011234567890189" in xml) is (method == "bank_transfer")


def test_reverse_charge_is_said(monkeypatch: Any) -> None:
    make_billing.seller()
    account = make_billing.buyer("FR", tax_id="FR12345678901")
    order = make_billing.bought(account, make_billing.package())

    shown = printed(order.invoice, order.invoice, monkeypatch)

    assert shown["notes"] == ["Reverse charge: the recipient accounts for the tax."]
    assert ["Your tax id", "FR12345678901"] in shown["facts"]
    assert shown["sums"] == [["Net", "100.00 EUR"], ["Tax 0 %", "0.00 EUR"]]


def test_a_word_that_is_longer_than_a_line_may_be_cut_and_an_address_is_not(
    invoice: Invoice, monkeypatch: Any
) -> None:
    invoice.buyer |= {"legal_name": "x" * 31, "line1": f"{'y' * 30}@example.com"}
    invoice.due_date, invoice.paid_at = None, NOW

    shown = printed(invoice, invoice, monkeypatch)

    assert shown["buyer"]["legal_name"] == "x" * 30 + "\u200bx"
    assert shown["buyer"]["lines"][0] == f"{'y' * 30}@example.com"
    assert shown["facts"][1] == ["Paid", "02 Nov 2026"]


def test_a_credit_note_names_its_invoice(invoice: Invoice, monkeypatch: Any) -> None:
    shown = printed(credit_note(invoice), invoice, monkeypatch)

    assert shown["heading"] == "Credit note"
    assert ["For invoice", "INV-2026-00001"] in shown["facts"]
    assert shown["total"] == ["Total", "11.90 EUR"]
    assert shown["sums"] == [["Net", "10.00 EUR"], ["Tax 19 %", "1.90 EUR"]]
    assert shown["payment"] == []


KINDS: dict[str, tuple[str, list[Line]]] = {
    "many lines": ("EUR", [Line(f"Line {n}", 100 + n, n) for n in range(1, 90)]),
    "yen": ("JPY", [Line("1,000 credits", 12_000, credits=1_000)]),
    "dinar": ("KWD", [Line("1,000 credits", 12_345)]),
    "proration": ("EUR", [Line("Plan, rest of the month", 900), Line("Old plan, credit", -400)]),
    "nothing": ("EUR", [Line("Free", 0)]),
    "markup": ("EUR", [Line('#import "x" *bold* _it_ $ <a> @b \\ `c` =', 1)]),
    "other scripts": ("EUR", [Line("Кредиты Πιστώσεις Ğ ₺ العربية שלום हिन्दी ไทย", 1)]),
    "Chinese and a face": ("EUR", [Line("信用 株式会社 주식회사 \U0001f600", 1)]),
    "no glyph": ("EUR", [Line("བོད", 1)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_printed_and_the_same_bytes_come_again(
    account: Account, kind: str
) -> None:
    currency, lines = KINDS[kind]
    made = draft_invoice(account=account, lines=lines, currency=currency, now=NOW)

    first, again = documents.render(made, made), documents.render(made, made)

    assert first == again
    assert first.startswith(b"%PDF-")
    is_archive = b"pdfaid:part" in first
    assert is_archive is (kind != "no glyph")


def test_the_first_pdf_of_a_number_is_kept(invoice: Invoice) -> None:
    first = pdf(invoice)

    invoice.refresh_from_db()
    path = f"{invoice.account_id}/{invoice.number}-{invoice.pdf_sha256[:16]}.pdf"
    with storages["documents"].open(path) as kept:
        assert kept.read() == first
    assert pdf(invoice) == first


def test_a_pdf_that_was_lost_is_made_again(invoice: Invoice) -> None:
    first = pdf(invoice)
    invoice.refresh_from_db()
    path = f"{invoice.account_id}/{invoice.number}-{invoice.pdf_sha256[:16]}.pdf"
    storages["documents"].delete(path)

    assert pdf(invoice) == first
    assert storages["documents"].exists(path)


def test_a_draft_is_a_pro_forma_and_kept_nowhere(account: Account, monkeypatch: Any) -> None:
    made = draft_invoice(account=account, lines=[Line("x", 1)], currency="EUR", now=NOW)

    name, data = document_pdf(account=account, kind=Invoice, document_id=made.pk)

    assert (name, data[:5]) == (f"pro-forma-{made.pk}.pdf", b"%PDF-")
    made.refresh_from_db()
    assert made.pdf_sha256 == ""
    assert printed(made, made, monkeypatch)["notice"].startswith("This is no invoice")


def test_a_draft_that_nobody_filled_in_is_refused(account: Account) -> None:
    bare = make_billing.invoice(account)

    with pytest.raises(InvalidInput) as refused:
        document_pdf(account=account, kind=Invoice, document_id=bare.pk)

    assert refused.value.data == {"invoice": ["It has no seller or no taxes yet."]}


def test_another_accounts_document_is_not_found(invoice: Invoice) -> None:
    other = make_billing.buyer()

    for kind, number in ((Invoice, invoice.pk), (CreditNote, credit_note(invoice).pk)):
        with pytest.raises(NotFound):
            document_pdf(account=other, kind=kind, document_id=number)


def test_a_pdf_that_cannot_be_made_leaves_the_invoice_alone(
    invoice: Invoice, monkeypatch: Any
) -> None:
    monkeypatch.setattr(documents, "_template", lambda: b"#broken")

    with pytest.raises(typst.TypstError):
        pdf(invoice)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.pdf_sha256) == ("pending", "")


# --- mail


def test_a_new_invoice_is_mailed_once_with_its_pdf(invoice: Invoice) -> None:
    assert deliver_documents(account=invoice.account, now=NOW) == 1
    assert deliver_documents(account=invoice.account, now=NOW) == 0

    (message,) = mail.outbox
    assert message.subject == "Invoice INV-2026-00001 of Igny Eight GmbH"
    assert message.to == ["books@example.com"]
    assert "119.00 EUR. It is due on 16 November 2026." in message.body
    assert message.attachments[0] == ("INV-2026-00001.pdf", pdf(invoice), "application/pdf")
    invoice.refresh_from_db()
    assert invoice.mailed_at == NOW


def test_without_an_address_owners_and_admins_get_it() -> None:
    make_billing.seller()
    account = make_billing.buyer(email="")
    people = [make.member(account, role) for role in (Role.OWNER, Role.ADMIN, Role.EDITOR)]
    make_billing.bought(account, make_billing.package())

    deliver_documents(account=account, now=NOW)

    assert mail.outbox[0].to == [person.email for person in people[:2]]


def test_a_mail_server_that_is_away_is_asked_again_later(
    invoice: Invoice, monkeypatch: Any
) -> None:
    def away(*_: Any) -> None:
        raise SMTPException

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
        assert deliver_documents(account=invoice.account, now=NOW) == 0
    assert deliver_due(now=NOW + timedelta(minutes=9)) == 0
    assert len(mail.outbox) == 0

    assert deliver_due(now=NOW + timedelta(minutes=10)) == 1
    assert len(mail.outbox) == 1


def test_a_round_makes_credit_notes_and_drafts_stay_where_they_are(
    account: Account, invoice: Invoice
) -> None:
    note = credit_note(invoice)
    draft_invoice(account=account, lines=[Line("x", 1)], currency="EUR", now=NOW)

    assert deliver_due(now=datetime(2026, 11, 3, tzinfo=UTC)) == 1

    note.refresh_from_db()
    assert len(note.pdf_sha256) == 64
    assert len(mail.outbox) == 1
    assert deliver_due(now=datetime(2026, 11, 4, tzinfo=UTC)) == 0
