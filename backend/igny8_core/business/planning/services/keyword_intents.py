"""What a searcher wants: the first that answers of a person, the file, rules, the page, the price.

Pure. Rules look at whole words of the normal form; their lists are per language.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.language_words import LanguageWords, language_words
from igny8_core.business.planning.states import Intent, IntentSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_VOTE_CONFIDENCE = 0.7
CPC_CONFIDENCE = 0.4
CPC_ABOVE_MINOR = 100
GUESS_CONFIDENCE = 0.2
MIN_BRAND_CHARACTERS = 3

_DOMAIN = re.compile(r"(?<!\S)[\w.-]+\.(?:com|net|org|io|co|info|biz|shop|store|[a-z]{2})(?!\S)")
_TOP_NUMBER = re.compile(r"(?<!\S)top \d+(?!\S)")


@dataclass(frozen=True, slots=True)
class Found:
    """An intent, where it comes from, and how sure that is."""

    intent: str
    source: str
    confidence: float


NOTHING = Found("", IntentSource.UNKNOWN.value, 0.0)
GUESS = Found(Intent.INFORMATIONAL.value, IntentSource.UNKNOWN.value, GUESS_CONFIDENCE)
"""Shown as unknown; what is planned for it is informational."""

SETTLED = frozenset({IntentSource.TYPED.value, IntentSource.IMPORT.value, IntentSource.RULES.value})
"""Sources that do not depend on other keywords; they vote, the others are voted on."""


def brand_words(*, name: str, domain: str) -> frozenset[str]:
    """The site's own brand as people type it, from its name and its host name."""
    host = domain.casefold().removeprefix("www.").partition(".")[0]
    found = {" ".join(name.casefold().split()), host}
    return frozenset(text for text in found if len(text) >= MIN_BRAND_CHARACTERS)


def rule_intent(norm: str, *, language: str, brands: Collection[str] = ()) -> Found:
    """What the wording says; :data:`NOTHING` when no rule fires.

    :param norm: normal form of the keyword.
    """
    rules = _rules(language)
    if rules is None or not (
        "." in norm
        or not rules.vocabulary.isdisjoint(norm.split())
        or any(brand in norm for brand in brands)
    ):
        return NOTHING
    words = rules.words
    is_question = _starts(norm, words.commercial_not_after)
    is_commercial = bool(rules.commercial.search(norm) or _TOP_NUMBER.search(norm))
    if not is_commercial and (
        (not is_question and rules.navigational.search(norm))
        or _DOMAIN.search(norm)
        or any(_has(norm, brand) for brand in brands)
    ):
        return _rule(Intent.NAVIGATIONAL, 0.8)
    if _starts(norm, words.transactional_starts):
        return _rule(Intent.TRANSACTIONAL, 0.8)
    if is_commercial and not is_question:
        return _rule(Intent.COMMERCIAL, 0.85)
    if _starts(norm, words.informational_starts):
        return _rule(Intent.INFORMATIONAL, 0.9)
    if rules.transactional.search(norm):
        return _rule(Intent.TRANSACTIONAL, 0.85)
    if rules.informational.search(norm):
        return _rule(Intent.INFORMATIONAL, 0.7)
    return NOTHING


@dataclass(frozen=True)
class _Rules:
    """Compiled lists.

    :ivar vocabulary: words without one of which no list can fire.
    """

    words: LanguageWords
    vocabulary: frozenset[str]
    navigational: re.Pattern[str]
    commercial: re.Pattern[str]
    transactional: re.Pattern[str]
    informational: re.Pattern[str]


@cache
def _rules(language: str) -> _Rules | None:
    words = language_words(language)
    if not words.commercial:
        return None
    phrases = (
        *words.navigational,
        *words.transactional_starts,
        *words.commercial,
        *words.informational_starts,
        *words.transactional,
        *words.informational,
    )
    return _Rules(
        words,
        vocabulary=frozenset(word for phrase in phrases for word in phrase.split()) | {"top"},
        navigational=_any_of(words.navigational),
        commercial=_any_of(words.commercial),
        transactional=_any_of(words.transactional),
        informational=_any_of(words.informational),
    )


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, longest_first))})(?!\S)")


def _starts(norm: str, phrases: Iterable[str]) -> bool:
    return any(norm == phrase or norm.startswith(f"{phrase} ") for phrase in phrases)


def _has(norm: str, phrase: str) -> bool:
    return f" {phrase} " in f" {norm} "


def _rule(intent: Intent, confidence: float) -> Found:
    return Found(intent.value, IntentSource.RULES.value, confidence)


@dataclass(frozen=True, slots=True)
class Voter:
    """A keyword of a page, as far as intents go."""

    norm: str
    intent: str
    source: str
    volume: int | None
    cpc_minor: int | None


def page_intents(page: Iterable[Voter], *, language: str) -> dict[str, Found]:
    """Intents of those keywords of a page, by normal form, that have none of their own.

    The page votes, weighted by volume (unknown counts as 1); without a vote a dear click on a
    product word is commercial; what is left is :data:`GUESS`.
    """
    keywords = list(page)
    votes: dict[str, int] = defaultdict(int)
    for keyword in keywords:
        if keyword.source in SETTLED and keyword.intent:
            votes[keyword.intent] += max(keyword.volume or 1, 1)
    vote = _vote(votes)
    products = language_words(language).product
    return {
        keyword.norm: vote or _by_price(keyword, products) or GUESS
        for keyword in keywords
        if not (keyword.source in SETTLED and keyword.intent)
    }


def _vote(votes: dict[str, int]) -> Found | None:
    if not votes:
        return None
    intent = max(sorted(votes), key=lambda name: votes[name])
    share = votes[intent] / sum(votes.values())
    confidence = round(min(share, MAX_VOTE_CONFIDENCE), 2)
    return Found(intent, IntentSource.VOTE.value, confidence)


def _by_price(keyword: Voter, products: frozenset[str]) -> Found | None:
    is_dear = keyword.cpc_minor is not None and keyword.cpc_minor > CPC_ABOVE_MINOR
    if is_dear and not products.isdisjoint(keyword.norm.split()):
        return Found(Intent.COMMERCIAL.value, IntentSource.CPC.value, CPC_CONFIDENCE)
    return None
