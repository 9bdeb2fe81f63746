"""Rows of which some columns are left out, read quickly."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import DEFERRED

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self


class QuickRows(models.Model):
    """The base of every model that lists show.

    Django looks every column up in a list, for every row, when some are left out: for a page of
    fifty rows that costs more than the columns.
    """

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        **options: Any,
    ) -> Self:
        """A row as it was read."""
        if len(values) != len(cls._meta.concrete_fields):
            read = tuple(values)
            places = _places(cls, tuple(field_names))
            values = [DEFERRED if place is None else read[place] for place in places]
        return super().from_db(db, field_names, values, **options)


@lru_cache(maxsize=1_000)
def _places(model: type[models.Model], names: tuple[str, ...]) -> tuple[int | None, ...]:
    """Where the value of each column is among those that were read; None: nowhere."""
    place = {name: n for n, name in enumerate(names)}
    return tuple(place.get(field.attname) for field in model._meta.concrete_fields)
