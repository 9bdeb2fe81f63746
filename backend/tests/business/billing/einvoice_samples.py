"""Documents that have an e-invoice, and what is read in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.models import (
    CreditNote,
    Invoice,
    TaxRule,
)
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.services.invoices import (
    draft_invoice,
    finalise,
    locked_invoice,
)
from igny8_core.business.billing.services.taxes import Line
from igny8_core.business.billing.states import InvoiceStatus
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account


SPACES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
}
NOVEMBER: dict[str, Any] = {
    "period_start": datetime(2026, 11, 1, tzinfo=UTC),
    "period_end": datetime(2026, 12, 1, tzinfo=UTC),
}
CREDITS = [Line("1,000 credits", 10_000, credits=1_000)]


def issued(
    country: str = "DE",
    *,
    rule: tuple[Any, ...] | None = None,
    buyer: dict[str, Any] | None = None,
    seller: dict[str, Any] | None = None,
    lines: list[Line] | None = None,
    currency: str = "EUR",
    period: dict[str, Any] | None = None,
    status: InvoiceStatus = InvoiceStatus.PENDING,
) -> Invoice:
    """A numbered invoice of a kind."""
    entity = make_billing.seller(**seller or {})
    if rule is not None:
        category, rate, *note = rule
        TaxRule.objects.create(
            entity=entity,
            buyer_country=country,
            buyer_kind="business",
            category=category,
            rate_bp=rate,
            legal_note="".join(note),
            active_from=date(2020, 1, 1),
        )
    return sold(
        make_billing.buyer(country, **buyer or {}), lines, currency, status=status, **period or {}
    )


def sold(
    account: Account,
    lines: list[Line] | None = None,
    currency: str = "EUR",
    *,
    status: InvoiceStatus = InvoiceStatus.PENDING,
    **period: Any,
) -> Invoice:
    """One more invoice."""
    draft = draft_invoice(
        account=account, lines=lines or CREDITS, currency=currency, now=NOW, **period
    )
    with tenant(account.pk):
        row = locked_invoice(account=account, invoice_id=draft.pk)
        paid = {"paid_at": NOW} if status == InvoiceStatus.PAID else {}
        finalise(row, status, now=NOW, **paid)
    return row


def taken_back(invoice: Invoice, amount_minor: int, key: str = "n") -> CreditNote:
    return issue_credit_note(
        account=invoice.account,
        invoice_id=invoice.pk,
        amount_minor=amount_minor,
        reason="goodwill",
        idempotency_key=key,
        now=NOW,
    )


def xml_of(document: Invoice | CreditNote) -> bytes:
    account = document.account
    return document_xml(account=account, kind=type(document), document_id=document.pk)[1]


def text(tree: Any, path: str) -> list[str]:
    return [element.text for element in tree.iterfind(f".//{path}", SPACES)]
