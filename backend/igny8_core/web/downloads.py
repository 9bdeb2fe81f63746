"""Files that are written for one answer and read while it is sent."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
BLOCK_BYTES: Final = 64 * 1024


def download(write: Callable[[BinaryIO], tuple[str, str]]) -> StreamingHttpResponse:
    """Send what ``write`` writes; it returns the file's name and media type.

    An error of ``write`` is the answer's: nothing was sent by then.
    """
    out = cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115 - the response closes it
    try:
        name, media_type = write(out)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    response = StreamingHttpResponse(_blocks(out), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _blocks(out: BinaryIO) -> Iterator[bytes]:
    with out:
        while block := out.read(BLOCK_BYTES):
            yield block
