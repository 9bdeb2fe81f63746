"""A picture as files: AVIF, WebP and JPEG of several widths. Pure."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "avif": {"quality": 62, "speed": 8, "max_threads": 1},  # one thread: the same bytes each time
    "webp": {"quality": 82, "method": 4},
    "jpeg": {"quality": 86, "optimize": True, "progressive": True},
}


@dataclass(frozen=True)
class EncodedImage:
    """One file of a picture."""

    data: bytes
    format: str
    width: int
    height: int


def encode_sizes(
    picture: Image.Image, widths: Iterable[int], *, xmp: bytes = b""
) -> list[EncodedImage]:
    """AVIF, WebP and JPEG of every width, in the order given.

    Nothing of the source's metadata stays.

    :param xmp: what every file says of itself.
    """
    found = []
    extra = {"xmp": xmp} if xmp else {}
    for width in widths:
        sized = picture if width == picture.width else shrunk(picture, width)
        for kind, options in _OPTIONS.items():
            out = io.BytesIO()
            sized.save(out, kind, **extra, **options)
            found.append(EncodedImage(out.getvalue(), kind, sized.width, sized.height))
    return found


def shrunk(picture: Image.Image, width: int) -> Image.Image:
    """The picture at another width, with its proportions."""
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)
