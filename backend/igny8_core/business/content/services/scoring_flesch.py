"""How easily a text is read by Flesch's formula: an insight without points. Pure, in integers.

The formulas of Flesch (en), Amstad (de), Douma (nl), Kandel and Moles (fr), Fernández Huerta (es),
Franchina and Vacca (it) and those used for pt and ru. Syllables are counted by rules of ours; of
other languages there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import regex

from igny8_core.business.content.services.scoring_bands import Check, hint, not_applicable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.business.content.services.scoring_context import Context

NAME: Final = "read.flesch"
WORDS_TO_TELL: Final = 11
NO_FORMULA, TOO_FEW = "no_formula_for_language", "too_few_words"

FORMULAS: Final[dict[str, tuple[int, int, int]]] = {
    "en": (206_835, 1_015, 84_600),
    "de": (180_000, 1_000, 58_500),
    "nl": (206_840, 930, 77_000),
    "fr": (207_000, 1_015, 73_600),
    "es": (206_840, 1_020, 60_000),
    "it": (217_000, 1_300, 60_000),
    "pt": (248_835, 1_015, 84_600),
    "ru": (206_835, 1_300, 60_100),
}
"""Thousandths: a start, less so much for each word of a sentence and each syllable of a word."""

_NAMES: Final = (
    "very_easy", "easy", "fairly_easy", "okay", "fairly_hard", "hard", "very_hard",
)  # fmt: skip
_BOUNDS: Final = (90, 80, 70, 60, 50, 30)
_BOUNDS_OF: Final = {"ru": (80, 70, 60, 50, 40, 20)}


@dataclass(frozen=True)
class _Syllables:
    """How a language's syllables are counted.

    :ivar group: what makes one syllable.
    :ivar split: where a group is two.
    :ivar silent: an ending that is none.
    """

    group: regex.Pattern[str]
    split: regex.Pattern[str] | None = None
    silent: regex.Pattern[str] | None = None

    def count(self, word: str) -> int:
        found = len(self.group.findall(word))
        if self.split is not None:
            found += len(self.split.findall(word, overlapped=True))
        if self.silent is not None and self.silent.search(word):
            found -= 1
        return max(1, found)


def _rules(group: str, split: str = "", silent: str = "") -> _Syllables:
    return _Syllables(
        regex.compile(group),
        regex.compile(split) if split else None,
        regex.compile(silent) if silent else None,
    )


_STRONG: Final = "[aeoáéóàèòâêô]"
_ROMANCE: Final = "[aeiouáéíóúàèìòùâêôãõü]+"
_SYLLABLES: Final = {
    "en": _rules(
        "[aeiouy]+",
        "ei(?=ng)|(?<=d)ea$|(?<=cr)ea|i[ao](?!u)|eo(?!u)|ua(?!r)|uo",
        "(?<=[^aeiouy])(?:(?<!l)e|(?<![td])ed|(?<![cgsxz]|sh|ch)es)$",
    ),
    "de": _rules("[aeiouyäöü]+", "(?<!q)u[aoeäö]|e[ao]|i[aouö]|io"),
    "nl": _rules("[aeiouyáéèêëïíóöúü]+", "[aeiou][ëïöü]|i[ao]|e[ao](?!u)|u[ao]"),
    "fr": _rules(
        "[aeiouyàâäéèêëîïôöùûüœæ]+",
        "[aeiou][ëïüéè]|é[aou]|[aeo]é",
        "(?<=[^aeiouyàâéèêîôûœ])(?:es?|ent)$",
    ),
    "es": _rules(_ROMANCE, f"{_STRONG}{_STRONG}|[íú]{_STRONG}|{_STRONG}[íú]"),
    "it": _rules(_ROMANCE, f"{_STRONG}{_STRONG}|[ìíùú]{_STRONG}"),
    "pt": _rules(_ROMANCE, f"{_STRONG}{_STRONG}|[íú]{_STRONG}|{_STRONG}[íú]"),
    "ru": _rules("[аеёиоуыэюя]"),
}


def flesch_check(context: Context) -> Check:
    """The reading ease of a text, as a remark."""
    language = context.document.language.code
    if language not in FORMULAS:
        return not_applicable(NAME, NO_FORMULA)
    sentences = context.document.prose
    words = [word for sentence in sentences for word in sentence.words]
    if len(words) < WORDS_TO_TELL:
        return not_applicable(NAME, TOO_FEW)
    spoken = syllables(words, language)
    ease = reading_ease(language, sentences=len(sentences), words=len(words), syllables=spoken)
    measured = {
        "ease": ease, "sentences": len(sentences), "words": len(words), "syllables": spoken,
    }  # fmt: skip
    return hint(NAME, is_good=True, measured=measured, band=band_of_ease(ease, language))


def syllables(words: Iterable[str], language: str) -> int:
    """Syllables of folded words; at least one each. The language has a formula."""
    rules = _SYLLABLES[language]
    return sum(rules.count(word) for word in words)


def reading_ease(language: str, *, sentences: int, words: int, syllables: int) -> int:
    """0 to 100, half up; the higher the easier. The language has a formula."""
    start, per_word, per_syllable = FORMULAS[language]
    whole = 1_000 * sentences * words
    value = (
        start * sentences * words
        - per_word * words * words
        - per_syllable * syllables * (sentences)
    )
    return min(100, max(0, (2 * value + whole) // (2 * whole)))


def band_of_ease(ease: int, language: str) -> str:
    """What a reading ease is called."""
    bounds = _BOUNDS_OF.get(language, _BOUNDS)
    return next(
        (name for low, name in zip(bounds, _NAMES, strict=False) if ease >= low), _NAMES[-1]
    )
