"""Image files below MEDIA_ROOT: named by their content, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from igny8_core.common.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.business.content.services.covers import EncodedImage

EXTENSIONS: Final = {"webp": "webp", "jpeg": "jpg", "avif": "avif", "png": "png"}
NAME_DIGITS: Final = 32


def write_variants(
    images: Iterable[EncodedImage], *, account_id: int, site_id: int
) -> list[dict[str, Any]]:
    """Store the files of one image. A repeat writes the same names with the same bytes.

    :returns: for each file its path below MEDIA_ROOT, format, width, height and size_bytes.
    :raises Transient: the disk did not take them; whatever was written is harmless.
    """
    return [_write(image, account_id=account_id, site_id=site_id) for image in images]


def _write(image: EncodedImage, *, account_id: int, site_id: int) -> dict[str, Any]:
    digest = hashlib.sha256(image.data).hexdigest()[:NAME_DIGITS]
    name = f"{digest}-{image.width}.{EXTENSIONS[image.format]}"
    path = f"{account_id}/{site_id}/images/{digest[:2]}/{name}"
    try:
        write_whole(Path(settings.MEDIA_ROOT) / path, image.data)
    except OSError as exc:
        raise Transient("the image could not be stored", error=type(exc).__name__) from exc
    return {
        "path": path,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "size_bytes": len(image.data),
    }


def write_whole(target: Path, data: bytes) -> None:
    """Write a file so that its name never shows half of it, not even after a power cut."""
    if target.exists() and target.stat().st_size == len(data):
        return  # the name is the content's
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
