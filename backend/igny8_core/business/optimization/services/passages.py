"""The text of an article in passages that can be worded anew, whatever form it is kept in. Pure.

Passage ``n`` is block ``n`` of the scorer's document. What is marked inside of it (a link, bold
words) stands as ``[[1|words]]``: a passage can be reworded without an address or a tag, and every
mark has to come back.
"""

from __future__ import annotations

import copy
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import regex
from lxml import html as parser

from igny8_core.business.content.services.article_blocks import (
    ArticleLink,
    Block,
    FaqBlock,
    HeadingBlock,
    HtmlBlock,
    ImageBlock,
    Link,
    ListBlock,
    ParagraphBlock,
    QuoteBlock,
    links_of,
    marks_in,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.scoring_document import BLOCK_TAGS, Walk
from igny8_core.common.html import sanitize_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lxml.html import HtmlElement

MARK: Final = regex.compile(r"\[\[(\d{1,3})\||\]\]")
_INLINE_TAGS: Final = (
    "a abbr b bdi cite data dfn em i ins mark q s small span strong sub sup time u var"
)
_INLINE: Final = frozenset(_INLINE_TAGS.split())
_BLOCK_ID: Final = "revised-{}-{}"


@dataclass(frozen=True)
class Passage:
    """One piece of text.

    :ivar text: with its marks.
    :ivar marks: number of a mark to the article that it links to, or to an address; other marks
        have an empty one.
    :ivar can_change: False: it holds what cannot be worded anew, code or pictures.
    :ivar emphasised: words that are bold or italic beside the marks: they have to stay.
    """

    number: int
    kind: str
    text: str
    level: int = 0
    marks: Mapping[int, str] = field(default_factory=dict)
    can_change: bool = True
    emphasised: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """Its words alone."""
        return plain(self.text)


@dataclass(frozen=True)
class Change:
    """One change of an article, which can be taken by itself.

    :ivar kind: ``text``, ``level``, ``link``, ``insert`` or ``field``.
    :ivar passage: which one; of an insert the one before it; of a field -1.
    :ivar field: of a field its name; of an insert ``heading`` or ``paragraph``; of a link the id
        of the article.
    :ivar by: ``model`` or ``rules``.
    :ivar checks: what it is for.
    """

    kind: str
    passage: int
    before: str
    after: str
    by: str
    field: str = ""
    checks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "kind": self.kind,
            "passage": self.passage,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "by": self.by,
            "checks": list(self.checks),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Change:
        """One that was stored."""
        names = ("kind", "passage", "field", "before", "after", "by")
        return cls(**{name: stored[name] for name in names}, checks=tuple(stored["checks"]))


@dataclass(frozen=True)
class Composed:
    """An article with changes.

    :ivar blocks: as JSON; empty for one that is kept as HTML.
    :ivar origins: of changed blocks, who changed them.
    """

    blocks: list[dict[str, Any]]
    html: str
    origins: Mapping[str, str] = field(default_factory=dict)


class TextForm(Protocol):
    """An article's text in one of its forms."""

    @property
    def passages(self) -> tuple[Passage, ...]: ...

    def composed(self, changes: Sequence[Change]) -> Composed:
        """The text with these changes; without any it is as it was, byte for byte."""
        ...


def text_form(*, blocks: Sequence[Mapping[str, Any]], html: str) -> TextForm:
    """The form that an article is kept in."""
    return BlockText(parse_blocks(blocks), html) if blocks else HtmlText(html)


def plain(text: str) -> str:
    """A passage without its marks."""
    return str(MARK.sub("", text))


def marks_of(text: str) -> list[int] | None:
    """The numbers of the marks in order; None when they are not closed one in the other."""
    found, depth = [], 0
    for mark in MARK.finditer(text):
        depth += 1 if mark[1] else -1
        if depth < 0:
            return None
        if mark[1]:
            found.append(int(mark[1]))
    return found if depth == 0 else None


def anchor_of(text: str, number: int) -> str:
    """The words inside of a mark."""
    depth, start = 0, -1
    for mark in MARK.finditer(text):
        if start < 0 and mark[1] and int(mark[1]) == number:
            start, depth = mark.end(), 1
        elif start >= 0:
            depth += 1 if mark[1] else -1
            if depth == 0:
                return plain(text[start : mark.start()])
    return ""


# --- articles of blocks


@dataclass(frozen=True)
class _Place:
    """Which text of which block a passage is.

    :ivar links: number of a mark to the place of its link among the block's.
    """

    block: int
    part: int
    links: Mapping[int, int]


class BlockText:
    """An article of blocks. Blocks of HTML stay as they are."""

    def __init__(self, blocks: Sequence[Block], html: str) -> None:
        self._blocks, self._html = tuple(blocks), html
        self._places: list[_Place] = []
        found: list[Passage] = []
        for place, block in enumerate(self._blocks):
            left = dict(enumerate(links_of(block)))
            for part, (kind, level, text) in enumerate(_parts(block)):
                marked, links = _with_marks(text, left)
                can_change = "[[" not in text and not isinstance(block, QuoteBlock | HtmlBlock)
                targets = {number: _target(links_of(block)[at]) for number, at in links.items()}
                self._places.append(_Place(place, part, links))
                own = tuple(mark.text for mark in marks_in(block) if mark.item == part)
                found.append(Passage(len(found), kind, marked, level, targets, can_change, own))
        self.passages = tuple(_as_the_scorer_reads(found, html))

    def composed(self, changes: Sequence[Change]) -> Composed:
        if not changes:
            return Composed(stored_blocks(self._blocks), self._html)
        blocks: list[Block] = list(self._blocks)
        origins: dict[str, str] = {}
        for change in changes:
            if change.kind not in {"text", "level", "link"}:
                continue
            place = self._places[change.passage]
            blocks[place.block] = _changed_block(blocks[place.block], place, change)
            origins[blocks[place.block].id] = change.by
        inserted = self._inserted(blocks, [c for c in changes if c.kind == "insert"], origins)
        return Composed(stored_blocks(inserted), render_html(inserted), origins)

    def _inserted(
        self, blocks: list[Block], inserts: Sequence[Change], origins: dict[str, str]
    ) -> list[Block]:
        taken = {block.id for block in blocks}
        after: dict[int, list[Block]] = {}
        number = 0
        for change in inserts:
            while (name := _BLOCK_ID.format(change.passage, number)) in taken:
                number += 1
            taken.add(name)
            made: Block = (
                HeadingBlock(id=name, level=2, text=change.after)
                if change.field == "heading"
                else ParagraphBlock(id=name, text=change.after)
            )
            origins[name] = change.by
            after.setdefault(self._places[change.passage].block, []).append(made)
        return [block for place, own in enumerate(blocks) for block in (own, *after.get(place, ()))]


def _as_the_scorer_reads(passages: list[Passage], html: str) -> list[Passage]:
    """Only what the scorer reads alike can change: code, say, is no text for it."""
    walk = Walk()
    walk.read(html)
    read = [block.text for block in walk.blocks]
    if len(read) != len(passages):
        return [replace(passage, can_change=False) for passage in passages]
    return [
        passage if passage.plain == text else replace(passage, can_change=False)
        for passage, text in zip(passages, read, strict=True)
    ]


def _changed_block(block: Block, place: _Place, change: Change) -> Block:
    if change.kind == "level" and isinstance(block, HeadingBlock):
        return block.model_copy(update={"level": int(change.after)})
    if change.kind == "link" and isinstance(block, ParagraphBlock):
        if change.after not in block.text:
            return block
        link = ArticleLink(content_id=int(change.field), anchor=change.after)
        return block.model_copy(update={"links": (*block.links, link)})
    if change.kind != "text":
        return block
    words = plain(change.after)
    if isinstance(block, ParagraphBlock | ListBlock):
        links = list(block.links)
        for number in marks_of(change.after) or ():
            at, anchor = place.links.get(number), anchor_of(change.after, number)
            if at is not None and anchor:
                links[at] = links[at].model_copy(update={"anchor": anchor})
        if isinstance(block, ParagraphBlock):
            return block.model_copy(update={"text": words, "links": tuple(links)})
        items = [*block.items]
        items[place.part] = words
        return block.model_copy(update={"items": tuple(items), "links": tuple(links)})
    if isinstance(block, FaqBlock):
        name = "answer" if place.part % 2 else "question"
        entries = [*block.items]
        entry = place.part // 2
        entries[entry] = entries[entry].model_copy(update={name: words})
        return block.model_copy(update={"items": tuple(entries)})
    return block.model_copy(update={"text": words})


def _parts(block: Block) -> Iterable[tuple[str, int, str]]:
    """Kind, level and text of all that the scorer meets in the HTML of a block."""
    match block:
        case HeadingBlock():
            yield "heading", block.level, block.text
        case ParagraphBlock():
            yield "paragraph", 0, block.text
        case ListBlock():
            for item in block.items:
                yield "item", 0, item
        case QuoteBlock():
            yield "quote", 0, block.text
            if block.source:
                yield "quote", 0, block.source
        case FaqBlock():
            for entry in block.items:
                yield "heading", 3, entry.question
                yield "paragraph", 0, entry.answer
        case HtmlBlock():
            walk = Walk()
            walk.read(block.html)
            for found in walk.blocks:
                yield found.kind, found.level, found.text
        case ImageBlock():
            return


def _with_marks(text: str, left: dict[int, Link]) -> tuple[str, dict[int, int]]:
    """The text with a mark for each link that is shown in it, as the renderer places them.

    :param left: the block's links that no text before it has shown; those shown here are taken.
    """
    places: list[tuple[int, int, int]] = []
    for at in [at for at, link in left.items() if link.anchor in text]:
        anchor = left.pop(at).anchor
        start = text.find(anchor)
        while start >= 0:
            end = start + len(anchor)
            if all(end <= s or start >= e for s, e, _ in places):
                places.append((start, end, at))
                break
            start = text.find(anchor, end)
    parts, done, links = [], 0, {}
    for number, (start, end, at) in enumerate(sorted(places), start=1):
        parts += [text[done:start], f"[[{number}|{text[start:end]}]]"]
        links[number], done = at, end
    return "".join([*parts, text[done:]]), links


def _target(link: Link) -> str:
    """Where a link leads: the id of an article, or an address."""
    return str(link.content_id) if isinstance(link, ArticleLink) else link.url


# --- articles of HTML


class HtmlText:
    """An article that is kept as HTML: what is not reworded stays as it is."""

    def __init__(self, html: str) -> None:
        self._html = html
        self.passages = tuple(
            _html_passage(number, block, element)
            for number, (block, element) in enumerate(_sources(_parsed(html)))
        )

    def composed(self, changes: Sequence[Change]) -> Composed:
        if not changes:
            return Composed([], self._html)
        root = _parsed(self._html)
        sources = [element for _, element in _sources(root)]
        for change in changes:
            element = sources[change.passage] if change.passage >= 0 else None
            if element is None:
                continue
            if change.kind == "text":
                _reword(element, change.after)
            elif change.kind == "level":
                element.tag = f"h{change.after}"
            elif change.kind == "link":
                _link(element, change)
        for change in reversed([c for c in changes if c.kind == "insert"]):
            element = sources[change.passage]
            if element is not None:
                _insert(element, change)
        return Composed([], sanitize_html(_serialised(root)))


def _parsed(html: str) -> HtmlElement:
    normal = unicodedata.normalize("NFC", html)
    return parser.fragment_fromstring(normal, create_parent="div")


def _sources(root: HtmlElement) -> list[tuple[Any, HtmlElement | None]]:
    walk = Walk()
    walk.read_element(root)
    return list(zip(walk.blocks, walk.sources, strict=True))


def _serialised(root: HtmlElement) -> str:
    inner = parser.tostring(root, encoding="unicode")
    return str(inner).removeprefix("<div>").removesuffix("</div>")


def _html_passage(number: int, block: Any, element: HtmlElement | None) -> Passage:
    if element is None or not _is_simple(element) or "[[" in block.text:
        return Passage(number, block.kind, block.text, block.level, can_change=False)
    marks: dict[int, str] = {}
    text = _marked(element, marks)
    clean = str(regex.sub(r"\s+", " ", text)).strip()
    is_quote = block.kind == "quote"
    return Passage(number, block.kind, clean, block.level, marks, can_change=not is_quote)


def _is_simple(element: HtmlElement) -> bool:
    """Whether it holds words and inline marks alone."""
    return (
        all(
            isinstance(child.tag, str) and child.tag in _INLINE
            for child in element.iterdescendants()
        )
        and element.tag in BLOCK_TAGS
    )


def _marked(element: HtmlElement, marks: dict[int, str]) -> str:
    parts = [element.text or ""]
    for child in element:
        number = len(marks) + 1
        marks[number] = str(child.get("href") or "")
        parts += [f"[[{number}|{_marked(child, marks)}]]", child.tail or ""]
    return "".join(parts)


def _reword(element: HtmlElement, text: str) -> None:
    """Put the words in, and each mark's own element around its words."""
    originals = [copy.copy(child) for child in element.iterdescendants()]
    for child in list(element):
        element.remove(child)
    element.text = ""
    open_elements: list[HtmlElement] = [element]
    at = 0
    for mark in MARK.finditer(text):
        _append(open_elements[-1], text[at : mark.start()])
        at = mark.end()
        if not mark[1]:
            open_elements.pop()
            continue
        original = originals[int(mark[1]) - 1]
        made = parser.Element(original.tag)
        for name, value in original.items():
            made.set(name, value)
        open_elements[-1].append(made)
        open_elements.append(made)
    _append(open_elements[-1], text[at:])


def _append(element: HtmlElement, text: str) -> None:
    children = list(element)
    if children:
        children[-1].tail = (children[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _link(element: HtmlElement, change: Change) -> None:
    """Link the first mention, in the words before anything that is marked."""
    before, found, after = (element.text or "").partition(change.after)
    if not found:
        return
    made = parser.Element("a")
    made.set("href", f"#content-{int(change.field)}")
    made.text, made.tail, element.text = found, after, before
    element.insert(0, made)


def _insert(element: HtmlElement, change: Change) -> None:
    """A heading or paragraph after a passage; after its whole list or table."""
    place = element
    while place.getparent() is not None and place.tag not in {"p", "h2", "h3", "h4", "h5", "h6"}:
        parent = place.getparent()
        if parent is None or parent.getparent() is None:
            break
        place = parent
    made = parser.Element("h2" if change.field == "heading" else "p")
    made.text = change.after
    made.tail, place.tail = place.tail, "\n"
    place.addnext(made)
    made.tail = made.tail or ""
