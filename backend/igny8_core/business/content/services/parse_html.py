"""HTML of an article, ours or from elsewhere, as blocks. Pure.

Headings, paragraphs, lists, quotes and questions become blocks with their links and with what is
bold, italic or code in them; what has no block of its own (tables, pictures, videos, lists inside
of lists) stays as sanitised HTML. Other emphasis goes, and that of headings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from igny8_core.business.content.services.article_blocks import (
    MAX_BLOCKS,
    MAX_ITEMS,
    MAX_TEXT,
    OUTSIDE,
    clean_markup,
    parse_blocks,
)
from igny8_core.business.content.services.section_rules import FAQ_HEADINGS
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from igny8_core.business.content.services.article_blocks import Block

_EMPHASIS: Final = frozenset({"u", "small", "mark"})
"""Inline markup that a text loses, and that is counted."""

_KINDS: Final = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "code": "code"}
_INLINE: Final = _EMPHASIS | _KINDS.keys() | {"a", "br", "wbr", "span", "font", "bdi"}
_OPEN: Final = {"strong": "\ufdd0", "em": "\ufdd1", "code": "\ufdd2"}
_CLOSE: Final = {"strong": "\ufdd3", "em": "\ufdd4", "code": "\ufdd5"}
"""Where marks begin and end while a text is read: characters that no text may hold."""

_OPENED: Final = {sign: kind for kind, sign in _OPEN.items()}
_CLOSED: Final = {sign: kind for kind, sign in _CLOSE.items()}
_NO_CHARACTERS: Final = dict.fromkeys(range(0xFDD0, 0xFDF0))
_WRAPPERS: Final = frozenset(
    {"div", "section", "article", "main", "header", "footer", "aside", "hgroup", "center"}
)
_HEADINGS: Final = {f"h{level}": min(max(level, 2), 4) for level in range(1, 7)}
_OURS: Final = re.compile(r"#content-(\d{1,18})\Z")
_PLACE: Final = re.compile(r"image-(\d{1,4})\Z")
_OUTSIDE: Final = re.compile(OUTSIDE)
_GAP: Final = re.compile(r"\n\s*\n")
_FAQ: Final = frozenset(
    {*(text.casefold() for text in FAQ_HEADINGS.values()), "faq", "faqs", "questions and answers"}
)


@dataclass
class Parsed:
    """What became of a text.

    :ivar lost: how many of each kind of thing has no place in blocks: ``emphasis``, ``anchor``.
    """

    blocks: tuple[Block, ...] = ()
    lost: dict[str, int] = field(default_factory=dict)


def parse_article(
    source: str,
    *,
    base_url: str = "",
    article_at: Callable[[str], int | None] = lambda _url: None,
) -> Parsed:
    """Read an article's HTML into blocks; the same text gives the same blocks.

    :param base_url: the page's address, to which its links are relative; empty when unknown.
    :param article_at: the id of the article behind an absolute address, if we know it.
    :raises InvalidInput: it has more blocks than an article may have.
    """
    return _Reader(base_url, article_at).read(clean_markup(source))


class _Reader:
    """One walk over one text."""

    def __init__(self, base_url: str, article_at: Callable[[str], int | None]) -> None:
        self._base, self._article_at = base_url, article_at
        self._found: list[dict[str, Any]] = []
        self._parsed = Parsed()

    def read(self, clean: str) -> Parsed:
        if clean.strip():
            plain = clean.translate(_NO_CHARACTERS)
            self._children(html.fragment_fromstring(plain, create_parent="div"))
        blocks = _with_questions(self._found)
        if len(blocks) > MAX_BLOCKS:
            raise InvalidInput("too long", html=[f"has more than {MAX_BLOCKS} blocks"])
        numbered = [{"id": f"b{n}", **block} for n, block in enumerate(blocks, start=1)]
        self._parsed.blocks = parse_blocks(numbered)
        return self._parsed

    def _children(self, parent: html.HtmlElement) -> None:
        """Blocks in order; loose text between them becomes paragraphs."""
        loose: list[Any] = [parent.text or ""]
        for child in parent:
            if not isinstance(child.tag, str):
                loose.append(child.tail or "")
            elif child.tag in _INLINE and not _holds_blocks(child):
                loose += [child, child.tail or ""]
            else:
                self._loose(loose)
                loose = [child.tail or ""]
                self._element(child)
        self._loose(loose)

    def _element(self, element: html.HtmlElement) -> None:
        tag = str(element.tag)
        if tag == "hr" or self._as_block(element, tag):
            return
        if tag in _WRAPPERS or (tag in _INLINE and _holds_blocks(element)):
            self._children(element)
        else:
            self._raw(element)

    def _as_block(self, element: html.HtmlElement, tag: str) -> bool:
        """Whether an element has a block of its own, which then is among those found."""
        if tag in _HEADINGS:
            self._heading(element, _HEADINGS[tag])
        elif tag == "p" and _is_plain(element):
            self._emphasis(element, *_EMPHASIS)
            self._paragraphs([element.text or "", *_flat(element)])
        elif tag in {"ul", "ol"}:
            return self._list(element, is_ordered=tag == "ol")
        elif tag == "blockquote":
            return self._quote(element)
        elif tag == "figure":
            return self._place(element)
        elif tag == "div" and "faq" in (element.get("class") or "").split():
            self._emphasis(element, *_EMPHASIS, *_KINDS)
            self._found.append({"type": "faq", "items": _questions(element)})
        else:
            return False
        return True

    def _heading(self, element: html.HtmlElement, level: int) -> None:
        text = _text(element)
        if text:
            self._emphasis(element, *_EMPHASIS, *_KINDS)
            self._count("anchor", len(list(element.iterdescendants("a"))))
            self._found.append({"type": "heading", "level": level, "text": text[:200]})

    def _loose(self, parts: list[Any]) -> None:
        if any(not isinstance(part, str) or part.strip() for part in parts):
            marks = [part for part in parts if not isinstance(part, str) and part.tag in _EMPHASIS]
            self._count("emphasis", len(marks))
            self._paragraphs(_without_marks(parts))

    def _paragraphs(self, parts: list[Any]) -> None:
        """Text and links, split where two line breaks or an empty line stand."""
        text, links = "", []
        for part in parts:
            if isinstance(part, str):
                text += part
                continue
            anchor = " ".join(str(part.text_content()).split())
            text += _with_signs(part) if anchor else " "
            if link := self._link(part, anchor):
                links.append(link)
        for piece in _GAP.split(text):
            plain, marks = _without_signs(piece)
            if len(plain) > MAX_TEXT:
                self._count("emphasis", len(marks))
                marks = []
            for start in range(0, len(plain), MAX_TEXT):
                cut = plain[start : start + MAX_TEXT].strip()
                if cut:
                    own = [link for link in links if link["anchor"] in cut]
                    links = [link for link in links if link not in own]
                    found = {"type": "paragraph", "text": cut, "links": own, "marks": marks}
                    self._found.append(found)
        self._count("anchor", len(links))

    def _link(self, element: html.HtmlElement, anchor: str) -> dict[str, Any] | None:
        """A link to an article of ours or to the web; None where it leads nowhere."""
        href = (element.get("href") or "").strip()
        if ours := _OURS.match(href):
            return {"content_id": int(ours[1]), "anchor": anchor} if anchor else None
        url = urljoin(self._base, href) if self._base else href
        if not anchor or not href or href.startswith("#") or not _OUTSIDE.match(url):
            self._count("anchor", 1)
            return None
        is_web = urlsplit(url).scheme in {"http", "https"}
        content_id = self._article_at(url) if is_web else None
        if content_id is not None:
            return {"content_id": content_id, "anchor": anchor}
        rel = (element.get("rel") or "").split()
        return {"url": url[:2_000], "anchor": anchor, "is_nofollow": "nofollow" in rel}

    def _list(self, element: html.HtmlElement, *, is_ordered: bool) -> bool:
        """A list of plain entries; another one stays HTML."""
        entries = [child for child in element if child.tag == "li"]
        if not entries or len(entries) > MAX_ITEMS or not all(map(_is_plain, entries)):
            return False
        items: list[str] = []
        links: list[dict[str, Any]] = []
        marks: list[dict[str, Any]] = []
        for entry in entries:
            text, own = _without_signs(_with_signs(entry))
            anchors = (self._link(a, _text(a)) for a in entry.iterdescendants("a"))
            links += [link for link in anchors if link is not None]
            self._emphasis(entry, *_EMPHASIS)
            if text:
                marks += [mark | {"item": len(items)} for mark in own]
                items.append(text[:MAX_TEXT])
        if items:
            found = {"type": "list", "is_ordered": is_ordered, "items": items, "links": links}
            self._found.append(found | {"marks": marks})
        return True

    def _quote(self, element: html.HtmlElement) -> bool:
        """A quotation with its source; one that holds more than text stays HTML."""
        inner = [child for child in element.iterdescendants() if isinstance(child.tag, str)]
        if any(child.tag not in _INLINE | {"p", "footer", "cite"} for child in inner):
            return False
        if any(child.tag == "a" for child in inner):
            return False
        cites = [child for child in inner if child.tag in {"footer", "cite"}]
        source = _text(cites[0]) if cites else ""
        for cite in cites:
            if cite.getparent() is not None:
                cite.drop_tree()
        text, marks = _without_signs(_with_signs(element))
        if not text:
            return False
        self._emphasis(element, *_EMPHASIS)
        quote = {"type": "quote", "text": text[:MAX_TEXT], "source": source, "marks": marks}
        self._found.append(quote)
        return True

    def _place(self, element: html.HtmlElement) -> bool:
        """The place of an image of ours: an empty figure with its number."""
        place = _PLACE.match(element.get("id") or "")
        if place is None or len(element):
            return False
        self._found.append({"type": "image", "position": int(place[1])})
        return True

    def _raw(self, element: html.HtmlElement) -> None:
        tail, element.tail = element.tail, None
        for link in element.iterdescendants("a"):
            href = link.get("href") or ""
            if self._base and href and not href.startswith("#"):
                link.set("href", urljoin(self._base, href))
        markup = clean_markup(etree.tostring(element, encoding="unicode", method="html")).strip()
        element.tail = tail
        if markup:
            self._found.append({"type": "html", "html": markup})

    def _emphasis(self, element: html.HtmlElement, *tags: str) -> None:
        self._count("emphasis", len(list(element.iterdescendants(*tags))))

    def _count(self, what: str, number: int) -> None:
        if number:
            self._parsed.lost[what] = self._parsed.lost.get(what, 0) + number


def _without_marks(parts: Iterable[Any]) -> list[Any]:
    """Loose inline elements and texts as texts and links."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, str) or part.tag == "a":
            found.append(part)
        elif part.tag == "br":
            found.append("\n")
        else:
            found += _signed(part)
    return found


