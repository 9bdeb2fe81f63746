"""Word lists of a language for the scorer: data beside the code, read once. Our own lists.

A language without a list has none: what needs one is then not applicable, never wrong.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import regex

from igny8_core.business.planning.services.cluster_text import base_language

_FOLDER: Final = Path(__file__).parent / "data" / "scoring"
NO_WORDS: Final = frozenset[str]()


@dataclass(frozen=True)
class PassiveWords:
    """How a language says that something is done to its subject.

    :ivar is_free_order: auxiliary and participle stand anywhere in one clause, as in German.
    :ivar window: how many words after the auxiliary the participle may stand.
    :ivar participles: irregular ones, beside the patterns.
    :ivar not_participles: words that only look like one, and verbs that have no passive.
    :ivar stops: words after which no participle of the auxiliary can follow.
    :ivar reflexives: before the auxiliary they make the sentence active.
    :ivar alone: words that are passive without an auxiliary, as in Swedish and Turkish.
    """

    is_free_order: bool
    window: int
    auxiliaries: frozenset[str]
    pattern: regex.Pattern[str]
    participles: frozenset[str]
    not_participles: frozenset[str]
    stops: frozenset[str]
    reflexives: frozenset[str]
    alone: regex.Pattern[str] | None = None

    def is_passive_alone(self, word: str) -> bool:
        """Whether a word is a passive by its own form."""
        return self.alone is not None and self.alone.fullmatch(word) is not None

    def is_participle(self, word: str) -> bool:
        """Whether a word can be the participle of a passive."""
        if word in self.not_participles:
            return False
        return word in self.participles or self.pattern.fullmatch(word) is not None


@dataclass(frozen=True)
class WordLists:
    """What the scorer knows of one language.

    :ivar function: words that carry no topic.
    :ivar skipped_starts: articles and the like, which do not count as first word of a sentence.
    :ivar never_last: abbreviations, with their full stops, that end no sentence.
    :ivar sometimes_last: abbreviations that end one when a capital follows.
    :ivar ordinal_followers: words before which a number with a full stop is an ordinal.
    :ivar elisions: what is cut off before an apostrophe, as in ``l'eau``.
    :ivar transitions: phrases by their first word, the longest first.
    """

    version: int
    function: frozenset[str]
    skipped_starts: frozenset[str]
    common: frozenset[str]
    never_last: frozenset[str]
    sometimes_last: frozenset[str]
    ordinal_followers: frozenset[str]
    elisions: frozenset[str]
    transitions: dict[str, tuple[tuple[str, ...], ...]]
    passive: PassiveWords


def listed_languages() -> tuple[str, ...]:
    """The languages that have lists."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


@cache
def word_lists(language: str) -> WordLists | None:
    """The lists of a language such as ``en`` or ``en-GB``; None without any."""
    file = _FOLDER / f"{base_language(language)}.toml"
    if not file.is_file():
        return None
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    words, sentences = found["words"], found["sentences"]
    return WordLists(
        version=int(found["version"]),
        function=_set(words["function"]),
        skipped_starts=_set(words["skipped_starts"]),
        common=_set(words["common"]),
        never_last=_set(sentences["never_last"]),
        sometimes_last=_set(sentences["sometimes_last"]),
        ordinal_followers=_set(sentences["ordinal_followers"]),
        elisions=_set(sentences["elisions"]),
        transitions=_phrases(found["transitions"]["phrases"]),
        passive=_passive(found["passive"]),
    )


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Phrases by their first word. One a line or between bars; parts as the tokeniser cuts them."""
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for line in text.strip().split("\n"):
        for phrase in line.split("|"):
            parts = tuple(phrase.replace("-", " ").split())
            by_first.setdefault(parts[0], []).append(parts)
    return {
        first: tuple(sorted(set(phrases), key=lambda p: (-len(p), p)))
        for first, phrases in by_first.items()
    }


def _passive(found: dict[str, Any]) -> PassiveWords:
    return PassiveWords(
        is_free_order=found["order"] == "any",
        window=int(found["window"]),
        auxiliaries=_set(found["auxiliaries"]),
        pattern=regex.compile("|".join(found["patterns"])),
        participles=_set(found["participles"]),
        not_participles=_set(found["not_participles"]),
        stops=_set(found["stops"]),
        reflexives=_set(found["reflexives"]),
        alone=regex.compile("|".join(found["alone"])) if "alone" in found else None,
    )
