"""How well a page covers its topic: keywords of the cluster, facts to state. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import regex

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    SERP_POINTS,
    WEIGHTS,
    Check,
    in_proportion,
    judged,
    not_applicable,
)
from igny8_core.business.content.services.scoring_target import SERP, TargetAttribute, phrase_of
from igny8_core.business.content.services.scoring_text import words_of

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_document import Section
    from igny8_core.business.content.services.scoring_target import Phrase, Unit

FULL_FROM: Final = (4, 5)
"""Coverage of 80 % gives everything: beyond it nothing is gained, so stuffing cannot pay."""

HEADING_UNITS: Final = 8
IN_SENTENCE: Final = 2
GROUP_DIGITS: Final = 3
FIX_TERMS: Final = 12
_ATTRIBUTE_WEIGHTS: Final = {"product_spec": 3, "service_modifier": 2, "semantic_facet": 1}
_NUMBER: Final = regex.compile(r"\d+(?:[.,\u00a0\u202f ]\d{3})*(?:[.,]\d+)?")
_NUMBER_AND_UNIT: Final = regex.compile(
    r"(?<![\p{L}\d])(\d+(?:[.,\u00a0\u202f ]\d{3}(?!\d))*(?:[.,]\d+)?)\s*([\p{L}\u00b0%\u2033\"]+)?"
)
SCALES: Final = {
    "mg": ("g", Decimal("0.001")),
    "g": ("g", Decimal(1)),
    "kg": ("g", Decimal(1000)),
    "t": ("g", Decimal(1_000_000)),
    "mm": ("mm", Decimal(1)),
    "cm": ("mm", Decimal(10)),
    "m": ("mm", Decimal(1000)),
    "km": ("mm", Decimal(1_000_000)),
    "ml": ("ml", Decimal(1)),
    "cl": ("ml", Decimal(10)),
    "l": ("ml", Decimal(1000)),
    "w": ("w", Decimal(1)),
    "kw": ("w", Decimal(1000)),
    "hz": ("hz", Decimal(1)),
    "khz": ("hz", Decimal(1000)),
    "mhz": ("hz", Decimal(1_000_000)),
    "mah": ("mah", Decimal(1)),
    "ah": ("mah", Decimal(1000)),
    "mb": ("mb", Decimal(1)),
    "gb": ("mb", Decimal(1000)),
    "tb": ("mb", Decimal(1_000_000)),
}


def topic_checks(context: Context) -> list[Check]:
    """The four checks of topic coverage."""
    hits = {unit.text: _hit(context, unit.phrase) for unit in context.units}
    return [
        _keywords(context, hits),
        _attributes(context),
        _headings(context),
        _primary(context, hits),
    ]


def _hit(context: Context, phrase: Phrase) -> int:
    """2: in one sentence; 1: all content words within one section; 0: neither."""
    if any(phrase.count_in(sentence) for sentence in context.document.sentences):
        return IN_SENTENCE
    if not phrase.is_exact and any(phrase.bag <= terms for terms in context.section_terms):
        return 1
    return 0


def _keywords(context: Context, hits: dict[str, int]) -> Check:
    name = "topic.keywords"
    if len(context.units) == (context.primary_unit is not None):
        return not_applicable(name, "no_keywords")
    total = sum(unit.weight for unit in context.units)
    reached = sum(unit.weight * hits[unit.text] for unit in context.units)
    part, whole = reached * FULL_FROM[1], 2 * total * FULL_FROM[0]
    missed = [unit for unit in context.units if hits[unit.text] < IN_SENTENCE]
    points = keyword_points(context)
    lost = points * 100 * max(0, whole - part) // whole
    terms = [_term(context, unit, hits, whole, lost) for unit in missed[:FIX_TERMS]]
    spans = [context.place_in(context.best_section(unit.phrase)) for unit in missed[:FIX_TERMS]]
    return in_proportion(
        name,
        part=part,
        whole=whole,
        measured={
            "units": len(context.units),
            "in_a_sentence": sum(1 for hit in hits.values() if hit == IN_SENTENCE),
            "in_a_section": sum(1 for hit in hits.values() if hit == 1),
            "coverage_percent": 100 * reached // (2 * total),
        },
        spans=spans,
        fix="cover_terms",
        points=points,
        terms=terms,
    )


def keyword_points(context: Context) -> int:
    """What the keywords of the cluster give, in the target's profile."""
    given_away = SERP_POINTS if context.target.profile == SERP else 0
    return WEIGHTS["topic.keywords"] - given_away


