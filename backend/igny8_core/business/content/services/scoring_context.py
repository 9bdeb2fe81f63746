"""What every check of the scorer gets: a page, its target, and what follows from both. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from igny8_core.business.content.services.scoring_limits import Limits, limits_for
from igny8_core.business.content.services.scoring_target import (
    Phrase,
    Target,
    Unit,
    primary_phrase,
    units_of,
)

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_document import Document, Section, Span


@dataclass(frozen=True)
class Context:
    """A page against a target."""

    document: Document
    target: Target
    phrase: Phrase
    units: tuple[Unit, ...]
    primary_unit: Unit | None
    limits: Limits

    @cached_property
    def counts_words(self) -> bool:
        """Whether the language's words can be counted."""
        return self.document.language.has_words

    @cached_property
    def section_terms(self) -> tuple[frozenset[str], ...]:
        """The stems of each section of the page, its heading included."""
        bags: dict[int, set[str]] = {}
        for sentence in (*self.document.sentences, *self.document.headings):
            bags.setdefault(sentence.block, set()).update(sentence.terms)
        found = []
        for section in self.document.sections:
            blocks = [*section.blocks, *([section.heading] if section.heading else [])]
            found.append(frozenset().union(*(bags.get(block.index, set()) for block in blocks)))
        return tuple(found)

    def best_section(self, phrase: Phrase) -> Section | None:
        """The section that shares most stems with a phrase; of equals the first."""
        sections = self.document.sections
        if not sections:
            return None
        shared = [len(phrase.bag & terms) for terms in self.section_terms]
        return sections[shared.index(max(shared))]

    def place_in(self, section: Section | None) -> Span:
        """Where something new of a section belongs: its last block."""
        if section is None:
            return self.document.start
        block = section.blocks[-1] if section.blocks else section.heading
        return block.span if block is not None else self.document.start


def make_context(document: Document, target: Target) -> Context:
    """Read a target for a page."""
    units, own = units_of(target, document.language)
    return Context(
        document=document,
        target=target,
        phrase=primary_phrase(target, document.language),
        units=units,
        primary_unit=own,
        limits=limits_for(
            document.language, is_hub=target.is_hub, content_type=target.content_type
        ),
    )
