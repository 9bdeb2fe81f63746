"""E-invoices: the XML of a numbered document, and the gate that it passes before it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from igny8_core.business.billing.errors import EInvoiceRefused
from igny8_core.business.billing.services.document_files import (
    XML,
    keep,
    kept,
    read_document,
)
from igny8_core.business.billing.services.einvoice_rules import einvoice_problems
from igny8_core.business.billing.services.einvoice_xml import document_cii
from igny8_core.business.billing.states import EInvoiceFormat
from igny8_core.common.errors import InvalidInput
from igny8_core.common.money import decimals

if TYPE_CHECKING:
    from igny8_core.business.billing.models import Invoice
    from igny8_core.business.billing.services.document_files import Document
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

DECIMALS_MAX: Final = 2
SHOWN_MAX: Final = 20


def document_xml(*, account: HasKey, kind: type[Document], document_id: int) -> tuple[str, bytes]:
    """The e-invoice of an invoice or credit note, and its file's name; outside of tenant blocks.

    :raises NotFound: unknown, or another account's.
    :raises InvalidInput: a draft, or a document of which there is no e-invoice.
    :raises EInvoiceRefused: it does not hold; the document stays as it is, and here.
    """
    document, invoice = read_document(account=account, kind=kind, document_id=document_id)
    if document.number is None:
        raise InvalidInput("A draft is no invoice.", invoice=["It has no number yet."])
    data = checked_xml(account=account, document=document, invoice=invoice)
    if data is None:
        text = "This seller issues no electronic invoices, or not in this currency."
        raise InvalidInput("There is no electronic invoice.", invoice=[text])
    return f"{document.number}.xml", data


def checked_xml(*, account: HasKey, document: Document, invoice: Invoice) -> bytes | None:
    """The XML of a numbered document once it has passed; None where there is to be none.

    :raises EInvoiceRefused: it does not hold.
    """
    if not is_einvoice(invoice):
        return None
    if (data := kept(document, XML)) is not None:
        return data
    data = document_cii(document, invoice)
    if problems := einvoice_problems(data):
        log.error("billing.einvoice.refused", document=document.number, problems=problems)
        raise EInvoiceRefused(
            "This document does not hold as an electronic invoice and is not given out.",
            problems=problems[:SHOWN_MAX],
        )
    return keep(account=account, document=document, suffix=XML, data=data)


def is_einvoice(invoice: Invoice) -> bool:
    """Whether a document is an e-invoice: its seller wants it, and two decimals are enough."""
    wanted: str = invoice.seller.get("einvoice_format", EInvoiceFormat.NONE)
    return wanted == EInvoiceFormat.FACTURX and decimals(invoice.currency) <= DECIMALS_MAX
