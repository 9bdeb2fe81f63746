"""A keyword file from bytes to records: container, encoding, delimiter, header.

Pure: bytes in, records out. What the cells mean is ``keyword_rows``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from igny8_core.business.planning.errors import (
    EncodingUnreadable,
    FileEmpty,
    FileTooLarge,
    FormatNotSupported,
    NoKeywordColumn,
)
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_text import header_form
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BOMS = (  # UTF-32 before UTF-16: its mark starts with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFFED_BYTES = 64 * 1024
_NUL_SHARE = 0.3
_BINARY_SHARE, _BINARY_BYTES = 0.01, 4
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b"))
_SEP_LINE = re.compile(r"^\ufeff?\"?sep=(.)\"?\r?\n?$", re.IGNORECASE)
_SHOWN_LINES, _SHOWN_CHARACTERS = 5, 120


@dataclass(frozen=True, slots=True)
class Issue:
    """What happened to a row, a cell or the file.

    :param row: as a spreadsheet program shows it; 0 is the file as a whole.
    :param row_end: the last row of a range of blank rows.
    """

    row: int
    code: str
    text: str = ""
    column: str = ""
    severity: str = "warning"
    row_end: int | None = None


@dataclass(slots=True)
class RawTable:
    """The records of a file, read once, from the first one below the header.

    :ivar header: names of the columns as the file has them; empty for a plain list.
    :ivar header_row: 1 is the first row of the file; 0: no header.
    :ivar preamble: the texts above the header.
    """

    encoding: str
    delimiter: str
    header: list[str]
    header_row: int
    preamble: list[str]
    issues: list[Issue]
    text: str = field(repr=False)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(row number, cells) of every record below the header, blank ones included.

        Ends at an unbalanced quote, which :attr:`issues` then holds.

        :raises FileTooLarge: more rows or columns than an import takes.
        """
        numbered = enumerate(_records(self.text, self.delimiter, self.issues), start=1)
        for number, cells in numbered:
            if number <= self.header_row:
                continue
            if number - self.header_row > formats.MAX_ROWS:
                raise FileTooLarge(
                    f"The file has more than {formats.MAX_ROWS:,} rows; split it.",
                    limit=formats.MAX_ROWS,
                )
            if len(cells) > formats.MAX_COLUMNS:
                raise _too_many_columns()
            yield number, cells


def read_table(data: bytes, *, has_header: bool = True) -> RawTable:
    """Find out how the file is written, and where its header is.

    :param has_header: False for a plain list: one keyword a line, no header.
    :raises KeywordFileInvalid: one of its subclasses; the message is for people.
    """
    text, encoding, issues = decode(_unpack(data))
    text, told = _sep_line(text)
    if not text.strip():
        raise FileEmpty("The file is empty.")
    if not has_header:
        return RawTable(encoding, told or "\t", [], 0, [], issues, text)
    delimiter, position, rows = _find_header(text, told)
    if position is None:
        raise _no_keyword_column(text)
    header = [display_form(cell) for cell in rows[position]]
    if len(header) > formats.MAX_COLUMNS:
        raise _too_many_columns()
    preamble = [" ".join(cell for cell in row if cell.strip()) for row in rows[:position]]
    return RawTable(encoding, delimiter, header, position + 1, preamble, issues, text)


def _unpack(data: bytes) -> bytes:
    """The bytes of the table itself: gunzipped, and not of a kind that is no text."""
    if not data:
        raise FileEmpty("The file is empty.")
    if len(data) > formats.MAX_FILE_BYTES:
        raise FileTooLarge(
            f"The file is larger than {formats.MAX_FILE_BYTES // 2**20} MiB.",
            limit=formats.MAX_FILE_BYTES,
        )
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(data)
    for signature, what in formats.BINARY_SIGNATURES:
        if data.startswith(signature):
            raise FormatNotSupported(f"This is {what}. Save it as CSV and import that.", found=what)
    return data


def _gunzip(data: bytes) -> bytes:
    limit = min(formats.MAX_UNPACKED_BYTES, len(data) * formats.MAX_UNPACKED_RATIO)
    unpacked = bytearray()
    try:
        while data:  # a gzip file may hold several members
            unpacker = zlib.decompressobj(wbits=31)
            unpacked += unpacker.decompress(data, limit + 1 - len(unpacked))
            if len(unpacked) > limit:
                raise FileTooLarge("The file grows too much when it is unpacked.", limit=limit)
            if not unpacker.eof:
                raise FormatNotSupported("The gzip file is cut off.", found="gzip")
            data = unpacker.unused_data.lstrip(b"\x00")
    except zlib.error as exc:
        raise FormatNotSupported("The gzip file is damaged.", found="gzip") from exc
    return bytes(unpacked)


