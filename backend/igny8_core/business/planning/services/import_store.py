"""Where uploads and the rows read from them are kept: outside the database, apart by account."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import storages

from igny8_core.business.planning.errors import FileTooLarge
from igny8_core.business.planning.services import keyword_formats as formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account

STORAGE = "imports"
_BLOCK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was looked at once, from its first byte to its last."""

    file: BinaryIO
    sha256: str
    size_bytes: int


def measure(file: BinaryIO, *, limit: int | None = None) -> Upload:
    """Size and digest of a file, in constant memory.

    :raises FileTooLarge: it is larger than an import takes; it was not read further.
    """
    limit = formats.MAX_FILE_BYTES if limit is None else limit
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        size += len(block)
        if size > limit:
            raise FileTooLarge(f"The file is larger than {limit // 2**20} MiB.", limit=limit)
        digest.update(block)
    file.seek(0)
    return Upload(file, digest.hexdigest(), size)


def keep(upload: Upload, *, account: Account) -> str:
    """Store an upload, once for each account; returns its path."""
    path = f"{account.pk}/{upload.sha256}"
    storage = storages[STORAGE]
    if storage.exists(path):
        return path
    upload.file.seek(0)
    return storage.save(path, File(upload.file))


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A stored file, seekable."""
    with storages[STORAGE].open(path) as file:
        yield cast("BinaryIO", file)


def discard(path: str) -> None:
    """Remove a stored file; one that is gone is gone."""
    if path:
        storages[STORAGE].delete(path)


def is_kept(path: str) -> bool:
    """Whether the file is still there."""
    return bool(path) and storages[STORAGE].exists(path)


@contextmanager
def scratch() -> Iterator[BinaryIO]:
    """A temporary file: in memory while it is small."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        yield cast("BinaryIO", file)


def keep_rows(file: BinaryIO, *, account: Account, import_id: int) -> str:
    """Store the rows that an import will write; returns their path."""
    path = f"{account.pk}/rows/{import_id}"
    storage = storages[STORAGE]
    storage.delete(path)
    file.seek(0)
    return storage.save(path, File(file))
