"""Covers drawn by rule: a typeset title beside the topic's pattern. No model, no network.

The same order draws the same picture; every size and format carries IPTC's digital source type.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from typing import Final

from PIL import Image, ImageDraw

from igny8_core.business.content.services.cover_colours import Palette, mixed, palette_for
from igny8_core.business.content.services.cover_motifs import draw_motif
from igny8_core.business.content.services.cover_type import (
    BLACK,
    LINE_HEIGHT,
    MEDIUM,
    SCALE,
    SetText,
    fit,
    font,
    writable,
)
from igny8_core.business.content.services.image_encoding import EncodedImage, encode_sizes, shrunk

WIDTH, HEIGHT = 1200, 630
WIDTHS: Final = (1200, 800, 400)
RENDERER_VERSION: Final = "covers-1"
SOURCE_TYPE: Final = "algorithmicMedia"
_SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MARGIN: Final = 72
_TEXT_WIDTH: Final = 650
_PATTERN_LEFT: Final = 780
_TITLE_TOP, _TITLE_BOTTOM = 150, 500
_TITLE_LARGEST, _TITLE_SMALLEST = 84, 36


@dataclass(frozen=True)
class CoverOrder:
    """What a cover shows.

    :param topic: the cluster; it chooses colours and pattern.
    :param label: small text above the title.
    :param site_name: small text below it.
    :param primary: the site's colour as ``#rrggbb``; empty for one of ours.
    """

    title: str
    topic: str
    label: str = ""
    site_name: str = ""
    primary: str = ""
    accent: str = ""


@dataclass(frozen=True)
class Cover:
    """A drawn cover.

    :ivar title: the lines as set; None when the font lacks the title's script.
    """

    picture: Image.Image
    palette: Palette
    title: SetText | None


def draw_cover(order: CoverOrder) -> Cover:
    """Draw a cover in 1200 x 630.

    A title that is too long is cut at a word. Of a script that the font lacks no title is set,
    and the pattern fills the cover.
    """
    palette = palette_for(order.topic, primary=order.primary, accent=order.accent)
    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), palette.ground)
    draw = ImageDraw.Draw(canvas)
    text = writable(order.title)
    if text is None:
        whole = _scaled(0, 0, WIDTH, HEIGHT)
        draw_motif(draw, whole, palette=palette, topic=order.topic, title=order.title, tiles=3)
        return Cover(shrunk(canvas, WIDTH), palette, None)
    pattern = _scaled(_PATTERN_LEFT, 0, WIDTH, HEIGHT)
    draw_motif(draw, pattern, palette=palette, topic=order.topic, title=order.title, tiles=4)
    title = fit(
        text,
        name=BLACK,
        width=_TEXT_WIDTH,
        height=_TITLE_BOTTOM - _TITLE_TOP,
        largest=_TITLE_LARGEST,
        smallest=_TITLE_SMALLEST,
    )
    _draw_title(draw, title, palette)
    _draw_label(draw, order.label, palette)
    _draw_site_name(draw, order.site_name, palette)
    return Cover(shrunk(canvas, WIDTH), palette, title)


def encode(
    picture: Image.Image, *, description: str, source_type: str = SOURCE_TYPE
) -> list[EncodedImage]:
    """AVIF, WebP and JPEG of every size, widest first, each marked with how it was made."""
    return encode_sizes(picture, WIDTHS, xmp=_xmp(description, source_type))


def source_type_of(data: bytes) -> str:
    """The digital source type that a file states; empty when it states none."""
    with Image.open(io.BytesIO(data)) as opened:
        packet = opened.info.get("xmp", b"")
    text = packet if isinstance(packet, str) else packet.decode("utf-8", "replace")
    _before, found, rest = text.partition("digitalsourcetype/")
    return rest.partition('"')[0] if found else ""


def _draw_title(draw: ImageDraw.ImageDraw, title: SetText, palette: Palette) -> None:
    """Centred in its box by height, at the left margin."""
    face = font(BLACK, title.size * SCALE)
    top = _TITLE_TOP + (_TITLE_BOTTOM - _TITLE_TOP - title.height) // 2
    step = title.size * LINE_HEIGHT
    for number, line in enumerate(title.lines):
        place = (_MARGIN * SCALE, round((top + number * step) * SCALE))
        draw.text(place, line, font=face, fill=palette.title)


def _draw_label(draw: ImageDraw.ImageDraw, label: str, palette: Palette) -> None:
    """Spaced capitals over a short bar."""
    draw.rectangle(_scaled(_MARGIN, 72, _MARGIN + 56, 80), fill=palette.label)
    text = writable(label.upper())
    if text is None:
        return
    face = font(MEDIUM, 22 * SCALE)
    spacing = 3 * SCALE
    at = float(_MARGIN * SCALE)
    limit = (_MARGIN + _TEXT_WIDTH) * SCALE
    for character in text:
        width = face.getlength(character)
        if at + width > limit:
            break
        draw.text((round(at), 98 * SCALE), character, font=face, fill=palette.label)
        at += width + spacing


def _draw_site_name(draw: ImageDraw.ImageDraw, name: str, palette: Palette) -> None:
    text = writable(name)
    if text is None:
        return
    line = fit(text, name=MEDIUM, width=_TEXT_WIDTH, height=40, largest=28, smallest=20)
    face = font(MEDIUM, line.size * SCALE)
    colour = mixed(palette.ground, palette.title, 0.78)
    draw.text((_MARGIN * SCALE, 536 * SCALE), line.lines[0], font=face, fill=colour)


def _scaled(left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
    return left * SCALE, top * SCALE, right * SCALE, bottom * SCALE


def _xmp(description: str, source_type: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPES}{source_type}">'
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(description)}"
        "</rdf:li></rdf:Alt></dc:description>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()
