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
    "415": "The body is of another media type.",
}


class TenantSchema(AutoSchema):
    """Adds a list's filters and the ``Idempotency-Key`` header from the view's attributes."""

    def get_override_parameters(self) -> list[Any]:
        """The parameters that are not in the path."""
        found: list[Any] = list(super().get_override_parameters())
        view: Any = self.view
        filters = getattr(view, "filters_class", None)
        if self._is_list_view() and filters is not None and filters().fields:
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
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, method, operation in _operations(result):
        for status, text in _refusals(path, method, operation).items():
            operation["responses"].setdefault(status, {"description": text, "content": content})
    return result


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
