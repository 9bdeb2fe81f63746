"""CSV for people: opens in a spreadsheet program, and no cell of it is run as a formula."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

_BLOCK_CHARACTERS = 64 * 1024
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a formula begins, in full width too."""


def safe_cell(text: str) -> str:
    """The text with a leading ``'`` where a spreadsheet would take it for a formula.

    :func:`plain_cell` takes it back: the two are each other's inverse.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """What :func:`safe_cell` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def write_csv(out: BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """UTF-8 with a mark, comma, CRLF, quotes where needed; returns how many rows there were.

    :param rows: texts, numbers, booleans, dates and None.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    out.write(b"\xef\xbb\xbf")
    writer.writerow([safe_cell(name) for name in header])
    count = 0
    for row in rows:
        writer.writerow([_shown(cell) for cell in row])
        count += 1
        if text.tell() > _BLOCK_CHARACTERS:
            out.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    out.write(text.getvalue().encode())
    return count


def _shown(cell: Any) -> Any:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return cell
    if isinstance(cell, date):  # or a moment
        return cell.isoformat()
    return safe_cell(str(cell))
