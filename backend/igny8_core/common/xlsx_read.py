"""Sheets of an Excel workbook, row by row, in constant memory.

Libraries that lay a sheet out as a grid allocate what its last cell's address says: a file of
1 kB with one cell at XFD1048576 ends the process. Here a cell costs what it holds.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

from igny8_core.common.xml_stream import BLOCK_BYTES, XmlBroken, XmlReader, XmlRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER, DATE, ERROR = "\x1f", "\x1d", "\x1e"
"""First character of a cell that is no text: a number as plain decimal, an ISO date, an error."""

WORKBOOK = "xl/workbook.xml"
MAX_CELL_CHARACTERS = 32_767  # Excel's own
MAX_SHARED_STRINGS = 2_000_000
_BUILT_IN_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_DAMAGED = (XmlRefused, XmlBroken, zipfile.BadZipFile, zlib.error)
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\[[^\]]*\]')
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})\d")
_MAX_DIGITS = 7
_LAST_SERIAL = 2_958_465  # 9999-12-31


class WorkbookBroken(ValueError):
    """The file is no workbook that can be read; the message says why."""


class WorkbookTooWide(WorkbookBroken):
    """A cell lies beyond the last column that is wanted."""


class Workbook:
    """An open workbook.

    :param archive: a ZIP file whose sizes somebody has checked.
    :param max_bytes: how much one part may grow to when it is unpacked.
    :param max_columns: a cell with a value beyond it ends the reading.
    :raises WorkbookBroken: it has no list of sheets.
    """

    def __init__(self, archive: zipfile.ZipFile, *, max_bytes: int, max_columns: int) -> None:
        self._archive, self._max_bytes = archive, max_bytes
        self._max_columns = max_columns
        self._names = set(archive.namelist())
        self._is_1904 = False
        self._paths: dict[str, str] = {}
        self._read_sheets()
        self._dates: list[bool] | None = None
        self._strings: list[str] | None = None

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets that hold cells, in the workbook's order."""
        return list(self._paths)

    def rows(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        """(number, cells) of every row that the file has, the numbers as Excel shows them.

        Texts are plain; the other cells start with :data:`NUMBER`, :data:`DATE` or
        :data:`ERROR`. Formulas give the value that was stored with them.

        :raises WorkbookTooWide: more columns than wanted.
        :raises WorkbookBroken: the sheet is damaged.
        """
        if self._dates is None:
            self._dates = self._read_styles()
            self._strings = self._read_strings()
        found: list[tuple[int, list[str]]] = []
        reader = _SheetReader(
            found,
            self._strings or [],
            self._dates,
            is_1904=self._is_1904,
            max_columns=self._max_columns,
        )
        for _ in self._events(self._paths[sheet], reader.start, reader.end):
            yield from found
            found.clear()
        yield from found

    def _read_sheets(self) -> None:
        targets: dict[str, str] = {}

        def relation(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship":
                targets[attributes.get("Id", "")] = attributes.get("Target", "")

        def sheet(name: str, attributes: dict[str, str]) -> None:
            if name == "workbookPr":
                self._is_1904 = attributes.get("date1904") in {"1", "true"}
            elif name == "sheet":
                key = next((v for k, v in attributes.items() if k.endswith(":id")), "")
                path = posixpath.normpath(posixpath.join("/xl", targets.get(key, "")))[1:]
                if path in self._names and "/worksheets/" in f"/{path}":
                    self._paths[attributes.get("name", f"Sheet{len(self._paths) + 1}")] = path

        self._whole("xl/_rels/workbook.xml.rels", relation)
        self._whole(WORKBOOK, sheet)
        if not self._paths:
            raise WorkbookBroken("the workbook has no sheet")

    def _read_styles(self) -> list[bool]:
        """Whether each cell style shows a date."""
        custom: dict[str, bool] = {}
        styles: list[bool] = []
        inside: list[str] = []

        def start(name: str, attributes: dict[str, str]) -> None:
            inside.append(name)
            if name == "numFmt":
                code = _LITERAL.sub("", attributes.get("formatCode", ""))
                is_date = code.lower() != "general" and bool(_DATE_LETTERS.search(code))
                custom[attributes.get("numFmtId", "")] = is_date
            elif name == "xf" and "cellXfs" in inside:
                number = attributes.get("numFmtId", "0")
                built_in = number.isdecimal() and int(number[:6]) in _BUILT_IN_DATES
                styles.append(custom.get(number, built_in))

        if "xl/styles.xml" in self._names:
            self._whole("xl/styles.xml", start, lambda _name, _text: inside.pop())
        return styles

    def _read_strings(self) -> list[str]:
        strings: list[str] = []
        parts: list[str] = []
        phonetic = [0]

        def start(name: str, _attributes: dict[str, str]) -> None:
            if name == "si":
                parts.clear()
            elif name == "rPh":
                phonetic[0] += 1

        def end(name: str, text: str) -> None:
            if name == "t" and not phonetic[0]:
                parts.append(text)
            elif name == "rPh":
                phonetic[0] -= 1
            elif name == "si":
                if len(strings) >= MAX_SHARED_STRINGS:
                    raise WorkbookBroken("the workbook has too many texts")
                strings.append(_text("".join(parts)))

        if "xl/sharedStrings.xml" in self._names:
            self._whole("xl/sharedStrings.xml", start, end)
        return strings

    def _whole(
        self,
        path: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str, str], object] = lambda _name, _text: None,
    ) -> None:
        """Parse a part from its first byte to its last."""
        for _ in self._events(path, start, end):
            pass

    def _events(
        self,
        path: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str, str], object],
    ) -> Iterator[None]:
        """Parse a part; yields after each block."""
        reader = XmlReader(start=start, end=end, texts=("t", "v"), is_local=True)
        try:
            with self._archive.open(path) as part:
                for block in bounded_blocks(part, self._max_bytes):
                    reader.feed(block)
                    yield
            reader.feed(b"", is_last=True)
        except KeyError as exc:
            raise WorkbookBroken(f"the workbook has no {path}") from exc
        except (*_DAMAGED, EOFError, OverflowError) as exc:
            raise WorkbookBroken(f"{path}: {exc}") from exc
        except (RuntimeError, NotImplementedError) as exc:  # encrypted, or an unknown compression
            raise WorkbookBroken(f"{path}: {exc}") from exc


