"""Bands of measured values, and what a check says. Pure, in integers only."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from igny8_core.business.content.services.scoring_document import Span


class State(StrEnum):
    """How much of its weight a check gives."""

    FULL = "full"
    HALF = "half"
    NONE = "none"
    PARTIAL = "partial"
    NOT_APPLICABLE = "not_applicable"


FULL, HALF, NONE = State.FULL, State.HALF, State.NONE
PARTIAL, NOT_APPLICABLE = State.PARTIAL, State.NOT_APPLICABLE
SPANS_MAX: Final = 20


@dataclass(frozen=True)
class Bands:
    """States by value: each begins at its lower bound and ends before the next one.

    There are no gaps and no overlaps: everything is made of one sorted list, whose first bound is
    the smallest value that there is.
    """

    bounds: tuple[int, ...]
    states: tuple[State, ...]
    unit: str = ""

    def at(self, value: int) -> State:
        """The state of a value.

        :raises ValueError: smaller than the smallest value that there is.
        """
        return self.states[self._place(value)]

    def name(self, value: int) -> str:
        """``301-350``, or ``351+``."""
        place = self._place(value)
        low = self.bounds[place]
        if place + 1 == len(self.bounds):
            return f"{low}{self.unit}+"
        high = self.bounds[place + 1] - 1
        return f"{low}{self.unit}" if low == high else f"{low}-{high}{self.unit}"

    def _place(self, value: int) -> int:
        place = bisect_right(self.bounds, value) - 1
        if place < 0:
            raise ValueError(f"{value} is below {self.bounds[0]}")
        return place


def bands(*pairs: tuple[int, State], unit: str = "") -> Bands:
    """Bands of their lower bounds.

    :raises ValueError: the bounds do not rise.
    """
    bounds = tuple(bound for bound, _ in pairs)
    if not bounds or any(a >= b for a, b in pairwise(bounds)):
        raise ValueError(f"bounds have to rise: {bounds}")
    return Bands(bounds, tuple(state for _, state in pairs), unit)


def share_up(part: int, whole: int) -> int:
    """Percent, rounded up: at most 25 % is what is below 26."""
    return -(-100 * part // whole) if whole else 0


def share_down(part: int, whole: int) -> int:
    """Percent, rounded down: at least 30 % is what is not below 30."""
    return 100 * part // whole if whole else 0


@dataclass(frozen=True)
class Check:
    """What one check found.

    :ivar max, earned: hundredths of a point.
    :ivar measured: the figures that it was decided by.
    :ivar spans: where; for something absent the place where it belongs.
    :ivar fix: code and params; None when nothing is lost.
    """

    check: str
    max: int
    earned: int
    state: State
    measured: Mapping[str, Any] = field(default_factory=dict)
    band: str = ""
    spans: Sequence[Span] = ()
    fix: Mapping[str, Any] | None = None

    @property
    def group(self) -> str:
        """The part of the name before the dot."""
        return self.check.partition(".")[0]

    @property
    def lost(self) -> int:
        """Hundredths of a point that it does not give."""
        return self.max - self.earned

    @property
    def is_applicable(self) -> bool:
        return self.state is not NOT_APPLICABLE

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "check": self.check,
            "group": self.group,
            "max": self.max,
            "earned": self.earned,
            "state": self.state.value,
            "measured": dict(self.measured),
            "band": self.band,
            "spans": list(self.spans),
            "fix": dict(self.fix) if self.fix else None,
        }


WEIGHTS: Final = {
    "topic.keywords": 16,
    "topic.attributes": 8,
    "topic.headings": 5,
    "topic.primary": 5,
    "placement.title": 6,
    "placement.introduction": 4,
    "placement.slug": 2,
    "placement.meta_keyphrase": 3,
    "placement.subheadings": 3,
    "placement.distribution": 2,
    "structure.text_length": 5,
    "structure.section_length": 3,
    "structure.single_h1": 2,
    "structure.heading_order": 2,
    "read.sentence_length": 3,
    "read.paragraph_length": 3,
    "read.passive_voice": 2,
    "read.transition_words": 2,
    "read.consecutive_starts": 1,
    "read.word_complexity": 1,
    "links.internal": 3,
    "links.outbound": 1,
    "media.images": 2,
    "media.alt": 2,
    "site.keyphrase_unique": 2,
    "use.density": 4,
    "use.competing_links": 2,
    "snippet.title_width": 3,
    "snippet.meta_length": 3,
}
"""Points of each check; together 100."""

SERP_POINTS: Final = 8
"""Of the profile ``serp``: so many points of ``topic.keywords`` go to ``topic.serp_terms``."""

GROUPS: Final = {
    "topic": "Topic coverage",
    "placement": "Placement of the keyphrase",
    "structure": "Structure",
    "read": "Readability",
    "links": "Links, media, site",
    "media": "Links, media, site",
    "site": "Links, media, site",
    "use": "Use of the keyphrase",
    "snippet": "Search snippet",
}


def judged(
    name: str,
    state: State,
    *,
    measured: Mapping[str, Any],
    band: str,
    spans: Sequence[Span] = (),
    fix: str = "",
    **params: Any,
) -> Check:
    """A check that gives all of its weight, half of it, or nothing.

    :param fix: code of what to do; needed with at least one span unless the state is full.
    """
    most = WEIGHTS[name] * 100
    if state is FULL:
        return Check(name, most, most, FULL, measured, band)
    earned = most // 2 if state is HALF else 0
    kept = tuple(spans)[:SPANS_MAX]
    return Check(name, most, earned, state, measured, band, kept, {"code": fix, "params": params})


def in_proportion(
    name: str,
    *,
    part: int,
    whole: int,
    measured: Mapping[str, Any],
    spans: Sequence[Span],
    fix: str,
    points: int | None = None,
    **params: Any,
) -> Check:
    """A check that gives a share of its weight, rounded down: full from ``part`` = ``whole``.

    :param points: in place of its weight, in a profile of its own.
    """
    most = (WEIGHTS[name] if points is None else points) * 100
    if part >= whole:
        return Check(name, most, most, FULL, measured, "full")
    earned = most * part // whole
    kept = tuple(spans)[:SPANS_MAX]
    state = PARTIAL if earned else NONE
    how = {"code": fix, "params": params}
    return Check(name, most, earned, state, measured, "below_full", kept, how)


def not_applicable(name: str, reason: str, **measured: Any) -> Check:
    """A check that leaves the sum, and why. One without points is a remark that was not made."""
    most = WEIGHTS.get(name, 0) * 100
    return Check(name, most, 0, NOT_APPLICABLE, {"reason": reason, **measured}, reason)


def hint(
    name: str,
    *,
    is_good: bool,
    measured: Mapping[str, Any],
    band: str,
    spans: Sequence[Span] = (),
    fix: str = "",
    **params: Any,
) -> Check:
    """A remark without points."""
    if is_good:
        return Check(name, 0, 0, FULL, measured, band)
    return Check(name, 0, 0, NONE, measured, band, spans, {"code": fix, "params": params})