def _term(
    context: Context, unit: Unit, hits: dict[str, int], whole: int, lost: int
) -> dict[str, Any]:
    """What one missed unit is worth, and where it belongs."""
    most = keyword_points(context) * 100
    section = context.best_section(unit.phrase)
    heading = section.heading if section else None
    gained = unit.weight * (2 - hits[unit.text]) * FULL_FROM[1]
    return {
        "text": unit.text,
        "weight": unit.weight,
        "worth": min(lost, most * gained // whole),
        "section": heading.text if heading else "",
        "block": int(context.place_in(section)["block"]),
    }


def _headings(context: Context) -> Check:
    """Of the heaviest other units, how many a subheading is about."""
    name = "topic.headings"
    others = [u for u in context.units if u is not context.primary_unit][:HEADING_UNITS]
    if not others:
        return not_applicable(name, "no_keywords")
    headings = context.document.subheadings
    missed = [u for u in others if not any(u.phrase.reflects(h) for h in headings)]
    found = len(others) - len(missed)
    place = context.document.blocks[headings[0].block].span if headings else context.document.start
    return in_proportion(
        name,
        part=2 * found,
        whole=len(others),
        measured={"units": len(others), "reflected": found},
        spans=[place],
        fix="cover_in_headings",
        terms=[unit.text for unit in missed],
    )


def _primary(context: Context, hits: dict[str, int]) -> Check:
    own = context.primary_unit
    hit = _hit(context, context.phrase) if own is None else hits[own.text]
    section = context.best_section(context.phrase)
    return judged(
        "topic.primary",
        {2: FULL, 1: HALF, 0: NONE}[hit],
        measured={"hit": hit},
        band={2: "one_sentence", 1: "one_section", 0: "missing"}[hit],
        spans=[context.place_in(section)],
        fix="say_keyphrase_in_a_sentence",
        keyphrase=context.phrase.text,
    )


def _attributes(context: Context) -> Check:
    name = "topic.attributes"
    stated = [a for a in context.target.attributes if a.value.strip()]
    if not stated:
        return not_applicable(name, "no_attributes")
    if not context.counts_words:
        return not_applicable(name, "no_words_in_language")
    weights = [_ATTRIBUTE_WEIGHTS.get(attribute.type, 1) for attribute in stated]
    hits = [_states(context, attribute) for attribute in stated]
    reached = sum(weight for weight, hit in zip(weights, hits, strict=True) if hit)
    missed = [attribute for attribute, hit in zip(stated, hits, strict=True) if not hit]
    return in_proportion(
        name,
        part=reached * FULL_FROM[1],
        whole=sum(weights) * FULL_FROM[0],
        measured={"attributes": len(stated), "stated": sum(hits)},
        spans=[
            context.place_in(context.best_section(phrase_of(a.name, context.document.language)))
            for a in missed[:FIX_TERMS]
        ],
        fix="state_attributes",
        attributes=[
            {"name": a.name, "value": f"{a.value} {a.unit}".strip()} for a in missed[:FIX_TERMS]
        ],
    )


def _states(context: Context, attribute: TargetAttribute) -> bool:
    """Whether a sentence or row holds the value beside the name, or in a section about the name."""
    language = context.document.language
    name = phrase_of(attribute.name, language)
    for section, terms in zip(context.document.sections, _about(context, name), strict=True):
        for text, bag in _passages(context, section):
            if _holds_value(text, attribute, bag, language) and (terms or name.bag <= bag):
                return True
    return False


def _about(context: Context, name: Phrase) -> list[bool]:
    """For each section, whether its heading is about a name."""
    by_block = {h.block: h for h in context.document.headings}
    return [
        bool(
            section.heading
            and section.heading.index in by_block
            and name.terms
            and name.reflects(by_block[section.heading.index])
        )
        for section in context.document.sections
    ]


def _passages(context: Context, section: Section) -> list[tuple[str, frozenset[str]]]:
    """Sentences, and whole rows of tables."""
    wanted = {block.index: block for block in section.blocks}
    rows: dict[int, list[tuple[str, frozenset[str]]]] = {}
    found: list[tuple[str, frozenset[str]]] = []
    for sentence in context.document.sentences:
        block = wanted.get(sentence.block)
        if block is None:
            continue
        if block.row >= 0:
            rows.setdefault(block.row, []).append((sentence.text, sentence.bag))
        else:
            found.append((sentence.text, sentence.bag))
    for cells in rows.values():
        text = " ".join(text for text, _ in cells)
        found.append((text, frozenset().union(*(bag for _, bag in cells))))
    return found


def _holds_value(text: str, attribute: TargetAttribute, bag: frozenset[str], language: Any) -> bool:
    wanted = quantities(f"{attribute.value} {attribute.unit}".strip())
    if wanted:
        rest = words_of(_NUMBER_AND_UNIT.sub(" ", attribute.value))
        has_words = set(language.terms(rest)) <= bag
        return has_words and set(wanted) <= set(quantities(text))
    terms = frozenset(language.terms(words_of(attribute.value)))
    return bool(terms) and terms <= bag


def quantities(text: str) -> list[tuple[Decimal, str]]:
    """The numbers of a text in base units: ``1,300 g`` and ``1.3 kg`` are the same."""
    found = []
    for number, unit in _NUMBER_AND_UNIT.findall(text):
        value = number_of(number)
        name, factor = SCALES.get(unit.lower(), (unit.lower(), Decimal(1)))
        found.append(((value * factor).normalize(), name))
    return found


def number_of(text: str) -> Decimal:
    """A number as it is written: the last mark before other than three digits is the decimal one.

    ``1,300`` and ``1.300`` are 1300; ``1,30``, ``1.5`` and ``0.125`` have decimals.
    """
    plain = regex.sub(r"[\s\u00a0\u202f]", "", text)
    marks = regex.findall(r"[.,]", plain)
    if not marks:
        return Decimal(plain)
    whole, _, last = plain.rpartition(marks[-1])
    is_thousands = len(last) == GROUP_DIGITS and len(set(marks)) == 1 and not whole.startswith("0")
    if is_thousands:
        return Decimal(regex.sub(r"[.,]", "", plain))
    return Decimal(f"{regex.sub(r'[.,]', '', whole) or 0}.{last}")
