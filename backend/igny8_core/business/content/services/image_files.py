"""Image files below MEDIA_ROOT: named by their content, written whole or not at all.

Two images with the same bytes have the same files. So a file goes only while nobody writes, and
only when no row names it: writers share a lock until their row is committed, who removes files
has it alone.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.conf import settings
from django.db import OperationalError, connection

from igny8_core.common.errors import NotFound, Transient
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from igny8_core.business.content.services.image_encoding import EncodedImage

log = structlog.get_logger(__name__)

EXTENSIONS: Final = {"webp": "webp", "jpeg": "jpg", "avif": "avif", "png": "png"}
NAME_DIGITS: Final = 32
TEMPORARY: Final = ".writing-"
LOCK: Final = "content.files"
LOCK_TRIES: Final = 3  # each as long as the role's lock_timeout
NAMED: Final = """
SELECT path FROM content_images WHERE account_id = %(account)s AND path = ANY(%(paths)s)
UNION
SELECT file ->> 'path' FROM content_images, jsonb_array_elements(variants) AS file
 WHERE account_id = %(account)s AND file ->> 'path' = ANY(%(paths)s)
"""


def write_variants(
    images: Iterable[EncodedImage], *, account_id: int, site_id: int
) -> list[dict[str, Any]]:
    """Store the files of one image. A repeat writes the same names with the same bytes.

    :returns: for each file its path below MEDIA_ROOT, format, width, height and size_bytes.
    :raises Transient: the disk did not take them; whatever was written is harmless.
    """
    return [_write(image, account_id=account_id, site_id=site_id) for image in images]


@dataclass(frozen=True)
class ImageFile:
    """One file of an image, with its bytes.

    :ivar digest: what its name begins with: other bytes have another one.
    """

    data: bytes
    format: str
    width: int
    digest: str


def read_file(
    *, account_id: int, variants: Iterable[Mapping[str, Any]], kinds: Sequence[str], width: int
) -> ImageFile:
    """The best file of an image: of the first kind that there is, and wide enough.

    :param variants: the image's files, as they are stored with it.
    :param kinds: formats, the most wanted first.
    :param width: the narrowest file of at least this width, else the widest; 0 for the widest.
    :raises NotFound: the image has no file of these kinds, or it is gone.
    """
    for kind in kinds:
        files = [file for file in variants if file.get("format") == kind]
        if not files:
            continue
        files.sort(key=lambda file: int(file["width"]))
        enough = (file for file in files if width and int(file["width"]) >= width)
        chosen = next(enough, files[-1])
        path = str(chosen["path"])
        if not _is_of(account_id, path):
            log.warning("content.files.astray", path=path)
            continue
        with suppress(OSError):
            data = (Path(settings.MEDIA_ROOT) / path).read_bytes()
            digest = Path(path).name.partition("-")[0]
            return ImageFile(data, kind, int(chosen["width"]), digest)
    raise NotFound("no such file", formats=",".join(kinds))


def _is_of(account_id: int, path: str) -> bool:
    return path.startswith(f"{account_id}/") and ".." not in Path(path).parts


def keep_files(account_id: int) -> None:
    """No file of the account is removed until the open transaction ends.

    Whoever stores a row calls this, and then :func:`write_variants` once more: what was written
    before may be gone.
    """
    _lock("pg_advisory_xact_lock_shared", account_id)


def remove_files(*, account_id: int, paths: Collection[str]) -> int:
    """Remove files that no image of the account names any more; the others stay.

    :param paths: below MEDIA_ROOT; only those of the account are touched.
    :returns: how many were removed. What the disk refuses is logged and stays.
    :raises OperationalError: writers did not let us have the lock, a few times in a row.
    """
    for _ in range(LOCK_TRIES - 1):
        with suppress(OperationalError):
            return _remove(account_id, paths)
    return _remove(account_id, paths)


def _remove(account_id: int, paths: Collection[str]) -> int:
    removed = 0
    with tenant(account_id):
        _lock("pg_advisory_xact_lock", account_id)
        for path in sorted(set(paths) - _named(account_id, paths)):
            if not _is_of(account_id, path):
                log.warning("content.files.astray", path=path)
                continue
            try:
                (Path(settings.MEDIA_ROOT) / path).unlink()
            except FileNotFoundError:
                continue
            except OSError as exc:
                log.warning("content.files.stuck", path=path, error=type(exc).__name__)
                continue
            removed += 1
    return removed


def _named(account_id: int, paths: Collection[str]) -> set[str]:
    """Those of the paths that some image names, in the bin or not."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED, {"account": account_id, "paths": list(paths)})
        return {path for (path,) in cursor.fetchall()}


def _lock(function: str, account_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, %s))", [LOCK, account_id])


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
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY)
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
