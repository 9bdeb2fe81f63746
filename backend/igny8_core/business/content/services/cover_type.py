"""A title set into a box: size, lines and fallbacks for what the font cannot write. Pure."""
# ruff: noqa: RUF001 - typographic marks are what this module is about

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

_FONTS: Final = Path(__file__).parent / "data" / "fonts"
BLACK, MEDIUM = "Roboto-Black.ttf", "Roboto-Medium.ttf"
SCALE: Final = 2
"""Covers are drawn twice as large, so that edges are smooth; texts are measured as drawn."""

ELLIPSIS: Final = "…"
LINE_HEIGHT: Final = 1.12
LINES_MAX: Final = 5
TITLE_CHARS_MAX: Final = 300
BROKEN_SIZE: Final = 60
"""A word that is wider than the box is broken with a hyphen, from this size downwards."""

HYPHEN_MIN: Final = 4

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True)
class SetText:
    """Lines of one size that fit into their box."""

    lines: tuple[str, ...]
    size: int
    width: int
    height: int
    is_cut: bool


@cache
def font(name: str, size: int) -> Font:
    """One of our fonts; by the basic engine, so that every machine sets the same lines."""
    return ImageFont.truetype(str(_FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)


def writable(text: str) -> str | None:
    """The text as the font can write it; None when it is of a script that it does not have.

    Accents that it lacks are left out. Pictures (emoji) are dropped.
    """
    flat = " ".join(unicodedata.normalize("NFC", text).split())[:TITLE_CHARS_MAX]
    written: list[str] = []
    for character in flat:
        if _has(character):
            written.append(character)
            continue
        bare = "".join(
            c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)
        )
        if bare and all(_has(c) for c in bare):
            written.append(bare)
        elif unicodedata.category(character)[0] in "LN":
            return None
    return " ".join("".join(written).split()) or None


def fit(text: str, *, name: str, width: int, height: int, largest: int, smallest: int) -> SetText:
    """The text in the largest size at which it fits, in lines of even length.

    In the smallest size it is cut at a word, with an ellipsis, until it fits.
    """
    for size in range(largest, smallest - 1, -2):
        if found := _set(text, name=name, size=size, width=width, height=height):
            return found
    words = text.split()
    while len(words) > 1:
        words.pop()
        shorter = " ".join(words).rstrip(" ,;:.–—-") + ELLIPSIS
        if found := _set(shorter, name=name, size=smallest, width=width, height=height):
            return SetText(found.lines, found.size, found.width, found.height, is_cut=True)
    return SetText((ELLIPSIS,), smallest, smallest, round(smallest * LINE_HEIGHT), is_cut=True)


def _set(text: str, *, name: str, size: int, width: int, height: int) -> SetText | None:
    face = font(name, size * SCALE)
    room = width * SCALE
    limit = min(LINES_MAX, int(height // (size * LINE_HEIGHT)))
    words = text.split()
    if size <= BROKEN_SIZE:
        words = [piece for word in words for piece in _pieces(word, face, room)]
    if any(face.getlength(word) > room for word in words):
        return None
    lines = _even_lines(words, face, room)
    if len(lines) > limit:
        return None
    widest = max(face.getlength(line) for line in lines)
    return SetText(
        tuple(lines),
        size,
        math.ceil(widest / SCALE),
        round(size * LINE_HEIGHT * len(lines)),
        is_cut=False,
    )


def _pieces(word: str, face: Font, width: int) -> list[str]:
    """A word in parts that fit, with hyphens where it was broken."""
    pieces = []
    while face.getlength(word) > width and len(word) > 2 * HYPHEN_MIN:
        end = len(word) - HYPHEN_MIN
        while end > HYPHEN_MIN and face.getlength(word[:end] + "-") > width:
            end -= 1
        pieces.append(word[:end] + "-")
        word = word[end:]
    return [*pieces, word]


def _even_lines(words: list[str], face: Font, width: int) -> list[str]:
    """As few lines as possible, broken where the lengths differ least."""
    count = len(_greedy(words, face, width))
    narrowest = width
    step = max(4, width // 40)
    while narrowest > step:
        trial = _greedy(words, face, narrowest - step)
        if len(trial) > count or any(face.getlength(line) > narrowest - step for line in trial):
            break
        narrowest -= step
    return _greedy(words, face, narrowest)


def _greedy(words: list[str], face: Font, width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def _has(character: str) -> bool:
    """Whether the font has a glyph of its own for a character."""
    if character.isspace():
        return True
    face = font(BLACK, 24)
    return _drawing(face, character) != _drawing(face, "\ufffe")


def _drawing(face: Font, character: str) -> tuple[bytes, tuple[float, float, float, float]]:
    return bytes(face.getmask(character)), face.getbbox(character)
