"""The score of a page: all checks, caps, and what they add up to. Pure and deterministic.

No clock, no network, no model, no randomness, no float: the same page and target give the same
bytes in any process. Every point that is lost names its check, its place and its fix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.scoring_context import make_context
from igny8_core.business.content.services.scoring_document import (
    MIN_CHARACTERS,
    Document,
    PageInput,
    Span,
    read_page,
)
from igny8_core.business.content.services.scoring_links import links_checks
from igny8_core.business.content.services.scoring_placement import placement_checks
from igny8_core.business.content.services.scoring_readability import readability_checks
from igny8_core.business.content.services.scoring_serp import serp_checks
from igny8_core.business.content.services.scoring_structure import structure_checks
from igny8_core.business.content.services.scoring_target import SERP
from igny8_core.business.content.services.scoring_topic import topic_checks
from igny8_core.business.content.services.scoring_use import FAR_OVER, OVER, use_checks

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_bands import Check
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_target import Target

SCORER_VERSION: Final = "1.1.0"
"""Covers thresholds, weights, segmentation and every list: any change of them raises it."""

BANDS: Final = ((85, "strong"), (70, "good"), (40, "fair"), (0, "weak"))

NO_KEYWORD = "no_primary_keyword"
TOO_SHORT = "too_short"
NO_LANGUAGE = "language_unknown"
TEMPLATE = "template_variables"


@dataclass(frozen=True)
class Cap:
    """A limit on the score, beside the sum of the checks.

    :ivar most: the shown score is at most this.
    """

    cap: str
    most: int
    spans: tuple[Span, ...]
    fix: str

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        fix = {"code": self.fix, "params": {}}
        return {"cap": self.cap, "most": self.most, "spans": list(self.spans), "fix": fix}


@dataclass(frozen=True)
class Score:
    """What a page reaches for its target.

    :ivar score: 0 to 100; None: it cannot be scored, and ``reason`` says why.
    :ivar earned, max: hundredths of a point over the applicable checks.
    :ivar caps: the lowest of them holds.
    """

    scorer_version: str
    content_hash: str
    target_hash: str
    score: int | None
    reason: str = ""
    earned: int = 0
    max: int = 0
    word_count: int = 0
    caps: tuple[Cap, ...] = ()
    checks: tuple[Check, ...] = field(default=())

    @property
    def uncapped(self) -> int | None:
        """What the checks alone add up to."""
        return rounded(self.earned, self.max) if self.max else None

    @property
    def lost(self) -> list[Check]:
        """Checks that do not give everything, the dearest first."""
        found = [check for check in self.checks if check.is_applicable and check.lost]
        return sorted(found, key=lambda check: (-check.lost, check.check))

    def check(self, name: str) -> Check:
        """One check by its name."""
        return next(check for check in self.checks if check.check == name)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "scorer_version": self.scorer_version,
            "content_hash": self.content_hash,
            "target_hash": self.target_hash,
            "score": self.score,
            "reason": self.reason,
            "earned": self.earned,
            "max": self.max,
            "word_count": self.word_count,
            "caps": [cap.as_json() for cap in self.caps],
            "checks": [check.as_json() for check in self.checks],
        }


def score_page(page: PageInput, target: Target) -> Score:
    """Score a page. The same input gives the same output."""
    document = read_page(page)
    version = version_of(target)
    reason = not_scorable(document, target)
    if reason:
        return Score(version, page.hash, target.hash, None, reason)
    context = make_context(document, target)
    checks = (
        *topic_checks(context),
        *serp_checks(context),
        *placement_checks(context),
        *structure_checks(context),
        *readability_checks(context),
        *links_checks(context),
        *use_checks(context),
    )
    counted = [check for check in checks if check.is_applicable]
    earned, most = sum(c.earned for c in counted), sum(c.max for c in counted)
    caps = _caps(context, checks)
    return Score(
        scorer_version=version,
        content_hash=page.hash,
        target_hash=target.hash,
        score=min([rounded(earned, most), *(cap.most for cap in caps)]),
        earned=earned,
        max=most,
        word_count=document.word_count,
        caps=caps,
        checks=checks,
    )


def version_of(target: Target) -> str:
    """The version that a target is scored by: scores of two profiles are not compared."""
    return f"{SCORER_VERSION}+{SERP}" if target.profile == SERP else SCORER_VERSION


def rounded(earned: int, most: int) -> int:
    """Of a hundred, half up."""
    return (200 * earned + most) // (2 * most)


def not_scorable(document: Document, target: Target) -> str:
    """Why a page has no score; empty when it has one."""
    if not target.primary.strip():
        return NO_KEYWORD
    if not document.language.code:
        return NO_LANGUAGE
    if document.is_template:
        return TEMPLATE
    if document.text_length < MIN_CHARACTERS:
        return TOO_SHORT
    return ""


def band_of(score: int) -> str:
    """How a score is called: weak, fair, good, strong."""
    return next(name for low, name in BANDS if score >= low)


def _caps(context: Context, checks: tuple[Check, ...]) -> tuple[Cap, ...]:
    found: list[Cap] = []
    density = next(check for check in checks if check.check == "use.density")
    if density.band in {OVER, FAR_OVER}:
        most = 49 if density.band == FAR_OVER else 69
        found.append(Cap("use.density", most, tuple(density.spans), "say_keyphrase_less"))
    words, limits, end = context.document.word_count, context.limits, context.document.end
    if context.counts_words:
        if words < limits.cap_none:
            found.append(Cap("structure.very_short", 39, (end,), "lengthen_text"))
        elif words < limits.cap_low:
            found.append(Cap("structure.short", 59, (end,), "lengthen_text"))
    if not context.document.title.text:
        place = context.document.field_span("seo_title")
        found.append(Cap("title.present", 49, (place,), "write_title"))
    return tuple(sorted(found, key=lambda cap: (cap.most, cap.cap)))
