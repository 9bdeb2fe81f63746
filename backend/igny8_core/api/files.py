"""Files in answers: CSV and xlsx, written whole before the first byte is sent."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.http import FileResponse, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.renderers import JSONRenderer

if TYPE_CHECKING:
    from collections.abc import Callable

CSV = "text/csv"
PDF = "application/pdf"
XML = "application/xml"
ZIP = "application/zip"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
IN_MEMORY_BYTES = 8 * 1024 * 1024


class CsvRenderer(JSONRenderer):
    """Lets a client ask for CSV; refusals are JSON all the same."""

    media_type = CSV
    format = "csv"


class XlsxRenderer(JSONRenderer):
    """Lets a client ask for a workbook; refusals are JSON all the same."""

    media_type = XLSX
    format = "xlsx"


CSV_ANSWER: dict[tuple[int, str], Any] = {
    (200, CSV): OpenApiResponse(OpenApiTypes.STR, "A table."),
}
TABLE_ANSWERS: dict[tuple[int, str], Any] = {
    **CSV_ANSWER,
    (200, XLSX): OpenApiResponse(OpenApiTypes.BINARY, "A workbook."),
}
"""What ``extend_schema`` is told of an action that answers with a file."""


def as_file(write: Callable[[BinaryIO], tuple[str, str]]) -> FileResponse:
    """The file that ``write`` fills, which returns its name and media type.

    What it raises is a refusal like any other: nothing has been sent by then.
    """
    file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))  # noqa: SIM115
    try:
        name, media_type = write(file)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    answer = FileResponse(file, as_attachment=True, filename=name, content_type=media_type)
    answer["Content-Length"] = str(size)
    answer["Cache-Control"] = "no-store"
    return answer


class PdfRenderer(JSONRenderer):
    """Lets a client ask for a PDF; refusals are JSON all the same."""

    media_type = PDF
    format = "pdf"


PDF_ANSWER: dict[tuple[int, str], Any] = {
    (200, PDF): OpenApiResponse(OpenApiTypes.BINARY, "The document."),
}


class XmlRenderer(JSONRenderer):
    """Lets a client ask for XML; refusals are JSON all the same."""

    media_type = XML
    format = "xml"


XML_ANSWER: dict[tuple[int, str], Any] = {
    (200, XML): OpenApiResponse(OpenApiTypes.BINARY, "The e-invoice."),
}


class ZipRenderer(JSONRenderer):
    """Lets a client ask for an archive; refusals are JSON all the same."""

    media_type = ZIP
    format = "zip"


ZIP_ANSWER: dict[tuple[int, str], Any] = {
    (200, ZIP): OpenApiResponse(OpenApiTypes.BINARY, "The archive."),
}


def as_download(name: str, data: bytes, media_type: str = PDF) -> HttpResponse:
    """A small file as a download, by default a PDF."""
    return HttpResponse(
        data,
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
