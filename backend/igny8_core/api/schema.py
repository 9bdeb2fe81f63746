"""What the OpenAPI document says of every endpoint alike: filters, keys, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

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
        if self.method == "POST" and hasattr(view, "spending_actions"):
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

    And from a list to its next page. A hook of drf-spectacular.
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
