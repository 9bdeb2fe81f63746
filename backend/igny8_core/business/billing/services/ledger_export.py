"""The ledger as CSV, in pages: however long it is, little of it is in memory."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from igny8_core.business.billing import selectors
from igny8_core.common.csv_text import csv_lines
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from igny8_core.business.billing.models import CreditTransaction
    from igny8_core.common.csv_text import Cell
    from igny8_core.common.tenancy.context import HasKey

ROWS_MAX = 100_000
PAGE_ROWS = 1_000
HEADER = (
    "number",
    "date_utc",
    "type",
    "amount",
    "balance_after",
    "operation",
    "about",
    "note",
)


def ledger_csv(
    *,
    account: HasKey,
    types: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    is_spending: bool | None = None,
) -> Iterator[str]:
    """The ledger's rows as lines of CSV, newest first, at most ``ROWS_MAX``.

    Filters as in :func:`selectors.credit_transactions`. Each page is read in a block of its own,
    so that a slow reader holds no transaction open: to be used outside of tenant blocks. Rows that
    come in meanwhile are newer than the first page and left out.
    """
    return csv_lines(HEADER, _rows(account, types, since, until, is_spending))


def _rows(
    account: HasKey,
    types: Collection[str],
    since: datetime | None,
    until: datetime | None,
    is_spending: bool | None,  # noqa: FBT001 - one caller
) -> Iterator[tuple[Cell, ...]]:
    before: int | None = None
    for _ in range(ROWS_MAX // PAGE_ROWS):
        with tenant(account.pk, read_only=True):
            rows = selectors.credit_transactions(
                account=account, types=types, since=since, until=until, is_spending=is_spending
            )
            if before is not None:
                rows = rows.filter(seq__lt=before)
            page = list(rows[:PAGE_ROWS])
        for row in page:
            yield _cells(row)
        if len(page) < PAGE_ROWS:
            return
        before = page[-1].seq


def _cells(row: CreditTransaction) -> tuple[Cell, ...]:
    reservation = row.reservation
    about = ""
    if reservation is not None and reservation.related_id is not None:
        about = f"{reservation.related_type} {reservation.related_id}"
    return (
        row.seq,
        row.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        row.type,
        row.amount,
        row.balance_after,
        reservation.operation if reservation is not None else "",
        about,
        str(row.metadata.get("reason", "")),
    )
