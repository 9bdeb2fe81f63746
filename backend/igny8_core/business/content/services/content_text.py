"""The texts of a stored article, block by block; of one that is HTML, as blocks would be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.content.services.article_blocks import (
    markup_text,
    parse_blocks,
    texts,
)
from igny8_core.business.content.services.parse_html import parse_article

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.business.content.services.article_blocks import Block


@dataclass(frozen=True)
class TextPart:
    """One text of a block.

    :ivar block: place of its block in the article, from 0.
    """

    block: int
    block_id: str
    text: str


def blocks_of(blocks: Sequence[Mapping[str, Any]], html: str) -> tuple[Block, ...]:
    """An article's blocks; of one that is HTML those that it would be turned into."""
    return parse_blocks(blocks) if blocks else parse_article(html).blocks


def text_parts(blocks: Sequence[Mapping[str, Any]], html: str) -> list[TextPart]:
    """Every text of an article in order. Stored blocks are read as they are, which is quick."""
    if blocks:
        return [
            TextPart(place, str(block.get("id", "")), text)
            for place, block in enumerate(blocks)
            for text in _stored_texts(block)
        ]
    return [
        TextPart(place, block.id, text)
        for place, block in enumerate(blocks_of(blocks, html))
        for text in texts(block)
    ]


def _stored_texts(block: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a block as :func:`texts` gives them."""
    match block.get("type"):
        case "list":
            yield from (str(item) for item in block.get("items", ()))
        case "faq":
            for item in block.get("items", ()):
                yield str(item["question"])
                yield str(item["answer"])
        case "html":
            yield markup_text(str(block.get("html", "")))
        case "image":
            pass
        case _:
            yield str(block.get("text", ""))
