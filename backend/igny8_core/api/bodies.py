"""What a request's body may be: JSON of a bounded depth, its values of the documented types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, Final

from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

MAX_DEPTH: Final = 32
TOO_DEEP: Final = "JSON parse error - nested too deeply"

if TYPE_CHECKING:
    Base = serializers.Serializer[Any]
else:
    Base = object


class BodyParser(JSONParser):
    """JSON, where a body nested too deeply is a fault of the request, not of ours.

    What is nested more than :data:`MAX_DEPTH` is refused here: further in it would be walked by
    functions that call themselves.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """:raises ParseError: it is no JSON, or nested too deeply."""
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError as exc:
            raise ParseError(TOO_DEEP) from exc
        if is_too_deep(body):
            raise ParseError(TOO_DEEP)
        return body


def is_too_deep(value: Any) -> bool:
    """Whether JSON is nested more than :data:`MAX_DEPTH`; level by level, however deep it is."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class StrictTypes(Base):
    """A serializer of JSON bodies, first of its bases: "5" is no number there, and 5 no text.

    The fields themselves are lenient: they read query parameters too, where all is text.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            found = {
                name: wrong
                for name, field in self.fields.items()
                if name in data and not field.read_only and (wrong := _mistyped(field, data[name]))
            }
            if found:
                raise ValidationError(found)
        return super().to_internal_value(data)


class Body(StrictTypes, serializers.Serializer[Any]):
    """What a POST or PATCH may say."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == value // 1  # JSON has one kind of number: 5.0 is 5


TYPES: tuple[tuple[tuple[type, ...], Callable[[Any], bool], str], ...] = (
    ((serializers.BooleanField,), lambda value: isinstance(value, bool), "true or false."),
    ((serializers.IntegerField,), _is_whole, "A whole number."),
    ((serializers.FloatField, serializers.DecimalField), _is_number, "A number."),
    ((serializers.CharField,), lambda value: isinstance(value, str), "A text."),
)
"""Of a kind of field: what is of its type, and what to say of anything else."""


def _mistyped(field: Any, value: Any) -> Any:
    """A message, or messages by index; None when the field itself may look at the value."""
    if value is None:
        return None
    if isinstance(field, serializers.ListField):
        items = value if isinstance(value, list) else ()
        return {n: wrong for n, item in enumerate(items) if (wrong := _mistyped(field.child, item))}
    if isinstance(field, serializers.ChoiceField):
        chosen, known = value if isinstance(value, list) else [value], list(field.choices)
        is_known = all(item in known for item in chosen if not isinstance(item, dict | list))
        return None if is_known or value == "" else [f"Choose one of {', '.join(map(str, known))}."]
    for kinds, is_of_type, text in TYPES:
        if isinstance(field, kinds):
            return _overlong(field, value) if is_of_type(value) else [text]
    return None


def _overlong(field: Any, value: Any) -> list[str] | None:
    """A text is as long as it was sent; the field itself counts what is left without blanks."""
    most = getattr(field, "max_length", None)
    if not isinstance(value, str) or most is None or len(value) <= most:
        return None
    return [field.error_messages["max_length"].format(max_length=most)]
