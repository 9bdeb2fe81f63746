"""The cells of a keyword file's columns, each distinct text read once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_files import Issue
from igny8_core.business.planning.services.keyword_numbers import (
    MAX_DIFFICULTY,
    MAX_VOLUME,
    NotANumber,
    Number,
    Style,
    currency_of,
    is_unknown,
    number_style,
    parse_number,
    rounded,
)
from igny8_core.business.planning.states import FigureKind, Intent
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from igny8_core.business.planning.services.keyword_rows import KeywordRow

_NUMERIC = {
    formats.VOLUME: True,
    formats.DIFFICULTY: False,
    formats.CPC: False,
    formats.POSITION: False,
    formats.CLICKS: True,
    formats.IMPRESSIONS: True,
}
"""Numeric fields, and whether they are counts."""

_MAX_URL_CHARACTERS = 2048
_LABELS = re.compile(r"[,;|/]")
_DATE_STYLES = ("%Y-%m-%d", "%b %d, %Y", "%d %b %Y", "%Y/%m/%d")


@dataclass(frozen=True, slots=True)
class _Value:
    """A cell's value, and the codes of what was odd about it."""

    value: Any = None
    codes: tuple[str, ...] = ()


_NOTHING = _Value()
_Volume = tuple[int, "int | None", str]


@dataclass(slots=True)
class Cells:
    """The values of every column, by distinct text.

    :ivar ambiguous: fields whose cells contradict each other about the decimal mark.
    """

    texts: Mapping[str, Sequence[str]]
    values: dict[str, dict[str, _Value]]
    styles: dict[str, dict[str, str]]
    ambiguous: list[str]
    volume_kind: str
    country: str
    file_country: str
    observed_on: str
    currency: str = ""

    def other_market(self, place: int) -> str:
        """The code of a row of a market that is not wanted, or ""."""
        if not self.country:
            return ""
        code = self._value(formats.COUNTRY, place).value or self.file_country
        return f"other_market:{code.lower()}" if code and code != self.country else ""

    def fill(self, row: KeywordRow, place: int) -> list[Issue]:
        """Give a row the values of its cells; what was odd comes back as issues."""
        issues: list[Issue] = []
        for name in self.values:
            found = self._value(name, place)
            for code in found.codes:
                text = self.texts[name][place].strip()[:255]
                issues.append(Issue(row.row, code, text, name))
            if found.value is not None:
                self._put(row, name, found.value)
        if row.volume is None and row.impressions is not None:
            row.volume, row.kind = row.impressions, FigureKind.IMPRESSIONS.value
        if row.cpc is not None and not row.cpc_currency:
            row.cpc_currency = self.currency
        row.observed_on = row.observed_on or self.observed_on
        return issues

    def _value(self, name: str, place: int) -> _Value:
        column = self.values.get(name)
        return _NOTHING if column is None else column[self.texts[name][place]]

    @staticmethod
    def _put(row: KeywordRow, name: str, value: Any) -> None:
        if name == formats.VOLUME:
            row.volume, row.volume_max, row.kind = value
        elif name == formats.INTENTS:
            row.intents, row.intents_other = value
        elif name == formats.CPC:
            row.cpc, currency = value
            row.cpc_currency = currency or row.cpc_currency
        elif name == formats.CURRENCY:
            row.cpc_currency = row.cpc_currency or value
        elif name != formats.COUNTRY:
            setattr(row, name, value)


def column_cells(
    texts: Mapping[str, Sequence[str]],
    *,
    units: Mapping[str, str],
    decimal_marks: Mapping[str, str],
    has_buckets: bool,
    country: str,
    file_country: str,
    observed_on: str,
) -> Cells:
    """Read the columns of a file.

    :param texts: the cells of each mapped field.
    :param units: what the header says in brackets, by field.
    :param has_buckets: volumes may be Keyword Planner's round figures for ranges.
    """
    styles: dict[str, Style] = {}
    values: dict[str, dict[str, _Value]] = {}
    for name, column in texts.items():
        if name == formats.KEYWORD:
            continue
        distinct = set(column)
        if name in _NUMERIC:
            styles[name] = _style(name, distinct, decimal_marks)
            read = _READERS[name]
            values[name] = {text: _number(text, styles[name], read) for text in distinct}
        else:
            values[name] = {text: _TEXTS[name](text) for text in distinct}
    volumes = values.get(formats.VOLUME)
    if volumes is not None and has_buckets:
        values[formats.VOLUME] = volumes = _with_buckets(volumes)
    return Cells(
        texts=texts,
        values=values,
        styles={
            name: {"decimal": style.decimal, "thousands": style.thousands}
            for name, style in styles.items()
        },
        ambiguous=[name for name, style in styles.items() if style.is_contradictory],
        volume_kind=_volume_kind(volumes, values),
        country=country.upper(),
        file_country=file_country,
        observed_on=observed_on,
        currency=currency_of(units.get(formats.CPC, "")),
    )


def _style(name: str, distinct: set[str], decimal_marks: Mapping[str, str]) -> Style:
    style = number_style(distinct, is_whole=_NUMERIC[name])
    if style.is_contradictory and (mark := decimal_marks.get(name, "")):
        return Style(mark, "," if mark == "." else ".")
    return style


