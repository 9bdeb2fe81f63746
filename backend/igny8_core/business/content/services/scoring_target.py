"""What a page is scored against: a frozen, hashed target with its keyword units. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_document import digest
from igny8_core.business.content.services.scoring_text import Language, flat, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.scoring_text import Sentence

MAX_UNITS: Final = 30
HUB: Final = "hub"
SUPPORTING: Final = "supporting"
BASE: Final = "base"
SERP: Final = "serp"
"""The profile in which some points go to what the pages of others say."""

QUOTES: Final = (('"', '"'), ("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\u00ab", "\u00bb"))


@dataclass(frozen=True)
class TargetKeyword:
    """A keyword with its searches a month; None when nobody knows them."""

    text: str
    volume: int | None = None


@dataclass(frozen=True)
class TargetAttribute:
    """A fact that the page should state."""

    type: str
    name: str
    value: str
    unit: str = ""


@dataclass(frozen=True)
class SerpTerm:
    """What pages of others say.

    :ivar documents: how many of them do.
    """

    text: str
    documents: int


@dataclass(frozen=True)
class Target:
    """Everything but the page that its score depends on.

    :ivar keywords: beside the primary one.
    :ivar role: of the page in its cluster: hub, supporting, attribute, or empty.
    :ivar own_hosts: hosts of the site itself.
    :ivar hub_ids: articles that are the hub of its cluster.
    :ivar known_ids: articles of the site among those that the page links to.
    :ivar same_keyphrase: how many other pages of the site aim at the primary keyword.
    :ivar serp_terms: what ``serp_documents`` pages of others say, if somebody brought them.
    :ivar profile: ``base``, or ``serp``, in which these terms have points.
    """

    primary: str
    keywords: tuple[TargetKeyword, ...] = ()
    attributes: tuple[TargetAttribute, ...] = ()
    primary_volume: int | None = None
    role: str = ""
    content_type: str = "post"
    target_words: int | None = None
    own_hosts: tuple[str, ...] = ()
    hub_ids: tuple[int, ...] = ()
    known_ids: tuple[int, ...] = ()
    same_keyphrase: int = 0
    serp_terms: tuple[SerpTerm, ...] = ()
    serp_documents: int = 0
    profile: str = BASE

    @property
    def hash(self) -> str:
        """Names this target."""
        return digest(asdict(self))

    @property
    def is_hub(self) -> bool:
        """Whether the stricter thresholds hold."""
        return self.role == HUB


@dataclass(frozen=True)
class Phrase:
    """A keyphrase, ready to be looked for.

    :ivar words: all of them, folded.
    :ivar terms: stems of its content words; of all words when it has no content word.
    :ivar is_exact: it stands in double quotes: only the phrase itself counts.
    :ivar is_empty_of_content: it has only function words.
    """

    text: str
    words: tuple[str, ...]
    terms: tuple[str, ...]
    is_exact: bool
    is_empty_of_content: bool
    has_function_words: bool
    bag: frozenset[str] = field(default_factory=frozenset)

    @property
    def length(self) -> int:
        """Its content words."""
        return len(self.terms)

    def count_in(self, sentence: Sentence) -> int:
        """How often it matches: all content words in the sentence, in any order."""
        if self.is_exact:
            return len(self.places_in(sentence.words))
        if not self.bag or not self.bag <= sentence.bag:
            return 0
        if len(self.terms) == 1:
            return sentence.terms.count(self.terms[0])
        return min(
            sentence.terms.count(term) // self.terms.count(term) for term in sorted(self.bag)
        )

    def found_in(self, sentence: Sentence) -> int:
        """How many of its content words the sentence holds."""
        if self.is_exact:
            return self.length if self.places_in(sentence.words) else 0
        return sum(1 for term in self.terms if term in sentence.bag)

    def reflects(self, sentence: Sentence) -> bool:
        """Whether a heading is about it: more than half of its words, or all of them where the
        language has no list of function words.
        """
        found = self.found_in(sentence)
        if not self.has_function_words:
            return found == self.length
        return 2 * found > self.length

    def half_in(self, sentence: Sentence) -> bool:
        """Whether at least half of it is there."""
        return bool(self.length) and 2 * self.found_in(sentence) >= self.length

    def places_in(self, words: Sequence[str]) -> list[int]:
        """Where the phrase itself begins; places do not overlap."""
        found, at, size = [], 0, len(self.words)
        while size and at + size <= len(words):
            if tuple(words[at : at + size]) == self.words:
                found.append(at)
                at += size
            else:
                at += 1
        return found


@lru_cache(maxsize=4_096)
def phrase_of(text: str, language: Language) -> Phrase:
    """A keyphrase in a language."""
    plain = flat(text)
    is_exact = any(
        len(plain) > len(first + last) and plain[0] == first and plain[-1] == last
        for first, last in QUOTES
    )
    if is_exact:
        plain = plain[1:-1].strip()
    words = words_of(plain)
    content = [word for word in words if not language.is_function_word(word)]
    terms = language.terms(content or words)
    return Phrase(
        text=plain,
        words=words,
        terms=terms,
        is_exact=is_exact,
        is_empty_of_content=not content,
        has_function_words=language.lists is not None,
        bag=frozenset(terms),
    )


@dataclass(frozen=True)
class Unit:
    """Keywords with the same stems: one thing that searchers want.

    :ivar weight: 1 + bit length of the searches: large volumes count, small ones are not drowned.
    """

    phrase: Phrase
    weight: int

    @property
    def text(self) -> str:
        return self.phrase.text


def units_of(target: Target, language: Language) -> tuple[tuple[Unit, ...], Unit | None]:
    """The keyword units by weight and text, at most 30, and the one of the primary keyword."""
    primary = phrase_of(target.primary, language)
    every = [TargetKeyword(target.primary, target.primary_volume), *target.keywords]
    best: dict[frozenset[str], Unit] = {}
    for keyword in every:
        phrase = phrase_of(keyword.text, language)
        if not phrase.words:
            continue
        unit = Unit(phrase, weight_of(keyword.volume))
        known = best.get(phrase.bag)
        if known is None or (-unit.weight, unit.text) < (-known.weight, known.text):
            best[phrase.bag] = unit
    ranked = sorted(best.values(), key=lambda unit: (-unit.weight, unit.text))
    own = best.get(primary.bag)
    kept = ranked[:MAX_UNITS]
    if own is not None and own not in kept:
        kept = [*kept[: MAX_UNITS - 1], own]
    return tuple(kept), own


def weight_of(volume: int | None) -> int:
    """1 for unknown or no searches, 8 for a hundred, 11 for a thousand, 15 for ten thousand."""
    return 1 + (volume or 0).bit_length()


def primary_phrase(target: Target, language: Language) -> Phrase:
    """The keyphrase of a page."""
    return phrase_of(target.primary, language)


def most_used(keywords: Iterable[TargetKeyword]) -> TargetKeyword | None:
    """The keyword with the most searches; of equals the first by text."""
    return min(keywords, key=lambda k: (-(k.volume or 0), k.text), default=None)