def _flat(element: html.HtmlElement) -> Iterator[Any]:
    """What follows an element's first text: texts with signs of marks, and links as elements."""
    for child in element:
        if not isinstance(child.tag, str):
            yield child.tail or ""
            continue
        if child.tag == "a":
            yield child
        elif child.tag == "br":
            yield "\n"
        else:
            yield from _signed(child)
        yield child.tail or ""


def _signed(element: html.HtmlElement) -> Iterator[Any]:
    """An element's texts and links, between the signs of its mark."""
    kind = _KINDS.get(str(element.tag), "")
    yield _OPEN.get(kind, "") + (element.text or "")
    yield from _flat(element)
    yield _CLOSE.get(kind, "")


def _with_signs(element: html.HtmlElement) -> str:
    """The text of an element with the signs of its marks, those inside of links included."""
    parts = [element.text or "", *_flat(element)]
    return "".join(part if isinstance(part, str) else _with_signs(part) for part in parts)


def _without_signs(text: str) -> tuple[str, list[dict[str, Any]]]:
    """A text on one line without signs, and the marks that these were.

    What is open at its end closes there; what closes and was not opened began with it.
    """
    found: list[str] = []
    opened: dict[str, list[int]] = {}
    spans: list[tuple[int, int, str]] = []
    is_after_space = False
    for character in text:
        if kind := _OPENED.get(character):
            opened.setdefault(kind, []).append(len(found) + is_after_space)
        elif kind := _CLOSED.get(character):
            starts = opened.get(kind)
            spans.append((starts.pop() if starts else 0, len(found), kind))
        elif character.isspace():
            is_after_space = bool(found)
        else:
            found += [" ", character] if is_after_space else [character]
            is_after_space = False
    plain = "".join(found)
    spans += [(start, len(plain), kind) for kind, starts in opened.items() for start in starts]
    return plain, [
        {"kind": kind, "text": words, "place": _occurrences(plain, words, before=first)}
        for start, end, kind in sorted(spans)
        if (words := plain[start:end].strip())
        for first in [plain.index(words, start)]
    ]


