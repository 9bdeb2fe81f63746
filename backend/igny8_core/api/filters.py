"""What a request says about rows: filters of a list, and ids of rows anywhere in it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.fields import empty

from igny8_core.api.bodies import Body
from igny8_core.api.pagination import PAGE_PARAMETERS
from igny8_core.auth.errors import SiteInactive
from igny8_core.auth.models import Sector, Site
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from django.db.models import Model

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_ID = 2**63 - 1
ID_DIGITS = len(str(MAX_ID))
MAX_BULK = 500
ID_SCHEMA = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}


class Filters(serializers.Serializer[Any]):
    """Query parameters of a list; a subclass names them as optional fields.

    A parameter that nobody named is refused, and so is an empty one: a misspelt filter must not
    show everything.
    """

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those that have something to do: a list has many filters, a request few."""
        given = getattr(self, "initial_data", None)
        return {
            name: copy.deepcopy(field)
            for name, field in self._declared_fields.items()
            if given is None or name in given or field.required or field.default is not empty
        }

    def to_internal_value(self, data: Mapping[str, Any]) -> Any:
        if unknown := sorted(set(data) - set(self._declared_fields) - PAGE_PARAMETERS):
            raise serializers.ValidationError(
                {name: ["There is no such filter."] for name in unknown}
            )
        return super().to_internal_value(data)


class BinFilters(Filters):
    """Of rows that can be deleted and restored."""

    deleted = serializers.BooleanField(
        required=False, default=False, help_text="The bin instead of the live rows."
    )


class FileForm(serializers.Serializer[Any]):
    """A form that comes with a file: as in a query, every other value of it is text."""


class RowId(serializers.Field[Any, Any, Any, Any]):
    """The id of a row of the account; validated data holds the row itself.

    An unknown id is 404 wherever it stands, and so is another account's. To change something, the
    site that is named, or whose sector is, has to be awake.

    :param find: a selector that takes ``account`` and the id, and raises ``NotFound``.
    :param argument: the selector's name for the id, for example ``site_id``.
    """

    default_error_messages = {"invalid": "A whole number of at least 1."}

    def __init__(self, find: Callable[..., Model], argument: str, **kwargs: Any) -> None:
        self.find, self.argument = find, argument
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Model:
        if isinstance(self.root, Filters | FileForm) and isinstance(data, str):
            data = int(data) if data.isascii() and data.isdigit() and len(data) <= ID_DIGITS else ""
        if isinstance(data, bool) or not isinstance(data, int) or not 1 <= data <= MAX_ID:
            self.fail("invalid")
        view = self.context["view"]
        row = self.find(account=view.account, **{self.argument: data})
        if view.request.method not in SAFE_METHODS:
            _refuse_at_rest(row)
        return row

    def to_representation(self, value: Any) -> int:
        return int(getattr(value, "pk", value))


def _refuse_at_rest(row: Model) -> None:
    """What is to be done at a site, or in a sector of it, waits until the site is awake.

    :raises SiteInactive: it is at rest, and counts for no plan.
    """
    site = row.site if isinstance(row, Sector) else row
    if isinstance(site, Site) and not site.is_active:
        raise SiteInactive(f"{site.name} is at rest. Wake it up to work on it.", site_id=site.pk)


def id_of(row: Model | None) -> int | None:
    """The key of a filter's row, for a selector that takes keys."""
    return None if row is None else int(row.pk)


class RowIdScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # untyped base
    """How the OpenAPI document shows a row's id, and of what it is: ``x-row: site``."""

    target_class = RowId

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:  # noqa: ARG002
        return {**ID_SCHEMA, "x-row": self.target.argument.removesuffix("_id")}


class RowIds(serializers.ListField):
    """Ids of several rows of the account, at most :data:`MAX_BULK`.

    :param row: what they are ids of, as in ``x-row``.
    :param find: a selector that takes ``account`` and ``pk__in``; validated data then holds the
        rows in the order of the request, and an unknown id is 404. Without it validated data
        holds the ids, for a service that looks them up.
    """

    def __init__(
        self, row: str, find: Callable[..., Iterable[Model]] | None = None, **kwargs: Any
    ) -> None:
        self.row, self.find = row, find
        kwargs.setdefault("max_length", MAX_BULK)
        super().__init__(child=serializers.IntegerField(min_value=1, max_value=MAX_ID), **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        return list(dict.fromkeys(super().to_internal_value(data)))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Limits first: then as many rows as they allow are looked for."""
        ids = super().run_validation(data)
        if self.find is None or not ids:
            return ids
        account = self.context["view"].account
        found = {row.pk: row for row in self.find(account=account, pk__in=ids)}
        if missing := [pk for pk in ids if pk not in found]:
            raise NotFound(
                f"no such {self.row.replace('_', ' ')}", **{f"{self.row}_id": missing[0]}
            )
        return [found[pk] for pk in ids]

    def to_representation(self, data: Any) -> list[int]:
        return [int(getattr(row, "pk", row)) for row in data]


class RowIdsScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # untyped base
    """As :class:`RowIdScheme`, for each of the ids."""

    target_class = RowIds

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:  # noqa: ARG002
        limits = {"minItems": self.target.min_length, "maxItems": self.target.max_length}
        return {
            "type": "array",
            "items": {**ID_SCHEMA, "x-row": self.target.row},
            **{name: limit for name, limit in limits.items() if limit is not None},
        }


class BulkIds(Body):
    """Rows that an action is for: all of them, or nothing happens."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        min_length=1,
        max_length=MAX_BULK,
    )


class Changed(serializers.Serializer[Any]):
    """How many rows an action changed; those that were so already do not count."""

    changed = serializers.IntegerField()
