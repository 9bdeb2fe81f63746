"""Numbered documents as CSV for an accountant: invoices, and credit notes with a minus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.common.csv_text import csv_lines
from igny8_core.common.money import major
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from decimal import Decimal

    from igny8_core.common.csv_text import Cell
    from igny8_core.common.tenancy.context import HasKey

ROWS_MAX = 20_000
PAGE_ROWS = 500
HEADER = (
    "number",
    "type",
    "date",
    "due_date",
    "status",
    "buyer",
    "buyer_country",
    "buyer_tax_id",
    "tax_category",
    "tax_rate_percent",
    "net",
    "tax",
    "gross",
    "currency",
    "paid_on",
    "for_invoice",
)


def documents_csv(
    *, account: HasKey, first: date | None = None, last: date | None = None
) -> Iterator[str]:
    """A line for each tax group of each document, by kind and number, at most ``ROWS_MAX`` each.

    Each page is read in a block of its own: to be used outside of tenant blocks.

    :param first: documents of this day and later; ``last``: and not later than this one.
    """
    return csv_lines(HEADER, _rows(account, first, last))


def _rows(account: HasKey, first: date | None, last: date | None) -> Iterator[tuple[Cell, ...]]:
    for kind, day in ((Invoice, "invoice_date"), (CreditNote, "issue_date")):
        asked: dict[str, Any] = {"number__isnull": False}
        asked |= {f"{day}__gte": first} if first else {}
        asked |= {f"{day}__lte": last} if last else {}
        after = 0
        for _ in range(ROWS_MAX // PAGE_ROWS):
            with tenant(account.pk, read_only=True):
                rows = kind.objects.for_account(account).filter(pk__gt=after, **asked)
                wanted = rows if kind is Invoice else rows.select_related("invoice")
                page = list(wanted.order_by("pk")[:PAGE_ROWS])
            for row in page:
                yield from _invoice(row) if isinstance(row, Invoice) else _credit_note(row)
            if len(page) < PAGE_ROWS:
                break
            after = page[-1].pk


def _invoice(row: Invoice) -> Iterator[tuple[Cell, ...]]:
    for group in row.tax_evidence["groups"]:
        yield (
            row.number or "",
            "invoice",
            str(row.invoice_date),
            str(row.due_date or ""),
            row.status,
            *_buyer(row),
            group["category"],
            _percent(group["rate_bp"]),
            *_amounts(group["base_minor"], group["tax_minor"], row.currency),
            row.currency,
            row.paid_at.date().isoformat() if row.paid_at else "",
            "",
        )


def _credit_note(row: CreditNote) -> Iterator[tuple[Cell, ...]]:
    is_reversal = row.reverses_id is not None
    sign = 1 if is_reversal else -1
    for line in row.line_items:
        yield (
            row.number,
            "credit_note_reversal" if is_reversal else "credit_note",
            str(row.issue_date),
            "",
            "",
            *_buyer(row.invoice),
            line["category"],
            _percent(line["rate_bp"]),
            *_amounts(sign * line["net_minor"], sign * line["tax_minor"], row.currency),
            row.currency,
            "",
            row.invoice.number or "",
        )


def _buyer(invoice: Invoice) -> tuple[str, str, str]:
    buyer = invoice.buyer
    return buyer["legal_name"], buyer["country_code"], buyer["tax_id"]


def _amounts(net: int, tax: int, currency: str) -> list[Decimal]:
    """Net, tax, gross: numbers, so that a minus is not taken for a formula."""
    return [major(amount, currency) for amount in (net, tax, net + tax)]


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g}"
