"""How searches went over the months, as tools write it into one cell."""

from __future__ import annotations

import json
import re

from igny8_core.common.xlsx_read import NUMBER

MAX_MONTHS = 60
_MAX_CHARACTERS = 1_000
_SEPARATORS = re.compile(r"[,;|\s]+")
_RELATIVE_TOOLS = frozenset({"semrush_kmt", "semrush_ksb", "semrush_positions", "semrush_api"})
_PERCENT = 100
OWN_RELATIVE = "relative "
"""How an export of ours starts a trend that is no count."""


def read_trend(text: str, *, tool: str) -> tuple[str, str, int] | None:
    """(JSON list, ``relative`` or ``absolute``, how many months); None when it cannot be read.

    Semrush writes shares of the best month, from 0 to 1 or, in brackets, from 0 to 100.
    """
    if text.startswith(NUMBER):
        text = text[1:]
    text = text.strip()
    if len(text) > _MAX_CHARACTERS:
        return None
    is_told = text.startswith(OWN_RELATIVE)
    text = text.removeprefix(OWN_RELATIVE)
    is_listed = text.startswith("[") and text.endswith("]")
    words = [word for word in _SEPARATORS.split(text.strip("[]")) if word]
    if not words or len(words) > MAX_MONTHS:
        return None
    try:
        values = [None if word in {"-", "null"} else float(word) for word in words]
    except ValueError:
        return None
    known = [value for value in values if value is not None]
    if not known or min(known) < 0 or max(known) > 10**10:
        return None
    if is_told:
        return _encoded(values), "relative", len(values)
    if tool in _RELATIVE_TOOLS or (is_listed and max(known) <= _PERCENT):
        if is_listed:
            values = [None if value is None else value / _PERCENT for value in values]
        if max(value for value in values if value is not None) > 1:
            return None
        return _encoded(values), "relative", len(values)
    return _encoded(values), "absolute", len(values)


def _encoded(values: list[float | None]) -> str:
    shown = [
        value if value is None else int(value) if value.is_integer() else round(value, 4)
        for value in values
    ]
    return json.dumps(shown, separators=(",", ":"))


def trend_text(source: dict[str, object] | None) -> tuple[str, str]:
    """(trend, its last month) of a source, as our export writes them."""
    values = (source or {}).get("trend")
    if source is None or not isinstance(values, list):
        return "", ""
    shown = "|".join("-" if value is None else str(value) for value in values)
    prefix = OWN_RELATIVE if source.get("trend_kind") == "relative" else ""
    return prefix + shown, str(source.get("trend_end") or "")
