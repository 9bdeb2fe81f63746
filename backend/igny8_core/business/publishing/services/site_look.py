"""The theme: templates as package data, colours that can be read, style sheet and icon."""

from __future__ import annotations

import colorsys
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from igny8_core.business.publishing.services.site_source import COLOUR

THEMES: Final = Path(__file__).resolve().parent.parent / "themes"
DEFAULT: Final = "default"
LIGHT_PAPER: Final = "#fdfcfa"
DARK_PAPER: Final = "#141312"
READABLE: Final = 5.2
"""Contrast of the accent on its paper; WCAG AA asks for 4.5."""

_ACCENTS: Final = (
    "#0f6d63",
    "#3f4fb8",
    "#9b2c3f",
    "#2f6b3a",
    "#8a5a00",
    "#7a3b8f",
    "#1f6391",
    "#a8442a",
)
_STEPS: Final = 100


def themes() -> tuple[str, ...]:
    """The names of the themes; each is a folder with a style sheet."""
    return tuple(sorted(path.parent.name for path in THEMES.glob("*/site.css.j2")))


@cache
def theme(name: str = DEFAULT) -> Environment:
    """The templates of a theme, where it has none those of the default one.

    Every value is escaped; an unknown one is an error.
    """
    return Environment(
        loader=FileSystemLoader([THEMES / name, THEMES / DEFAULT], encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


@cache
def theme_digest(name: str = DEFAULT) -> str:
    """What a page depends on besides its own values: the templates, and the code around them."""
    digest = hashlib.sha256()
    code = Path(__file__).resolve().parent
    folders = sorted({THEMES / DEFAULT, THEMES / name, THEMES / "words"})
    for path in [*(p for f in folders for p in sorted(f.iterdir())), *sorted(code.glob("s*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def accents(colour: str, name: str) -> tuple[str, str]:
    """The accent on light and on dark paper, moved until it can be read there.

    :param colour: ``#rrggbb``; anything else means one of ours, chosen by the name.
    """
    if not COLOUR.match(colour):
        chosen = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % len(_ACCENTS)
        colour = _ACCENTS[chosen]
    return _readable(colour, LIGHT_PAPER), _readable(colour, DARK_PAPER)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG counts it, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def initial(name: str) -> str:
    """The letter on the site's icon."""
    return next((c.upper() for c in name if c.isalnum()), "•")


def _readable(colour: str, paper: str) -> str:
    hue, light, saturation = colorsys.rgb_to_hls(*_channels(colour))
    towards = 0.0 if _luminance(paper) > 0.5 else 1.0  # noqa: PLR2004 - a light paper
    for step in range(_STEPS + 1):
        moved = light + (towards - light) * step / _STEPS
        found = _hex(colorsys.hls_to_rgb(hue, moved, saturation))
        if contrast(found, paper) >= READABLE:
            return found
    raise AssertionError("black and white can be read on every paper")


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(c * 255):02x}" for c in channels)


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for c in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
