"""Figures of attributes against figures in sentences: what contradicts a known fact. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.text_measures import folded_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FIGURE: Final = re.compile(
    r"(?<![\w.,])(\d{1,3}(?:[ \u00a0\u202f.,']\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)"
    r"[ \u00a0\u202f-]?(%|°\s?[CF]|[^\W\d_]+)?"
)
_GROUPED: Final = re.compile(r"\d{1,3}(?:[ \u00a0\u202f.,']\d{3})+\Z")
_SCALES: Final[dict[str, tuple[str, Decimal]]] = {
    unit: (base, Decimal(scale))
    for base, units in {
        "g": {"mg": "0.001", "g": "1", "gram": "1", "grams": "1", "gramm": "1", "kg": "1000",
              "kilogram": "1000", "kilograms": "1000", "kilo": "1000", "t": "1000000"},
        "mm": {"mm": "1", "cm": "10", "m": "1000", "meter": "1000", "meters": "1000",
               "metre": "1000", "metres": "1000", "km": "1000000"},
        "in": {"in": "1", "inch": "1", "inches": "1", "ft": "12", "feet": "12", "foot": "12"},
        "ml": {"ml": "1", "cl": "10", "dl": "100", "l": "1000", "liter": "1000",
               "litre": "1000", "liters": "1000", "litres": "1000"},
        "w": {"w": "1", "watt": "1", "watts": "1", "kw": "1000"},
        "%": {"%": "1", "percent": "1", "prozent": "1"},
    }.items()
    for unit, scale in units.items()
}  # fmt: skip
"""Units by what they are measured in; every other word is a unit of its own."""

_MEASURES: Final = frozenset(base for base, _ in _SCALES.values())


def figures(text: str) -> list[tuple[Decimal, str]]:
    """The numbers of a text with what follows each, in one unit of a kind.

    ``1,300 g`` and ``1.3 kg`` are the same; a number without a unit has an empty one.
    """
    found = []
    for match in _FIGURE.finditer(text):
        unit = (match[2] or "").casefold()
        base, scale = _SCALES.get(unit, (_singular(unit), Decimal(1)))
        found.append((_number(match[1]) * scale, base))
    return found


def contradiction(sentence: str, attributes: Iterable[tuple[str, str]]) -> str:
    """The name of the attribute that a sentence contradicts; empty when there is none.

    It does when it says the attribute's name and states figures of its unit, none of them the
    attribute's own.
    """
    said = frozenset(folded_words(sentence))
    stated = figures(sentence)
    if not stated:
        return ""
    for name, value in attributes:
        known = figures(value)
        words = folded_words(name)
        if not known or not words or not said.issuperset(words):
            continue
        units = {unit for _, unit in known if unit}
        same_unit = {figure for figure in stated if figure[1] in units}
        if same_unit and not same_unit & set(known):
            return name
    return ""


def unknown_measures(sentences: Iterable[str], attributes: Sequence[tuple[str, str]]) -> list[str]:
    """Measures in sentences, as these write them, that no attribute gives; each once.

    Of kinds that the attributes measure: where no weight is known, none is unknown.
    """
    known = {figure for _, value in attributes for figure in figures(value)}
    kinds = {unit for _, unit in known} & _MEASURES
    if not kinds:
        return []
    found: dict[str, None] = {}
    for sentence in sentences:
        for match in _FIGURE.finditer(sentence):
            [figure] = figures(match[0])
            if figure[1] in kinds and figure not in known:
                found[match[0].strip()] = None
    return list(found)


def _number(text: str) -> Decimal:
    if _GROUPED.match(text):
        return Decimal(re.sub(r"\D", "", text))
    whole, mark, part = text.rpartition("," if text.rfind(",") > text.rfind(".") else ".")
    if not mark:
        return Decimal(re.sub(r"\D", "", text))
    return Decimal(f"{re.sub(r'[^0-9]', '', whole)}.{part}")


def _singular(unit: str) -> str:
    return unit.removesuffix("s") if len(unit) > 3 else unit  # noqa: PLR2004 - "gas" keeps its s
