"""How wide a title is in a result list: sums of advance widths, in units of the font. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import regex

_FILE: Final = Path(__file__).parent / "data" / "scoring_widths.toml"
_ZERO: Final = regex.compile(r"[\p{Mn}\p{Me}\p{Cf}]")
_WIDE: Final = regex.compile(r"[\p{East_Asian_Width=W}\p{East_Asian_Width=F}]")

UNITS_PER_EM: Final = 2_048
FONT_PIXELS: Final = 20
MAX_UNITS: Final = 61_440
"""600 pixels."""


def title_units(text: str) -> int | None:
    """The width of a title in Arial 20 px; ``units * 20 / 2048`` are pixels.

    :returns: None where it cannot be known: Arabic, Indic and other scripts that join letters.
    """
    widths = _widths()
    total = 0
    for character in text:
        width = widths.get(character)
        if width is None:
            if _ZERO.match(character):
                width = 0
            elif _WIDE.match(character):
                width = UNITS_PER_EM
            else:
                return None
        total += width
    return total


def pixels(units: int) -> int:
    """Whole pixels, rounded up."""
    return -(-units * FONT_PIXELS // UNITS_PER_EM)


@cache
def _widths() -> dict[str, int]:
    found: dict[str, int] = {}
    for width, places in tomllib.loads(_FILE.read_text(encoding="utf-8"))["widths"].items():
        for place in places.split():
            first, _, last = place.partition("-")
            for code in range(int(first, 16), int(last or first, 16) + 1):
                found[chr(code)] = int(width)
    return found
