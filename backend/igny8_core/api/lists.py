"""Lists as plain data: a serializer is taken apart once for each process, not once for each row.

What a list shows is mostly columns. For those the way through every field's own methods costs more
than the query; here it is one attribute and, if need be, one function for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from rest_framework import serializers
from rest_framework.relations import PKOnlyObject

if TYPE_CHECKING:
    from collections.abc import Callable

AS_IT_IS: dict[type, tuple[type, ...]] = {
    serializers.BigIntegerField: (models.IntegerField,),
    serializers.BooleanField: (models.BooleanField,),
    serializers.CharField: (models.CharField, models.TextField),
    serializers.ChoiceField: (models.CharField, models.IntegerField),
    serializers.EmailField: (models.EmailField,),
    serializers.FloatField: (models.FloatField,),
    serializers.IntegerField: (models.IntegerField,),
    serializers.JSONField: (models.JSONField,),
    serializers.SlugField: (models.SlugField,),
    serializers.URLField: (models.URLField,),
}
"""Fields that show a value as it is, if the column is one of these."""

NEEDS_SERIALIZER = (
    serializers.BaseSerializer,
    serializers.FileField,
    serializers.HyperlinkedRelatedField,
    serializers.SerializerMethodField,
)
"""Fields that ask the serializer they are in, and so are not kept."""


def show_instant(value: datetime) -> str:
    """As DRF writes it: in UTC, with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


GETTERS = (serializers.Field.get_attribute, serializers.PrimaryKeyRelatedField.get_attribute)
"""Ways to a value that end at the column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One member of a row.

    :ivar get: reads it off the row; None when a field has to.
    :ivar show: makes it plain; None when it is.
    :ivar field: does both; None when it is the serializer's own, which knows the request.
    """

    name: str
    get: Callable[[Any], Any] | None = None
    show: Callable[[Any], Any] | None = None
    field: Any = None


_plans: dict[type, list[Column]] = {}


class RowList(serializers.ListSerializer[Any]):
    """``many=True`` for lists that are only read. Shows exactly what the serializer would."""

    def to_representation(self, data: Any) -> list[Any]:
        child: Any = self.child
        if type(child) not in _plans:
            _plans[type(child)] = _plan(type(child)())
        plan = [
            replace(column, field=child.fields[column.name])
            if column.get is None and column.field is None
            else column
            for column in _plans[type(child)]
        ]
        return [_row(plan, row) for row in data]


def _row(plan: list[Column], row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in plan:
        if column.get is None:
            _show_by_field(column.field, row, found)
            continue
        value = column.get(row)
        found[column.name] = value if value is None or column.show is None else column.show(value)
    return found


def _show_by_field(field: Any, row: Any, found: dict[str, Any]) -> None:
    """What ``Serializer.to_representation`` does with one field."""
    try:
        value = field.get_attribute(row)
    except serializers.SkipField:
        return
    is_none = (value.pk if isinstance(value, PKOnlyObject) else value) is None
    found[field.field_name] = None if is_none else field.to_representation(value)


def _plan(serializer: Any) -> list[Column]:
    return [
        _column(serializer, name, field)
        for name, field in serializer.fields.items()
        if not field.write_only
    ]


def _column(serializer: Any, name: str, field: Any) -> Column:
    kind, column = type(field), _model_field(serializer, field.source)
    if column is None or kind.get_attribute not in GETTERS:
        return Column(name, field=None if isinstance(field, NEEDS_SERIALIZER) else field)
    get = attrgetter(column.attname)
    is_plain = kind in AS_IT_IS and isinstance(column, AS_IT_IS[kind])
    if is_plain or kind is serializers.PrimaryKeyRelatedField:
        return Column(name, get)
    if kind is serializers.DateTimeField and not {"format", "timezone"} & set(vars(field)):
        return Column(name, get, show_instant)
    if column.is_relation or isinstance(field, NEEDS_SERIALIZER):
        return Column(name, field=None if isinstance(field, NEEDS_SERIALIZER) else field)
    return Column(name, get, field.to_representation)


def _model_field(serializer: Any, source: str) -> Any:
    """The column behind a field; None when it is none."""
    model = getattr(getattr(serializer, "Meta", None), "model", None)
    try:
        found: Any = model._meta.get_field(source) if model is not None else None
    except FieldDoesNotExist:
        return None
    return found if getattr(found, "concrete", False) else None
