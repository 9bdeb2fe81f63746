"""The cells of a keyword file: what each one says, in the style of its whole column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services import keyword_labels as labels
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
from igny8_core.common.xlsx_read import DATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NUMERIC = {
    formats.VOLUME: True,
    formats.VOLUME_MIN: True,
    formats.VOLUME_MAX: True,
    formats.DIFFICULTY: False,
    formats.CPC: False,
    formats.POSITION: False,
    formats.CLICKS: True,
    formats.IMPRESSIONS: True,
}
"""Numeric fields, and whether they are counts."""

MAX_CACHED = 50_000
MAX_SERP_URLS = 20
MAX_LABELS = 40
_MAX_URL_CHARACTERS = 2048
_MAX_LABEL_CHARACTERS = 80
_LABELS = re.compile(r"[,;|/\n]")
_DATE_STYLES = ("%Y-%m-%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d",
                "%d.%m.%Y")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """A cell's value, and the codes of what was odd about it."""

    value: Any = None
    codes: tuple[str, ...] = ()


NOTHING = Value()
_INVALID = Value(codes=("value_invalid",))


@dataclass(slots=True)
class Column:
    """One field's cells; each distinct text is read once, as long as there is room."""

    read: Callable[[str], Value]
    style: Style | None = None
    _known: dict[str, Value] = field(default_factory=dict)

    def value(self, text: str) -> Value:
        """What a cell says."""
        found = self._known.get(text)
        if found is None:
            found = self.read(text)
            if len(self._known) < MAX_CACHED:
                self._known[text] = found
        return found


def column_of(name: str, distinct: Iterable[str], mark: str) -> Column:
    """The reader of a numeric field.

    :param distinct: all its texts.
    :param mark: the decimal mark that a person named, for cells that contradict each other.
    """
    style = number_style(distinct, is_whole=NUMERIC[name])
    if style.is_contradictory and mark:
        style = Style(mark, "," if mark == "." else ".")
    reader = _READERS[name]
    return Column(lambda text: _number(text, style, reader), style)


def label_column(name: str, *, is_api: bool) -> Column:
    """The reader of a field that is no number.

    :param is_api: intents may be Semrush's codes.
    """
    if name == formats.INTENTS and is_api:
        return Column(lambda text: _intents(text, labels.INTENT_CODES))
    return Column(_TEXTS[name])


def _number(text: str, style: Style, read: Callable[[str, Number], Value]) -> Value:
    try:
        number = parse_number(text, style)
        return NOTHING if number is None else read(text, number)
    except NotANumber:
        return _INVALID


def _volume(_text: str, number: Number) -> Value:
    low = rounded(number.low)
    high = None if number.high is None else rounded(number.high)
    if not 0 <= low <= MAX_VOLUME or (high is not None and high > MAX_VOLUME):
        return _INVALID
    codes = ("value_rounded",) if number.low != low else ()
    kind = FigureKind.EXACT if high is None else FigureKind.RANGE
    return Value((low, high, kind.value), codes)


def _count(_text: str, number: Number) -> Value:
    value = rounded(number.low)
    if number.high is not None or not 0 <= value <= MAX_VOLUME:
        return _INVALID
    return Value(value)


def _difficulty(_text: str, number: Number) -> Value:
    if number.high is not None or not 0 <= number.low <= MAX_DIFFICULTY:
        return _INVALID
    return Value(float(round(number.low, 1)))


def _position(_text: str, number: Number) -> Value:
    if number.high is not None or not 1 <= number.low <= MAX_VOLUME:
        return _INVALID
    return Value(float(round(number.low, 1)))


def _cpc(text: str, number: Number) -> Value:
    if number.high is not None or not 0 <= number.low <= MAX_VOLUME:
        return _INVALID
    return Value((f"{number.low:f}", currency_of(text)))


_READERS: dict[str, Callable[[str, Number], Value]] = {
    formats.VOLUME: _volume,
    formats.VOLUME_MIN: _count,
    formats.VOLUME_MAX: _count,
    formats.DIFFICULTY: _difficulty,
    formats.CPC: _cpc,
    formats.POSITION: _position,
    formats.CLICKS: _count,
    formats.IMPRESSIONS: _count,
}


def monthly(text: str, style: Style) -> int | None:
    """One month's searches; None when unknown.

    :raises NotANumber: it is none.
    """
    number = parse_number(text, style)
    if number is None:
        return None
    value = rounded(number.low)
    if number.high is not None or not 0 <= value <= MAX_VOLUME:
        raise NotANumber(text[:64])
    return value