def decode(data: bytes) -> tuple[str, str, list[Issue]]:
    """(text, encoding, warnings): by the mark, by NUL bytes, as UTF-8, else windows-1252.

    :raises EncodingUnreadable: no text comes out.
    :raises FormatNotSupported: the bytes are no text at all.
    """
    encoding, issues = _encoding(data), list[Issue]()
    if encoding is None:
        head = data[:_SNIFFED_BYTES]
        control = len(head) - len(head.translate(None, _CONTROL))
        if control > max(len(head) * _BINARY_SHARE, _BINARY_BYTES):
            raise FormatNotSupported("This is no text file. Save it as CSV.", found="binary data")
        encoding = "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        if encoding != "utf-8" or data.startswith(codecs.BOM_UTF8):
            raise EncodingUnreadable(
                f"The file says that it is {encoding}, but it is not.", encoding=encoding
            ) from exc
        encoding, text = "cp1252", _as_windows(data)
        issues.append(Issue(0, "encoding_guessed", "windows-1252"))
    text = text.removeprefix("\ufeff")
    if "\x00" in text:
        raise EncodingUnreadable("The file holds characters that cannot be read.")
    return text, encoding, issues


def _encoding(data: bytes) -> str | None:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    head = data[:_SNIFFED_BYTES]
    half = max(len(head) // 2, 1)
    if head[1::2].count(0) / half >= _NUL_SHARE:
        return "utf-16-le"
    if head[0::2].count(0) / half >= _NUL_SHARE:
        return "utf-16-be"
    return None


def _as_windows(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as exc:
        raise EncodingUnreadable(
            "The file is neither UTF-8 nor windows-1252. Save it as UTF-8."
        ) from exc


def _sep_line(text: str) -> tuple[str, str]:
    """(the rest, its delimiter) when the first line is Excel's ``sep=;``."""
    first, _newline, rest = text.partition("\n")
    found = _SEP_LINE.match(first)
    return (rest, found.group(1)) if found else (text, "")


def _find_header(text: str, told: str) -> tuple[str, int | None, list[list[str]]]:
    """(delimiter, position of the header, first rows) of the delimiter that finds most columns."""
    best: tuple[int, str, int | None, list[list[str]]] = (0, told or ",", None, [])
    for delimiter in told or formats.DELIMITERS:
        rows = _first_rows(text, delimiter)
        position, known = _header_position(rows)
        if position is not None and known > best[0]:
            best = (known, delimiter, position, rows)
    _known, delimiter, position, rows = best
    return delimiter, position, rows


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in _records(text, delimiter, []):
        rows.append(row)
        if len(rows) == formats.HEADER_SEARCH_ROWS:
            break
    return rows


def _header_position(rows: list[list[str]]) -> tuple[int | None, int]:
    """The first row with a keyword column and another known one; else a first row with one."""
    for position, row in enumerate(rows):
        names = {header_form(cell)[0] for cell in row}
        known = len(names & KNOWN_NAMES)
        if names & KEYWORD_NAMES and known > 1:
            return position, known
    for position, row in enumerate(rows):
        if any(cell.strip() for cell in row):
            names = {header_form(cell)[0] for cell in row}
            return (position, 1) if names & KEYWORD_NAMES else (None, 0)
    return None, 0


KEYWORD_NAMES = frozenset(formats.ALIASES[formats.KEYWORD])
KNOWN_NAMES = frozenset(name for names in formats.ALIASES.values() for name in names) | frozenset(
    formats.IGNORED
)


class _Lines:
    """The lines of a text; knows which ones the current record took, and whether it wanted more."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.taken: list[str] = []
        self.is_exhausted = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.is_exhausted = True
            raise
        self.taken.append(line)
        return line


def _records(text: str, delimiter: str, issues: list[Issue]) -> Iterator[list[str]]:
    """The records of a text. An unbalanced quote ends it with an issue at its first row."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter)
    number = 0
    while True:
        lines.taken.clear()
        number += 1
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell beyond the csv module's own limit
            is_open = True
        else:
            is_open = lines.is_exhausted or (
                len(lines.taken) > 1 and _swallowed(cells, lines.taken)
            )
        if is_open:
            shown = lines.taken[0].strip()[:_SHOWN_CHARACTERS]
            issues.append(Issue(number, "unbalanced_quote", shown, severity="error"))
            return
        yield cells


def _swallowed(cells: Iterable[str], lines: list[str]) -> bool:
    """Whether a record of several lines is what an unclosed quote made of the rest of the file."""
    if sum(line.count('"') for line in lines) % 2:
        return True
    return any(
        len(cell) > formats.MAX_CELL_CHARACTERS
        or cell.count("\n") + cell.count("\r") > formats.MAX_CELL_LINE_BREAKS
        for cell in cells
    )


def _no_keyword_column(text: str) -> NoKeywordColumn:
    lines = [line[:_SHOWN_CHARACTERS] for line in text.splitlines()[:_SHOWN_LINES]]
    return NoKeywordColumn(
        f"No keyword column in the first {formats.HEADER_SEARCH_ROWS} rows.", lines=lines
    )


def _too_many_columns() -> FileTooLarge:
    return FileTooLarge(
        f"The file has more than {formats.MAX_COLUMNS} columns.", limit=formats.MAX_COLUMNS
    )
