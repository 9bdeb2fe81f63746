"""A page as the scorer reads it: blocks in their order, sentences, links, images. Pure.

Offsets are code points of the NFC text of a block. Code, scripts and embedded pages are no text.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import regex
from lxml import html as parser

from igny8_core.business.content.services.scoring_text import (
    Language,
    Sentence,
    count_characters,
    cut_sentences,
    flat,
    language_of,
    make_sentences,
    one_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.html import HtmlElement

Span = dict[str, "int | str"]

_KINDS: Final = {
    "p": "paragraph", "li": "item", "dt": "item", "dd": "item", "td": "cell", "th": "cell",
    "figcaption": "caption", "caption": "caption", "blockquote": "quote",
    "h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading",
    "h6": "heading",
}  # fmt: skip
_GROUPING: Final = (
    "address article aside details div dl figure footer header hgroup main nav ol section"
    " summary table tbody tfoot thead tr ul"
)
BLOCK_TAGS: Final = frozenset({*_KINDS, *_GROUPING.split()})
_HOLDING: Final = frozenset({"item", "cell", "caption", "quote"})
_NO_TEXT: Final = frozenset(
    ["audio", "code", "iframe", "kbd", "pre", "samp", "script", "style", "track", "video"]
)
_CENTRED: Final = frozenset({"has-text-align-center", "aligncenter"})
_VARIABLES: Final = regex.compile(r"\{\{.*?\}\}|\{%.*?%\}|%%.*?%%|\$\{.*?\}|\[\[.*?\]\]")
_SPACES: Final = regex.compile(r"[\s\u00a0]+")
READ: Final = frozenset({"paragraph", "item", "quote", "caption"})
"""Kinds of blocks whose sentences are read as prose."""


@dataclass(frozen=True)
class PageImage:
    """An image of a page.

    :ivar alt: None when it has no such attribute at all.
    :ivar block: the block that it stands before.
    """

    alt: str | None
    block: int = 0


@dataclass(frozen=True)
class PageInput:
    """What is scored, as it is stored.

    :ivar html: sanitised body, without the page's own H1.
    :ivar images: what the page shows beside the images of its HTML.
    """

    title: str
    html: str
    language: str
    meta_title: str = ""
    meta_description: str = ""
    slug: str = ""
    images: tuple[PageImage, ...] = ()

    @property
    def hash(self) -> str:
        """Names this text: other characters, another hash."""
        return digest(asdict(self))


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of text.

    :ivar level: of a heading, else 0.
    :ivar row: number of its table row, else -1.
    :ivar id: what links may name it by.
    """

    index: int
    kind: str
    text: str
    level: int = 0
    row: int = -1
    is_centred: bool = False
    id: str = ""

    @property
    def span(self) -> Span:
        """The whole block."""
        return {"field": "body", "block": self.index, "start": 0, "end": len(self.text)}


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its place."""

    href: str
    rel: str
    text: str
    block: int
    start: int
    end: int

    @property
    def is_followed(self) -> bool:
        """Whether search engines are to follow it."""
        return not {"nofollow", "sponsored", "ugc"} & set(self.rel.lower().split())

    @property
    def span(self) -> Span:
        """Its anchor."""
        return {"field": "body", "block": self.block, "start": self.start, "end": self.end}


@dataclass(frozen=True)
class Section:
    """What stands below one heading; the first has none."""

    heading: Block | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A page, read once.

    :ivar counts: words of each block; of Japanese and Chinese, characters.
    :ivar sentences: of every block but headings; a list item or a cell is one.
    :ivar empty_headings: for each heading without text the block that it stands before.
    """

    page: PageInput
    language: Language
    blocks: tuple[Block, ...]
    links: tuple[Link, ...]
    images: tuple[PageImage, ...]
    counts: tuple[int, ...]
    sentences: tuple[Sentence, ...]
    headings: tuple[Sentence, ...]
    empty_headings: tuple[int, ...]
    title: Sentence = field(repr=False)
    description: Sentence = field(repr=False)
    slug: Sentence = field(repr=False)

    @cached_property
    def word_count(self) -> int:
        """Words of the body, headings included."""
        return sum(self.counts)

    @cached_property
    def prose(self) -> tuple[Sentence, ...]:
        """Sentences that are read: those of paragraphs, items, quotes and captions."""
        return tuple(s for s in self.sentences if self.blocks[s.block].kind in READ)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """From heading to heading; the text before the first is one, if there is any."""
        found: list[Section] = []
        heading: Block | None = None
        blocks: list[Block] = []
        for block in self.blocks:
            if block.kind == "heading":
                if heading is not None or blocks:
                    found.append(Section(heading, tuple(blocks)))
                heading, blocks = block, []
            else:
                blocks.append(block)
        if heading is not None or blocks:
            found.append(Section(heading, tuple(blocks)))
        return tuple(found)

    @cached_property
    def subheadings(self) -> tuple[Sentence, ...]:
        """H2 and H3."""
        return tuple(h for h in self.headings if self.blocks[h.block].level in {2, 3})

    @cached_property
    def text_length(self) -> int:
        """Characters of the body."""
        return sum(len(block.text) for block in self.blocks)

    @property
    def start(self) -> Span:
        """Where the body begins: the place of what is missing in it."""
        return {"field": "body", "block": 0, "start": 0, "end": 0}

    @property
    def end(self) -> Span:
        """Where the body ends."""
        last = self.blocks[-1] if self.blocks else None
        at = len(last.text) if last else 0
        return {"field": "body", "block": last.index if last else 0, "start": at, "end": at}

    def before(self, block: int) -> Span:
        """The place before a block; the end of the text when there is no such block."""
        if block < len(self.blocks):
            return {"field": "body", "block": block, "start": 0, "end": 0}
        return self.end

    def field_span(self, name: str) -> Span:
        """All of a field beside the body."""
        text = {
            "seo_title": self.title.text,
            "meta_description": self.description.text,
            "slug": self.page.slug,
        }[name]
        return {"field": name, "block": 0, "start": 0, "end": len(text)}

    @cached_property
    def is_template(self) -> bool:
        """Whether variables of a template stand in place of the text."""
        plain = (_VARIABLES.sub("", block.text) for block in self.blocks)
        has_any = any(_VARIABLES.search(block.text) for block in self.blocks)
        return has_any and sum(len(text.strip()) for text in plain) < MIN_CHARACTERS


