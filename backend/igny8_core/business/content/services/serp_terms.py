"""What pages of others say alike: terms, and on how many of them each stands. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_target import phrase_of
from igny8_core.business.content.services.scoring_text import cut_sentences, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.scoring_text import Language

PHRASE_WORDS: Final = 3
WORD_LETTERS: Final = 5
"""A term of one word has at least so many letters: shorter ones say little."""

KEPT_MAX: Final = 200
LEAST_DOCUMENTS: Final = 2


@dataclass(frozen=True)
class SerpDocument:
    """A page of others: its text, or the terms that somebody found in it."""

    text: str = ""
    terms: tuple[str, ...] = ()


def common_terms(documents: Sequence[SerpDocument], language: Language) -> list[tuple[str, int]]:
    """Terms with the number of documents that have them, the commonest first.

    Forms of the same words are one term, named as it was first written. What stands in one
    document alone is left out, and what is only ever a part of a longer term.
    """
    counts: Counter[frozenset[str]] = Counter()
    names: dict[frozenset[str], str] = {}
    for document in documents:
        here: set[frozenset[str]] = set()
        for text in (*document.terms, *_phrases(document.text, language)):
            bag = phrase_of(text, language).bag
            if bag:
                names.setdefault(bag, text)
                here.add(bag)
        counts.update(here)
    kept = {bag: count for bag, count in counts.items() if count >= LEAST_DOCUMENTS}
    whole = [
        bag
        for bag, count in kept.items()
        if not any(bag < other and kept[other] >= count for other in kept)
    ]
    ranked = sorted(whole, key=lambda bag: (-kept[bag], names[bag]))
    return [(names[bag], kept[bag]) for bag in ranked[:KEPT_MAX]]


def _phrases(text: str, language: Language) -> Iterable[str]:
    """One to three words of a sentence in a row, none of them a small word or a figure."""
    for start, end in cut_sentences(text, language.lists):
        run: list[str] = []
        for word in (*words_of(text[start:end]), ""):
            if word and not word.isdecimal() and not language.is_function_word(word):
                run.append(word)
                continue
            for first in range(len(run)):
                for last in range(first + 1, min(first + PHRASE_WORDS, len(run)) + 1):
                    if last - first > 1 or len(run[first]) >= WORD_LETTERS:
                        yield " ".join(run[first:last])
            run = []
