"""Phrases that a text says again and again. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PHRASE_WORDS: Final = 4
ALLOWED: Final = 2
"""So often a phrase may stand in any text, however short."""

SHOWN_MAX: Final = 10


def repeated_phrases(
    sentences: Iterable[Sequence[str]], *, words: int, keyphrase: Sequence[str] = ()
) -> list[tuple[str, int]]:
    """Phrases of four words that stand more than once in a hundred words, the most frequent first.

    What holds the keyphrase, or is a part of it, does not count.

    :param sentences: the folded words of each.
    :param words: of the whole text.
    """
    counted: Counter[tuple[str, ...]] = Counter()
    for said in sentences:
        for first in range(len(said) - PHRASE_WORDS + 1):
            counted[tuple(said[first : first + PHRASE_WORDS])] += 1
    own = f" {' '.join(keyphrase)} "
    found = [
        (text, count)
        for phrase, count in counted.items()
        if count > ALLOWED and count * 100 > words
        for text in [" ".join(phrase)]
        if not (own.strip() and (own in f" {text} " or f" {text} " in own))
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:SHOWN_MAX]
