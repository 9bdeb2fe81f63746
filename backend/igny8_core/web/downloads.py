"""Files that are written for one answer and read while it is sent."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
BLOCK_BYTES: Final = 64 * 1024


def scratch() -> BinaryIO:
    """A temporary file, in memory while it is small; :func:`download` closes it."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))


def download(out: BinaryIO, *, name: str, media_type: str) -> StreamingHttpResponse:
    """Send what was written, as a file of this name."""
    out.seek(0)
    response = StreamingHttpResponse(_blocks(out), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _blocks(out: BinaryIO) -> Iterator[bytes]:
    with out:
        while block := out.read(BLOCK_BYTES):
            yield block
