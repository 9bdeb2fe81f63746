"""An article as blocks, and the HTML that they become. Pure.

Blocks hold plain text, and beside it which words are links, bold, italic or code; every character
of HTML is made here and passes the allow-list. What has no block of its own is a block of
sanitised HTML. A link names another article by its id; addresses
of the site are known only where it is built.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from igny8_core.business.content.services.text_measures import word_count
from igny8_core.common.errors import InvalidInput
from igny8_core.common.html import escape, sanitize_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_BLOCKS: Final = 400
MAX_TEXT: Final = 20_000
MAX_HTML: Final = 200_000
MAX_ITEMS: Final = 100
OUTSIDE: Final = r"^(?:https?://|mailto:|tel:)[^\s<>\"\\]+$"
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
_TOP_HEADING: Final = re.compile(r"(</?)h1(?=[\s>])")
_TAG: Final = re.compile(r"<[^>]*>")


def clean_markup(html: str) -> str:
    """HTML from outside as an article may hold it: sanitised, and every H1 an H2.

    The page's template has the H1. The sanitiser's output spells tags one way only.
    """
    return _TOP_HEADING.sub(r"\1h2", sanitize_html(html))


def markup_text(html: str) -> str:
    """The words of sanitised HTML, without its tags."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def _not_empty(html: str) -> str:
    clean = clean_markup(html).strip()
    if not clean:
        raise ValueError("nothing of it may be shown")
    return clean


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ArticleLink(_Part):
    """A link to another article: its first place in the text becomes the anchor."""

    content_id: int = Field(gt=0)
    anchor: Text


class OutsideLink(_Part):
    """A link that a person set, or that an imported text had; models write none."""

    url: Annotated[str, Field(max_length=2_000, pattern=OUTSIDE)]
    anchor: Text
    is_nofollow: bool = False


Link = ArticleLink | OutsideLink
MarkKind = Literal["strong", "em", "code"]
MARK_KINDS: Final[tuple[MarkKind, ...]] = ("strong", "em", "code")
"""From the outside to the inside, where words have more than one."""

MAX_MARKS: Final = 500


class Mark(_Part):
    """Words that are bold, italic or code; what the text does not hold is not shown."""

    kind: MarkKind
    text: Text
    place: int = Field(default=0, ge=0, description="Occurrences of these words before.")
    item: int = Field(default=0, ge=0, description="Of a list: which entry.")


Marks = Annotated[tuple[Mark, ...], Field(max_length=MAX_MARKS, exclude_if=lambda marks: not marks)]


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
    links: tuple[Link, ...] = ()
    marks: Marks = ()


class ListBlock(_Block):
    """A list of plain texts."""

    type: Literal["list"] = "list"
    is_ordered: bool = False
    items: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    links: tuple[Link, ...] = ()
    marks: Marks = ()


class QuoteBlock(_Block):
    """What somebody else said."""

    type: Literal["quote"] = "quote"
    text: Text
    source: str = ""
    marks: Marks = ()


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


class HtmlBlock(_Block):
    """What has no block of its own: a table, code, a video. Sanitised, whoever sent it."""

    type: Literal["html"] = "html"
    html: Annotated[str, Field(min_length=1, max_length=MAX_HTML), AfterValidator(_not_empty)]


Block = HeadingBlock | ParagraphBlock | ListBlock | QuoteBlock | ImageBlock | FaqBlock | HtmlBlock
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
        case HtmlBlock():
            yield markup_text(block.html)
        case ImageBlock():
            pass


def links_of(block: Block) -> tuple[Link, ...]:
    """The links of a block; those inside of an HTML block are not looked at."""
    return block.links if isinstance(block, ParagraphBlock | ListBlock) else ()


def marks_in(block: Block) -> tuple[Mark, ...]:
    """What is bold, italic or code in a block; inside of an HTML block is not looked."""
    return block.marks if isinstance(block, ParagraphBlock | ListBlock | QuoteBlock) else ()