MIN_CHARACTERS: Final = 50


def digest(value: Any) -> str:
    """SHA-256 of plain values, whatever process makes it."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_page(page: PageInput) -> Document:
    """Read a page. The same input gives the same document."""
    language = language_of(page.language)
    walk = Walk()
    walk.read(page.html)
    places = [
        (block.index, start, end, block.text[start:end])
        for block in walk.blocks
        for start, end in _cut(block, language)
    ]
    every = make_sentences(places, language)
    counts = [0] * len(walk.blocks)
    for sentence in every:
        size = count_characters if language.is_by_characters else None
        counts[sentence.block] += size(sentence.text) if size else len(sentence.words)
    is_heading = [block.kind == "heading" for block in walk.blocks]
    return Document(
        page=page,
        language=language,
        blocks=tuple(walk.blocks),
        links=tuple(walk.links),
        images=(*page.images, *walk.images),
        counts=tuple(counts),
        sentences=tuple(s for s in every if not is_heading[s.block]),
        headings=tuple(s for s in every if is_heading[s.block]),
        empty_headings=tuple(walk.empty_headings),
        title=one_sentence(flat(page.meta_title or page.title), language),
        description=one_sentence(flat(page.meta_description), language),
        slug=one_sentence(flat(page.slug.replace("-", " ")), language),
    )


def _cut(block: Block, language: Language) -> Iterable[tuple[int, int]]:
    if block.kind in {"heading", "item", "cell"}:
        return [(0, len(block.text))]
    return cut_sentences(block.text, language.lists)


class Walk:
    """Collects blocks, links and images of a body in the order of the text.

    :ivar sources: for each block the element that holds all of it and no other block; None when
        it is only a part of one.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.links: list[Link] = []
        self.images: list[PageImage] = []
        self.empty_headings: list[int] = []
        self.sources: list[HtmlElement | None] = []
        self._text: list[str] = []
        self._length = 0
        self._is_after_space = True
        self._rows = -1
        self._open: list[tuple[HtmlElement, int, int]] = []

    def read(self, html: str) -> None:
        """Read sanitised HTML."""
        normal = unicodedata.normalize("NFC", html)
        if normal.strip():
            self.read_element(parser.fragment_fromstring(normal, create_parent="div"))

    def read_element(self, root: HtmlElement) -> None:
        """Read what was parsed."""
        self._element(root, ("paragraph", -1))
        self._flush("paragraph", -1, None)

    def _element(self, element: HtmlElement, around: tuple[str, int]) -> None:
        tag = element.tag
        if not isinstance(tag, str) or tag in _NO_TEXT:
            return
        kind, row = around
        if tag == "img":
            self.images.append(PageImage(element.get("alt"), len(self.blocks)))
            return
        if tag == "br":
            self._add(" ")
            return
        is_block = tag in BLOCK_TAGS
        if is_block:
            self._flush(kind, row, element.getparent())
            if tag == "tr":
                self._rows += 1
                row = self._rows
            own = _KINDS.get(tag, kind)
            kind = kind if tag == "p" and kind in _HOLDING else own
            if own == "heading" and not str(element.text_content()).strip():
                self.empty_headings.append(len(self.blocks))
        start = self._length
        self._add(element.text)
        for child in element:
            self._element(child, (kind, row))
            self._add(child.tail)
        if is_block:
            self._flush(kind, row, element)
        elif tag == "a" and element.get("href"):
            self._link(element, start)

    def _add(self, text: str | None) -> None:
        if not text:
            return
        clean = _SPACES.sub(" ", text)
        if self._is_after_space:
            clean = clean.lstrip(" ")
        if clean:
            self._text.append(clean)
            self._length += len(clean)
            self._is_after_space = clean.endswith(" ")

    def _link(self, element: HtmlElement, start: int) -> None:
        anchor = "".join(self._text)[start : self._length]
        lead = len(anchor) - len(anchor.lstrip())
        text = anchor.strip()
        self.links.append(
            Link(
                href=str(element.get("href")),
                rel=str(element.get("rel") or ""),
                text=text,
                block=len(self.blocks),
                start=start + lead,
                end=start + lead + len(text),
            )
        )

    def _flush(self, kind: str, row: int, element: HtmlElement | None) -> None:
        text = "".join(self._text).rstrip()
        self._text, self._length, self._is_after_space = [], 0, True
        if not text:
            return
        tag = str(element.tag) if element is not None else ""
        is_heading = kind == "heading" and tag in _KINDS
        classes = set((element.get("class") or "").split()) if element is not None else set()
        is_whole = element is not None and not any(
            child.tag in BLOCK_TAGS for child in element.iterdescendants()
        )
        self.sources.append(element if is_whole else None)
        self.blocks.append(
            Block(
                index=len(self.blocks),
                kind=kind,
                text=text,
                level=int(tag[1]) if is_heading and tag[1:].isdecimal() else 0,
                row=row,
                is_centred=bool(classes & _CENTRED),
                id=str(element.get("id") or "") if element is not None else "",
            )
        )
