"""The column of an export of ours that says where a keyword's figures come from."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.keyword_merge import MAX_SOURCES, Source, figures
from igny8_core.business.planning.services.keyword_numbers import MAX_VOLUME
from igny8_core.business.planning.states import FigureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from igny8_core.business.planning.services.keyword_row import KeywordRow

_MAX_CHARACTERS = 32 * 1024
_MAX_TEXT = 64


def sources_text(sources: list[Source]) -> str:
    """The cell: a JSON list, without what only this installation understands."""
    told = [
        {name: value for name, value in source.items() if name not in {"import", "row"}}
        for source in sources
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def own_sources(text: str, row: KeywordRow) -> list[Source] | None:
    """The sources of a row of our own export; None when the cell holds none.

    A figure in the row that the sources do not give was typed into the exported file by a
    person: it comes first.
    """
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    try:
        listed = json.loads(text)
    except ValueError:
        return None
    if not isinstance(listed, list) or len(listed) > MAX_SOURCES:
        return None
    found = [source for source in map(_source, listed) if source is not None]
    if not found:
        return None
    says = figures(found)
    typed: Source = {"tool": "igny8_keywords", "kind": FigureKind.TYPED.value}
    if row.volume != says.volume and row.volume is not None:
        typed["volume"] = row.volume
    if row.difficulty != says.difficulty and row.difficulty is not None:
        typed["difficulty"] = row.difficulty
    if len(typed) > 2:  # noqa: PLR2004 - more than its name and kind
        found.insert(0, typed)
    return found


def _source(value: Any) -> Source | None:
    """One source, of which only what has the right shape is taken."""
    if not isinstance(value, dict) or value.get("kind") not in FigureKind.values:
        return None
    found: Source = {"tool": str(value.get("tool") or "")[:_MAX_TEXT], "kind": value["kind"]}
    for name, is_right in _SHAPES.items():
        if name in value and is_right(value[name]):
            found[name] = value[name]
    has_figure = found["kind"] != FigureKind.UNKNOWN
    if has_figure != ("volume" in found) and found["kind"] != FigureKind.TYPED:
        return None
    if "volume_max" in found and not found.get("volume", MAX_VOLUME) <= found["volume_max"]:
        return None
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_VOLUME


def _is_price(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) < 16  # noqa: PLR2004 - a price
        and value.replace(".", "", 1).isascii()
        and value.replace(".", "", 1).isdigit()
    )


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_trend(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= 60  # noqa: PLR2004 - months
        and all(v is None or (type(v) in {int, float} and 0 <= v <= MAX_VOLUME) for v in value)
    )


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "volume": _is_count,
    "volume_max": _is_count,
    "difficulty": lambda v: type(v) in {int, float} and 0 <= v <= 100,  # noqa: PLR2004
    "cpc": _is_price,
    "cpc_currency": lambda v: isinstance(v, str) and len(v) == 3 and v.isalpha(),  # noqa: PLR2004
    "observed_on": _is_date,
    "trend": _is_trend,
    "trend_kind": lambda v: v in {"absolute", "relative"},
    "trend_end": lambda v: isinstance(v, str) and len(v) == 7,  # noqa: PLR2004 - 2026-08
}
