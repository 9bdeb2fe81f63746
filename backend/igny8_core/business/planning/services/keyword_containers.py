"""What lies inside an uploaded file: the text or the workbook itself, or the members of an archive.

Sizes are counted while they are read: what a file says of itself is believed only when it refuses.
"""

from __future__ import annotations

import contextlib
import errno
import io
import marshal
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from igny8_core.business.planning.errors import FileEmpty, FileTooLarge, FormatNotSupported
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.common.xlsx_read import WORKBOOK, Workbook, WorkbookBroken, WorkbookTooWide

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD_BYTES = 512
_BLOCK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 16 * 1024 * 1024
_KEPT_ROWS = 1_000
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_END_OF_DIRECTORY, _ZIP64_LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _MAX_COMMENT_BYTES = 22, 65_535
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, ArithmeticError, ValueError, IndexError)


@dataclass(slots=True)
class TextPart:
    """A text table.

    :ivar name: of the archive's member; "" when the upload is the table.
    :ivar file: seekable.
    """

    name: str
    file: BinaryIO


class SheetPart:
    """A sheet of a workbook. Its XML is read once, however often its rows are."""

    def __init__(self, name: str, workbook: Workbook, scratch: BinaryIO) -> None:
        self.name, self._workbook, self._scratch = name, workbook, scratch
        self._is_read = False

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(number, cells) of every row.

        :raises FileTooLarge: more rows or columns than an import takes.
        :raises FormatNotSupported: the workbook is damaged.
        """
        if not self._is_read:
            self._read()
            self._is_read = True
        self._scratch.seek(0)
        with contextlib.suppress(EOFError):
            while True:
                yield from marshal.load(self._scratch)  # noqa: S302 - what _read wrote

    def first_rows(self, count: int) -> list[list[str]]:
        """The cells of the first rows, without reading the others.

        :raises FormatNotSupported: the workbook is damaged.
        """
        try:
            return [cells for _number, cells in islice(self._workbook.rows(self.name), count)]
        except WorkbookBroken as exc:
            raise FormatNotSupported(f"The workbook is damaged: {exc}.", found="xlsx") from exc

    def _read(self) -> None:
        """Keep the rows where they can be read again quickly."""
        kept: list[tuple[int, list[str]]] = []
        count = 0
        try:
            for row in self._workbook.rows(self.name):
                kept.append(row)
                if len(kept) == _KEPT_ROWS:
                    count += len(kept)
                    marshal.dump(kept, self._scratch)
                    kept.clear()
                    if count > formats.MAX_ROWS + formats.HEADER_SEARCH_ROWS:
                        raise too_many_rows()
            marshal.dump(kept, self._scratch)
        except WorkbookTooWide as exc:
            raise too_many_columns() from exc
        except WorkbookBroken as exc:
            raise FormatNotSupported(f"The workbook is damaged: {exc}.", found="xlsx") from exc


@dataclass(slots=True)
class SkippedPart:
    """A member that is no table, and why."""

    name: str
    why: str


Part = TextPart | SheetPart | SkippedPart


def open_parts(
    data: bytes | BinaryIO, *, takes_xml: bool = False, max_bytes: int | None = None
) -> Iterator[Part]:
    """The parts of an upload, one after the other; a part is good until the next one is asked for.

    :param takes_xml: text parts may be XML; else it is refused by name.
    :param max_bytes: of the upload; as many as a keyword file may have when it is not said.
    :raises KeywordFileInvalid: one of its subclasses.
    """
    most = formats.MAX_FILE_BYTES if max_bytes is None else max_bytes
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not size:
        raise FileEmpty("The file is empty.")
    if size > most:
        raise FileTooLarge(f"The file is larger than {most // 2**20} MiB.", limit=most)
    limit = min(formats.MAX_UNPACKED_BYTES, size * formats.MAX_UNPACKED_RATIO)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_GZIP):
        with _gunzip(file, limit) as unpacked:
            yield from _open_plain(unpacked, limit, takes_xml=takes_xml)
    else:
        yield from _open_plain(file, limit, takes_xml=takes_xml)


def _open_plain(file: BinaryIO, limit: int, *, takes_xml: bool) -> Iterator[Part]:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_ZIP):
        yield from _open_archive(file, limit, takes_xml=takes_xml)
    else:
        refuse_binary(head, takes_xml=takes_xml)
        yield TextPart("", file)


def too_many_rows() -> FileTooLarge:
    """The refusal of a file with more rows than one import takes."""
    return FileTooLarge(
        f"The file has more than {formats.MAX_ROWS:,} rows; split it.", limit=formats.MAX_ROWS
    )


def too_many_columns() -> FileTooLarge:
    """The refusal of a file with more columns than any tool writes."""
    return FileTooLarge(
        f"The file has more than {formats.MAX_COLUMNS} columns.", limit=formats.MAX_COLUMNS
    )


def refuse_binary(head: bytes, *, takes_xml: bool = False) -> None:
    """Refuse the first bytes of a file that is known not to be a table.

    :raises FormatNotSupported: it says what it is.
    """
    for signature, what in formats.BINARY_SIGNATURES:
        if head.startswith(signature):
            raise FormatNotSupported(
                f"This is {what}. Save it as xlsx or CSV and import that.", found=what
            )
    if not takes_xml and head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise FormatNotSupported(
            "This is XML or HTML. Pages are imported with `igny8 pages import`; "
            "keywords come as xlsx or CSV.",
            found="XML or HTML",
        )


def _gunzip(file: BinaryIO, limit: int) -> BinaryIO:
    """The unpacked bytes; on disk when they are many. A gzip file may hold several members."""
    unpacked = _scratch()
    try:
        _gunzip_into(unpacked, file, limit)
    except BaseException:
        unpacked.close()
        raise
    unpacked.seek(0)
    return unpacked


def _scratch() -> BinaryIO:
    """A temporary file: in memory while it is small."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))


