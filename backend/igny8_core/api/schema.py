"""What the OpenAPI document says of every endpoint alike: filters, keys, problems."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import IntegerChoices, TextChoices
from django.utils.module_loading import module_has_submodule
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from igny8_core.api.errors import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; for programs."},
        "detail": {"type": "string", "description": "For people."},
        "errors": {
            "type": "object",
            "description": "Messages by field; nested fields are dotted.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "data": {"type": "object", "additionalProperties": True},
    },
}
ACCOUNTS = "/api/v1/accounts/"
METHODS = ("get", "post", "put", "patch", "delete")
ALWAYS = {
    "401": "Not signed in, or the key is refused.",
    "403": "The role or the plan does not allow it.",
    "406": "No such representation.",
    "429": "Too many requests.",
    "503": "Try again later; nothing was changed.",
}
WITH_ACCOUNT = {"404": "Unknown, or another account's."}
WITH_INPUT = {"422": "Some values are not accepted."}
OF_WRITES = {
    "400": "The body cannot be read.",
    "402": "Not enough credits.",
    "409": "The state is not what the request takes it to be.",
    "413": "The body is too large.",
    "415": "The body is of another media type.",
}


class TenantSchema(AutoSchema):
    """Adds a list's filters and the ``Idempotency-Key`` header from the view's attributes."""

    def get_override_parameters(self) -> list[Any]:
        """The parameters that are not in the path."""
        found: list[Any] = list(super().get_override_parameters())
        view: Any = self.view
        filters = getattr(view, "filters_class", None)
        is_list = self.method == "GET" and self._is_list_view()
        if is_list and filters is not None and filters().fields:
            found.append(filters)
        is_ours = self.method == "POST" and hasattr(view, "spending_actions")
        if is_ours and view.action not in view.secret_actions:  # a secret is answered once
            found.append(
                OpenApiParameter(
                    name="Idempotency-Key",
                    type={"type": "string", "minLength": 1, "maxLength": 48, "pattern": "^[!-~]+$"},
                    location=OpenApiParameter.HEADER,
                    required=view.action in view.spending_actions,
                    description="A repeat with the same key gets the first answer again.",
                )
            )
        return found

    def _map_serializer_field(
        self,
        field: Any,
        direction: Any,
        bypass_extensions: bool = False,  # noqa: FBT001, FBT002 - the base's signature
    ) -> Any:
        """Say that a choice may be empty, which a field that is only read does not know."""
        if isinstance(field, serializers.ChoiceField) and _is_sometimes_empty(field):
            field.allow_blank = True
        return super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]  # untyped base

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        """An empty text is no address, whatever its column's format says."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]  # untyped base
        if _is_sometimes_empty(field):
            schema.pop("format", None)


def _is_sometimes_empty(field: Any) -> bool:
    """Whether a field that is only read shows a column that may hold an empty text."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    if not field.read_only or model is None:
        return False
    try:
        column = model._meta.get_field(field.source)
    except FieldDoesNotExist:
        return False
    return isinstance(column, models.CharField | models.TextField) and column.blank


def enum_names() -> dict[str, Any]:
    """The choices of every domain by their class's name, so that each has one name in the document.

    Of two that are alike the first counts; of two of one name the second has its domain's, too.
    """
    found: dict[str, Any] = {}
    for config in apps.get_app_configs():
        if not module_has_submodule(config.module, "states"):
            continue
        for name, kind in vars(import_module(f"{config.name}.states")).items():
            is_choices = isinstance(kind, type) and issubclass(kind, TextChoices | IntegerChoices)
            if is_choices and kind.choices and kind.choices not in found.values():
                prefix = config.label.title() if f"{name}Enum" in found else ""
                found[f"{prefix}{name}Enum"] = kind.choices
    return found


def add_problems(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Name every refusal of every operation; a hook of drf-spectacular."""
    components = result["components"]
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": content}
        for status, text in sorted((ALWAYS | WITH_ACCOUNT | WITH_INPUT | OF_WRITES).items())
    }
    for path, method, operation in _operations(result):
        for status in sorted(_refusals(path, method, operation)):
            reference = {"$ref": f"#/components/responses/Problem{status}"}
            operation["responses"].setdefault(status, reference)
    return result


def add_links(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Say where an answer leads: from a new row, or a list's first, to everything about that row.

    From a list to its next page, from the accounts to what is in them. A hook of drf-spectacular.
    """
    paths = result["paths"]
    for path, method, operation in _operations(result):
        success = "201" if method == "post" else "200"
        shape = _answer_shape(result, operation, success)
        if method == "get" and "next_cursor" in shape.get("properties", {}):
            links = {"next_page": _link(operation, {"cursor": "$response.body#/next_cursor"})}
            links |= _row_links(paths, path, "$response.body#/results/0/id")
        elif method == "post" and "id" in shape.get("properties", {}):
            links = _row_links(paths, path, "$response.body#/id")
        elif path == ACCOUNTS and method == "get":
            links = _account_links(paths)
        else:
            continue
        if links:
            operation["responses"][success]["links"] = links
    return result


def _answer_shape(result: dict[str, Any], operation: dict[str, Any], status: str) -> dict[str, Any]:
    content = operation["responses"].get(status, {}).get("content", {})
    shape: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    if name := shape.get("$ref", "").rpartition("/")[2]:
        shape = result["components"]["schemas"][name]
    return shape


def _row_links(paths: dict[str, Any], collection: str, row_id: str) -> dict[str, Any]:
    """Links to every operation below ``<collection>{id}/``, by their names."""
    found = {}
    for path, entry in paths.items():
        if not path.startswith(f"{collection}{{id}}/") or path.count("{id}") > 1:
            continue
        for method, operation in entry.items():
            if method in METHODS:
                found[operation["operationId"]] = _link(operation, {"id": row_id})
    return found


def _account_links(paths: dict[str, Any]) -> dict[str, Any]:
    """Links from the first account to every operation that needs no other id."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"account_id": "$response.body#/0/id"},
        }
        for path, method, operation in _operations({"paths": paths})
        if path.startswith(f"{ACCOUNTS}{{account_id}}/")
        and path.count("{") == 1
        and method in {"get", "post"}
    }


def _link(operation: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "account_id" in names:
        values = values | {"account_id": "$request.path.account_id"}
    return {"operationId": operation["operationId"], "parameters": values}


def _refusals(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    found = dict(ALWAYS)
    if "{" in path:
        found |= WITH_ACCOUNT
    if method != "get":
        found |= OF_WRITES
    if operation.get("parameters") or "requestBody" in operation:
        found |= WITH_INPUT
    return found


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, entry in result["paths"].items():
        for method, operation in entry.items():
            if method in METHODS:
                yield path, method, operation
