"""Counts and sums of several tables at once: a page that shows ten of them asks one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, JSONField, Value
from django.db.models.functions import Cast, JSONObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet


def together(*parts: tuple[QuerySet[Any], Mapping[str, Any]]) -> dict[str, Any]:
    """Aggregates of several tables, read in one query.

    :param parts: rows, and their aggregates by names that no other part has.
    :returns: by name; what adds up nothing is 0.
    """
    first, *others = (_aggregated(rows, aggregates) for rows, aggregates in parts)
    found: dict[str, Any] = {name: 0 for _, aggregates in parts for name in aggregates}
    for (row,) in first.union(*others, all=True) if others else first:
        found |= {name: value or 0 for name, value in row.items()}
    return found


def _aggregated(rows: QuerySet[Any], aggregates: Mapping[str, Any]) -> Any:
    given = {f"all_{name}": aggregate for name, aggregate in aggregates.items()}
    whole = rows.select_related(None).order_by().values(all_rows=Value(1)).annotate(**given)
    shown = JSONObject(**{name: F(f"all_{name}") for name in aggregates})
    return whole.values_list(Cast(shown, JSONField()))
