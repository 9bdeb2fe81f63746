"""What a page is about, as terms that can be compared: topic words, numbers, intent. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.cluster_text import (
    base_language,
    grouping_words,
    normalise,
    split_signs_of,
    stem_words,
)
from igny8_core.business.planning.services.idea_texts import idea_words, worded_structure
from igny8_core.business.planning.services.language_words import language_words
from igny8_core.business.planning.states import ContentStructure

if TYPE_CHECKING:
    from collections.abc import Sequence

LIGHT_WEIGHT = 0.25
TERMS_KEPT = 50_000
MAX_TITLE_COUNT = 200
MIN_PLURAL = 4

_FOLDER = resources.files("igny8_core.business.planning.services") / "data"
_TOKEN = re.compile(r"[^\W_]+(?:[.&+][^\W_]+)*[+#]*")
_SUFFIX = re.compile(r"\s+[|\u2013\u2014-]\s+[^|\u2013\u2014]*$")
_YEAR = re.compile(r"(?:19[5-9]|20[0-4])\d")
_MEASURE = re.compile(r"(\d+(?:[.,]\d+)?)([a-z]+)")
_PREPOSITION = re.compile(r"\s(?:for|in|on|of|with|without|from|to|at|by|under|near)\s")
_ONE_LETTER = re.compile(r"\b([a-z])-(?=[a-z]{2,})")

_INTENTS: dict[ContentStructure, str] = {
    ContentStructure.HOW_TO: "do",
    ContentStructure.QUESTION: "ask",
    ContentStructure.DEFINITION: "define",
    ContentStructure.BEST_OF: "choose",
    ContentStructure.BUYING_GUIDE: "choose",
    ContentStructure.PRODUCT_ROUNDUP: "choose",
    ContentStructure.REVIEW: "review",
    ContentStructure.COMPARISON: "compare",
    ContentStructure.ALTERNATIVES: "alternatives",
    ContentStructure.PRICING: "price",
    ContentStructure.LOCAL: "local",
}
"""What a searcher wants, where the wording says so; everything else is open."""

OPEN = "open"
_NO_END = frozenset(
    {"how", "when", "where", "what", "time", "way", "ways", "things", "want", "need"}
)


@dataclass(frozen=True)
class OverlapWords:
    """Words of a language for comparing pages.

    :ivar stop: words without a topic; ``light``: words that hardly change it.
    :ivar same: phrase -> the word that stands for it and its synonyms; ``same_stem`` by stem.
    :ivar units: what a number may be written together with.
    """

    stop: frozenset[str] = frozenset()
    light: frozenset[str] = frozenset()
    same: dict[str, str] = field(default_factory=dict)
    same_stem: dict[str, str] = field(default_factory=dict)
    longest: int = 1
    units: frozenset[str] = frozenset()


@cache
def overlap_words(language: str) -> OverlapWords:
    """The words of a language such as ``en``; without a list, its filler words alone."""
    language = base_language(language)
    special = grouping_words(language)
    filler = language_words(language).filler | (special.filler if special else frozenset())
    file = _FOLDER / f"overlap_{language}.json"
    if not file.is_file():
        return OverlapWords(stop=filler)
    found = json.loads(file.read_text(encoding="utf-8"))
    same = {phrase: group[0] for group in found["synonyms"] for phrase in group}
    single = [phrase for phrase in same if " " not in phrase]
    return OverlapWords(
        stop=filler | frozenset(found["stop"]),
        light=frozenset(found["light"]),
        same=same,
        same_stem={
            stem: same[word]
            for stem, word in zip(stem_words(single, language), single, strict=True)
        },
        longest=max((len(phrase.split()) for phrase in same), default=1),
        units=frozenset(found["units"]),
    )


@dataclass(frozen=True)
class Terms:
    """One page, taken apart.

    :ivar topic: (stem, word, weight) of its topic, in order, each once.
    :ivar numbers: that tell it from others: models and sizes, never years and lengths of lists.
    :ivar signs: sides of contrasts, such as with and without.
    :ivar head: the word that says what kind of thing it is: "reel" in "garden hose reel for walls".
    :ivar ends: where the wording gives a direction: the last word before it, those behind it.
    """

    text: str
    topic: tuple[tuple[str, str, float], ...]
    numbers: frozenset[str]
    signs: frozenset[str]
    intent: str
    ends: tuple[str, frozenset[str]] | None = None
    head: str = ""

    @property
    def stems(self) -> frozenset[str]:
        """Of all topic words."""
        return frozenset(stem for stem, _word, _weight in self.topic)

    @property
    def plain(self) -> frozenset[str]:
        """Topic words without accents and plural endings: stemmers miss some of them."""
        return frozenset(plain_word(word) for _stem, word, _weight in self.topic)

    @property
    def joined(self) -> frozenset[str]:
        """Neighbouring words as one: "ear buds" is "earbuds"."""
        words = [word for _stem, word, _weight in self.topic]
        return frozenset(f"{one}{other}" for one, other in pairwise(words))


def plain_word(word: str) -> str:
    """A word without accents and plural endings."""
    letters = unicodedata.normalize("NFD", word)
    plain = "".join(char for char in letters if not unicodedata.combining(char))
    return plain[:-1] if plain.endswith("s") and len(plain) >= MIN_PLURAL else plain


def page_terms(keyword: str, title: str, language: str) -> Terms:
    """What a page is about: its keyword where there is one, else the core of its title.

    The title helps where the keyword does not say what is wanted.
    """
    return _terms(normalise(keyword), normalise(title), base_language(language))


@lru_cache(maxsize=TERMS_KEPT)
def _terms(keyword: str, title: str, language: str) -> Terms:
    core = title_core(title, language)
    text = keyword or core
    structure = worded_structure(_spoken(text), language)
    if structure is None and core and text != core:
        structure = worded_structure(_spoken(core), language)
    tokens = _tokens(text, language)
    words = overlap_words(language)
    topic_words = [
        word
        for word in _joined(tokens, words, language)
        if word not in words.stop and not _has_digit(word) and word not in _intent_words(language)
    ]
    if not topic_words:
        topic_words = [word for word in tokens if not _has_digit(word)]
    signs = split_signs_of(text, language)
    return Terms(
        text=text,
        topic=_weighted(topic_words, words, language),
        numbers=frozenset(_numbers(tokens, words.units)),
        signs=frozenset(sign for sign in signs if not sign.startswith("number:")),
        intent=_INTENTS.get(structure, OPEN) if structure else OPEN,
        ends=_ends(text),
        head=_head(text, topic_words, language),
    )


def title_core(title: str, language: str) -> str:
    """A title without the site's name, its second half and its count: "15 Small Balcony Ideas"."""
    text = _SUFFIX.sub("", title.strip())
    head, _colon, _rest = text.partition(":")
    if len([w for w in _tokens(head, language) if w not in overlap_words(language).stop]) > 1:
        text = head
    first, _blank, rest = text.strip(" ?!.").partition(" ")
    units = overlap_words(language).units
    is_count = first.isdigit() and int(first) <= MAX_TITLE_COUNT
    if is_count and len(rest.split()) > 1 and rest.split()[0].casefold() not in units:
        text = rest
    return text.strip(" ?!.")


