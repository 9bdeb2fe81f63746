"""Documents by their number alone: for pages, which know no models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml, is_einvoice

if TYPE_CHECKING:
    from igny8_core.common.tenancy.context import HasKey

__all__ = ["credit_note_pdf", "invoice_pdf", "invoice_xml", "is_einvoice"]


def invoice_pdf(*, account: HasKey, invoice_id: int) -> tuple[str, bytes]:
    """The PDF of an invoice, of a draft a pro-forma, and its name; outside of tenant blocks.

    :raises NotFound: unknown, or another account's.
    :raises InvalidInput: a draft that nobody has filled in.
    :raises EInvoiceRefused: the e-invoice in it does not hold.
    """
    return document_pdf(account=account, kind=Invoice, document_id=invoice_id)


def invoice_xml(*, account: HasKey, invoice_id: int) -> tuple[str, bytes]:
    """The e-invoice of an invoice, and its name; outside of tenant blocks.

    :raises NotFound: unknown, or another account's.
    :raises InvalidInput: a draft, or the seller issues none.
    :raises EInvoiceRefused: it does not hold.
    """
    return document_xml(account=account, kind=Invoice, document_id=invoice_id)


def credit_note_pdf(*, account: HasKey, note_id: int) -> tuple[str, bytes]:
    """The PDF of a credit note, and its name; outside of tenant blocks.

    :raises NotFound: unknown, or another account's.
    :raises EInvoiceRefused: the e-invoice in it does not hold.
    """
    return document_pdf(account=account, kind=CreditNote, document_id=note_id)
