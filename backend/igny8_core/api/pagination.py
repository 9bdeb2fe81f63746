"""Keyset pages: the next page starts after a row, so deep pages cost what the first one costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.core import signing
from django.db.models import F, Model, Q
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView

SALT = "igny8.api.cursor"
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
PAGE_SIZE_DIGITS = 9
PAGE_PARAMETERS = frozenset({"cursor", "page_size", "order"})

M = TypeVar("M", bound=Model)


class KeysetPagination(BasePagination):
    """``?cursor=&page_size=&order=``.

    A view names its orders in ``orders``: public name to column, ``-column`` when the index is a
    descending one with NULL last. Without one asked for, that of the cursor holds, else
    ``default_order``, else the first. A leading minus turns an order around: the index is walked
    backwards. Unknown values (NULL) come last both ways. A cursor is of one list.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        orders: dict[str, str] = getattr(view, "orders", None) or {"id": "pk"}
        self.salt = f"{SALT}.{type(view).__qualname__}"
        cursor = self._cursor(request.query_params.get("cursor"))
        default = cursor[0] if cursor else getattr(view, "default_order", "") or next(iter(orders))
        self.order = request.query_params.get("order", default)
        name, self.descending = self.order.removeprefix("-"), self.order.startswith("-")
        if name not in orders:
            raise ValidationError({"order": [f"Choose one of {', '.join(sorted(orders))}."]})
        if cursor and cursor[0] != self.order:
            raise ValidationError({"cursor": [f"This cursor is of the order {cursor[0]}."]})
        self.column = orders[name].removeprefix("-")
        self.is_backwards = self.descending != orders[name].startswith("-")
        size = _page_size(request)
        found = self._rows(queryset, cursor, size + 1)
        self.has_next = len(found) > size
        self.page = found[:size]
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next_cursor": self._next_cursor()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What drf-spectacular writes into the OpenAPI document."""
        return {
            "type": "object",
            "required": ["results", "next_cursor"],
            "properties": {
                "results": schema,
                "next_cursor": {
                    "type": "string",
                    "nullable": True,
                    "description": "Send it back as `cursor`; null on the last page.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters of a list, for the OpenAPI document."""
        orders = list(getattr(view, "orders", None) or {"id": "pk"})
        names = [sign + name for name in orders for sign in ("", "-")]
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
            },
            {
                "name": "order",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "enum": names},
            },
        ]

    def _cursor(self, token: str | None) -> list[Any] | None:
        """Order, value and key of the row before the page; None for the first page."""
        if not token:
            return None
        try:
            found: list[Any] = signing.loads(token, salt=self.salt)
        except (signing.BadSignature, ValueError, TypeError) as exc:
            raise ValidationError({"cursor": ["This is no cursor of this list."]}) from exc
        return found

    def _rows(self, rows: QuerySet[M], cursor: list[Any] | None, limit: int) -> list[M]:
        """Known values by the index, then, if there is room, the unknown ones by key."""
        _order, value, key = cursor or (None, None, None)
        is_optional = self.column != "pk" and rows.model._meta.get_field(self.column).null
        if cursor is None and is_optional and not self.is_backwards:
            return list(rows.order_by(*self._ordering())[:limit])  # the index has unknown ones last
        found: list[M] = []
        if cursor is None or value is not None or not is_optional:
            known = rows.filter(**{f"{self.column}__isnull": False}) if is_optional else rows
            if cursor:
                known = known.filter(self._beyond(value, key))
            found, key = list(known.order_by(*self._ordering())[:limit]), None
        if is_optional and len(found) < limit:
            unknown = rows.filter(**{f"{self.column}__isnull": True}).order_by("pk")
            if key is not None:
                unknown = unknown.filter(pk__gt=key)
            found += unknown[: limit - len(found)]
        return found

    def _ordering(self) -> list[Any]:
        """As the index has it, or exactly the other way round, so that nothing is sorted."""
        if self.column == "pk":
            return ["-pk" if self.descending else "pk"]
        column = F(self.column)
        if self.is_backwards:
            return [column.desc() if self.descending else column.asc(nulls_first=True), "-pk"]
        return [column.desc(nulls_last=True) if self.descending else column.asc(), "pk"]

    def _beyond(self, value: Any, key: Any) -> Q:
        """Rows after this one. The first condition is where the index is entered."""
        side = "lt" if self.descending else "gt"
        if self.column == "pk":
            return Q(**{f"pk__{side}": key})
        tie = Q(pk__lt=key) if self.is_backwards else Q(pk__gt=key)
        return Q(**{f"{self.column}__{side}e": value}) & (
            Q(**{f"{self.column}__{side}": value}) | tie
        )

    def _next_cursor(self) -> str | None:
        if not self.has_next:
            return None
        last = self.page[-1]
        value = None if self.column == "pk" else getattr(last, self.column)
        if value is not None and not isinstance(value, int | float | bool):
            value = value.isoformat() if hasattr(value, "isoformat") else str(value)
        return signing.dumps([self.order, value, last.pk], salt=self.salt)


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size", str(DEFAULT_PAGE_SIZE))
    is_number = text.isascii() and text.isdigit() and len(text) <= PAGE_SIZE_DIGITS
    if not is_number or not 1 <= int(text) <= MAX_PAGE_SIZE:
        raise ValidationError({"page_size": [f"A whole number from 1 to {MAX_PAGE_SIZE}."]})
    return int(text)
