"""What a text states that must not be lost or made up: figures, dates, names, quotes. Pure.

By rule, as normal forms: ``1,300 g`` and ``1.3 kg`` are one, ``2 May 2026`` is ``2026-05-02``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import regex

from igny8_core.business.content.services.scoring_text import flat, words_of
from igny8_core.business.content.services.scoring_topic import SCALES, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio januari janeiro stycznia",
            "february feb februar février febrero febbraio februari fevereiro lutego",
            "march mar märz mars marzo maart março marca",
            "april apr avril abril aprile kwietnia",
            "may mai mayo maggio mei maio maja",
            "june jun juni juin junio giugno junho czerwca",
            "july jul juli juillet julio luglio julho lipca",
            "august aug août agosto augustus sierpnia",
            "september sep sept septembre septiembre settembre setembro września",
            "october oct oktober octobre octubre ottobre outubro października",
            "november nov novembre noviembre novembro listopada",
            "december dec dezember décembre diciembre dicembre dezembro grudnia",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO: Final = regex.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DAY_FIRST: Final = regex.compile(
    rf"\b(\d{{1,2}})(?:\.|st|nd|rd|th)?\s+(?:de\s+)?({_MONTH})\.?\s+(?:de\s+)?(\d{{4}})\b",
    regex.IGNORECASE,
)
_MONTH_FIRST: Final = regex.compile(
    rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", regex.IGNORECASE
)
_SHORT_DATE: Final = regex.compile(r"\b\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d{2})\b")
_TIME: Final = regex.compile(r"\b(\d{1,2})[:h](\d{2})(?::\d{2})?\s*([ap]\.?m\b)?", regex.IGNORECASE)
_VERSION: Final = regex.compile(r"\bv?\d+(?:\.\d+){2,}\b", regex.IGNORECASE)
_EMAIL: Final = regex.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = regex.compile(r"(?<![\w.,])(?:\+|0)\d[\d\s()/\u2010-]{5,}\d")
_QUOTES: Final = regex.compile(
    r"\u201c([^\u201c\u201d]{2,300})\u201d|\u201e([^\u201e\u201c]{2,300})\u201c"
    r"|\u00ab([^\u00ab\u00bb]{2,300})\u00bb|\"([^\"]{2,300})\""
)
_NUMBER: Final = r"\d+(?:[.,\u00a0\u202f ]\d{3}(?!\d))*(?:[.,]\d+)?"
_SYMBOLS: Final = {"€": "eur", "$": "usd", "£": "gbp", "¥": "jpy", "zł": "pln"}
_CURRENCIES: Final = {
    "eur": "eur", "euro": "eur", "euros": "eur", "usd": "usd", "dollar": "usd", "dollars": "usd",
    "dólares": "usd", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "pln": "pln", "zł": "pln",
    "złotych": "pln", "chf": "chf", "jpy": "jpy", "yen": "jpy", "€": "eur", "$": "usd", "£": "gbp",
    "¥": "jpy",
}  # fmt: skip
_MONEY_BEFORE: Final = regex.compile(rf"([€$£¥])\s?({_NUMBER})")
_FIGURE: Final = regex.compile(
    rf"(?<![\p{{L}}\d.,])({_NUMBER})\s?([\p{{L}}€$£¥%°\u2033]+)?", regex.IGNORECASE
)
_PERCENT: Final = frozenset({"%", "percent", "prozent", "procent", "procent."})
_MODEL: Final = regex.compile(
    r"(?<![\w-])(?=[\p{L}\d-]*\p{L})(?=[\p{L}\d-]*\d)[\p{L}\d]+(?:-[\p{L}\d]+)*(?!\w)"
)
_COMPOUND: Final = regex.compile(rf"(?:{_NUMBER}-?\p{{Ll}}+|\p{{Ll}}+-\d+)(?:-\p{{Ll}}+)*")
"""Such as ``24-hour`` or ``80cm``: the figure is the fact."""
_MIXED: Final = regex.compile(r"\b(?:\p{Ll}+\p{Lu}\w*|\p{Lu}\p{Ll}+\p{Lu}\w*)\b")
_NAME: Final = regex.compile(r"\p{Lu}[\p{L}'\u2019-]*(?:\s+\p{Lu}[\p{L}'\u2019-]*)+")
_SENTENCE_START: Final = regex.compile(r"[.!?:…\"\u201c\u201e\u00ab(]\s*$|\n$")
LOOK_BACK: Final = 4
NO_NAMES: Final = frozenset({"de"})
"""Nouns have capitals there: names cannot be told by them."""


def facts_of(text: str, *, language: str, values: Iterable[str] = ()) -> frozenset[str]:
    """The facts that a text states.

    :param values: of attributes: each one that the text says is a fact.
    """
    found: set[str] = set()
    folded = " ".join(words_of(text))
    for value in values:
        words = " ".join(words_of(value))
        if words and f" {words} " in f" {folded} ":
            found.add(f"value {words}")
    rest = text
    for take in (_contacts, _quotes, _dates, _figures, _models):
        rest = take(rest, found)
    found.update(f"name {name.lower()}" for name in _MIXED.findall(text))
    if language not in NO_NAMES:
        found.update(f"name {name}" for name in _names(text))
    return frozenset(found)


def lost_facts(before: str, after: str, *, language: str, values: Iterable[str] = ()) -> list[str]:
    """Facts that are stated no more, in order."""
    kept = tuple(values)
    was = facts_of(before, language=language, values=kept)
    # A name at the start of a sentence is no name by rule: what matters is that it is there.
    now = facts_of(after, language=language, values=kept)
    folded = " ".join(words_of(after))
    return sorted(fact for fact in was - now if not _is_said(fact, folded))


def _is_said(fact: str, folded: str) -> bool:
    kind, _, words = fact.partition(" ")
    return kind == "name" and f" {' '.join(words_of(words))} " in f" {folded} "


def _contacts(text: str, found: set[str]) -> str:
    found.update(f"email {email.lower()}" for email in _EMAIL.findall(text))
    rest = _EMAIL.sub(" ", text)
    phones = _PHONE.findall(rest)
    found.update(f"phone {regex.sub(r'[^0-9+]', '', phone)}" for phone in phones)
    return str(_PHONE.sub(" ", rest))


def _quotes(text: str, found: set[str]) -> str:
    """Quoted words; what they hold is looked through as well."""
    for parts in _QUOTES.findall(text):
        quoted = " ".join(words_of(next(part for part in parts if part)))
        if quoted:
            found.add(f"quote {quoted}")
    return text


def _dates(text: str, found: set[str]) -> str:
    for year, month, day in _ISO.findall(text):
        found.add(f"date {year}-{month}-{day}")
    for day, month, year in _DAY_FIRST.findall(text):
        found.add(f"date {year}-{_MONTHS[month.lower()]:02d}-{int(day):02d}")
    for month, day, year in _MONTH_FIRST.findall(text):
        found.add(f"date {year}-{_MONTHS[month.lower()]:02d}-{int(day):02d}")
    rest = text
    for pattern in (_ISO, _DAY_FIRST, _MONTH_FIRST):
        rest = pattern.sub(" ", rest)
    found.update(f"date {date[0]}" for date in _SHORT_DATE.finditer(rest))
    rest = _SHORT_DATE.sub(" ", rest)
    found.update(f"version {version.lower()}" for version in _VERSION.findall(rest))
    rest = _VERSION.sub(" ", rest)
    for hours, minutes, half in _TIME.findall(rest):
        half_name = half.lower().replace(".", "")
        found.add(f"time {int(hours)}:{minutes}{half_name}")
    return str(_TIME.sub(" ", rest))


def _figures(text: str, found: set[str]) -> str:
    """Money, percentages, figures with their unit, and bare ones."""
    for symbol, number in _MONEY_BEFORE.findall(text):
        found.add(f"money {_plain(number)} {_SYMBOLS[symbol]}")
    rest = _MONEY_BEFORE.sub(" ", text)
    for number, word in _FIGURE.findall(rest):
        unit = word.lower()
        if unit in _CURRENCIES:
            found.add(f"money {_plain(number)} {_CURRENCIES[unit]}")
        elif unit in _PERCENT:
            found.add(f"percent {_plain(number)}")
        elif unit in SCALES:
            name, factor = SCALES[unit]
            found.add(f"figure {(number_of(number) * factor).normalize():f} {name}")
        elif unit.startswith("°"):
            found.add(f"figure {_plain(number)} {unit}")
        else:
            found.add(f"figure {_plain(number)}")
    return str(rest)


def _plain(number: str) -> str:
    return f"{number_of(number).normalize():f}"


def _models(text: str, found: set[str]) -> str:
    """Names of letters and digits, such as ``RX-78``; a figure with its unit is none."""
    for name in _MODEL.findall(text):
        if not _COMPOUND.fullmatch(name):
            found.add(f"model {name.lower()}")
    return text


def _names(text: str) -> Iterable[str]:
    """Words with capitals in a row; the first word of a sentence says nothing."""
    for name in _NAME.finditer(text):
        words = flat(name[0]).split()
        before = text[max(0, name.start() - LOOK_BACK) : name.start()]
        if not name.start() or _SENTENCE_START.search(before):
            words = words[1:]
        if len(words) > 1:
            yield " ".join(word.lower() for word in words)
