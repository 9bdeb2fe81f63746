"""E-invoices as files: in the PDF, kept, mailed, and in archives."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import storages
from lxml import etree
from pypdf import PdfReader

from igny8_core.business.billing.models import (
    Invoice,
    SellerEntity,
)
from igny8_core.business.billing.services import einvoices
from igny8_core.business.billing.services.document_archive import write_archive
from igny8_core.business.billing.services.document_mail import deliver_documents
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoice_pdf import marked_as_facturx
from igny8_core.common.errors import InvalidInput
from tests.business.billing.einvoice_samples import (
    issued,
    sold,
    taken_back,
    xml_of,
)
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def test_the_pdf_carries_it_and_says_so() -> None:
    invoice = issued()
    xml = xml_of(invoice)
    pdf = document_pdf(account=invoice.account, kind=Invoice, document_id=invoice.pk)[1]

    reader = PdfReader(io.BytesIO(pdf))

    assert reader.attachments == {"factur-x.xml": [xml]}
    root: Any = reader.trailer["/Root"]
    (attached,) = root["/AF"]
    assert attached.get_object()["/AFRelationship"] == "/Alternative"
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice INV-2026-00001"
    facts = etree.fromstring(root["/Metadata"].get_object().get_data())
    fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
    assert {str(e.tag).removeprefix(fx): e.text for e in facts.iter(f"{fx}*")} == {
        "DocumentFileName": "factur-x.xml",
        "DocumentType": "INVOICE",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    pdfa = "{http://www.aiim.org/pdfa/ns/id/}"
    assert [facts.findtext(f".//{pdfa}{name}") for name in ("part", "conformance")] == ["3", "B"]
    shown = reader.pages[0].extract_text()
    assert all(part in shown for part in ("119.00 EUR", "19.00 EUR", "100.00 EUR"))


def test_what_is_no_pdf_of_ours_is_not_marked() -> None:
    with pytest.raises(ValueError, match="another kind"):
        marked_as_facturx(b"%PDF-1.7 trailer << >> startxref 1 %%EOF")


def test_the_first_xml_is_kept_and_mailed_beside_the_pdf() -> None:
    invoice = issued()

    deliver_documents(account=invoice.account, now=NOW)

    invoice.refresh_from_db()
    path = f"{invoice.account_id}/{invoice.number}-{invoice.xml_sha256[:16]}.xml"
    with storages["documents"].open(path) as kept:
        data = kept.read()
    names = [(name, kind) for name, _, kind in mail.outbox[0].attachments]
    assert names == [
        (f"{invoice.number}.pdf", "application/pdf"),
        (f"{invoice.number}.xml", "application/xml"),
    ]
    assert mail.outbox[0].attachments[1][1] in (data, data.decode())
    assert xml_of(invoice) == data


def test_an_archive_has_the_table_the_documents_and_what_is_wrong() -> None:
    broken = issued(seller={"tax_ids": {}})
    account = broken.account
    SellerEntity.objects.update(tax_ids={"VAT": "DE123456789"})
    fine, other = sold(account), sold(make_billing.buyer())
    note = taken_back(fine, 1_190)
    files = [io.BytesIO() for _ in range(3)]

    counts = [write_archive(account=account, file=file) for file in files[:2]]
    counts.append(write_archive(account=account, first=date(2026, 11, 3), file=files[2]))

    assert counts == [3, 3, 0]
    assert files[0].getvalue() == files[1].getvalue()
    with zipfile.ZipFile(files[0]) as archive:
        assert archive.namelist() == [
            "documents.csv",
            *(f"{n}.{kind}" for n in (fine.number, note.number) for kind in ("pdf", "xml")),
            "problems.txt",
        ]
        assert archive.read(f"{note.number}.xml") == xml_of(note)
        assert f"{broken.number}: " in archive.read("problems.txt").decode()
        assert str(other.number) not in archive.read("documents.csv").decode()


def test_an_archive_is_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("igny8_core.business.billing.services.document_archive.DOCUMENTS_MAX", 0)
    invoice = issued()

    with pytest.raises(InvalidInput):
        write_archive(account=invoice.account, file=(file := io.BytesIO()))

    assert file.getvalue() == b""
    assert einvoices.is_einvoice(invoice)
