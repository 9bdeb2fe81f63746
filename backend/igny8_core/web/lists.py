"""What every list screen shares: a page of rows, the heads of its columns, what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from django.db.models import Model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet
    from django.http import QueryDict

M = TypeVar("M", bound=Model)

PAGE_ROWS: Final = 50
JOINERS: Final = "\u200c\u200d"
"""They make words of Persian and Indian languages, and emoji, what they are."""

LONGEST: Final = 200
MAX_NUMBER: Final = 10**12
ID_DIGITS: Final = 18


@dataclass(frozen=True)
class Page(Generic[M]):
    """One page of a list."""

    rows: Sequence[M]
    number: int
    total: int
    page_rows: int = PAGE_ROWS

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // self.page_rows))

    @property
    def first(self) -> int:
        """Number of the first row, from 1; 0 in an empty list."""
        return (self.number - 1) * self.page_rows + 1 if self.total else 0

    @property
    def last(self) -> int:
        """Number of the last row."""
        return min(self.number * self.page_rows, self.total)

    @property
    def previous(self) -> int:
        """The page before, 0 on the first one."""
        return self.number - 1

    @property
    def next(self) -> int:
        """The page after, 0 on the last one."""
        return self.number + 1 if self.number < self.pages else 0


@dataclass(frozen=True)
class Head:
    """The head of a column.

    :ivar next: the order that a click asks for; empty when the column is no order.
    :ivar direction: ``ascending`` or ``descending`` while the list is in this order.
    """

    label: str
    css: str = ""
    next: str = ""
    direction: str = ""


def page_of(
    rows: QuerySet[M], number: int, *, page_rows: int = PAGE_ROWS, total: int | None = None
) -> Page[M]:
    """One page of a query, two queries. Beyond the last page it is the last one.

    :param total: how many there are, where that is known already.
    """
    if total is None:
        total = rows.count()
    last = max(1, -(-total // page_rows))
    number = min(max(number, 1), last)
    start = (number - 1) * page_rows
    return Page(list(rows[start : start + page_rows]), number, total, page_rows)


def heads(columns: Sequence[tuple[str, str, str]], sort: str) -> list[Head]:
    """Heads from (label, style, order); an order with a ``-`` falls at the first click."""
    found = []
    for label, css, order in columns:
        name = order.lstrip("-")
        if not name:
            found.append(Head(label, css))
            continue
        direction = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
        turned = name if sort.startswith("-") else f"-{name}"
        found.append(Head(label, css, turned if direction else order, direction))
    return found


def text(query: QueryDict, name: str) -> str:
    """A parameter as text on one line: trimmed, without control characters, and not endless."""
    return "".join(map(_plain, query.get(name, "").strip()[:LONGEST]))


def _plain(letter: str) -> str:
    """A letter as it may stand in a line: what separates words separates them still."""
    if letter.isprintable() or letter in JOINERS:
        return letter
    return " " if letter.isspace() else ""


def whole(query: QueryDict, name: str) -> int | None:
    """A parameter as a whole number; None when it is none, or beyond reason."""
    given = text(query, name).replace(",", "").replace(" ", "")
    if not given.isascii() or not given.isdigit():
        return None
    return min(int(given), MAX_NUMBER)


def one_of(query: QueryDict, name: str, choices: Mapping[str, Any] | Sequence[str]) -> str:
    """A parameter, if it is one of these; else empty."""
    given = text(query, name)
    return given if given in choices else ""


def page_number(query: QueryDict) -> int:
    """Which page is asked for, from 1."""
    return whole(query, "page") or 1


def is_id(text: str) -> bool:
    """Whether a text can be the key of a row: of a longer one Python reads no number."""
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS


def ids_of(given: str, *, limit: int) -> tuple[int, ...]:
    """Ids out of a field that holds them with commas; what is no id is left out."""
    words = (word for word in given.split(",") if is_id(word))
    return tuple(dict.fromkeys(int(word) for _, word in zip(range(limit), words, strict=False)))
