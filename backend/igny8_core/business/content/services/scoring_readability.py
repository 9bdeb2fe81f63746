"""How easily a text is read. Pure; where a language has no list, a check is not applicable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import regex

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    Check,
    hint,
    judged,
    not_applicable,
    share_down,
    share_up,
)
from igny8_core.business.content.services.scoring_flesch import flesch_check
from igny8_core.business.content.services.scoring_limits import (
    PASSIVE,
    SAME_STARTS,
    TRANSITIONS,
)
from igny8_core.business.content.services.scoring_text import count_characters, words_of

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_lists import PassiveWords, WordLists
    from igny8_core.business.content.services.scoring_text import Language, Sentence

_CLAUSE: Final = regex.compile(r"[,;:()\u2013\u2014]")
_LETTERS: Final = regex.compile(r"\p{L}")
CENTRED_MOST: Final = 50
NO_LIST: Final = "no_list_for_language"
NO_WORDS: Final = "no_words_in_language"


def readability_checks(context: Context) -> list[Check]:
    """The six checks of readability, and two remarks: centred text, and the reading ease."""
    return [
        _sentence_length(context),
        _paragraph_length(context),
        _consecutive_starts(context),
        _passive_voice(context),
        _transition_words(context),
        _word_complexity(context),
        _alignment(context),
        flesch_check(context),
    ]


def _sentence_length(context: Context) -> Check:
    name, sentences = "read.sentence_length", context.document.prose
    if not context.counts_words:
        return not_applicable(name, NO_WORDS)
    most, limits = context.limits.long_sentence, context.limits.long_sentences
    long = [s for s in sentences if _length(s, context.document.language) > most]
    percent = share_up(len(long), len(sentences))
    return judged(
        name,
        limits.at(percent),
        measured={"sentences": len(sentences), "long": len(long), "percent": percent},
        band=limits.name(percent),
        spans=[sentence.span for sentence in long],
        fix="shorten_sentences",
        max_words=most,
    )


def _length(sentence: Sentence, language: Language) -> int:
    if language.is_by_characters:
        return count_characters(sentence.text)
    return len(sentence.words)


def _paragraph_length(context: Context) -> Check:
    name, document = "read.paragraph_length", context.document
    if not context.counts_words:
        return not_applicable(name, NO_WORDS)
    paragraphs = [b for b in document.blocks if b.kind in {"paragraph", "quote"}]
    longest = max((document.counts[b.index] for b in paragraphs), default=0)
    limits = context.limits.paragraph_length
    most = limits.bounds[1] - 1
    return judged(
        name,
        limits.at(longest),
        measured={"longest_words": longest},
        band=limits.name(longest),
        spans=[b.span for b in paragraphs if document.counts[b.index] > most],
        fix="split_paragraph",
        max_words=most,
    )


def _consecutive_starts(context: Context) -> Check:
    name, lists = "read.consecutive_starts", context.document.language.lists
    if lists is None:
        return not_applicable(name, NO_LIST)
    run = longest = 0
    before = ""
    runs: list[tuple[int, int]] = []
    sentences = [
        s for s in context.document.prose if context.document.blocks[s.block].kind != "item"
    ]
    for place, sentence in enumerate(sentences):
        first = _first_word(sentence, lists)
        run = run + 1 if first == before else 1
        before = first
        longest = max(longest, run)
        if run >= SAME_STARTS.bounds[1]:
            runs.append((place - run + 1, place))
    places = sorted({place for first, last in runs for place in range(first, last + 1)})
    return judged(
        name,
        SAME_STARTS.at(longest),
        measured={"longest_run": longest},
        band=SAME_STARTS.name(longest),
        spans=[sentences[place].span for place in places],
        fix="vary_sentence_starts",
    )


def _first_word(sentence: Sentence, lists: WordLists) -> str:
    """The first word that is no article or the like."""
    if sentence.words[0] in lists.skipped_starts and len(sentence.words) > 1:
        return sentence.words[1]
    return sentence.words[0]


def _passive_voice(context: Context) -> Check:
    name, lists = "read.passive_voice", context.document.language.lists
    if lists is None:
        return not_applicable(name, NO_LIST)
    sentences = context.document.prose
    passive = [s for s in sentences if is_passive(s, lists.passive)]
    percent = share_up(len(passive), len(sentences))
    return judged(
        name,
        PASSIVE.at(percent),
        measured={"sentences": len(sentences), "passive": len(passive), "percent": percent},
        band=PASSIVE.name(percent),
        spans=[sentence.span for sentence in passive],
        fix="make_active",
    )


def is_passive(sentence: Sentence, passive: PassiveWords) -> bool:
    """Whether something is done to the subject of a sentence."""
    if any(passive.is_passive_alone(word) for word in sentence.words):
        return True
    words = tuple(_without_prefix(word, passive) for word in sentence.words)
    if passive.auxiliaries.isdisjoint(words):
        return False
    if passive.is_free_order:
        clauses = (words_of(clause) for clause in _CLAUSE.split(sentence.text))
        return any(
            not passive.auxiliaries.isdisjoint(clause)
            and any(
                passive.is_participle(word) and word not in passive.auxiliaries for word in clause
            )
            for clause in clauses
        )
    return any(
        _is_followed(words, place, passive) and not _is_reflexive(sentence.words, place, passive)
        for place, word in enumerate(words)
        if word in passive.auxiliaries
    )


def _without_prefix(word: str, passive: PassiveWords) -> str:
    """The auxiliary of ``n'est``; any other word as it is."""
    auxiliary = word.rpartition("'")[2]
    return auxiliary if auxiliary in passive.auxiliaries else word