def _has_digit(word: str) -> bool:
    return any(char.isdigit() for char in word)


def _spoken(text: str) -> str:
    return text.rstrip("?!. ")


def _tokens(text: str, language: str) -> list[str]:
    """Words; possessives lose their s, "12ft" is "12 ft", "e-bike" is "ebike"."""
    plain = _ONE_LETTER.sub(r"\1", text).replace("'s", "").replace("s'", "s").replace("'", "")
    units = overlap_words(language).units
    found: list[str] = []
    for token in _TOKEN.findall(plain):
        measure = _MEASURE.fullmatch(token)
        if measure and measure.group(2) in units:
            found += measure.groups()
        else:
            found.append(token)
    return found


def _joined(tokens: Sequence[str], words: OverlapWords, language: str) -> list[str]:
    """The same words, each phrase with a synonym as the word that stands for it."""
    stems = stem_words(tokens, language)
    found: list[str] = []
    at = 0
    while at < len(tokens):
        for length in range(words.longest, 0, -1):
            phrase = " ".join(tokens[at : at + length])
            if phrase in words.same and at + length <= len(tokens):
                found.append(words.same[phrase])
                at += length
                break
        else:
            found.append(words.same_stem.get(stems[at], tokens[at]))
            at += 1
    return found


@cache
def _intent_words(language: str) -> frozenset[str]:
    """Words that say what is wanted rather than of what: price, review, alternatives."""
    telling = {"comparison", "alternatives", "review", "best_of", "pricing", "definition"}
    return frozenset(
        word
        for phrase, structure in idea_words(language).words
        if structure in telling
        for word in phrase.split()
    )


def _weighted(
    topic: Sequence[str], words: OverlapWords, language: str
) -> tuple[tuple[str, str, float], ...]:
    once = list(dict.fromkeys(topic))
    found: dict[str, tuple[str, str, float]] = {}
    for stem, word in zip(stem_words(once, language), once, strict=True):
        weight = LIGHT_WEIGHT if word in words.light else 1.0
        found.setdefault(stem, (stem, word, weight))
    return tuple(found.values())


def _numbers(tokens: Sequence[str], units: frozenset[str]) -> list[str]:
    """Models and sizes; a number that only counts the entries of a list is none."""
    found = []
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else ""
        after = tokens[at + 1] if at + 1 < len(tokens) else ""
        if not any(char.isdigit() for char in token) or _YEAR.fullmatch(token):
            continue
        counts = token.isdigit() and (before in {"top", "best"} or (at == 0 and after not in units))
        if not counts:
            found.append(token.lstrip("0"))
    return found


def _head(text: str, topic: Sequence[str], language: str) -> str:
    """The last topic word before a preposition; of an instruction the first, its verb."""
    if not topic:
        return ""
    if worded_structure(text, language) is ContentStructure.HOW_TO:
        return topic[0]
    words = overlap_words(language)
    before = _PREPOSITION.split(text, maxsplit=1)[0]
    spoken = _joined(_tokens(before, language), words, language)
    own = [word for word in spoken if word in set(topic)]
    return own[-1] if own else topic[-1]


def _ends(text: str) -> tuple[str, frozenset[str]] | None:
    """The two ends of "london to new york"; "how to" and "time to" have none."""
    left, arrow, right = text.partition(" to ")
    words = left.split()
    if not arrow or not words or words[-1] in _NO_END:
        return None
    return words[-1], frozenset(right.split())
