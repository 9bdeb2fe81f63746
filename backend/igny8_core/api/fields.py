"""Fields that several endpoints share: what a JSON column and a text column can hold."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_JSON_BYTES: Final = 16_384
MAX_JSON_DEPTH: Final = 8
UNSTORABLE: Final = re.compile("[\\x00\\ud800-\\udfff]")
"""What PostgreSQL's text cannot hold, in strings and in names."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class JsonObject(serializers.Field[Any, Any, Any, Any]):
    """An object of JSON that fits into a column: bounded, and only text that can be stored."""

    default_error_messages = {
        "invalid": "An object.",
        "too_long": f"At most {MAX_JSON_BYTES:,} bytes.",
        "too_deep": f"At most {MAX_JSON_DEPTH} levels.",
        "not_text": "Holds characters or numbers that cannot be stored.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if problem := json_problem(data):
            self.fail(problem)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class OptionalChoice(serializers.ChoiceField):
    """A choice that may be missing: null in JSON, an empty text in the column."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, allow_null=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value

    def to_representation(self, value: Any) -> Any:
        return value or None


class Lines(serializers.ListField):
    """A list of short texts; stored as one text, one a line, it is shown as a list again."""

    def __init__(self, *, max_line: int = 255, **kwargs: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=max_line), **kwargs)

    def to_representation(self, data: Any) -> list[Any]:
        return data.splitlines() if isinstance(data, str) else list(data)


def json_problem(value: Any, *, max_bytes: int = MAX_JSON_BYTES) -> str:
    """Why a value of JSON cannot be stored: ``too_deep``, ``not_text``, ``too_long``; or nothing.

    Goes level by level: a body may be nested deeper than Python recurses.
    """
    level = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        if any(isinstance(text, str) and UNSTORABLE.search(text) for text in level):
            return "not_text"
        level = [
            inner
            for outer in level
            for inner in (
                chain(outer, outer.values())
                if isinstance(outer, dict)
                else outer
                if isinstance(outer, list)
                else ()
            )
        ]
        if not level:
            break
    else:
        return "too_deep"
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:  # a number that JSON does not have
        return "not_text"
    return "too_long" if size > max_bytes else ""
