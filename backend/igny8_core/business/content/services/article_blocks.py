"""An article as blocks, and the HTML that they become. Pure.

Blocks hold plain text; every character of HTML is made here and passes the allow-list. A link
names another article by its id; addresses are known only where a site is built.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from igny8_core.business.content.services.text_measures import word_count
from igny8_core.common.errors import InvalidInput
from igny8_core.common.html import escape, sanitize_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_BLOCKS: Final = 400
MAX_TEXT: Final = 20_000
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ArticleLink(_Part):
    """A link to another article: its first place in the text becomes the anchor."""

    content_id: int = Field(gt=0)
    anchor: Text


class _Block(_Part):
    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")


class HeadingBlock(_Block):
    """A heading inside the article; the page's template has the H1."""

    type: Literal["heading"] = "heading"
    level: int = Field(default=2, ge=2, le=4)
    text: Annotated[str, Field(min_length=1, max_length=200)]


class ParagraphBlock(_Block):
    """A paragraph of plain text."""

    type: Literal["paragraph"] = "paragraph"
    text: Text
    links: tuple[ArticleLink, ...] = ()


class ListBlock(_Block):
    """A list of plain texts."""

    type: Literal["list"] = "list"
    is_ordered: bool = False
    items: Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]


class QuoteBlock(_Block):
    """What somebody else said."""

    type: Literal["quote"] = "quote"
    text: Text
    source: str = ""


class ImageBlock(_Block):
    """The place of an image inside the text, by its type and position."""

    type: Literal["image"] = "image"
    position: int = Field(default=0, ge=0)
    alt: str = ""


class Question(_Part):
    """A question with its answer."""

    question: Text
    answer: Text


class FaqBlock(_Block):
    """Questions and answers that the page really shows."""

    type: Literal["faq"] = "faq"
    items: Annotated[tuple[Question, ...], Field(min_length=1, max_length=30)]


Block = HeadingBlock | ParagraphBlock | ListBlock | QuoteBlock | ImageBlock | FaqBlock
_BLOCKS: Final[TypeAdapter[tuple[Block, ...]]] = TypeAdapter(
    Annotated[
        tuple[Annotated[Block, Field(discriminator="type")], ...], Field(max_length=MAX_BLOCKS)
    ]
)


def parse_blocks(stored: Sequence[Mapping[str, Any]]) -> tuple[Block, ...]:
    """Blocks from JSON, whoever wrote it.

    :raises InvalidInput: unknown or incomplete blocks, or two with one id.
    """
    try:
        blocks = _BLOCKS.validate_python(stored)
    except ValidationError as exc:
        places = [".".join(str(p) for p in e["loc"]) + f": {e['msg']}" for e in exc.errors()[:10]]
        raise InvalidInput("these are not the blocks of an article", blocks=places) from None
    ids = [block.id for block in blocks]
    if len(ids) != len(set(ids)):
        raise InvalidInput(
            "two blocks have one id", blocks=sorted({i for i in ids if ids.count(i) > 1})
        )
    return blocks


def stored_blocks(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """Blocks as JSON."""
    return [block.model_dump(mode="json") for block in blocks]


def texts(block: Block) -> Iterator[str]:
    """The plain texts of a block, in order."""
    match block:
        case HeadingBlock() | ParagraphBlock() | QuoteBlock():
            yield block.text
        case ListBlock():
            yield from block.items
        case FaqBlock():
            for item in block.items:
                yield item.question
                yield item.answer
        case ImageBlock():
            pass


def blocks_word_count(blocks: Iterable[Block]) -> int:
    """The words of an article: headings, paragraphs, lists, quotes, questions and answers."""
    return sum(word_count(text) for block in blocks for text in texts(block))


def render_html(blocks: Iterable[Block]) -> str:
    """The article's body: sanitised, without an H1. The same blocks give the same text.

    An image's place becomes an empty figure with the id ``image-<position>``.
    """
    anchors: set[str] = set()
    return sanitize_html("\n".join(_render(block, anchors) for block in blocks))


def _render(block: Block, anchors: set[str]) -> str:
    match block:
        case HeadingBlock():
            anchor = _anchor(block.text, anchors)
            return f'<h{block.level} id="{anchor}">{escape(block.text)}</h{block.level}>'
        case ParagraphBlock():
            return f"<p>{_linked(block.text, block.links)}</p>"
        case ListBlock():
            tag = "ol" if block.is_ordered else "ul"
            return f"<{tag}>{''.join(f'<li>{escape(i)}</li>' for i in block.items)}</{tag}>"
        case QuoteBlock():
            cite = f"<footer><cite>{escape(block.source)}</cite></footer>" if block.source else ""
            return f"<blockquote><p>{escape(block.text)}</p>{cite}</blockquote>"
        case ImageBlock():
            return f'<figure id="image-{block.position}"></figure>'
        case FaqBlock():
            items = (
                f"<h3>{escape(item.question)}</h3><p>{escape(item.answer)}</p>"
                for item in block.items
            )
            return f'<div class="faq">{"".join(items)}</div>'


def _linked(text: str, links: Iterable[ArticleLink]) -> str:
    """Escaped text, with each link around the first free place of its anchor."""
    places: list[tuple[int, int, int]] = []
    for link in links:
        start = text.find(link.anchor)
        end = start + len(link.anchor)
        if start >= 0 and all(end <= s or start >= e for s, e, _ in places):
            places.append((start, end, link.content_id))
    parts, at = [], 0
    for start, end, content_id in sorted(places):
        parts.append(escape(text[at:start], quote=False))
        anchor = escape(text[start:end], quote=False)
        parts.append(f'<a href="#content-{content_id}">{anchor}</a>')
        at = end
    return "".join([*parts, escape(text[at:], quote=False)])


def _anchor(heading: str, taken: set[str]) -> str:
    """The id of a heading: readable where the script allows it, unique in the article."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")
    stem = stem if stem[:1].isalpha() else f"section-{stem}".strip("-")
    anchor, number = stem, 2
    while anchor in taken:
        anchor, number = f"{stem}-{number}", number + 1
    taken.add(anchor)
    return anchor
