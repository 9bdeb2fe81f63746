"""A raw query as a phrase that people would print: "chrome bathroom 4 light vanity light" ->
"4-Light Bathroom Vanity Lights in Chrome". Pure; only for languages with the words for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FINISH_GOES_LAST = 4
"""Words from which on a colour in front is set behind: "in Chrome"."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_JOINED = re.compile(r"(\d+)([a-z]+)")
_VOWEL_SOUND = re.compile(
    r"[aeio]|u(?!ni|se|sb|k\b|s\b|tens|ti)|8|11\b|18\b|ho(?:ur|nest)", re.IGNORECASE
)
_ONE = re.compile(r"one|once|eu", re.IGNORECASE)
_SPELLED_WITH_VOWEL = frozenset("AEFHILMNORSX")
_PLURALS = (
    (re.compile(r"(?:[^aeiou]|qu)y$"), "y", "ies"),
    (re.compile(r"(?:s|x|z|ch|sh)$"), "", "es"),
    (re.compile(r"(?:[^f]fe)$"), "fe", "ves"),
    (re.compile(r"(?:lf|af)$"), "f", "ves"),
)


@dataclass(frozen=True)
class PhraseWords:
    """What a language needs for phrases; empty for those that leave queries as they are.

    :ivar units: words that a number before them makes one with: "5 drawer".
    :ivar finishes: colours and materials that may stand behind: "in Chrome".
    :ivar trailing: words that shoppers put last and print puts first: "bed frame queen".
    :ivar behind: words that stay behind the head: where one buys, "socks uk".
    :ivar links: words that end the part with the head: "for", "with".
    :ivar places: rooms and the like, that shoppers put behind without a word between.
    :ivar uncountable: heads without a plural, beside ``plurals`` of their own.
    """

    units: frozenset[str] = frozenset()
    finishes: frozenset[str] = frozenset()
    trailing: frozenset[str] = frozenset()
    behind: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    uncountable: frozenset[str] = frozenset()
    plurals: Mapping[str, str] = field(default_factory=dict)
    places: frozenset[str] = frozenset()
    place_words: tuple[str, ...] = ("for", "the")
    in_word: str = "in"

    @property
    def is_empty(self) -> bool:
        return not self.links


@dataclass(frozen=True)
class Phrase:
    """A query, put in order.

    :ivar words: of the singular or whatever form was typed; ``plural`` with the head in plural.
    :ivar is_countable: whether "a ..." can stand before it.
    """

    words: tuple[str, ...]
    plural: tuple[str, ...]
    is_countable: bool


def phrase_of(text: str, words: PhraseWords) -> Phrase:
    """The query in printed order, with the plural of its head."""
    tokens = _placed(_hyphenated(text.split(), words), words)
    if words.is_empty or not tokens:
        return Phrase(tuple(tokens), tuple(tokens), is_countable=False)
    cut = next((at for at, word in enumerate(tokens) if at and word in words.links), len(tokens))
    while cut > 1 and tokens[cut - 1] in words.behind:
        cut -= 1
    front, tail = tokens[:cut], tokens[cut:]
    front = _trailing_first(front, words)
    front, finish = _finish_last(front, tail, words)
    plural = [*front[:-1], plural_of(front[-1], words)]
    is_plural = plural[-1] == front[-1] and front[-1] not in words.uncountable
    return Phrase(
        words=(*front, *finish, *tail),
        plural=(*plural, *finish, *tail),
        is_countable=not is_plural and front[-1] not in words.uncountable,
    )


def _hyphenated(tokens: Sequence[str], words: PhraseWords) -> list[str]:
    """Numbers with their unit: "4 light" -> "4-light"; no word stands twice in a row."""
    found: list[str] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        after = tokens[at + 1] if at + 1 < len(tokens) else ""
        joined = _JOINED.fullmatch(word)
        if _NUMBER.fullmatch(word) and after in words.units and at + 2 < len(tokens):
            found.append(f"{word}-{after}")
            at += 2
            continue
        if joined and joined.group(2) in words.units:
            word = f"{joined.group(1)}-{joined.group(2)}"
        if not found or found[-1] != word:
            found.append(word)
        at += 1
    return found


def _placed(tokens: list[str], words: PhraseWords) -> list[str]:
    """A room behind a plural is where it goes: "chairs living room" is "for the living room"."""
    for length in (2, 1):
        at = len(tokens) - length
        is_place = " ".join(tokens[at:]) in words.places
        if at > 0 and is_place and _is_plural(tokens[at - 1], words):
            return [*tokens[:at], *words.place_words, *tokens[at:]]
    return tokens


def _trailing_first(front: list[str], words: PhraseWords) -> list[str]:
    """As printed: "mattress topper queen" -> "queen mattress topper"."""
    moved: list[str] = []
    while len(front) > 1 and front[-1] in words.trailing:
        moved.insert(0, front.pop())
    return [*moved, *front]


def _finish_last(
    front: list[str], tail: Sequence[str], words: PhraseWords
) -> tuple[list[str], tuple[str, ...]]:
    """Of a long name the colour in front goes behind; a measure goes to the front."""
    measures = [word for word in front if "-" in word and word[0].isdigit()]
    others = [word for word in front if word not in measures]
    if len(front) < FINISH_GOES_LAST or tail or len(others) < 2:  # noqa: PLR2004 - a head and more
        return front, ()
    finish: list[str] = []
    while len(others) > 2 and others[0] in words.finishes:  # noqa: PLR2004 - as above
        finish.append(others.pop(0))
    return [*measures, *others], ((words.in_word, *finish) if finish else ())


def plural_of(word: str, words: PhraseWords) -> str:
    """The plural of a noun; a plural stays, and so does what has none."""
    if not word[-1:].isalpha() or word in words.uncountable or _is_plural(word, words):
        return word
    if word in words.plurals:
        return words.plurals[word]
    for pattern, ending, plural in _PLURALS:
        if pattern.search(word):
            return word[: len(word) - len(ending)] + plural
    return f"{word}s"


def _is_plural(word: str, words: PhraseWords) -> bool:
    return word in words.plurals.values() or (
        word.endswith("s") and not word.endswith(("ss", "us", "is"))
    )


def article_for(shown: str) -> str:
    """The indefinite article, by the sound: an LED Lamp, a Unicycle."""
    first = shown.split(maxsplit=1)[0] if shown.split() else ""
    if first.isupper() and len(first) > 1 and first.isalpha():
        return "an" if first[0] in _SPELLED_WITH_VOWEL else "a"
    if _ONE.match(first):
        return "a"
    return "an" if _VOWEL_SOUND.match(first) else "a"
