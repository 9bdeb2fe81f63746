"""Numbers as tools write them: one style for a whole column, never guessed cell by cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.keyword_labels import CURRENCY_SIGNS, UNKNOWN_VALUES
from igny8_core.common.xlsx_read import ERROR, NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_VOLUME = 10**10
MAX_DIFFICULTY = Decimal(100)
_MAX_CHARACTERS = 64  # no figure is longer; what is would only cost time

_BLANKS = re.compile("[\\s\u00a0\u202f\u2009'\u2019]")
_CORE = re.compile(r"^[+-]?\d[\d.,]*$")
_SUFFIX = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_RANGE = re.compile(
    r"^(?P<low>[^\u2013\u2014]+?)(?:\s*[\u2013\u2014]\s*|\s+-\s+|\.\.\.?)(?P<high>[^\u2013\u2014]+)$"
)
_SHORT_RANGE = re.compile(r"^(?P<low>\d[\d.,]*[kmb]?)-(?P<high>\d[\d.,]*[kmb]?)$", re.IGNORECASE)
_GROUPED = re.compile(r"^[+-]?\d{1,3}([.,])\d{3}(?:\1\d{3})*$")
_SIGNS = "".join(sign for sign in CURRENCY_SIGNS if len(sign) == 1)
_CURRENCY_CODE = re.compile(r"^[A-Z]{3}(?![A-Z])|(?<![A-Z])[A-Z]{3}$")


@dataclass(frozen=True, slots=True)
class Style:
    """How a column writes numbers.

    :param decimal: the decimal mark, or "" when no cell shows one.
    :param thousands: the separator of thousands, or "".
    :param is_contradictory: cells disagree; somebody has to say.
    """

    decimal: str = ""
    thousands: str = ""
    is_contradictory: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A value, or the two ends of a range."""

    low: Decimal
    high: Decimal | None = None


class NotANumber(ValueError):
    """The cell holds something else; its value is unknown."""


def is_unknown(text: str) -> bool:
    """Whether the cell says that nothing is known; a spreadsheet's error knows nothing."""
    return text.startswith(ERROR) or text.strip().casefold() in UNKNOWN_VALUES


def number_style(cells: Iterable[str], *, is_whole: bool) -> Style:
    """The style that all cells of a column agree on.

    :param cells: distinct texts are enough.
    :param is_whole: counts, where ``1.200`` is a thousand; otherwise it has three decimals.
    """
    decimals: set[str] = set()
    thousands: set[str] = set()
    unclear: set[str] = set()
    for cell in cells:
        for core in _cores(cell):
            _weigh(core, decimals, thousands, unclear)
    unclear -= thousands
    if is_whole:
        thousands |= unclear
    elif decimals:
        thousands |= unclear - decimals
    else:
        decimals = unclear
    is_contradictory = bool(len(decimals) > 1 or len(thousands) > 1 or decimals & thousands)
    return Style(
        decimal=min(decimals, default=""),
        thousands=min(thousands, default=""),
        is_contradictory=is_contradictory,
    )


def _weigh(core: str, decimals: set[str], thousands: set[str], unclear: set[str]) -> None:
    """Add what one number proves about its marks."""
    marks = {mark for mark in ".," if mark in core}
    if len(marks) > 1:
        last = max(marks, key=core.rindex)
        decimals.add(last)
        thousands |= marks - {last}
    elif marks:
        mark = marks.pop()
        if not _GROUPED.match(core) or core.lstrip("+-").startswith("0"):
            decimals.add(mark)
        elif core.count(mark) > 1:
            thousands.add(mark)
        else:
            unclear.add(mark)


def _cores(cell: str) -> list[str]:
    """The digits and marks of a cell's numbers, without signs, units and blanks.

    Numbers with a suffix are left out: ``1.2K`` has a decimal mark in every style.
    """
    text = cell.strip()
    if len(text) > _MAX_CHARACTERS or cell.startswith(NUMBER) or is_unknown(cell):
        return []
    found = _RANGE.match(text) or _SHORT_RANGE.match(text)
    parts = [found["low"], found["high"]] if found else [text]
    stripped = [_strip(part) for part in parts]
    return [core for core in stripped if _CORE.match(core)]


def _strip(text: str) -> str:
    cleaned = _BLANKS.sub("", text).lstrip("<>~≈").strip(_SIGNS + "%")
    return _CURRENCY_CODE.sub("", cleaned.removesuffix("zł"))


def parse_number(text: str, style: Style) -> Number | None:
    """The value of one cell; None when it is unknown.

    :raises NotANumber: it is no number in this style.
    """
    if is_unknown(text):
        return None
    if text.startswith(NUMBER):
        return Number(_exact(text[1:]))
    cell = text.strip()
    if len(cell) > _MAX_CHARACTERS:
        raise NotANumber(cell[:_MAX_CHARACTERS])
    if found := _RANGE.match(cell) or _SHORT_RANGE.match(cell):
        low, high = _value(found["low"], style), _value(found["high"], style)
        if high < low:
            raise NotANumber(text)
        return Number(low, high)
    if cell.startswith("<"):
        return Number(Decimal(0), _value(cell[1:], style))
    if cell.startswith(">") or cell.endswith("+"):
        raise NotANumber(text)
    return Number(_value(cell, style))


def _exact(text: str) -> Decimal:
    """A number that a spreadsheet stored as one."""
    try:
        return Decimal(text)
    except InvalidOperation as exc:
        raise NotANumber(text) from exc


def _value(text: str, style: Style) -> Decimal:
    core = _strip(text)
    factor = _SUFFIX.get(core[-1:].lower(), 1)
    if factor > 1:
        core = core[:-1]
    if not _CORE.match(core):
        raise NotANumber(text)
    if style.thousands and style.thousands in core:
        whole = core.partition(style.decimal)[0] if style.decimal else core
        if _GROUPED.match(whole):
            core = core.replace(style.thousands, "")
        elif factor == 1 or core.count(style.thousands) > 1:
            raise NotANumber(text)
    core = core.replace(",", ".")
    if core.count(".") > 1:
        raise NotANumber(text)
    return Decimal(core) * factor


def rounded(value: Decimal) -> int:
    """To a whole number, half up.

    :raises NotANumber: it is beyond any figure.
    """
    try:
        return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except InvalidOperation as exc:
        raise NotANumber(str(value)[:_MAX_CHARACTERS]) from exc


def price_minor(value: Decimal) -> int:
    """A price in hundredths of its currency, half up."""
    return rounded(value * 100)


def currency_of(text: str) -> str:
    """The currency that a cell or a header's unit names, as an ISO code, or ""."""
    for sign, code in CURRENCY_SIGNS.items():
        if sign in text:
            return code
    found = _CURRENCY_CODE.search(text.strip().upper())
    return found.group() if found else ""