def country_of(text: str) -> Value:
    """((country, language), codes) of a cell; either may be ""."""
    name = display_form(text[:100]).casefold()
    if is_unknown(name) or name in labels.ANYWHERE:
        return NOTHING
    if name in labels.COUNTRY_NAMES:
        return Value((labels.COUNTRY_NAMES[name], ""))
    if locale := re.fullmatch(r"([a-z]{2})[-_]([a-z]{2})", name):
        return Value((labels.COUNTRY_NAMES.get(locale[2], locale[2].upper()), locale[1]))
    if re.fullmatch(r"[a-z]{2}", name):
        return Value((labels.COUNTRY_NAMES.get(name, name.upper()), ""))
    last = name.rpartition(",")[2].strip()  # "Austin, Texas, United States"
    if last in labels.COUNTRY_NAMES:
        return Value((labels.COUNTRY_NAMES[last], ""))
    return Value(codes=("label_unknown",))


def _language(text: str) -> Value:
    """The language of a cell that names one by its code; a list of them names none."""
    name = display_form(text[:100]).casefold()
    found = re.fullmatch(r"([a-z]{2})(?:[-_][a-z]{2})?", name)
    return Value(found[1]) if found else NOTHING


def _intents(text: str, codes: Mapping[str, str] | None = None) -> Value:
    if is_unknown(text):
        return NOTHING
    words = _labels(text)
    vocabulary = labels.INTENT_WORDS | dict(codes or {})
    known = {vocabulary[word] for word in words if word in vocabulary}
    other = tuple(dict.fromkeys(word for word in words if word not in vocabulary))
    odd = ("label_unknown",) if set(other) - labels.INTENT_OTHER else ()
    return Value((tuple(i.value for i in Intent if i in known), other), odd)


def _features(text: str) -> Value:
    if is_unknown(text):
        return NOTHING
    found = dict.fromkeys(
        labels.FEATURE_WORDS.get(word, word if word.startswith("other:") else f"other:{word}")
        for word in (word.replace("_", " ") for word in _labels(text))
        if word not in labels.NO_FEATURE
    )
    return Value(tuple(found))


def _labels(text: str) -> list[str]:
    parts = _LABELS.split(text[: formats.MAX_CELL_CHARACTERS])
    shown = (display_form(part[:_MAX_LABEL_CHARACTERS]).casefold() for part in parts)
    return [label for label in shown if label][:MAX_LABELS]


def _observed_on(text: str) -> Value:
    """An ISO date; a malformed one is unknown, and not the row's fault."""
    return Value(iso_date(text) or None)


def iso_date(text: str) -> str:
    """A date as ISO writes it, or ""."""
    shown = display_form(text[:40].lstrip(DATE))
    head = shown[:10] if re.match(r"\d{4}-\d\d-\d\d", shown) else shown
    for style in _DATE_STYLES:
        try:
            found: date = datetime.strptime(head, style).date()  # noqa: DTZ007 - a date
        except ValueError:
            continue
        return found.isoformat()
    return ""


def _name(text: str) -> Value:
    shown = display_form(text[: formats.MAX_CELL_CHARACTERS])
    return NOTHING if is_unknown(shown) else Value(shown[:255])


def _url(text: str) -> Value:
    shown = text.strip()
    if is_unknown(shown):
        return NOTHING
    return Value(shown) if _is_url(shown) else _INVALID


def _is_url(text: str) -> bool:
    return len(text) <= _MAX_URL_CHARACTERS and bool(re.match(r"https?://\S+$", text))


def _urls(text: str) -> Value:
    """The pages of a result list, each once, in the order of the file."""
    parts = text[: formats.MAX_CELL_CHARACTERS].replace("|", " ").split()
    found = dict.fromkeys(part.strip(",;") for part in parts)
    known = tuple(url for url in found if _is_url(url))[:MAX_SERP_URLS]
    codes = () if is_unknown(text) or len(known) == len(found) else ("value_invalid",)
    return Value(known or None, codes)


def _currency(text: str) -> Value:
    return Value(currency_of(text[:40]) or None)


def _flag(text: str) -> Value:
    word = display_form(text[:10]).casefold()
    if word in labels.YES:
        return Value(True)  # noqa: FBT003 - the cell's own value
    return NOTHING if is_unknown(text) or word in labels.NO else Value(codes=("label_unknown",))


_TEXTS: dict[str, Callable[[str], Value]] = {
    formats.COUNTRY: country_of,
    formats.LANGUAGE: _language,
    formats.INTENTS: _intents,
    formats.FEATURES: _features,
    formats.OBSERVED_ON: _observed_on,
    formats.PARENT_KEYWORD: _name,
    formats.RANKING_URL: _url,
    formats.SERP_URLS: _urls,
    formats.CURRENCY: _currency,
    formats.GROUP: _name,
    formats.PAGE: _name,
    formats.TREND_END: _name,
    formats.DISABLED: _flag,
    formats.KIND: _name,
}
FLAG = Column(_flag)
