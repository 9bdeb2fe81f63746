"""Thresholds by language, role and kind of page, as bands of whole numbers. Pure.

Public facts as used by Yoast SEO 3.6.0, in our own form. Shares are whole percent: rounded up where
the bound is "at most", rounded down where it is "at least".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_bands import FULL, HALF, NONE, Bands, bands

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_text import Language

CATEGORY: Final = "category"

_LONG_SENTENCE: Final = {
    **dict.fromkeys(("ca", "es", "fa", "it", "pt"), 25),
    **dict.fromkeys(("he", "ru", "tr"), 15),
    "ja": 40,
    "zh": 40,
}
_LONG_SENTENCE_DEFAULT: Final = 20
_COMPLEX_FROM: Final = {"en": 8, "es": 8, "fr": 10, "de": 11}
"""Letters from which a word is complex, where there is a list of common words."""

TRANSITIONS_FROM: Final = 200
DISTRIBUTION_FROM: Final = 15
DISTRIBUTION_LONG: Final = 4
"""Content words from which half of a keyphrase in a sentence is enough."""

SAME_STARTS: Final = bands((0, FULL), (3, NONE))
PASSIVE: Final = bands((0, FULL), (11, HALF), (16, NONE), unit="%")
TRANSITIONS: Final = bands((0, NONE), (20, HALF), (30, FULL), unit="%")
DISTRIBUTION: Final = bands((0, FULL), (31, HALF), (51, NONE), unit="%")
UNIQUE: Final = bands((0, FULL), (1, HALF), (2, NONE))
META_MATCHES: Final = bands((0, NONE), (1, FULL), (3, NONE))
H1: Final = bands((0, FULL), (1, HALF), (2, NONE))
COMPETING: Final = bands((0, FULL), (1, NONE))
TITLE_UNITS: Final = bands((0, NONE), (1, FULL), (61_441, NONE))
"""In units of the font: 600 pixels are 61,440."""

DENSITY: Final = bands((0, NONE), (10, FULL), (61, NONE))
"""Places on a line of tenths: an exact tenth n is 2n, what lies between n and n + 1 is 2n + 1."""


@dataclass(frozen=True)
class Limits:
    """The bands that depend on language, role or kind of page.

    :ivar long_sentence: a sentence of more words than this is long.
    :ivar complex_from: letters from which a word is complex; None: not known for the language.
    :ivar cap_none: below so many words a page gets at most 39, below ``cap_low`` at most 59.
    """

    text_length: Bands
    section_length: Bands
    unsectioned_length: Bands
    short_text: int
    long_sentence: int
    long_sentences: Bands
    paragraph_length: Bands
    meta_length: Bands
    complexity: Bands
    complex_from: int | None
    transitions_from: int
    density_from: int
    keyphrase_long: int
    keyphrase_too_long: int
    cap_none: int
    cap_low: int


def limits_for(language: Language, *, is_hub: bool, content_type: str) -> Limits:
    """The limits of a page."""
    return _limits(
        language.code,
        has_function_words=language.lists is not None,
        is_hub=is_hub,
        is_category=content_type == CATEGORY,
    )


@cache
def _limits(code: str, *, has_function_words: bool, is_hub: bool, is_category: bool) -> Limits:
    is_by_characters = code in {"ja", "zh"}
    text = _text_length(is_by_characters, is_hub=is_hub, is_category=is_category)
    meta = (61, 81) if is_by_characters else (121, 157)
    section, section_bad = _section_bounds(is_by_characters, is_hub=is_hub)
    paragraph, paragraph_bad = (301, 401) if is_by_characters else (151, 201)
    meta_off = NONE if is_hub else HALF
    long_phrase, too_long = (
        (13, 19) if is_by_characters else ((5, 9) if has_function_words else (7, 10))
    )
    cap_none, cap_low = (400, 400) if is_hub else (100, 200)
    if is_by_characters:
        cap_none, cap_low = (800, 800) if is_hub else (200, 400)
    if is_category:
        cap_none, cap_low = 1, 1
    return Limits(
        text_length=text,
        section_length=bands((0, FULL), (section, HALF), (section_bad, NONE)),
        unsectioned_length=bands((0, FULL), (section, NONE)),
        short_text=section - 1,
        long_sentence=_LONG_SENTENCE.get(code, _LONG_SENTENCE_DEFAULT),
        long_sentences=_long_sentences(code, is_hub=is_hub),
        paragraph_length=bands((0, FULL), (paragraph, HALF), (paragraph_bad, NONE)),
        meta_length=bands((0, NONE), (1, meta_off), (meta[0], FULL), (meta[1], meta_off)),
        complexity=bands((0, FULL), (10, NONE if is_hub else HALF), unit="%"),
        complex_from=_COMPLEX_FROM.get(code),
        transitions_from=400 if is_by_characters else TRANSITIONS_FROM,
        density_from=200 if is_by_characters else 100,
        keyphrase_long=long_phrase,
        keyphrase_too_long=too_long,
        cap_none=cap_none,
        cap_low=cap_low,
    )


def _text_length(is_by_characters: bool, *, is_hub: bool, is_category: bool) -> Bands:  # noqa: FBT001
    if is_category:
        low, high = (20, 60) if is_by_characters else (10, 30)
        return bands((0, NONE), (low, HALF), (high, FULL))
    if is_hub:
        low, high = (800, 1_800) if is_by_characters else (400, 900)
        return bands((0, NONE), (low, HALF), (high, FULL))
    low, high = (500, 600) if is_by_characters else (250, 300)
    return bands((0, NONE), (low, HALF), (high, FULL))


def _section_bounds(is_by_characters: bool, *, is_hub: bool) -> tuple[int, int]:  # noqa: FBT001
    """The first lengths that are half, and none."""
    if is_by_characters:
        return (501, 601) if is_hub else (601, 701)
    return (251, 301) if is_hub else (301, 351)


def _long_sentences(code: str, *, is_hub: bool) -> Bands:
    """Percent of long sentences."""
    ok, bad = (21, 26) if is_hub else (26, 31)
    if code == "pl":
        ok, bad = 16, 21
    elif code == "tr":
        ok, bad = 21, 26
    return bands((0, FULL), (ok, HALF), (bad, NONE), unit="%")
