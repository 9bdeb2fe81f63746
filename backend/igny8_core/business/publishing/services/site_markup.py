"""An article's body as it stands on its page: anchors, contents list, images, absolute twin."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lxml import etree, html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANCHOR_LENGTH: Final = 60
CONTENTS_MIN: Final = 3
"""Fewer headings than this need no contents list."""

BEGINNING: Final = 60
MARKUP_READ: Final = 2_000
"""How much of a text, and of a body with its markup, is compared."""

BODY_SIZES: Final = "(min-width: 46rem) 42rem, calc(100vw - 2.5rem)"
RESERVED: Final = frozenset({"site_content", "site_contents", "site_related"})
"""Anchors of the page around the body."""

_PLACE: Final = re.compile(r"image-(\d+)\Z")
_NOT_ANCHOR: Final = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class Body:
    """A body that is ready for its page.

    :ivar contents: (anchor, text) of each second-level heading; empty when there are few.
    """

    html: str
    contents: tuple[tuple[str, str], ...]


def article_body(
    source: str, pictures: Sequence[Mapping[str, Any]], *, table_label: str = "Table"
) -> Body:
    """Give headings anchors, put in the images of the article, let wide tables scroll.

    :param source: sanitised HTML; an image's place is ``<figure id="image-<position>">``.
    :param pictures: the article's own images in their order, each with position, sources, src,
        srcset, width, height, alt and caption. The first one without a place of its own goes in
        after the first section, and so on.
    :param table_label: what a table without a caption is called.
    """
    root = html.fragment_fromstring(source, create_parent="div")
    headings = list(root.iter("h2"))
    anchors = _give_anchors(root)
    for number, picture in enumerate(_without_place(root, pictures), start=1):
        if number < len(headings):
            headings[number].addprevious(_figure(picture))
        else:
            root.append(_figure(picture))
    for table in list(root.iter("table")):
        _give_scopes(table)
        _let_scroll(table, table_label)
    for image in root.iter("img"):
        for name, value in (("alt", ""), ("loading", "lazy"), ("decoding", "async")):
            if image.get(name) is None:
                image.set(name, value)
    for link in root.iter("a"):
        if link.get("target") == "_blank":
            words = {*(link.get("rel") or "").split(), "noopener"}
            link.set("rel", " ".join(sorted(words)))
    contents = tuple((anchors[h], _text(h)) for h in headings if _text(h))
    return Body(_inner(root), contents if len(contents) >= CONTENTS_MIN else ())


def absolute_body(body: str, page_url: str) -> str:
    """The same body for feeds: every address absolute, nothing that only a page needs."""
    root = html.fragment_fromstring(body, create_parent="div")
    for picture in list(root.iter("picture")):  # readers get the image that all can show
        for source in list(picture.iter("source")):
            source.drop_tag()  # the parser takes it for a box around what follows
        picture.drop_tag()
    for element in root.iter():
        for name in ("srcset", "sizes", "loading", "decoding", "tabindex", "role"):
            element.attrib.pop(name, None)
    root.make_links_absolute(page_url, resolve_base_href=False)
    return _inner(root)


def plain_text(source: str, limit: int) -> str:
    """The first words of a text without its markup, at most ``limit`` characters."""
    words = " ".join(_text(html.fragment_fromstring(source or " ", create_parent="div")).split())
    if len(words) <= limit:
        return words
    return words[: limit - 1].rsplit(" ", 1)[0].rstrip(",;:.-\u2013") + "…"


def begins_with(source: str, text: str) -> bool:
    """Whether a body's own first words are those of a text that would stand above it."""
    start = " ".join(text.split())[:BEGINNING]
    return bool(start) and plain_text(source[:MARKUP_READ], MARKUP_READ).startswith(start)


def anchor(text: str) -> str:
    """A heading as the name of its place."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return _NOT_ANCHOR.sub("-", plain).strip("-")[:ANCHOR_LENGTH].rstrip("-")


def _give_anchors(root: html.HtmlElement) -> dict[html.HtmlElement, str]:
    taken = {e.get("id") for e in root.iter() if e.get("id")} | RESERVED
    given = {}
    for heading in root.iter("h2", "h3"):
        if not heading.get("id"):
            name = wanted = anchor(_text(heading)) or "section"
            number = 2
            while name in taken:
                name = f"{wanted}-{number}"
                number += 1
            heading.set("id", name)
            taken.add(name)
        given[heading] = str(heading.get("id"))
    return given


def _without_place(
    root: html.HtmlElement, pictures: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Put images into their places, take places without image out; return what is left."""
    left = {picture["position"]: picture for picture in pictures}
    for place in list(root.iter("figure")):
        found = _PLACE.match(place.get("id") or "")
        if found is None or len(place):
            continue
        picture = left.pop(int(found[1]), None)
        if picture is None:
            place.drop_tree()
        else:
            place.addprevious(_figure(picture))
            place.drop_tree()
    return list(left.values())


def _figure(picture: Mapping[str, Any]) -> html.HtmlElement:
    figure = html.Element("figure")
    parent = etree.SubElement(figure, "picture") if picture["sources"] else figure
    for given in picture["sources"]:
        source = etree.SubElement(parent, "source")
        for name, value in (*given.items(), ("sizes", BODY_SIZES)):
            source.set(name, str(value))
    image = etree.SubElement(parent, "img")
    for name in ("src", "width", "height", "alt"):
        image.set(name, str(picture[name]))
    if picture["srcset"]:
        image.set("srcset", str(picture["srcset"]))
        image.set("sizes", BODY_SIZES)
    if picture["caption"]:
        etree.SubElement(figure, "figcaption").text = str(picture["caption"])
    return figure


def _give_scopes(table: html.HtmlElement) -> None:
    """Say of each heading what it heads: its column if its row has headings alone, else its row."""
    for row in table.iter("tr"):
        cells = [cell for cell in row if cell.tag in {"th", "td"}]
        scope = "col" if all(cell.tag == "th" for cell in cells) else "row"
        for cell in cells:
            if cell.tag == "th" and not cell.get("scope"):
                cell.set("scope", scope)


def _let_scroll(table: html.HtmlElement, label: str) -> None:
    box = html.Element("section")
    for name, value in (("class", "scroll"), ("tabindex", "0")):
        box.set(name, value)
    caption = table.find("caption")
    box.set("aria-label", _text(caption) if caption is not None else label)
    tail, table.tail = table.tail, None
    table.addprevious(box)
    box.append(table)
    box.tail = tail


def _text(element: html.HtmlElement) -> str:
    return str(element.text_content()).strip()


def _inner(root: html.HtmlElement) -> str:
    parts = [_escaped(root.text)]
    parts += [html.tostring(child, encoding="unicode") for child in root]
    return "".join(parts).replace("</source>", "").strip()  # it has no end tag


def _escaped(text: str | None) -> str:
    return (text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
