"""CSV for people's spreadsheets: text that no program takes for a formula."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Cell = str | int | Decimal | None

BYTE_ORDER_MARK = "\ufeff"
"""Without it, spreadsheets take UTF-8 for a code page."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A file line by line, header first (RFC 4180), with a byte order mark.

    Numbers stay numbers, negative ones too. A text that a spreadsheet would calculate gets an
    apostrophe in front, which it hides.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(header)
    yield _taken(buffer)
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
        yield _taken(buffer)


def _safe(cell: Cell) -> str | int | Decimal:
    if cell is None:
        return ""
    if isinstance(cell, int | Decimal):
        return cell
    text = cell.replace("\x00", "")
    is_formula = text.lstrip(" ").startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS)
    return f"'{text}" if is_formula else text


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
