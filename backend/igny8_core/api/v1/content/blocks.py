"""The text of an article in a request or an answer."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from igny8_core.api.fields import MAX_JSON_DEPTH, json_problem
from igny8_core.business.content.services.article_blocks import MAX_BLOCKS

MAX_BLOCKS_BYTES: Final = 2_000_000


@extend_schema_field(
    {
        "type": "array",
        "description": "heading (level, text), paragraph (text, links of content_id and anchor),"
        " list (is_ordered, items, links), quote (text, source), image (position, alt), faq (items"
        " of question and answer) and html. All other texts are plain; `marks` of a paragraph, list"
        " or quote say what is `strong`, `em` or `code` (kind, text, place: how often the words"
        " stand before it, item: the entry of a list).",
        "maxItems": MAX_BLOCKS,
        "items": {
            "type": "object",
            "required": ["id", "type"],
            "properties": {
                "id": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,40}$"},
                "type": {
                    "type": "string",
                    "enum": ["heading", "paragraph", "list", "quote", "image", "faq", "html"],
                },
            },
            "additionalProperties": True,
        },
    }
)
class Blocks(serializers.Field[Any, Any, Any, Any]):
    """The text of an article as blocks; the service knows what each of them may hold."""

    default_error_messages = {
        "invalid": "A list of objects.",
        "too_many": f"At most {MAX_BLOCKS}.",
        "too_long": f"At most {MAX_BLOCKS_BYTES:,} bytes.",
        "too_deep": f"At most {MAX_JSON_DEPTH} levels.",
        "not_text": "Holds characters or numbers that cannot be stored.",
    }

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        if not isinstance(data, list) or not all(isinstance(block, dict) for block in data):
            self.fail("invalid")
        if len(data) > MAX_BLOCKS:
            self.fail("too_many")
        if problem := json_problem(data, max_bytes=MAX_BLOCKS_BYTES):
            self.fail(problem)
        return data

    def to_representation(self, value: Any) -> Any:
        return value
