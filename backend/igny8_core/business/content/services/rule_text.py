"""Sentences made by rules: where a model's text does not pass, and around it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.content.services.outline import aspects, filled
from igny8_core.business.content.services.section_rules import section_rules
from igny8_core.business.content.services.text_measures import word_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.content.services.brief import Brief
    from igny8_core.business.content.services.clean_text import Seen
    from igny8_core.business.content.services.outline import Section


def rule_sentences(
    brief: Brief, section: Section, *, words: int, seen: Seen, turn: int
) -> list[str]:
    """Sentences of the section's aspect, at least ``words`` words if there are so many.

    :param seen: what the article says already; what is taken here is added.
    :param turn: where to begin, so that articles of one site do not all say the same.
    """
    known = aspects(brief)
    chosen = known.get(section.aspect) or next(iter(known.values()))
    first, *others = chosen.sentences
    start = turn % len(others)
    found: list[str] = []
    for template in (first, *others[start:], *others[:start]):
        if sum(word_count(sentence) for sentence in found) >= words:
            break
        sentence = filled(brief, template, section.keyword)
        if not seen.repeats(sentence, is_strict=False):
            seen.add(sentence)
            found.append(sentence)
    return found


def opening(brief: Brief, *, turn: int) -> list[str]:
    """The first words of the article; the first sentence holds the primary keyword."""
    rules = section_rules()
    return [
        filled(brief, picked(rules.openings, turn), brief.primary),
        picked(rules.opening_seconds, turn),
    ]


def list_lead(*, turn: int) -> str:
    """The sentence before the list of variants."""
    return picked(section_rules().list_leads, turn)


def closing(brief: Brief, *, turn: int) -> list[str]:
    """The last words of the article."""
    rules = section_rules()
    return [
        filled(brief, picked(rules.closings, turn), brief.primary),
        picked(rules.closing_seconds, turn),
    ]


def picked(choices: Sequence[str], turn: int) -> str:
    """One of several, by turns."""
    return choices[turn % len(choices)]
