"""An Excel workbook of one sheet, written while its rows are read.

Nothing is held but one row: the archive goes out block by block. Texts are stored as texts, so
that no program takes one for a formula.
"""

from __future__ import annotations

import re
import zipfile
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_CELL_CHARACTERS = 32_767
MAX_SHEET_ROWS = 1_048_576
_BLOCK_BYTES = 64 * 1024
_MADE_AT = (1980, 1, 1, 0, 0, 0)  # the same rows are the same bytes
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_CONTENT_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_PARTS}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_PARTS}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_PARTS}.styles+xml"/></Types>'
)
_ROOT = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_RELATIONS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/>'
    '</font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
_SHEET_HEAD = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
    "</sheetViews><sheetData>"
)


class _Out:
    """Takes what the archive writes; the archive thinks that it cannot seek."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self.blocks.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        data = b"".join(self.blocks)
        self.blocks.clear()
        self.size = 0
        return data


def workbook_blocks(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, sheet: str
) -> Iterator[bytes]:
    """The file, block by block.

    :param rows: texts, numbers, booleans, dates and None; dates go out as ISO texts.
    :param sheet: its name, at most 31 characters, without brackets, colons and slashes.
    :raises ValueError: more rows than a sheet has.
    """
    out = _Out()
    with zipfile.ZipFile(cast("Any", out), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in (
            ("[Content_Types].xml", _CONTENT_TYPES),
            ("_rels/.rels", _ROOT),
            ("xl/_rels/workbook.xml.rels", _RELATIONS),
            ("xl/workbook.xml", _workbook(sheet)),
            ("xl/styles.xml", _STYLES),
        ):
            archive.writestr(_info(name), text)
        with archive.open(_info("xl/worksheets/sheet1.xml"), "w") as part:
            part.write(_SHEET_HEAD.encode())
            part.write(_row(1, header, style=1))
            for number, row in enumerate(rows, start=2):
                if number > MAX_SHEET_ROWS:
                    raise ValueError("a sheet has no more rows")
                part.write(_row(number, row))
                if out.size >= _BLOCK_BYTES:
                    yield out.take()
            part.write(b"</sheetData></worksheet>")
    yield out.take()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MADE_AT)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _workbook(sheet: str) -> str:
    return (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name={quoteattr(sheet[:31])} sheetId="1" r:id="rId1"/></sheets></workbook>'
    )


def _row(number: int, cells: Sequence[Any], *, style: int = 0) -> bytes:
    shown = "".join(
        _cell(f"{_letters(at)}{number}", cell, style)
        for at, cell in enumerate(cells)
        if cell is not None and cell != ""
    )
    return f'<row r="{number}">{shown}</row>'.encode()


def _cell(reference: str, value: Any, style: int) -> str:
    look = f' s="{style}"' if style else ""
    if isinstance(value, bool):
        return f'<c r="{reference}"{look} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{reference}"{look}><v>{value!r}</v></c>'
    if isinstance(value, date | datetime):
        value = value.isoformat()
    text = escape(_FORBIDDEN.sub("", str(value))[:MAX_CELL_CHARACTERS])
    return f'<c r="{reference}"{look} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _letters(at: int) -> str:
    letters, at = "", at + 1
    while at:
        at, rest = divmod(at - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
