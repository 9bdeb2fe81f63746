"""What the pages of others say on the topic, from results that somebody brought. Pure.

In the base profile it is advice without points, so the score needs no search results; a site may
choose the profile ``serp``, in which some points of keyword coverage go to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.scoring_bands import (
    SERP_POINTS,
    Check,
    hint,
    in_proportion,
    not_applicable,
)
from igny8_core.business.content.services.scoring_target import SERP, phrase_of

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_target import Phrase, SerpTerm

SHARE: Final = 40
"""Percent of the pages that a term stands on, at least, to be what searchers expect."""

FULL_FROM: Final = (4, 5)
TERMS_MAX: Final = 50
TERMS_SHOWN: Final = 12
NO_SERP: Final = "no_serp"


def serp_checks(context: Context) -> list[Check]:
    """One check: advice, or with points in the profile of its own."""
    target, has_points = context.target, context.target.profile == SERP
    name = "topic.serp_terms" if has_points else "advice.serp_terms"
    terms = [(term, phrase_of(term.text, context.document.language)) for term in _common(context)]
    terms = [(term, phrase) for term, phrase in terms if phrase.words]
    if not terms:
        return [_absent(name, has_points=has_points)]
    missed = [(term, phrase) for term, phrase in terms if not _is_said(context, phrase)]
    measured = {
        "documents": target.serp_documents,
        "terms": len(terms),
        "said": len(terms) - len(missed),
    }
    shown = missed[:TERMS_SHOWN]
    spans = [context.place_in(context.best_section(phrase)) for _, phrase in shown]
    named: list[dict[str, Any]] = [
        {"text": term.text, "share": 100 * term.documents // target.serp_documents}
        for term, _ in shown
    ]
    if not has_points:
        return [
            hint(
                name, is_good=not missed, measured=measured,
                band="all_said" if not missed else "missing", spans=spans,
                fix="say_what_others_say", terms=named,
            )
        ]  # fmt: skip
    whole = sum(term.documents for term, _ in terms)
    reached = whole - sum(term.documents for term, _ in missed)
    return [
        in_proportion(
            name, part=reached * FULL_FROM[1], whole=whole * FULL_FROM[0], measured=measured,
            spans=spans, fix="say_what_others_say", points=SERP_POINTS, terms=named,
        )
    ]  # fmt: skip


def _absent(name: str, *, has_points: bool) -> Check:
    found = not_applicable(name, NO_SERP)
    return replace(found, max=SERP_POINTS * 100) if has_points else found


def _common(context: Context) -> list[SerpTerm]:
    """The terms of enough pages, those of most pages first; none that is a keyword of ours."""
    target = context.target
    own = {unit.phrase.bag for unit in context.units}
    language = context.document.language
    found = [
        term
        for term in target.serp_terms
        if 100 * term.documents >= SHARE * target.serp_documents > 0
        and phrase_of(term.text, language).bag not in own
    ]
    return sorted(found, key=lambda term: (-term.documents, term.text))[:TERMS_MAX]


def _is_said(context: Context, phrase: Phrase) -> bool:
    return any(phrase.count_in(sentence) for sentence in context.document.sentences)
