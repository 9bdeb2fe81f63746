"""The theme's own words in the language of a site."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from igny8_core.business.publishing.services.site_look import THEMES

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Final = THEMES / "words"
FALLBACK: Final = "en"


def languages() -> tuple[str, ...]:
    """The languages that the themes speak."""
    return tuple(sorted(path.stem for path in WORDS.glob("*.json")))


def words_of(language: str) -> Mapping[str, str]:
    """The words for a language code such as ``pt-BR``; English for one that we do not speak."""
    plain = language.partition("-")[0].lower()
    return _words(plain if (WORDS / f"{plain}.json").is_file() else FALLBACK)


def counted(words: Mapping[str, str], count: int, one: str, many: str) -> str:
    """A number with its noun."""
    return words[one if count == 1 else many].format(n=count)


@cache
def _words(language: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return found
