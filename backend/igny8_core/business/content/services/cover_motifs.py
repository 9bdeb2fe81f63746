"""Geometric patterns of covers. Pure: the same topic draws the same pattern."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.cover_colours import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageDraw

    from igny8_core.business.content.services.cover_colours import Colour, Palette

Box = tuple[int, int, int, int]


def draw_motif(
    draw: ImageDraw.ImageDraw, box: Box, *, palette: Palette, topic: str, title: str, tiles: int
) -> None:
    """Fill a box with the topic's pattern, laid out anew for each title.

    :param tiles: across the shorter side.
    """
    digest = digest_of(topic)
    seed = int.from_bytes(digest_of(f"{topic} {title}")[:8], "big")
    dice = random.Random(seed)  # noqa: S311 - a pattern, not a secret
    draw.rectangle(box, fill=palette.field)
    left, top, right, bottom = box
    columns = max(1, round((right - left) * tiles / min(right - left, bottom - top)))
    rows = max(1, round((bottom - top) * tiles / min(right - left, bottom - top)))
    motif = _MOTIFS[digest[8] % len(_MOTIFS)]
    xs = [left + (right - left) * i // columns for i in range(columns + 1)]
    ys = [top + (bottom - top) * i // rows for i in range(rows + 1)]
    last: Colour | None = None
    for row in range(rows):
        for column in range(columns):
            inks = [ink for ink in palette.inks if ink != last]
            ink = dice.choice(inks)
            last = ink
            other = dice.choice([c for c in (*palette.inks, palette.field) if c != ink])
            cell = (xs[column], ys[row], xs[column + 1], ys[row + 1])
            motif(draw, cell, ink, other, dice)


def _quarters(
    draw: ImageDraw.ImageDraw, cell: Box, ink: Colour, other: Colour, dice: random.Random
) -> None:
    """Quarter circles in turned corners, some of them doubled."""
    kind = dice.randrange(6)
    if kind == 0:
        return  # air
    _fill(draw, cell, other if kind == 1 else None)
    corner = dice.randrange(4)
    _quarter(draw, cell, corner, 1.0, ink)
    if kind in {2, 3}:
        _quarter(draw, cell, corner, 0.55, other)


def _half_circles(
    draw: ImageDraw.ImageDraw, cell: Box, ink: Colour, other: Colour, dice: random.Random
) -> None:
    """Half circles that stand, hang and lie."""
    kind = dice.randrange(5)
    if kind == 0:
        return
    _fill(draw, cell, other if kind == 1 else None)
    left, top, right, bottom = cell
    wide, high = right - left, bottom - top
    side = dice.randrange(4)
    boxes = (
        (left, top + high // 2, right, bottom + high // 2, 180, 360),
        (left, top - high // 2, right, top + high // 2, 0, 180),
        (left + wide // 2, top, right + wide // 2, bottom, 90, 270),
        (left - wide // 2, top, left + wide // 2, bottom, 270, 450),
    )
    x0, y0, x1, y1, start, end = boxes[side]
    draw.pieslice((x0, y0, x1, y1), start, end, fill=ink)


def _triangles(
    draw: ImageDraw.ImageDraw, cell: Box, ink: Colour, other: Colour, dice: random.Random
) -> None:
    """Squares cut along a diagonal."""
    left, top, right, bottom = cell
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    kind = dice.randrange(5)
    if kind == 0:
        return
    skipped = dice.randrange(4)
    _fill(draw, cell, other if kind in {1, 2} else None)
    draw.polygon([c for i, c in enumerate(corners) if i != skipped], fill=ink)


def _rings(
    draw: ImageDraw.ImageDraw, cell: Box, ink: Colour, other: Colour, dice: random.Random
) -> None:
    """Discs with a ring, a core or a hole."""
    left, top, right, bottom = cell
    wide = right - left
    kind = dice.randrange(5)
    if kind == 0:
        return
    gap = wide // 12
    draw.ellipse((left + gap, top + gap, right - gap, bottom - gap), fill=ink)
    if kind > 1:
        inner = wide // 4
        draw.ellipse((left + inner, top + inner, right - inner, bottom - inner), fill=other)
    if kind > 3:  # noqa: PLR2004 - the last of five kinds
        core = wide * 2 // 5
        draw.ellipse((left + core, top + core, right - core, bottom - core), fill=ink)


def _leaves(
    draw: ImageDraw.ImageDraw, cell: Box, ink: Colour, other: Colour, dice: random.Random
) -> None:
    """Squares with two opposite corners rounded."""
    left, top, right, bottom = cell
    kind = dice.randrange(5)
    if kind == 0:
        return
    gap = (right - left) // 24
    inside = (left + gap, top + gap, right - gap, bottom - gap)
    turned = dice.random() < 0.5  # noqa: PLR2004 - heads or tails
    radius = (right - left) // 2 - gap
    corners = (turned, not turned, turned, not turned)
    draw.rounded_rectangle(inside, radius, fill=ink, corners=corners)
    if kind == 1:
        third = (right - left) // 3
        draw.ellipse((left + third, top + third, right - third, bottom - third), fill=other)


_MOTIFS: Final[
    tuple[
        Callable[[ImageDraw.ImageDraw, Box, Colour, Colour, random.Random], None],
        ...,
    ]
] = (_quarters, _half_circles, _triangles, _rings, _leaves)


def _fill(draw: ImageDraw.ImageDraw, cell: Box, ink: Colour | None) -> None:
    if ink is not None:
        draw.rectangle((cell[0], cell[1], cell[2] - 1, cell[3] - 1), fill=ink)


def _quarter(draw: ImageDraw.ImageDraw, cell: Box, corner: int, share: float, ink: Colour) -> None:
    """A quarter of a disc around one corner of the cell."""
    left, top, right, bottom = cell
    x = (left, right, right, left)[corner]
    y = (top, top, bottom, bottom)[corner]
    wide, high = round((right - left) * share), round((bottom - top) * share)
    start = (0, 90, 180, 270)[corner]
    draw.pieslice((x - wide, y - high, x + wide, y + high), start, start + 90, fill=ink)
