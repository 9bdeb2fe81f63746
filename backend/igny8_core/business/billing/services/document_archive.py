"""An accountant's archive: the table of documents, each as PDF and as e-invoice, in one ZIP."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from igny8_core.business.billing.errors import EInvoiceRefused
from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml, is_einvoice
from igny8_core.business.billing.services.invoice_export import documents_csv
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import date

    from igny8_core.common.tenancy.context import HasKey

ZIP: Final = "application/zip"
DOCUMENTS_MAX: Final = 500
TABLE: Final = "documents.csv"
PROBLEMS: Final = "problems.txt"
_MADE: Final = (1980, 1, 1, 0, 0, 0)  # the same documents are the same archive


def write_archive(
    *, account: HasKey, first: date | None = None, last: date | None = None, file: BinaryIO
) -> int:
    """Write the numbered documents of some days, both included; outside of tenant blocks.

    What does not hold as an e-invoice is named in ``problems.txt`` instead.

    :returns: how many documents are in it.
    :raises InvalidInput: more than ``DOCUMENTS_MAX``; nothing was written.
    """
    found = _documents(account, first, last)
    if len(found) > DOCUMENTS_MAX:
        text = f"At most {DOCUMENTS_MAX} documents: ask for fewer days."
        raise InvalidInput("The archive would be too large.", first_day=[text])
    problems: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        table = "".join(documents_csv(account=account, first=first, last=last))
        _add(archive, TABLE, table.encode())
        for kind, document_id, number, has_xml in found:
            asked: dict[str, Any] = {"account": account, "kind": kind, "document_id": document_id}
            try:
                files = [document_pdf(**asked), *([document_xml(**asked)] if has_xml else [])]
            except EInvoiceRefused as exc:
                problems += [f"{number}: {text}" for text in exc.texts]
                continue
            for name, data in files:
                _add(archive, name, data)
        if problems:
            _add(archive, PROBLEMS, "\n".join(problems).encode())
    return len(found)


def _documents(
    account: HasKey, first: date | None, last: date | None
) -> list[tuple[type[Invoice | CreditNote], int, str, bool]]:
    """(kind, id, number, is e-invoice) in the order of the table, one too many at most."""
    found = []
    for kind, day in ((Invoice, "invoice_date"), (CreditNote, "issue_date")):
        asked: dict[str, Any] = {"number__isnull": False}
        asked |= {f"{day}__gte": first} if first else {}
        asked |= {f"{day}__lte": last} if last else {}
        with tenant(account.pk, read_only=True):
            rows = kind.objects.for_account(account).filter(**asked)
            wanted = rows if kind is Invoice else rows.select_related("invoice")
            page = list(wanted.order_by("pk")[: DOCUMENTS_MAX + 1])
        for row in page:
            invoice = row if isinstance(row, Invoice) else row.invoice
            found.append((kind, row.pk, row.number, is_einvoice(invoice)))
    return found


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _MADE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)