def bounded_blocks(file: IO[bytes], max_bytes: int) -> Iterator[bytes]:
    """Blocks of a file, whatever it says of its size.

    :raises WorkbookBroken: there is more than ``max_bytes``.
    """
    total = 0
    while block := file.read(BLOCK_BYTES):
        total += len(block)
        if total > max_bytes:
            raise WorkbookBroken("a part of the workbook is too large")
        yield block


class _SheetReader:
    """Collects the rows of a sheet from the events of its XML."""

    def __init__(
        self,
        rows: list[tuple[int, list[str]]],
        strings: list[str],
        dates: list[bool],
        *,
        is_1904: bool,
        max_columns: int,
    ) -> None:
        self._rows, self._strings, self._dates = rows, strings, dates
        self._max_columns = max_columns
        self._epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self._number = 0
        self._cells: list[str] = []
        self._at = 0
        self._kind = self._style = ""
        self._value: str | None = None
        self._inline: list[str] = []
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._value = None
            if self._inline:
                self._inline.clear()
            found = _REFERENCE.match(attributes.get("r", ""))
            if found is None:
                self._at = len(self._cells)
            else:
                letters = found[1]
                self._at = ord(letters) - 65 if len(letters) == 1 else _column(letters)
        elif name == "row":
            number = attributes.get("r", "")
            is_told = number.isdecimal() and len(number) <= _MAX_DIGITS
            self._number = int(number) if is_told else self._number + 1
            self._cells = []
        elif name == "rPh":
            self._phonetic += 1

    def end(self, name: str, text: str) -> None:
        if name == "v":
            self._value = text
        elif name == "c":
            if cell := self._cell():
                self._put(cell)
        elif name == "t":
            if not self._phonetic:
                self._inline.append(text)
        elif name == "row":
            self._rows.append((self._number, self._cells))
        elif name == "rPh":
            self._phonetic -= 1

    def _put(self, cell: str) -> None:
        cells, at = self._cells, self._at
        if at < len(cells):
            cells[at] = cell
            return
        if at >= self._max_columns:
            raise WorkbookTooWide(f"more than {self._max_columns} columns")
        if at > len(cells):
            cells.extend([""] * (at - len(cells)))
        cells.append(cell)

    def _cell(self) -> str:
        kind, value = self._kind, self._value
        if kind == "inlineStr":
            return _text("".join(self._inline))
        if value is None:
            return ""
        if kind == "s":
            return self._strings[int(value)] if _is_index(value, len(self._strings)) else ""
        if kind == "str":
            return _text(value)
        if kind == "e":
            return ERROR + value[:40]
        if kind == "b":
            return "true" if value.strip() == "1" else "false"
        if kind == "d":
            return DATE + value[:40]
        return self._figure(value.strip())

    def _figure(self, value: str) -> str:
        try:
            number = float(value[:400])
        except ValueError:
            return ""
        if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
            return ERROR + value[:40]
        style = self._style
        if style and _is_index(style, len(self._dates)) and self._dates[int(style)]:
            if 0 <= number < _LAST_SERIAL:
                return DATE + (self._epoch + timedelta(days=number)).isoformat(sep=" ")[:19]
            return ERROR + value[:40]
        return NUMBER + plain_number(number)


def plain_number(number: float) -> str:
    """A float as Excel shows it: 15 digits, no exponent, no trailing ``.0``."""
    if number.is_integer() and abs(number) < 1e15:  # noqa: PLR2004 - what a float holds exactly
        return str(int(number))
    text = f"{number:.15g}"
    if "e" in text:
        text = f"{number:.20f}".rstrip("0").rstrip(".") if abs(number) < 1 else f"{number:.0f}"
    return text


def _column(letters: str) -> int:
    at = 0
    for letter in letters:
        at = at * 26 + ord(letter) - 64
    return at - 1


def _is_index(text: str, length: int) -> bool:
    return text.isdecimal() and len(text) < 9 and int(text) < length  # noqa: PLR2004


def _text(text: str) -> str:
    """With Excel's own escapes (``_x000D_``) undone, but for control characters."""
    text = text[:MAX_CELL_CHARACTERS]
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda found: _unescaped(found[0], int(found[1], 16)), text)


def _unescaped(shown: str, code: int) -> str:
    if code in {9, 10, 13}:
        return " "
    return shown if code < 32 or 0xD800 <= code <= 0xDFFF else chr(code)  # noqa: PLR2004
