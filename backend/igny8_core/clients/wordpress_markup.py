"""An article's HTML as WordPress keeps it: blocks that its editor can edit, or classic text. Pure.

Only shapes that the block editor's own output has become blocks of their own; whatever else there
is stays verbatim in an HTML block, which the editor never questions.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from lxml import etree
from lxml import html as lxml_html

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.clients.destinations import Picture, PlacedPicture

BLOCKS, CLASSIC = "blocks", "classic"
DEFAULT_LEVEL: Final = 2
PLACE: Final = re.compile(r"image-\d+\Z")
_SPACES: Final = re.compile(r"\s+")
_INLINE: Final = {
    *("a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i"),
    *("img", "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup"),
    *("time", "u", "var", "wbr"),
}


def post_content(
    html: str, pictures: Mapping[str, tuple[Picture, PlacedPicture]], *, markup: str
) -> str:
    """What is sent as a post's content.

    :param html: sanitised; the place of a picture is ``<figure id="<marker>">``.
    :param pictures: by marker; places without one are taken out.
    :param markup: ``blocks`` or ``classic``.
    """
    root = lxml_html.fragment_fromstring(html or " ", create_parent="div")
    for link in root.iter("a"):
        if link.get("target") == "_blank":  # WordPress adds it, and the answer would differ
            known = (link.get("rel") or "").split()
            link.set("rel", " ".join(dict.fromkeys([*known, "noopener"])))
    parts = [_text_part(root.text, markup)]
    for element in root:
        tail, element.tail = element.tail, None
        parts.append(_part(element, pictures, markup))
        parts.append(_text_part(tail, markup))
    joint = "\n\n" if markup == BLOCKS else "\n"
    return joint.join(filter(None, parts))


def _text_part(text: str | None, markup: str) -> str:
    """Loose text between elements: a paragraph."""
    plain = _SPACES.sub(" ", text or "").strip()
    if not plain:
        return ""
    source = f"<p>{_escaped(plain)}</p>"
    return source if markup == CLASSIC else _block("paragraph", source)


def _part(element: Any, pictures: Mapping[str, tuple[Picture, PlacedPicture]], markup: str) -> str:
    marker = element.get("id") or ""
    if element.tag == "figure" and PLACE.match(marker):
        found = pictures.get(marker)
        return "" if found is None else _image(*found, markup=markup)
    if markup == CLASSIC:
        return _source(element)
    maker = _MAKERS.get(str(element.tag))
    made = maker(element) if maker else None
    return made or _block("html", _source(element))


def _image(picture: Picture, placed: PlacedPicture, *, markup: str) -> str:
    caption = (
        f'<figcaption class="wp-element-caption">{_escaped(picture.caption)}</figcaption>'
        if picture.caption
        else ""
    )
    image = (
        f'<img src="{_escaped(placed.url)}" alt="{_escaped(picture.alt)}" '
        f'class="wp-image-{placed.external_id}"/>'
    )
    figure = f'<figure class="wp-block-image size-full">{image}{caption}</figure>'
    if markup == CLASSIC:
        return figure
    return _block(
        "image",
        figure,
        {"id": int(placed.external_id), "sizeSlug": "full", "linkDestination": "none"},
    )


def _paragraph(element: Any) -> str | None:
    if element.attrib or not _is_inline(element):
        return None
    return _block("paragraph", _source(element))


def _heading(element: Any) -> str | None:
    if set(element.attrib) - {"id"} or not _is_inline(element):
        return None
    level = int(element.tag[1])
    anchor = element.get("id")
    shown = {"class": "wp-block-heading"} | ({"id": anchor} if anchor else {})
    element.attrib.clear()
    for name, value in shown.items():
        element.set(name, value)
    return _block("heading", _source(element), {} if level == DEFAULT_LEVEL else {"level": level})


def _list(element: Any) -> str | None:
    items = list(element)
    if element.attrib or (element.text or "").strip() or not items:
        return None
    if any(
        item.tag != "li" or item.attrib or (item.tail or "").strip() or not _is_inline(item)
        for item in items
    ):
        return None
    inner = "".join(_block("list-item", _source(item, tail=False)) for item in items)
    options = {"ordered": True} if element.tag == "ol" else {}
    return _block("list", f"<{element.tag}>{inner}</{element.tag}>", options)


def _quote(element: Any) -> str | None:
    paragraphs = [child for child in element if child.tag == "p"]
    footers = [child for child in element if child.tag in {"footer", "cite"}]
    is_plain = (
        not element.attrib
        and not (element.text or "").strip()
        and len(paragraphs) + len(footers) == len(element)
        and len(footers) <= 1
        and all(not p.attrib and _is_inline(p) for p in paragraphs)
        and not any((child.tail or "").strip() for child in element)
    )
    if not is_plain or not paragraphs:
        return None
    inner = "".join(_block("paragraph", _source(p, tail=False)) for p in paragraphs)
    cite = "".join(f"<cite>{_escaped(f.text_content().strip())}</cite>" for f in footers)
    return _block("quote", f'<blockquote class="wp-block-quote">{inner}{cite}</blockquote>')


def _table(element: Any) -> str | None:
    """A plain table; spans and captions stay in an HTML block."""
    tags = {str(e.tag) for e in element.iter()} - _INLINE
    if tags - {"table", "thead", "tbody", "tfoot", "tr", "td", "th"}:
        return None
    if any(e.attrib for e in element.iter() if e.tag not in _INLINE):
        return None
    if not any(child.tag == "tbody" for child in element):
        rows = [child for child in element if child.tag == "tr"]
        if len(rows) != len(element):
            return None
        body = etree.SubElement(element, "tbody")
        for row in rows:
            body.append(row)
    for holder in element.iter("table", "thead", "tbody", "tfoot", "tr"):
        holder.text = None
        for child in holder:
            child.tail = None
    return _block("table", f'<figure class="wp-block-table">{_source(element)}</figure>')


def _rule(_element: Any) -> str:
    return _block("separator", '<hr class="wp-block-separator has-alpha-channel-opacity"/>')


def _block(name: str, source: str, options: Mapping[str, Any] | None = None) -> str:
    given = f" {_options(options)}" if options else ""
    return f"<!-- wp:{name}{given} -->\n{source}\n<!-- /wp:{name} -->"


def _options(options: Mapping[str, Any]) -> str:
    return json.dumps(options, separators=(",", ":")).replace("--", "\\u002d\\u002d")


def _is_inline(element: Any) -> bool:
    return all(child.tag in _INLINE for child in element.iterdescendants())


def _source(element: Any, *, tail: bool = False) -> str:
    """An element's HTML without line breaks, which become ``<br>`` there; ``pre`` keeps its."""
    _flatten(element)
    return str(lxml_html.tostring(element, encoding="unicode", with_tail=tail))


def _flatten(element: Any) -> None:
    if element.tag in {"pre", "textarea"}:
        return
    if element.text:
        element.text = _SPACES.sub(" ", element.text)
    for child in element:
        _flatten(child)
        if child.tail:
            child.tail = _SPACES.sub(" ", child.tail)


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


_MAKERS: Final[Mapping[str, Any]] = {
    "p": _paragraph,
    "ul": _list,
    "ol": _list,
    "blockquote": _quote,
    "table": _table,
    "hr": _rule,
    **{f"h{level}": _heading for level in range(2, 7)},
}