def article_links(block: Block) -> list[ArticleLink]:
    """The links of a block to other articles."""
    return [link for link in links_of(block) if isinstance(link, ArticleLink)]


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
            return f"<p>{_inline(block.text, block.links, block.marks)}</p>"
        case ListBlock():
            tag = "ol" if block.is_ordered else "ul"
            items = "".join(f"<li>{item}</li>" for item in _linked_items(block))
            return f"<{tag}>{items}</{tag}>"
        case QuoteBlock():
            cite = f"<footer><cite>{escape(block.source)}</cite></footer>" if block.source else ""
            return f"<blockquote><p>{_inline(block.text, (), block.marks)}</p>{cite}</blockquote>"
        case ImageBlock():
            return f'<figure id="image-{block.position}"></figure>'
        case FaqBlock():
            faq = (
                f"<h3>{escape(item.question)}</h3><p>{escape(item.answer)}</p>"
                for item in block.items
            )
            return f'<div class="faq">{"".join(faq)}</div>'
        case HtmlBlock():
            return block.html


def _linked_items(block: ListBlock) -> Iterator[str]:
    """Each item with the links whose anchors it is the first to hold, and its own marks."""
    left = list(block.links)
    for place, item in enumerate(block.items):
        mine = [link for link in left if link.anchor in item]
        left = [link for link in left if link not in mine]
        yield _inline(item, mine, [mark for mark in block.marks if mark.item == place])


def _inline(text: str, links: Iterable[Link], marks: Iterable[Mark]) -> str:
    """Escaped text with its marks, and each link around the first free place of its anchor."""
    places: list[tuple[int, int, Link]] = []
    for link in links:
        start = text.find(link.anchor)
        while start >= 0:
            end = start + len(link.anchor)
            if all(end <= s or start >= e for s, e, _ in places):
                places.append((start, end, link))
                break
            start = text.find(link.anchor, end)
    spans = _mark_spans(text, marks)
    parts, at = [], 0
    for start, end, link in sorted(places, key=lambda place: place[0]):
        parts.append(_marked(text, at, start, spans))
        parts.append(f"<a {_target(link)}>{_marked(text, start, end, spans)}</a>")
        at = end
    return "".join([*parts, _marked(text, at, len(text), spans)])


def _mark_spans(text: str, marks: Iterable[Mark]) -> dict[str, list[tuple[int, int]]]:
    """Where the marks of each kind begin and end, in order; those of one kind do not overlap."""
    found: dict[str, list[tuple[int, int]]] = {}
    for mark in marks:
        start = text.find(mark.text)
        for _ in range(mark.place):
            start = text.find(mark.text, start + 1) if start >= 0 else -1
        if start >= 0:
            found.setdefault(mark.kind, []).append((start, start + len(mark.text)))
    for kind, spans in found.items():
        joined: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        found[kind] = joined
    return found


def _marked(
    text: str,
    start: int,
    end: int,
    spans: Mapping[str, Sequence[tuple[int, int]]],
    kinds: Sequence[str] = MARK_KINDS,
) -> str:
    """A part of a text, escaped, with the marks that reach into it, one kind inside another."""
    if not kinds or not spans:
        return escape(text[start:end], quote=False)
    kind, inner = kinds[0], kinds[1:]
    parts, at = [], start
    for first, last in spans.get(kind, ()):
        opens, closes = max(first, at), min(last, end)
        words = text[opens:closes].strip()
        if opens >= closes or not words:
            continue
        opens = text.index(words, opens)
        closes = opens + len(words)
        parts.append(_marked(text, at, opens, spans, inner))
        parts.append(f"<{kind}>{_marked(text, opens, closes, spans, inner)}</{kind}>")
        at = closes
    return "".join([*parts, _marked(text, at, end, spans, inner)])


def _target(link: Link) -> str:
    if isinstance(link, ArticleLink):
        return f'href="#content-{link.content_id}"'
    rel = ' rel="nofollow"' if link.is_nofollow else ""
    return f'href="{escape(link.url)}"{rel}'


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