def _gunzip_into(unpacked: BinaryIO, file: BinaryIO, limit: int) -> None:
    unpacker, total, is_fresh = zlib.decompressobj(wbits=31), 0, True
    block = file.read(_BLOCK_BYTES)
    try:
        while block or not is_fresh:
            grown = unpacker.decompress(block, _BLOCK_BYTES)
            total += len(grown)
            if total > limit:
                raise FileTooLarge("The file grows too much when it is unpacked.", limit=limit)
            unpacked.write(grown)
            is_fresh, is_stuck = False, not block and not grown
            if unpacker.eof:
                block = unpacker.unused_data.lstrip(b"\x00")
                unpacker, is_fresh = zlib.decompressobj(wbits=31), True
            elif is_stuck:
                break
            else:
                block = unpacker.unconsumed_tail
            block = block or file.read(_BLOCK_BYTES)
        if not is_fresh:
            raise FormatNotSupported("The gzip file is cut off.", found="gzip")
    except zlib.error as exc:
        raise FormatNotSupported("The gzip file is damaged.", found="gzip") from exc


def _open_archive(file: BinaryIO, limit: int, *, takes_xml: bool) -> Iterator[Part]:
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive, limit)
            if WORKBOOK in archive.namelist():
                yield from _open_workbook(archive, limit)
            else:
                yield from _open_members(archive, limit, takes_xml=takes_xml)
    except (*_DAMAGED, EOFError) as exc:
        raise FormatNotSupported("The ZIP file is damaged.", found="ZIP") from exc
    except OSError as exc:
        if exc.errno == errno.EINVAL:  # a place before the file's first byte
            raise FormatNotSupported("The ZIP file is damaged.", found="ZIP") from exc
        raise
    except (NotImplementedError, RuntimeError) as exc:  # an unknown compression, or encrypted
        raise FormatNotSupported(f"The ZIP file cannot be read: {exc}.", found="ZIP") from exc


def _check_directory(file: BinaryIO) -> None:
    """Refuse a huge list of members before it is read into memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _MAX_COMMENT_BYTES))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0:
        raise FormatNotSupported("The ZIP file is cut off.", found="ZIP")
    while at >= 0:
        if len(tail) - at >= _END_BYTES:
            members, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
            if (
                members > formats.MAX_ARCHIVE_MEMBERS
                or directory_bytes > formats.MAX_DIRECTORY_BYTES
            ):
                raise FileTooLarge(
                    f"The archive has more than {formats.MAX_ARCHIVE_MEMBERS:,} members.",
                    limit=formats.MAX_ARCHIVE_MEMBERS,
                )
        at = tail.rfind(_END_OF_DIRECTORY, 0, at)
    if _ZIP64_LOCATOR in tail:
        raise FormatNotSupported("ZIP64 archives are not read; unpack it first.", found="ZIP64")


def _check_sizes(archive: zipfile.ZipFile, limit: int) -> None:
    if sum(info.file_size for info in archive.infolist()) > limit:
        raise FileTooLarge("The file grows too much when it is unpacked.", limit=limit)


def _open_workbook(archive: zipfile.ZipFile, limit: int) -> Iterator[Part]:
    try:
        workbook = Workbook(archive, max_bytes=limit, max_columns=formats.MAX_COLUMNS)
    except WorkbookBroken as exc:
        raise FormatNotSupported(f"The workbook is damaged: {exc}.", found="xlsx") from exc
    if len(workbook.sheets) > formats.MAX_PARTS:
        raise FileTooLarge(
            f"The workbook has more than {formats.MAX_PARTS} sheets.", limit=formats.MAX_PARTS
        )
    for sheet in workbook.sheets:
        with _scratch() as scratch:
            yield SheetPart(sheet, workbook, scratch)


def _open_members(archive: zipfile.ZipFile, limit: int, *, takes_xml: bool) -> Iterator[Part]:
    """The tables of an archive; names are labels only, nothing is written to where they point."""
    members = [
        info
        for info in archive.infolist()
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and not PurePosixPath(info.filename).name.startswith(".")
    ]
    if len(members) > formats.MAX_PARTS:
        raise FileTooLarge(
            f"The archive has more than {formats.MAX_PARTS} members.", limit=formats.MAX_PARTS
        )
    left = limit
    for info in sorted(members, key=lambda info: info.filename):
        name = PurePosixPath(info.filename.replace("\\", "/")).name
        with _scratch() as unpacked:
            left -= _unpack(archive, info, unpacked, left)
            head = unpacked.read(_HEAD_BYTES)
            unpacked.seek(0)
            if not head:
                yield SkippedPart(name, "empty")
            elif head.startswith((_ZIP, _GZIP)):
                yield SkippedPart(name, "an archive or workbook inside an archive")
            else:
                try:
                    refuse_binary(head, takes_xml=takes_xml)
                except FormatNotSupported as exc:
                    yield SkippedPart(name, str(exc.data["found"]))
                else:
                    yield TextPart(name, unpacked)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, unpacked: BinaryIO, limit: int) -> int:
    total = 0
    with archive.open(info) as member:
        while block := member.read(_BLOCK_BYTES):
            total += len(block)
            if total > limit:
                raise FileTooLarge("The file grows too much when it is unpacked.", limit=limit)
            unpacked.write(block)
    unpacked.seek(0)
    return total
