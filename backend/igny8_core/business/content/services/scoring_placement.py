"""Where the keyphrase stands, from the title to the whole of the text. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    Check,
    State,
    judged,
    not_applicable,
    share_up,
)
from igny8_core.business.content.services.scoring_limits import (
    DISTRIBUTION,
    DISTRIBUTION_FROM,
    DISTRIBUTION_LONG,
    META_MATCHES,
)

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_document import Span
    from igny8_core.business.content.services.scoring_text import Sentence

_SHORT_BY_CHARACTERS: Final = 7
SHORT: Final = 2
"""Content words up to which an address holds all of a keyphrase."""


def placement_checks(context: Context) -> list[Check]:
    """The six checks of placement."""
    return [
        _title(context),
        _introduction(context),
        _slug(context),
        _meta_keyphrase(context),
        _subheadings(context),
        _distribution(context),
    ]


def _title(context: Context) -> Check:
    phrase, title = context.phrase, context.document.title
    places = phrase.places_in(title.words)
    is_function = context.document.language.is_function_word
    if places and all(is_function(word) for word in title.words[: places[0]]):
        state, band = FULL, "exact_first"
    elif places:
        state, band = HALF, "exact_later"
    elif not phrase.is_exact and phrase.bag <= title.bag:
        state, band = HALF, "all_words"
    else:
        state, band = NONE, "missing"
    return judged(
        "placement.title",
        state,
        measured={"place": places[0] + 1 if places else 0},
        band=band,
        spans=[context.document.field_span("seo_title")],
        fix="put_keyphrase_first_in_title",
        keyphrase=phrase.text,
    )


def _introduction(context: Context) -> Check:
    first = next((b for b in context.document.blocks if b.kind == "paragraph"), None)
    sentences = [s for s in context.document.sentences if first and s.block == first.index]
    together = frozenset().union(*(s.bag for s in sentences)) if sentences else frozenset()
    if any(context.phrase.count_in(sentence) for sentence in sentences):
        state, band = FULL, "one_sentence"
    elif not context.phrase.is_exact and sentences and context.phrase.bag <= together:
        state, band = HALF, "first_paragraph"
    else:
        state, band = NONE, "missing"
    return judged(
        "placement.introduction",
        state,
        measured={"sentences": len(sentences)},
        band=band,
        spans=[first.span if first else context.document.start],
        fix="say_keyphrase_in_introduction",
        keyphrase=context.phrase.text,
    )


def _slug(context: Context) -> Check:
    phrase, slug = context.phrase, context.document.slug
    found = sum(1 for term in phrase.terms if term in slug.bag)
    is_enough = found == phrase.length if phrase.length <= SHORT else 2 * found > phrase.length
    off = NONE if context.target.is_hub else HALF
    state = NONE if not slug.words else FULL if is_enough else off
    return judged(
        "placement.slug",
        state,
        measured={"found": found, "words": phrase.length},
        band="missing" if not slug.words else "enough" if is_enough else "too_few",
        spans=[context.document.field_span("slug")],
        fix="put_keyphrase_in_slug",
        keyphrase=phrase.text,
    )


def _meta_keyphrase(context: Context) -> Check:
    count = context.phrase.count_in(context.document.description)
    return judged(
        "placement.meta_keyphrase",
        META_MATCHES.at(count),
        measured={"matches": count},
        band=META_MATCHES.name(count),
        spans=[context.document.field_span("meta_description")],
        fix="put_keyphrase_in_description" if count == 0 else "say_keyphrase_less_in_description",
        keyphrase=context.phrase.text,
    )


def _subheadings(context: Context) -> Check:
    """Between 30 and 75 percent of H2 and H3 are about the keyphrase, or the only one is."""
    document = context.document
    count = len(document.subheadings)
    about = [h for h in document.subheadings if context.phrase.reflects(h)]
    least, most = -(-30 * count // 100), 75 * count // 100
    name, measured = "placement.subheadings", {"subheadings": count, "about": len(about)}
    if not count:
        if not context.counts_words:
            return not_applicable(name, "no_words_in_language")
        is_short = document.word_count < context.limits.short_text
        state, band = (FULL, "short_text") if is_short else (NONE, "no_subheadings")
        return judged(
            name,
            state,
            measured=measured | {"words": document.word_count},
            band=band,
            spans=[document.end],
            fix="add_subheadings",
            keyphrase=context.phrase.text,
        )
    is_good = least <= len(about) <= most if count > 1 else len(about) == 1
    too_few = len(about) < least or (count == 1 and not about)
    spans = [document.blocks[h.block].span for h in (document.subheadings if too_few else about)]
    return judged(
        name,
        FULL if is_good else NONE,
        measured=measured,
        band="enough" if is_good else "too_few" if too_few else "too_many",
        spans=spans,
        fix="say_keyphrase_in_subheadings" if too_few else "say_keyphrase_less_in_subheadings",
        keyphrase=context.phrase.text,
        at_least=least,
        at_most=max(most, 1),
    )


def _distribution(context: Context) -> Check:
    document = context.document
    sentences = document.prose
    is_on = [_holds_topic(context, sentence) for sentence in sentences]
    name, fix = "placement.distribution", "spread_keyphrase"
    keyphrase = context.phrase.text
    if len(sentences) < DISTRIBUTION_FROM:
        is_there = any(is_on)
        return judged(
            name,
            FULL if is_there else NONE,
            measured={"sentences": len(sentences), "found": sum(is_on)},
            band="short_text_found" if is_there else "short_text_missing",
            spans=[document.end],
            fix=fix,
            keyphrase=keyphrase,
        )
    longest, first = _longest_run(is_on)
    percent = share_up(longest, len(sentences))
    state: State = DISTRIBUTION.at(percent)
    return judged(
        name,
        state,
        measured={"sentences": len(sentences), "longest_run": longest, "percent": percent},
        band=DISTRIBUTION.name(percent),
        spans=_run_spans(sentences[first : first + longest]),
        fix=fix,
        keyphrase=keyphrase,
    )


def _holds_topic(context: Context, sentence: Sentence) -> bool:
    phrase = context.phrase
    if context.document.language.is_by_characters:
        is_long = len("".join(phrase.words)) >= _SHORT_BY_CHARACTERS
    else:
        is_long = phrase.length >= DISTRIBUTION_LONG
    return phrase.half_in(sentence) if is_long else bool(phrase.count_in(sentence))


def _longest_run(is_on: list[bool]) -> tuple[int, int]:
    """The longest run of sentences without the topic, and where it begins."""
    longest = first = at = 0
    for found, run in groupby(is_on):
        length = len(list(run))
        if not found and length > longest:
            longest, first = length, at
        at += length
    return longest, first


def _run_spans(sentences: tuple[Sentence, ...]) -> list[Span]:
    """One span for each block of a run."""
    spans: list[Span] = []
    for sentence in sentences:
        if spans and spans[-1]["block"] == sentence.block:
            spans[-1] = spans[-1] | {"end": sentence.end}
        else:
            spans.append(sentence.span)
    return spans
