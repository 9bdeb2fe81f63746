"""Headings, questions and joining words of languages besides English: data, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

_FILE: Final = Path(__file__).parent / "data" / "section_words.json"


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AspectWords(_Words):
    """One side of a topic.

    :ivar heading: of a section about it; ``{Kw}`` is the keyword with a capital.
    :ivar question: what readers ask about it, as a whole sentence.
    """

    heading: str
    question: str


class LanguageWords(_Words):
    """What one language has.

    :ivar conjunction: before the last entry of an enumeration.
    :ivar ending: the last sentence of a description for search engines.
    :ivar read_more: what stands before the title of another article.
    """

    conjunction: str
    ending: str
    read_more: str
    aspects: dict[str, AspectWords]


class _File(_Words):
    version: str
    languages: dict[str, LanguageWords]


def section_words(language: str) -> LanguageWords | None:
    """The words of a language; None when there are none. English has rules of its own."""
    return _file().languages.get(language)


@cache
def _file() -> _File:
    return _File.model_validate_json(_FILE.read_text(encoding="utf-8"))
