"""Word lists of a language: data beside the code, read once. A language without a list has none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any

_FOLDER = resources.files("igny8_core.business.planning.services") / "data"


@dataclass(frozen=True)
class LanguageWords:
    """Words and phrases in normal form, by what they say about a keyword.

    :ivar commercial_not_after: a leading one of these makes the question informational.
    :ivar product: things that are bought.
    :ivar facets: what varies a thing without making it another topic: colour, size, price.
    :ivar filler: words that carry no topic.
    """

    navigational: tuple[str, ...] = ()
    transactional_starts: tuple[str, ...] = ()
    commercial: tuple[str, ...] = ()
    commercial_not_after: tuple[str, ...] = ()
    informational_starts: tuple[str, ...] = ()
    transactional: tuple[str, ...] = ()
    informational: tuple[str, ...] = ()
    product: frozenset[str] = field(default_factory=frozenset)
    facets: frozenset[str] = field(default_factory=frozenset)
    filler: frozenset[str] = field(default_factory=frozenset)


@cache
def language_words(language: str) -> LanguageWords:
    """The lists of a language such as ``en`` or ``en-GB``; empty ones when there are none."""
    file = _FOLDER / f"intent_{language.partition('-')[0].lower()}.json"
    if not file.is_file():
        return LanguageWords()
    found = json.loads(file.read_text(encoding="utf-8"))
    known = {one.name for one in fields(LanguageWords)}
    if unknown := set(found) - known:
        raise ValueError(f"{file}: unknown lists {sorted(unknown)}")
    sets = {"product", "facets", "filler"}
    lists: dict[str, Any] = {
        name: frozenset(words) if name in sets else tuple(words) for name, words in found.items()
    }
    return LanguageWords(**lists)
