"""What a keyword is worth when several sources speak of it.

A source is one row of one file, or a person. The figures are a function of the *set* of sources,
so that the order of imports, a repeat, and a file split in two make no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from igny8_core.business.planning.services.keyword_numbers import price_minor
from igny8_core.business.planning.states import FigureKind, Intent, IntentSource

MAX_SOURCES = 24
INTENT_CONFIDENCE = 0.95
SHARED_INTENT_CONFIDENCE = 0.6

_RANK = {kind.value: -place for place, kind in enumerate(FigureKind)}
_INTENT_ORDER = (
    Intent.TRANSACTIONAL.value,
    Intent.COMMERCIAL.value,
    Intent.INFORMATIONAL.value,
    Intent.NAVIGATIONAL.value,
)
_UNKNOWN, _EXACT, _TYPED = (
    FigureKind.UNKNOWN.value,
    FigureKind.EXACT.value,
    FigureKind.TYPED.value,
)
_FROM_FILE, _FROM_NOBODY = IntentSource.IMPORT.value, IntentSource.UNKNOWN.value
_LISTED = frozenset({"intents", "intents_other", "serp_features"})
MAX_SERP_URLS = 20
MAX_LABELS = 40

Source = dict[str, Any]
"""``kind``, and what is known of ``volume``, ``volume_max``, ``difficulty``, ``cpc`` (decimal
text), ``cpc_currency``, ``observed_on`` (ISO date), ``trend`` (monthly figures, oldest first, None
unknown) with ``trend_kind`` and ``trend_end``; ``tool``, ``import`` and ``row`` say whence."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The columns of ``Keywords`` that follow from its sources."""

    volume: int | None
    volume_max: int | None
    volume_kind: str
    volume_observed_on: date | None
    difficulty: float | None
    difficulty_kind: str
    difficulty_observed_on: date | None
    cpc_minor: int | None
    cpc_currency: str


def _order(source: Source) -> tuple[Any, ...]:
    """Typed, exact, range, impressions, unknown; then the newer one; then the larger one."""
    volume = source.get("volume")
    return (
        _RANK[source["kind"]],
        source.get("observed_on") or "",
        -1 if volume is None else volume,
        source.get("volume_max") or 0,
        source.get("difficulty") or 0.0,
        source.get("cpc") or "",
        source.get("cpc_currency") or "",
        source.get("tool") or "",
        source.get("trend_end") or "",
        str(source.get("trend") or ""),
    )


def same_figures(one: Source, other: Source) -> bool:
    """Whether two sources say the same thing: then the first one is kept."""
    return _order(one) == _order(other) and one.get("difficulty") == other.get("difficulty")


def merge_sources(known: list[Source], more: list[Source]) -> list[Source]:
    """All that is said of a keyword, best first, each thing once.

    Beyond :data:`MAX_SOURCES` the least are dropped; those that a figure comes from stay.
    """
    merged = list(known)
    merged.extend(
        source for source in more if not any(same_figures(source, other) for other in merged)
    )
    if len(merged) == len(known):
        return known
    merged.sort(key=_order, reverse=True)
    if len(merged) <= MAX_SOURCES:
        return merged
    volume = _first(merged, "volume")
    winners = {id(volume), id(_first(merged, "cpc"))} | {
        id(_with_volume(merged, volume, name)) for name in ("difficulty", "trend")
    }
    kept = [
        source
        for place, source in enumerate(merged)
        if place < MAX_SOURCES - len(winners) or id(source) in winners
    ]
    return kept[:MAX_SOURCES]


def _first(sources: list[Source], name: str) -> Source | None:
    return next((source for source in sources if source.get(name) is not None), None)


def _with_volume(sources: list[Source], volume: Source | None, name: str) -> Source | None:
    """The source of the volume if it knows that too, else the best one that does.

    What a person typed goes before both.
    """
    best = _first(sources, name)
    if best is not None and best["kind"] == _TYPED:
        return best
    return volume if volume is not None and name in volume else best


def effective_source(sources: list[Source], name: str) -> Source | None:
    """The best source that knows a figure."""
    return _first(sorted(sources, key=_order, reverse=True), name)


def effective_trend(sources: list[Source]) -> Source | None:
    """The source whose trend is shown."""
    ordered = sorted(sources, key=_order, reverse=True)
    return _with_volume(ordered, _first(ordered, "volume"), "trend")


def figures(sources: list[Source]) -> Figures:
    """The effective figures: each from the best source that knows it. Never a sum."""
    if len(sources) == 1:
        return _figures_of(sources[0], sources[0], sources[0])
    ordered = sorted(sources, key=_order, reverse=True)
    volume = _first(ordered, "volume")
    difficulty = _with_volume(ordered, volume, "difficulty")
    return _figures_of(volume or {}, difficulty or {}, _first(ordered, "cpc") or {})


def _figures_of(volume: Source, difficulty: Source, cpc: Source) -> Figures:
    has_volume, has_difficulty, has_cpc = (
        "volume" in volume,
        "difficulty" in difficulty,
        "cpc" in cpc,
    )
    return Figures(
        volume=volume["volume"] if has_volume else None,
        volume_max=volume.get("volume_max") if has_volume else None,
        volume_kind=volume["kind"] if has_volume else _UNKNOWN,
        volume_observed_on=_date(volume) if has_volume else None,
        difficulty=difficulty["difficulty"] if has_difficulty else None,
        difficulty_kind=_difficulty_kind(difficulty if has_difficulty else None),
        difficulty_observed_on=_date(difficulty) if has_difficulty else None,
        cpc_minor=price_minor_of(cpc["cpc"]) if has_cpc else None,
        cpc_currency=(cpc.get("cpc_currency") or "") if has_cpc else "",
    )


def _difficulty_kind(source: Source | None) -> str:
    if source is None:
        return _UNKNOWN
    kind: str = source["kind"]
    return _TYPED if kind == _TYPED else _EXACT


def _date(source: Source | None) -> date | None:
    text = source.get("observed_on") if source else None
    return _iso_date(text) if text else None


@lru_cache(maxsize=4096)
def _iso_date(text: str) -> date:
    return date.fromisoformat(text)


@lru_cache(maxsize=4096)
def price_minor_of(text: str) -> int:
    """Hundredths of a decimal text."""
    return price_minor(Decimal(text))


def merge_attributes(known: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Union of labels, best position with its URL, else what was there first."""
    merged = dict(known)
    for name, value in more.items():
        if name == "sources":
            merged[name] = merge_sources(known.get(name, []), value)
        elif name in _LISTED:
            merged[name] = sorted({*known.get(name, []), *value})[:MAX_LABELS]
        elif name == "serp_urls":
            merged[name] = list(dict.fromkeys([*known.get(name, []), *value]))[:MAX_SERP_URLS]
        elif name not in merged and name not in {"position", "ranking_url"}:
            merged[name] = value
    position = more.get("position")
    if position is not None and (
        "position" not in known
        or (position, more.get("ranking_url", ""))
        < (known["position"], known.get("ranking_url", ""))
    ):
        merged["position"] = position
        merged.pop("ranking_url", None)
        if more.get("ranking_url"):
            merged["ranking_url"] = more["ranking_url"]
    return merged


def imported_intent(labels: list[str]) -> tuple[str, str, float]:
    """(intent, source, confidence) of a file's labels; several labels are less certain."""
    found = [intent for intent in _INTENT_ORDER if intent in labels]
    if not found:
        return "", _FROM_NOBODY, 0.0
    confidence = INTENT_CONFIDENCE if len(found) == 1 else SHARED_INTENT_CONFIDENCE
    return found[0], _FROM_FILE, confidence