def _number(text: str, style: Style, read: Callable[[str, Number], _Value]) -> _Value:
    try:
        number = parse_number(text, style)
    except NotANumber:
        return _Value(codes=("value_invalid",))
    return _NOTHING if number is None else read(text, number)


def _volume(_text: str, number: Number) -> _Value:
    low = rounded(number.low)
    high = None if number.high is None else rounded(number.high)
    if not 0 <= low <= MAX_VOLUME or (high is not None and high > MAX_VOLUME):
        return _Value(codes=("value_invalid",))
    codes = ("value_rounded",) if number.low != low else ()
    kind = FigureKind.EXACT if high is None else FigureKind.RANGE
    volume: _Volume = (low, high, kind.value)
    return _Value(volume, codes)


def _count(_text: str, number: Number) -> _Value:
    value = rounded(number.low)
    if number.high is not None or not 0 <= value <= MAX_VOLUME:
        return _Value(codes=("value_invalid",))
    return _Value(value)


def _difficulty(_text: str, number: Number) -> _Value:
    if number.high is not None or not 0 <= number.low <= MAX_DIFFICULTY:
        return _Value(codes=("value_invalid",))
    return _Value(float(round(number.low, 1)))


def _position(_text: str, number: Number) -> _Value:
    if number.high is not None or number.low < 1:
        return _Value(codes=("value_invalid",))
    return _Value(float(round(number.low, 1)))


def _cpc(text: str, number: Number) -> _Value:
    if number.high is not None or not 0 <= number.low <= MAX_VOLUME:
        return _Value(codes=("value_invalid",))
    return _Value((f"{number.low:f}", currency_of(text)))


_READERS: dict[str, Callable[[str, Number], _Value]] = {
    formats.VOLUME: _volume,
    formats.DIFFICULTY: _difficulty,
    formats.CPC: _cpc,
    formats.POSITION: _position,
    formats.CLICKS: _count,
    formats.IMPRESSIONS: _count,
}


def _with_buckets(volumes: dict[str, _Value]) -> dict[str, _Value]:
    """Ranges for round figures, when every known volume of the file is one of them."""
    known = [found.value for found in volumes.values() if found.value is not None]
    if not known or any(
        high is not None or low not in formats.GKP_BUCKETS for low, high, _ in known
    ):
        return volumes
    kind = FigureKind.RANGE.value
    return {
        text: found
        if found.value is None
        else _Value((*formats.GKP_BUCKETS[found.value[0]], kind), found.codes)
        for text, found in volumes.items()
    }


def _volume_kind(volumes: dict[str, _Value] | None, values: Mapping[str, dict[str, _Value]]) -> str:
    """The kinds of volume in the file, for the report."""
    kinds = {found.value[2] for found in (volumes or {}).values() if found.value is not None}
    if not kinds and formats.IMPRESSIONS in values:
        return FigureKind.IMPRESSIONS.value
    return "+".join(sorted(kinds)) or FigureKind.UNKNOWN.value


def _country(text: str) -> _Value:
    name = display_form(text).casefold()
    if is_unknown(name) or name in {"worldwide", "global", "all"}:
        return _NOTHING
    if name in formats.COUNTRY_NAMES:
        return _Value(formats.COUNTRY_NAMES[name])
    code = name.rpartition("-")[2] if re.fullmatch(r"[a-z]{2}-[a-z]{2}", name) else name
    if re.fullmatch(r"[a-z]{2}", code):
        return _Value(formats.COUNTRY_NAMES.get(code, code.upper()))
    return _Value(codes=("label_unknown",))


def _intents(text: str) -> _Value:
    if is_unknown(text):
        return _NOTHING
    labels = [display_form(label).casefold() for label in _LABELS.split(text) if label.strip()]
    known = {formats.INTENT_WORDS[label] for label in labels if label in formats.INTENT_WORDS}
    other = [label for label in labels if label not in formats.INTENT_WORDS]
    codes = ("label_unknown",) if set(other) - formats.INTENT_OTHER else ()
    return _Value((tuple(i.value for i in Intent if i in known), tuple(other)), codes)


def _observed_on(text: str) -> _Value:
    """An ISO date; a malformed one is unknown, and not the row's fault."""
    shown = display_form(text)
    head = shown[:10] if re.match(r"\d{4}-\d\d-\d\d", shown) else shown
    for style in _DATE_STYLES:
        try:
            found: date = datetime.strptime(head, style).date()  # noqa: DTZ007 - a date
        except ValueError:
            continue
        return _Value(found.isoformat())
    return _NOTHING


def _keyword_text(text: str) -> _Value:
    shown = display_form(text)
    return _NOTHING if is_unknown(shown) else _Value(shown[:255])


def _url(text: str) -> _Value:
    shown = text.strip()
    if is_unknown(shown):
        return _NOTHING
    if len(shown) > _MAX_URL_CHARACTERS or not re.match(r"https?://\S+$", shown):
        return _Value(codes=("value_invalid",))
    return _Value(shown)


def _currency(text: str) -> _Value:
    return _Value(currency_of(text) or None)


_TEXTS: dict[str, Callable[[str], _Value]] = {
    formats.COUNTRY: _country,
    formats.INTENTS: _intents,
    formats.OBSERVED_ON: _observed_on,
    formats.PARENT_KEYWORD: _keyword_text,
    formats.RANKING_URL: _url,
    formats.CURRENCY: _currency,
}
