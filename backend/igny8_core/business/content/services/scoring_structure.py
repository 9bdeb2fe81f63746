"""Length, sections, headings, and what a result list shows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    Check,
    State,
    hint,
    judged,
    not_applicable,
)
from igny8_core.business.content.services.scoring_limits import H1, TITLE_UNITS
from igny8_core.business.content.services.scoring_width import pixels, title_units

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_document import Section, Span

PERCENT_FULL, PERCENT_HALF = 10, 25
_RANK: Final = {NONE: 0, HALF: 1, FULL: 2}


def structure_checks(context: Context) -> list[Check]:
    """The four checks of structure, and the two of the snippet."""
    return [
        _text_length(context),
        _section_length(context),
        _single_h1(context),
        _heading_order(context),
        _title_width(context),
        _meta_length(context),
        _title_present(context),
    ]


def _text_length(context: Context) -> Check:
    name = "structure.text_length"
    if not context.counts_words:
        return not_applicable(name, "no_words_in_language")
    words, target = context.document.word_count, context.target.target_words
    limits = context.limits.text_length
    state, band = limits.at(words), limits.name(words)
    measured: dict[str, int] = {"words": words}
    if target is not None:
        measured["target_words"] = target
        beside = _near(words, target)
        if _RANK[beside] < _RANK[state]:
            state, band = beside, "off_target"
    is_long = target is not None and words > target and band == "off_target"
    return judged(
        name,
        state,
        measured=measured,
        band=band,
        spans=[context.document.end],
        fix="shorten_text" if is_long else "lengthen_text",
        words=target or limits.bounds[-1],
    )


def _near(words: int, target: int) -> State:
    off = 100 * abs(words - target)
    if off <= PERCENT_FULL * target:
        return FULL
    return HALF if off <= PERCENT_HALF * target else NONE


def _section_length(context: Context) -> Check:
    name, document = "structure.section_length", context.document
    if not context.counts_words:
        return not_applicable(name, "no_words_in_language")
    sections = document.sections
    lengths = [sum(document.counts[b.index] for b in section.blocks) for section in sections]
    longest = max(lengths, default=0)
    has_headings = any(section.heading for section in sections)
    limits = context.limits.section_length if has_headings else context.limits.unsectioned_length
    most = context.limits.short_text
    too_long = [section for section, length in zip(sections, lengths, strict=True) if length > most]
    return judged(
        name,
        limits.at(longest),
        measured={"longest_words": longest},
        band=limits.name(longest),
        spans=[span for section in too_long for span in _whole(section)],
        fix="insert_heading",
        after_block=_cut_after(context, too_long[0], most) if too_long else 0,
        max_words=most,
    )


def _whole(section: Section) -> list[Span]:
    return [block.span for block in section.blocks]


def _cut_after(context: Context, section: Section, most: int) -> int:
    """The last block before the middle of a section, or before its limit."""
    total = sum(context.document.counts[block.index] for block in section.blocks)
    so_far, last = 0, section.blocks[0].index
    for block in section.blocks:
        so_far += context.document.counts[block.index]
        if so_far > min(most, (total + 1) // 2):
            break
        last = block.index
    return last


def _single_h1(context: Context) -> Check:
    found = [block for block in context.document.blocks if block.level == 1]
    return judged(
        "structure.single_h1",
        H1.at(len(found)),
        measured={"in_text": len(found)},
        band=H1.name(len(found)),
        spans=[block.span for block in found],
        fix="make_h1_h2",
    )


def _heading_order(context: Context) -> Check:
    name = "structure.heading_order"
    headings = [b for b in context.document.blocks if b.level]
    empty = context.document.empty_headings
    if not headings and not empty:
        return not_applicable(name, "no_headings")
    spans: list[Span] = [context.document.before(block) for block in empty]
    level, seen = 1, set()
    skipped = repeated = 0
    for block in headings:
        folded = block.text.lower()
        if block.level > level + 1 or block.level == 1:
            skipped += 1
            spans.append(block.span)
        elif folded in seen:
            repeated += 1
            spans.append(block.span)
        seen.add(folded)
        level = block.level
    band = "skipped" if skipped else "repeated" if repeated else "empty" if empty else "in_order"
    fixes = {
        "skipped": "correct_heading_level",
        "repeated": "reword_repeated_heading",
        "empty": "remove_empty_heading",
    }
    return judged(
        name,
        FULL if band == "in_order" else NONE,
        measured={
            "headings": len(headings),
            "skipped": skipped,
            "repeated": repeated,
            "empty": len(empty),
        },
        band=band,
        spans=spans,
        fix=fixes.get(band, ""),
    )


def _title_width(context: Context) -> Check:
    name = "snippet.title_width"
    units = title_units(context.document.title.text)
    if units is None:
        return not_applicable(name, "script_not_measurable")
    return judged(
        name,
        TITLE_UNITS.at(units),
        measured={"pixels": pixels(units), "units": units},
        band="missing" if not units else "1-600 px" if units < TITLE_UNITS.bounds[-1] else "over",
        spans=[context.document.field_span("seo_title")],
        fix="shorten_title" if units else "write_title",
        pixels=600,
    )


def _meta_length(context: Context) -> Check:
    length = len(context.document.description.text)
    limits = context.limits.meta_length
    low, high = limits.bounds[2], limits.bounds[3] - 1
    fix = (
        "write_description"
        if not length
        else ("lengthen_description" if length < low else "shorten_description")
    )
    return judged(
        "snippet.meta_length",
        limits.at(length),
        measured={"characters": length},
        band=limits.name(length),
        spans=[context.document.field_span("meta_description")],
        fix=fix,
        at_least=low,
        at_most=high,
    )


def _title_present(context: Context) -> Check:
    has_title = bool(context.document.title.text)
    return hint(
        "title.present",
        is_good=has_title,
        measured={"characters": len(context.document.title.text)},
        band="present" if has_title else "missing",
        spans=[context.document.field_span("seo_title")],
        fix="write_title",
        pixels=600,
    )
