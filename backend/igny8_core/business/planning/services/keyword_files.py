"""A keyword file from bytes to records: encoding, delimiter, header.

Pure, and streaming: a table is read as often as it is asked for, never held. What the cells mean
is ``keyword_rows``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
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
from igny8_core.business.planning.services.keyword_containers import (
    SheetPart,
    TextPart,
    too_many_columns,
    too_many_rows,
)
from igny8_core.business.planning.services.keyword_text import header_form
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

_BOMS = (  # UTF-32 before UTF-16: its mark starts with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFFED_BYTES = 64 * 1024
_BLOCK_BYTES = 1024 * 1024
_NUL_SHARE = 0.3
_BINARY_SHARE, _BINARY_BYTES = 0.01, 4
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b"))
_SEP_LINE = re.compile(r"^\ufeff?\"?sep=(.)\"?\r?\n?$", re.IGNORECASE)
_TOLD = 1_000  # more than any number of columns that are known by their names
_SHOWN_LINES, _SHOWN_CHARACTERS = 5, 120


@dataclass(frozen=True, slots=True)
class Issue:
    """What happened to a row, a cell or the file.

    :param row: as a spreadsheet program shows it; 0 is the file as a whole.
    :param row_end: the last row of a range of blank rows.
    :param sheet: of a workbook, or the member of an archive.
    """

    row: int
    code: str
    text: str = ""
    column: str = ""
    severity: str = "warning"
    row_end: int | None = None
    sheet: str = ""


@dataclass(slots=True)
class RawTable:
    """A table whose header is known.

    :ivar name: of the sheet or member; "" when the upload is the table.
    :ivar header: names of the columns as the file has them; empty for a plain list.
    :ivar header_row: 1 is the first row of the file; 0: no header.
    :ivar preamble: the rows above the header.
    :ivar is_typed: cells know what they are (``common.xlsx_read``).
    """

    name: str
    encoding: str
    delimiter: str
    header: list[str]
    header_row: int
    preamble: list[list[str]]
    issues: list[Issue]
    is_typed: bool = False
    _open: Callable[[list[Issue]], Iterator[tuple[int, list[str]]]] = field(
        repr=False, default=lambda _issues: iter(())
    )

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(row number, cells) of every record below the header, blank ones included.

        Ends at an unbalanced quote, which :attr:`issues` then holds. May be called again.

        :raises FileTooLarge: more rows or columns than an import takes.
        """
        self.issues[:] = [issue for issue in self.issues if issue.code != "unbalanced_quote"]
        for number, cells in self._open(self.issues):
            if number <= self.header_row:
                continue
            if number - self.header_row > formats.MAX_ROWS:
                raise too_many_rows()
            if len(cells) > formats.MAX_COLUMNS:
                raise too_many_columns()
            yield number, cells


def read_table(
    part: TextPart | SheetPart,
    *,
    has_header: bool = True,
    is_header: Callable[[list[str]], bool] | None = None,
    encoding: str = "",
) -> RawTable:
    """Find out how a part is written, and where its header is.

    :param has_header: False for a plain list: one keyword a line, no header.
    :param is_header: recognises a row that a person has told us to be the header.
    :param encoding: what a person says that it is.
    :raises KeywordFileInvalid: one of its subclasses; the message is for people.
    """
    if isinstance(part, SheetPart):
        return _read_sheet(part, has_header=has_header, is_header=is_header)
    found, bom_bytes, issues = detect_encoding(part.file, told=encoding)
    text = _Text(part.file, found, bom_bytes)
    told, skipped_lines = text.sep_line()
    text.skipped_lines = skipped_lines
    if text.is_blank():
        raise FileEmpty("The file is empty.")
    if not has_header:
        opened = _text_opener(text, told or "\t")
        return RawTable(part.name, found, told or "\t", [], 0, [], issues, _open=opened)
    delimiter, position, rows = _find_header(text, told, is_header)
    if position is None:
        raise _no_keyword_column(text.first_lines(_SHOWN_LINES))
    return RawTable(
        part.name,
        found,
        delimiter,
        _header(rows[position]),
        position + 1,
        rows[:position],
        issues,
        _open=_text_opener(text, delimiter),
    )


