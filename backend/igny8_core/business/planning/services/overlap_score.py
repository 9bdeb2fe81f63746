"""How much two pages are one: from local word vectors and wording. Pure and deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from igny8_core.business.planning.services.cluster_text import base_language, opposite
from igny8_core.business.planning.services.cluster_vectors import MODEL_DIMS, word_table
from igny8_core.business.planning.services.overlap_terms import OPEN, plain_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from igny8_core.business.planning.services.overlap_terms import Terms

SAME, FAR = 0.45, 0.25
"""Cosines of two words: from the first on they mean the same, below the second something else."""

DUPLICATE = 0.70
"""Score from which one article serves both."""

NARROWER = 0.66
"""The same where one page only qualifies the thing of the other: "moving house checklist"."""

RELATED = 0.58
"""Score from which two pages are near enough to be told apart on purpose."""

BOTH_DIFFER = 0.12
"""Off the score when each of two pages has something of its own."""

NUMBER_WEIGHT = 1.0
WHOLE = 0.999
WORDS_KEPT = 50_000

_APART = frozenset({"price", "review", "compare", "alternatives"})
"""What is wanted so clearly that a page about the thing itself does not give it."""


_NEIGHBOURS = (frozenset({"ask", "define"}), frozenset({"do", "choose"}))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pages beside each other.

    :ivar score: from 0 to 1, of their topics alone.
    :ivar conflict: ``numbers``, ``contrast``, ``direction``, ``intent``, or nothing.
    :ivar own: words that only the first one has, and only the second one.
    :ivar near: share of words in common, whatever keeps them apart.
    :ivar covered: share of the first one's topic that the second one has.
    :ivar is_narrower: the one is the other with a qualifier, about the same kind of thing.
    """

    score: float
    conflict: str
    own: tuple[tuple[str, ...], tuple[str, ...]]
    is_narrower: bool = False
    near: float = 0.0
    covered: float = 0.0

    @property
    def is_duplicate(self) -> bool:
        """Whether one article serves both."""
        return not self.conflict and self.score >= (NARROWER if self.is_narrower else DUPLICATE)

    @property
    def is_related(self) -> bool:
        """Whether they are near, though each deserves its page."""
        if self.is_duplicate:
            return False
        return (self.near if self.conflict else self.score) >= RELATED


def compare(one: Terms, other: Terms, language: str) -> Comparison:
    """Compare two pages. The order makes no difference but in ``own``."""
    by_meaning = base_language(language) == "en"
    left, own, words = _coverage(one, other, by_meaning=by_meaning)
    right, others, others_words = _coverage(other, one, by_meaning=by_meaning)
    score = min(left, right)
    if left < WHOLE and right < WHOLE:
        score -= BOTH_DIFFER
    extra = others if left >= WHOLE else own
    return Comparison(
        score=round(max(0.0, score), 4),
        conflict=_conflict(one, other),
        own=(own, others),
        near=round(min(words, others_words), 4),
        covered=round(left, 4),
        is_narrower=max(left, right) >= WHOLE and not {one.head, other.head} & set(extra),
    )


def _coverage(
    one: Terms, other: Terms, *, by_meaning: bool
) -> tuple[float, tuple[str, ...], float]:
    """(share of the topic of ``one`` that ``other`` has, words that it has not, share of words)."""
    total, held, missing = 0.0, 0.0, []
    for stem, word, weight in one.topic:
        match = _match(stem, word, other, by_meaning=by_meaning)
        total, held = total + weight, held + weight * match
        if match < WHOLE:
            missing.append(word)
    words = held / total if total else 0.0
    for number in sorted(one.numbers):
        total += NUMBER_WEIGHT
        held += NUMBER_WEIGHT * (number in other.numbers)
        missing += [] if number in other.numbers else [number]
    return (held / total if total else 0.0), tuple(missing), words


def _match(stem: str, word: str, other: Terms, *, by_meaning: bool) -> float:
    if stem in other.stems or word in other.joined or plain_word(word) in other.plain:
        return 1.0
    if not by_meaning or not other.topic:
        return 0.0
    own = unit_vector(word)
    best = max(float(own @ unit_vector(known)) for _stem, known, _weight in other.topic)
    return min(1.0, max(0.0, (best - FAR) / (SAME - FAR)))


def _conflict(one: Terms, other: Terms) -> str:
    """What keeps two pages apart however alike they read."""
    if (
        one.numbers
        and other.numbers
        and not (one.numbers <= other.numbers or other.numbers <= one.numbers)
    ):
        return "numbers"
    if any(opposite(sign) in other.signs for sign in one.signs):
        return "contrast"
    if (
        one.ends
        and other.ends
        and one.ends[0] != other.ends[0]
        and one.ends[0] in other.ends[1]
        and other.ends[0] in one.ends[1]
    ):
        return "direction"
    return "" if _fits(one.intent, other.intent) else "intent"


def _fits(one: str, other: str) -> bool:
    """Whether a page for the one intent gives what the other asks for."""
    if one == other:
        return True
    if {one, other} & _APART:
        return False
    return OPEN in {one, other} or {one, other} in _NEIGHBOURS


@lru_cache(maxsize=WORDS_KEPT)
def unit_vector(word: str) -> NDArray[np.float32]:
    """The direction of a word; zeros for one without a token."""
    row = word_table([word])[0] if word else np.zeros(MODEL_DIMS, np.float32)
    length = float(np.linalg.norm(row))
    unit: NDArray[np.float32] = row / length if length > 0 else row
    return unit
