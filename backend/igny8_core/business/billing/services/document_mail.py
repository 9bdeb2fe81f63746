"""Documents that were numbered are made and mailed: claim, send, settle; a crash sends it later."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.core.mail import EmailMessage
from django.db.models import Q

from igny8_core.business.billing.errors import EInvoiceRefused
from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.business.billing.services import mail_turns
from igny8_core.business.billing.services.documents import PDF, document_pdf
from igny8_core.business.billing.services.einvoices import document_xml, is_einvoice
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.common.money import written
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PER_ROUND = 100
XML = "application/xml"


@dataclass(frozen=True)
class _Claimed:
    invoice: Invoice
    to: list[str]


def deliver_due(*, now: datetime, limit: int = PER_ROUND) -> int:
    """Make and mail what no task has: a message was lost, a mail server was away.

    :returns: how many accounts were looked after.
    """
    delivering = Round("deliver_documents")
    invoices = Invoice.objects.across_accounts(reason="documents to deliver")
    notes = CreditNote.objects.across_accounts(reason="documents to deliver")
    waiting = [
        rows.order_by("account_id").values_list("account_id", flat=True).distinct()[:limit]
        for rows in (invoices.filter(_is_unsent(now)), notes.filter(pdf_sha256=""))
    ]
    accounts = sorted({pk for rows in waiting for pk in rows})[:limit]
    for account_id in accounts:
        delivering.attempt(deliver_documents, account=AccountKey(account_id), now=now)
    delivering.end()
    return len(accounts)


def deliver_documents(*, account: HasKey, now: datetime) -> int:
    """Make the PDF of every numbered document of an account, and mail its invoices. Repeatable.

    :returns: how many mails left.
    """
    sent = 0
    for note_id in _unmade_notes(account):
        with suppress(EInvoiceRefused):  # it was logged, and is asked for again
            document_pdf(account=account, kind=CreditNote, document_id=note_id)
    while (claimed := _claim(account=account, now=now)) is not None:
        invoice = claimed.invoice
        try:
            files = _files(account, invoice)
            if claimed.to:
                _message(invoice, claimed.to, files).send()
        except EInvoiceRefused:
            continue  # it stays here, and is asked for again
        except mail_turns.MAIL_FAULTS as exc:
            log.warning("billing.invoice.mail_failed", account_id=account.pk, error=repr(exc))
            break
        _settle(account=account, invoice_id=invoice.pk, now=now)
        sent += bool(claimed.to)
    return sent


def _files(account: HasKey, invoice: Invoice) -> list[tuple[str, bytes, str]]:
    """The PDF, and the e-invoice that is in it once more for those who only read that."""
    asked: dict[str, Any] = {"account": account, "kind": Invoice, "document_id": invoice.pk}
    files = [(*document_pdf(**asked), PDF)]
    if is_einvoice(invoice):
        files.append((*document_xml(**asked), XML))
    return files


def _unmade_notes(account: HasKey) -> list[int]:
    with tenant(account.pk, read_only=True):
        rows = CreditNote.objects.for_account(account).filter(pdf_sha256="").order_by("pk")
        return list(rows.values_list("pk", flat=True)[:PER_ROUND])


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Claimed | None:
    rows = Invoice.objects.for_account(account).filter(_is_unsent(now)).order_by("pk")
    row: Invoice | None = rows.select_for_update(skip_locked=True, no_key=True).first()
    if row is None:
        return None
    mail_turns.take_turn(row, now=now)
    row.save(update_fields=mail_turns.TURN_FIELDS)
    if address := row.buyer.get("email"):
        return _Claimed(row, [address])
    _name, people = mail_turns.told_people(account)
    return _Claimed(row, people)


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, invoice_id: int, now: datetime) -> None:
    Invoice.objects.for_account(account).filter(pk=invoice_id).update(mailed_at=now, updated_at=now)


def _message(
    invoice: Invoice, to: list[str], files: Sequence[tuple[str, bytes, str]]
) -> EmailMessage:
    total = written(invoice.total_minor, invoice.currency)
    due = invoice.due_date
    how = " It is paid." if due is None else f" It is due on {due:%d %B %Y}."
    seller: dict[str, Any] = invoice.seller
    message = EmailMessage(
        subject=f"Invoice {invoice.number} of {' '.join(seller['legal_name'].split())}",
        body=f"Hello,\n\nattached is invoice {invoice.number} over {total}.{how}\n",
        to=to,
    )
    for name, data, media_type in files:
        message.attach(name, data, media_type)
    return message


def _is_unsent(now: datetime) -> Q:
    return mail_turns.untold(now) & Q(number__isnull=False)