def _header(row: list[str]) -> list[str]:
    if len(row) > formats.MAX_COLUMNS:
        raise too_many_columns()
    return [display_form(cell) for cell in row]


def _text_opener(
    text: _Text, delimiter: str
) -> Callable[[list[Issue]], Iterator[tuple[int, list[str]]]]:
    def opened(issues: list[Issue]) -> Iterator[tuple[int, list[str]]]:
        return enumerate(_records(text.lines(), delimiter, issues), start=1)

    return opened


def _read_sheet(
    part: SheetPart, *, has_header: bool, is_header: Callable[[list[str]], bool] | None
) -> RawTable:
    """The header of a sheet, among its first rows with cells."""

    def opened(_issues: list[Issue]) -> Iterator[tuple[int, list[str]]]:
        return part.rows()

    numbered: list[tuple[int, list[str]]] = []
    for number, cells in opened([]):
        if number > formats.HEADER_SEARCH_ROWS:
            break
        numbered.append((number, cells))
    if not any(cells for _number, cells in numbered):
        raise FileEmpty("empty")
    if not has_header:
        return RawTable(part.name, "", "", [], 0, [], [], is_typed=True, _open=opened)
    rows = [cells for _number, cells in numbered]
    position, _known = _header_position(rows, is_header)
    if position is None:
        raise _no_keyword_column([" | ".join(row) for row in rows[:_SHOWN_LINES]])
    return RawTable(
        part.name,
        "",
        "",
        _header(rows[position]),
        numbered[position][0],
        rows[:position],
        [],
        is_typed=True,
        _open=opened,
    )


def detect_encoding(file: BinaryIO, *, told: str = "") -> tuple[str, int, list[Issue]]:
    """(encoding, bytes of its mark, warnings): by the mark, by NUL bytes, as UTF-8, else
    windows-1252. The whole file is decoded once, so that it cannot fail later.

    :raises EncodingUnreadable: no text comes out.
    :raises FormatNotSupported: the bytes are no text at all.
    """
    head = _head(file)
    marked, mark_bytes = _marked(head)
    encoding = told or marked or _by_nul_bytes(head)
    if encoding is None:
        control = len(head) - len(head.translate(None, _CONTROL))
        if control > max(len(head) * _BINARY_SHARE, _BINARY_BYTES):
            raise FormatNotSupported(
                "This is no text file. Save it as xlsx or CSV.", found="binary data"
            )
        encoding = "utf-8"
    issues: list[Issue] = []
    if not _decodes(file, encoding):
        if told or marked or encoding != "utf-8":
            raise EncodingUnreadable(
                f"The file is not {encoding}, although it seems to be.", encoding=encoding
            )
        encoding = "cp1252"
        if not _decodes(file, encoding):
            raise EncodingUnreadable(
                "The file is neither UTF-8 nor windows-1252. Save it as UTF-8."
            )
        issues.append(Issue(0, "encoding_guessed", "windows-1252"))
    return encoding, mark_bytes, issues


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_SNIFFED_BYTES)


def _marked(head: bytes) -> tuple[str | None, int]:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    return None, 0


