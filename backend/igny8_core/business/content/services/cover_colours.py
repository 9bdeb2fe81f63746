"""Colours of a cover: the site's own, or a palette of ours that the topic chooses. Pure."""

from __future__ import annotations

import colorsys
import hashlib
import re
from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]

TEXT_CONTRAST: Final = 7.0
"""Of the title on its ground: WCAG AAA."""

LABEL_CONTRAST: Final = 4.5

_HEX: Final = re.compile(r"#([0-9a-fA-F]{6})\Z")
WHITE: Final[Colour] = (255, 255, 255)


@dataclass(frozen=True)
class Palette:
    """The colours of one cover.

    :ivar ground: behind the title.
    :ivar title: of the title; at least 7:1 on the ground.
    :ivar label: of the small texts; at least 4.5:1 on the ground.
    :ivar field: behind the pattern.
    :ivar inks: of the pattern's shapes.
    """

    ground: Colour
    title: Colour
    label: Colour
    field: Colour
    inks: tuple[Colour, ...]


# ground, field, then inks; chosen by eye so that any three of the inks go together.
_SETS: Final[tuple[tuple[str, ...], ...]] = (
    ("#14213d", "#1d3160", "#fca311", "#e5e5e5", "#4f7cac", "#c9e4ca"),
    ("#10302b", "#18463f", "#f2c14e", "#f7f3e3", "#5fad8c", "#f78154"),
    ("#2b1b3d", "#43295e", "#ff8c61", "#f5e6e8", "#985277", "#ce6a85"),
    ("#3a1f1d", "#59302c", "#e8a87c", "#f6ead9", "#c38d9e", "#85dcb0"),
    ("#0b2a36", "#124256", "#ffb703", "#e0fbfc", "#219ebc", "#ee6c4d"),
    ("#1f2421", "#313a35", "#dce35b", "#eef2e6", "#6a8d73", "#e4572e"),
    ("#1b1b3a", "#2b2b5c", "#ff6b6b", "#f7fff7", "#4ecdc4", "#ffe66d"),
    ("#33261d", "#4c392c", "#f4d35e", "#faf0ca", "#ee964b", "#6b9080"),
)


def palette_for(topic: str, *, primary: str = "", accent: str = "") -> Palette:
    """The site's colours where it has any, else one of ours by the topic's name.

    :param primary: ``#rrggbb``; anything else counts as none. Darkened until a title can be read.
    """
    chosen = _SETS[digest_of(topic)[0] % len(_SETS)]
    ground, field, *inks = (from_hex(text) for text in chosen)
    if _HEX.match(primary):
        ground = _dark_enough(from_hex(primary))
        field = mixed(ground, WHITE, 0.12)
        inks = _tones(from_hex(primary))
    if _HEX.match(accent):
        inks[0] = from_hex(accent)
    label = _light_enough(inks[0], ground)
    title = mixed(ground, WHITE, 0.97)
    return Palette(ground=ground, title=title, label=label, field=field, inks=tuple(inks))


def digest_of(text: str) -> bytes:
    """Bytes that are always the same for a text: they choose among designs."""
    return hashlib.sha256(text.casefold().encode()).digest()


def from_hex(text: str) -> Colour:
    """``#rrggbb`` as three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """``one`` with a share of ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG defines it, 0 to 1."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004

    red, green, blue = (linear(value) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio as WCAG defines it, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _dark_enough(colour: Colour) -> Colour:
    """The colour, darkened until a nearly white title stands out with room to spare."""
    for step in range(0, 100, 4):
        darker = mixed(colour, (8, 10, 16), step / 100)
        if contrast(darker, WHITE) >= 1.3 * TEXT_CONTRAST:
            return darker
    return 8, 10, 16


def _light_enough(colour: Colour, ground: Colour) -> Colour:
    for step in range(0, 100, 5):
        lighter = mixed(colour, WHITE, step / 100)
        if contrast(lighter, ground) >= LABEL_CONTRAST:
            return lighter
    return WHITE


def _tones(colour: Colour) -> list[Colour]:
    """Four inks around a brand colour: warm against it, light, its own tint, and its neighbour."""
    hue, _light, strength = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    strength = max(strength, 0.35)

    def tone(turn: float, light: float, share: float = 1.0) -> Colour:
        red, green, blue = colorsys.hls_to_rgb((hue + turn) % 1, light, strength * share)
        return round(red * 255), round(green * 255), round(blue * 255)

    return [tone(0.46, 0.66), tone(0.0, 0.92, 0.5), tone(0.0, 0.56), tone(0.09, 0.74, 0.8)]
