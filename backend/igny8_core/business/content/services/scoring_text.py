"""Words, sentences and word forms of a text for the scorer. Pure.

Words and sentences are those of UAX #29 by the tables of one pinned library, so every Python says
the same. Sentences also heed our abbreviations.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import regex

from igny8_core.business.content.services.scoring_lists import (
    NO_WORDS,
    WordLists,
    word_lists,
)
from igny8_core.business.planning.services.cluster_text import base_language, stem_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD: Final = regex.compile(r"(?V1w)\b[\p{L}\p{N}_].*?\b", regex.DOTALL)
_HOLDS_SIGN: Final = regex.compile(r"[\p{L}\p{N}]")
_END: Final = regex.compile(
    r"(?P<marks>[\p{SB=STerm}\p{SB=ATerm}]+)(?P<close>\p{SB=Close}*)(?P<space>\p{SB=Sp}*)"
)
_GOES_ON_SMALL: Final = regex.compile(
    r"[^\p{SB=OLetter}\p{SB=Upper}\p{SB=Lower}\p{SB=STerm}\p{SB=ATerm}]*\p{SB=Lower}"
)
_GOES_ON: Final = regex.compile(r"[\p{SB=SContinue}\p{SB=STerm}\p{SB=ATerm}]")
_NUMERIC: Final = regex.compile(r"\p{SB=Numeric}")
_LETTER: Final = regex.compile(r"[\p{SB=Upper}\p{SB=Lower}]")
_UPPER: Final = regex.compile(r"\p{SB=Upper}")
_FULL_STOP: Final = regex.compile(r"\p{SB=ATerm}")
_TOKEN_BEFORE: Final = regex.compile(r"[^\s(\[„“\"'«]+$")
_CHARACTER: Final = regex.compile(r"[\p{L}\p{N}]")
_SPACES: Final = regex.compile(r"\s+")

ORDINAL_DIGITS: Final = 2
UNSPACED: Final = frozenset({"th", "lo", "km", "my"})
"""Written without blanks, and not to be cut without a dictionary: nothing is counted in words."""

BY_CHARACTERS: Final = frozenset({"ja", "zh"})
"""Counted in characters."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """What the scorer does for a language.

    :ivar lists: None: what needs word lists is not applicable.
    """

    code: str
    lists: WordLists | None

    @property
    def has_words(self) -> bool:
        """Whether its words can be counted."""
        return self.code not in UNSPACED

    @property
    def is_by_characters(self) -> bool:
        """Whether characters are counted in place of words."""
        return self.code in BY_CHARACTERS

    @property
    def function_words(self) -> frozenset[str]:
        """None: every word is a content word."""
        return self.lists.function if self.lists else NO_WORDS

    def terms(self, words: Sequence[str]) -> tuple[str, ...]:
        """The stems of folded words, without what is cut off before an apostrophe."""
        return tuple(stem_words([self.without_elision(word) for word in words], self.code))

    def without_elision(self, word: str) -> str:
        """``eau`` of ``l'eau``."""
        if self.lists and "'" in word:
            before, _, after = word.partition("'")
            if after and before in self.lists.elisions:
                return after
        return word

    def is_function_word(self, word: str) -> bool:
        """Whether a folded word carries no topic."""
        if word in self.function_words:
            return True
        plain = self.without_elision(word)
        return plain is not word and plain in self.function_words


def language_of(code: str) -> Language:
    """The language of a code such as ``de`` or ``pt-BR``."""
    return _language(base_language(code))


@lru_cache(maxsize=256)
def _language(base: str) -> Language:
    return Language(base, word_lists(base))


@dataclass(frozen=True)
class Sentence:
    """One sentence, list item or heading: its place, its words and their stems.

    :ivar start, end: code points in the NFC text of its block.
    :ivar words: folded, as they stand.
    :ivar terms: a stem for each word.
    """

    block: int
    start: int
    end: int
    text: str
    words: tuple[str, ...]
    terms: tuple[str, ...]

    @cached_property
    def bag(self) -> frozenset[str]:
        """Its stems."""
        return frozenset(self.terms)

    @property
    def span(self) -> dict[str, int | str]:
        """Where it stands, as it is stored."""
        return {"field": "body", "block": self.block, "start": self.start, "end": self.end}


def flat(text: str) -> str:
    """NFC, with single blanks."""
    return str(_SPACES.sub(" ", unicodedata.normalize("NFC", text))).strip()


def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text: those of UAX #29 that hold a letter or a digit."""
    plain = text.replace("\u2019", "'").replace("\u0130", "i").lower()  # Turkish: one letter
    found = _WORD.findall(plain)
    if "_" in plain:
        found = [word for word in found if _HOLDS_SIGN.search(word)]
    return tuple(found)


def count_characters(text: str) -> int:
    """Letters and digits."""
    return len(_CHARACTER.findall(text))


def cut_sentences(text: str, lists: WordLists | None) -> list[tuple[int, int]]:
    """Start and end of every sentence of a block, without the blanks between them."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in _END.finditer(text):
        if end.end() == len(text):
            break
        if _is_end(text, end, lists):
            found.append((start, end.end("close")))
            start = end.end()
    if start < len(text):
        found.append((start, len(text)))
    return found


def _is_end(text: str, end: regex.Match[str], lists: WordLists | None) -> bool:
    """The rules SB6 to SB11 of UAX #29, then abbreviations, initials and ordinals."""
    marks, at = end["marks"], end.end()
    if not _FULL_STOP.match(marks[-1]):
        return not _GOES_ON.match(text, at)
    follows_at_once = not end["close"] and not end["space"]
    if follows_at_once and _NUMERIC.match(text, at):
        return False
    is_after_letter = end.start() > 0 and _LETTER.match(text, end.start() - 1)
    if follows_at_once and is_after_letter and _UPPER.match(text, at):
        return False
    if _GOES_ON_SMALL.match(text, at) or _GOES_ON.match(text, at):
        return False
    if marks == "." and not end["close"]:
        return not _is_abbreviation(text, end, lists)
    return True


def _is_abbreviation(text: str, end: regex.Match[str], lists: WordLists | None) -> bool:
    before = _TOKEN_BEFORE.search(text, max(0, end.start() - 30), end.start())
    word = before[0] if before else ""
    if len(word) == 1 and _UPPER.match(word) and word != "I":
        return True
    if lists is None:
        return False
    if f"{word.lower()}." in lists.never_last:
        return True
    if word.isdecimal() and len(word) <= ORDINAL_DIGITS and lists.ordinal_followers:
        following = _WORD.match(text, end.end())
        return following is not None and following[0].lower() in lists.ordinal_followers
    return False


def make_sentences(
    places: Iterable[tuple[int, int, int, str]], language: Language
) -> list[Sentence]:
    """Sentences with their words; all stems are made at once.

    :param places: block, start, end and text of each.
    """
    kept = [(place, words) for place in places if (words := words_of(place[3]))]
    every = list(dict.fromkeys(word for _, words in kept for word in words))
    stems = dict(zip(every, language.terms(every), strict=True))
    return [
        Sentence(*place, words=words, terms=tuple([stems[word] for word in words]))
        for place, words in kept
    ]


def one_sentence(text: str, language: Language) -> Sentence:
    """A title, a description or an alternative text as one sentence."""
    words = words_of(text)
    return Sentence(0, 0, len(text), text, words, language.terms(words))