def _occurrences(text: str, words: str, *, before: int) -> int:
    """How often words stand in a text before a place of theirs, overlapping ones too."""
    count, at = 0, text.find(words)
    while 0 <= at < before:
        count, at = count + 1, text.find(words, at + 1)
    return count


def _is_plain(element: html.HtmlElement) -> bool:
    """Whether an element holds text, links and inline marks alone."""
    inner = (child for child in element.iterdescendants() if isinstance(child.tag, str))
    is_paragraph = element.tag == "li"
    return all(child.tag in _INLINE or (is_paragraph and child.tag == "p") for child in inner)


def _holds_blocks(element: html.HtmlElement) -> bool:
    inner = (child for child in element.iterdescendants() if isinstance(child.tag, str))
    return any(child.tag not in _INLINE for child in inner)


def _text(element: html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def _questions(element: html.HtmlElement) -> list[dict[str, str]]:
    """Of a box of ours: a heading, then its answer."""
    found: list[dict[str, str]] = []
    for child in element:
        text = _text(child) if isinstance(child.tag, str) else ""
        if child.tag in _HEADINGS and text:
            found.append({"question": text, "answer": ""})
        elif text and found:
            found[-1]["answer"] = f"{found[-1]['answer']} {text}".strip()
    return [pair for pair in found if pair["answer"]]


def _with_questions(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Questions below a heading that says so become one block; empty boxes go."""
    blocks: list[dict[str, Any]] = []
    place = 0
    while place < len(found):
        block = found[place]
        place += 1
        if block["type"] == "faq" and not block["items"]:
            continue
        blocks.append(block)
        if block["type"] == "heading" and block["text"].casefold().rstrip(":?! ") in _FAQ:
            items, place = _pairs(found, place, level=block["level"])
            if items:
                blocks.append({"type": "faq", "items": items})
    return blocks


def _pairs(
    found: list[dict[str, Any]], place: int, *, level: int
) -> tuple[list[dict[str, str]], int]:
    """Questions with plain answers from a place on, and where they end."""
    items: list[dict[str, str]] = []
    while place + 1 < len(found):
        question, answer = found[place], found[place + 1]
        is_question = question["type"] == "heading" and question["level"] > level
        is_plain = not (answer.get("links") or answer.get("marks"))
        is_answer = answer["type"] == "paragraph" and is_plain
        goes_on = place + 2 < len(found) and found[place + 2]["type"] == "paragraph"
        if not (is_question and is_answer and question["text"].rstrip().endswith("?")) or goes_on:
            break
        items.append({"question": question["text"], "answer": answer["text"]})
        place += 2
    return items, place