def _is_reflexive(words: tuple[str, ...], place: int, passive: PassiveWords) -> bool:
    """Whether the subject does it to itself: ``s'est``, ``si è``."""
    prefix, apostrophe, _ = words[place].rpartition("'")
    before = words[place - 1] if place else ""
    return (prefix if apostrophe else before) in passive.reflexives


def _is_followed(words: tuple[str, ...], place: int, passive: PassiveWords) -> bool:
    """Whether a participle of the auxiliary follows within the window."""
    for word in words[place + 1 : place + 1 + passive.window]:
        if word in passive.auxiliaries:
            continue
        if passive.is_participle(word):
            return True
        if word in passive.stops:
            return False
    return False


def _transition_words(context: Context) -> Check:
    name, lists = "read.transition_words", context.document.language.lists
    if lists is None:
        return not_applicable(name, NO_LIST)
    words, sentences = context.document.word_count, context.document.prose
    joined = [s for s in sentences if has_transition(s, lists)]
    percent = share_down(len(joined), len(sentences))
    measured = {"sentences": len(sentences), "joined": len(joined), "percent": percent}
    if words < context.limits.transitions_from:
        return judged(name, FULL, measured=measured, band="short_text")
    on = {id(sentence) for sentence in joined}
    return judged(
        name,
        TRANSITIONS.at(percent),
        measured=measured,
        band=TRANSITIONS.name(percent),
        spans=[s.span for s in sentences if id(s) not in on] or [context.document.end],
        fix="join_sentences",
        at_least_percent=TRANSITIONS.bounds[2],
    )


def has_transition(sentence: Sentence, lists: WordLists) -> bool:
    """Whether a sentence says how it stands to another thought."""
    words = sentence.words
    for place, word in enumerate(words):
        for phrase in lists.transitions.get(word, ()):
            if words[place : place + len(phrase)] == phrase:
                return True
    return False


def _word_complexity(context: Context) -> Check:
    name, language = "read.word_complexity", context.document.language
    complex_from, lists = context.limits.complex_from, context.document.language.lists
    if complex_from is None or lists is None or not lists.common:
        return not_applicable(name, NO_LIST)
    known = _common_stems(language, lists)
    total, complex_spans, complex_count = 0, [], 0
    for sentence in context.document.prose:
        hard = sum(
            1
            for word, term in zip(sentence.words, sentence.terms, strict=True)
            if len(word) >= complex_from and term not in known and _LETTERS.search(word)
        )
        total += len(sentence.words)
        complex_count += hard
        if hard:
            complex_spans.append(sentence.span)
    percent = share_down(complex_count, total)
    limits = context.limits.complexity
    return judged(
        name,
        limits.at(percent),
        measured={"words": total, "complex": complex_count, "percent": percent},
        band=limits.name(percent),
        spans=complex_spans,
        fix="use_common_words",
        letters=complex_from,
    )


_STEMS: dict[str, frozenset[str]] = {}


def _common_stems(language: Language, lists: WordLists) -> frozenset[str]:
    """The stems of common and of function words, made once for each language."""
    if language.code not in _STEMS:
        words = sorted(lists.common | lists.function)
        _STEMS[language.code] = frozenset(language.terms(words))
    return _STEMS[language.code]


def _alignment(context: Context) -> Check:
    centred = [b for b in context.document.blocks if b.is_centred and len(b.text) > CENTRED_MOST]
    return hint(
        "read.alignment",
        is_good=not centred,
        measured={"centred": len(centred)},
        band="centred" if centred else "none_centred",
        spans=[block.span for block in centred],
        fix="align_left",
    )