def _by_nul_bytes(head: bytes) -> str | None:
    half = max(len(head) // 2, 1)
    if head[1::2].count(0) / half >= _NUL_SHARE:
        return "utf-16-le"
    if head[0::2].count(0) / half >= _NUL_SHARE:
        return "utf-16-be"
    return None


def _decodes(file: BinaryIO, encoding: str) -> bool:
    """Whether every byte is text in this encoding.

    :raises EncodingUnreadable: it is, but it holds NUL characters.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while block := file.read(_BLOCK_BYTES):
            if "\x00" in decoder.decode(block):
                raise EncodingUnreadable("The file holds characters that cannot be read.")
        decoder.decode(b"", True)  # noqa: FBT003 - the end
    except UnicodeDecodeError:
        return False
    return True


def text_lines(file: BinaryIO, encoding: str, mark_bytes: int) -> Iterator[str]:
    """The lines of a file, each with its end.

    :raises FileTooLarge: one is longer than any table needs.
    """
    return _Text(file, encoding, mark_bytes).lines()


class _Text:
    """The lines of a file whose encoding is known, from its first one as often as wanted."""

    def __init__(self, file: BinaryIO, encoding: str, bom_bytes: int) -> None:
        self._file, self._encoding, self._bom_bytes = file, encoding, bom_bytes
        self.skipped_lines = 0

    def lines(self) -> Iterator[str]:
        """Each with its line end.

        :raises FileTooLarge: one is longer than any table needs.
        """
        self._file.seek(self._bom_bytes)
        wrapper = io.TextIOWrapper(self._file, encoding=self._encoding, newline="")
        try:
            number = 0
            while line := wrapper.readline(formats.MAX_LINE_CHARACTERS):
                if len(line) == formats.MAX_LINE_CHARACTERS:
                    raise FileTooLarge(
                        f"A line is longer than {formats.MAX_LINE_CHARACTERS:,} characters.",
                        limit=formats.MAX_LINE_CHARACTERS,
                    )
                number += 1
                if number > self.skipped_lines:
                    yield line
        finally:
            wrapper.detach()

    def sep_line(self) -> tuple[str, int]:
        """(delimiter, 1) when the first line is Excel's ``sep=;``, else ("", 0)."""
        found = _SEP_LINE.match(next(self.lines(), ""))
        return (found.group(1), 1) if found else ("", 0)

    def is_blank(self) -> bool:
        return not any(line.strip() for line in self.lines())

    def first_lines(self, count: int) -> list[str]:
        return [line for line, _ in zip(self.lines(), range(count), strict=False)]


def _find_header(
    text: _Text, told: str, is_header: Callable[[list[str]], bool] | None
) -> tuple[str, int | None, list[list[str]]]:
    """(delimiter, position of the header, first rows) of the delimiter that finds most columns."""
    best: tuple[int, str, int | None, list[list[str]]] = (0, told or ",", None, [])
    for delimiter in told or formats.DELIMITERS:
        rows = _first_rows(text, delimiter)
        position, known = _header_position(rows, is_header)
        if position is not None and known > best[0]:
            best = (known, delimiter, position, rows)
    _known, delimiter, position, rows = best
    return delimiter, position, rows


def _first_rows(text: _Text, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in _records(text.lines(), delimiter, []):
        rows.append(row)
        if len(rows) == formats.HEADER_SEARCH_ROWS:
            break
    return rows


def _header_position(
    rows: list[list[str]], is_header: Callable[[list[str]], bool] | None = None
) -> tuple[int | None, int]:
    """The first row with a keyword column and another known one; else a first row with one."""
    if is_header is not None:
        for position, row in enumerate(rows):
            if is_header([display_form(cell) for cell in row[: formats.MAX_COLUMNS]]):
                return position, _TOLD + len(row)
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
KNOWN_NAMES = (
    frozenset(name for names in formats.ALIASES.values() for name in names)
    | frozenset(formats.OWN_ALIASES.values())
    | frozenset(formats.IGNORED)
)


class _Lines:
    """The lines of a text; knows which ones the current record took, and whether it wanted more."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
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


def _records(lines: Iterator[str], delimiter: str, issues: list[Issue]) -> Iterator[list[str]]:
    """The records of a text. An unbalanced quote ends it with an issue at its first row."""
    counted = _Lines(lines)
    reader = csv.reader(counted, delimiter=delimiter, skipinitialspace=True)
    number = 0
    while True:
        counted.taken.clear()
        number += 1
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell beyond the csv module's own limit
            is_open = True
        else:
            is_open = counted.is_exhausted or (
                len(counted.taken) > 1 and _swallowed(cells, counted.taken)
            )
        if is_open:
            shown = counted.taken[0].strip()[:_SHOWN_CHARACTERS]
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


def _no_keyword_column(lines: Iterable[str]) -> NoKeywordColumn:
    return NoKeywordColumn(
        f"No keyword column in the first {formats.HEADER_SEARCH_ROWS} rows.",
        lines=[line.rstrip("\r\n")[:_SHOWN_CHARACTERS] for line in lines],
    )
