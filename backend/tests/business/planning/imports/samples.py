"""Files as the tools write them: exact headers, our own keywords."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.keyword_rows import (
    KeywordRow,
    ParsedFile,
    ReadOptions,
    parse_keyword_file,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AHREFS_2025 = (
    "#,Keyword,Country,Difficulty,Volume,CPC,CPS,Parent Keyword,Last Update,SERP Features,"
    "Global volume,Traffic potential,Global traffic potential,First seen,Intents"
)
AHREFS_2026 = (
    AHREFS_2025 + ",Languages,SV trend (09-2024 - 08-2026),"
    "SV Forecasting trend (09-2026 - 09-2027),Category"
)
AHREFS_2020 = (
    "#,Keyword,Country,Difficulty,Volume,CPC,Clicks,CPS,Return Rate,Parent Keyword,Last Update,"
    "SERP Features,Global volume"
)
AHREFS_SITE = (
    "Keyword,Volume,KD,CPC,Previous organic traffic,Current organic traffic,"
    "Organic traffic change,Previous position,Current position,Position change,"
    "Previous position kind,Current position kind,Current URL,Previous URL,Branded,Local,"
    "Informational,Commercial,Transactional,Navigational"
)
KMT = (
    "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,"
    "Number of Results"
)
KSB = (
    "Database,Keyword,Seed keyword,Page,Topic,Page type,Tags,Volume,Keyword Difficulty,CPC (USD),"
    "Competitive Density,Number of Results,Intent,SERP Features,Trend,Click potential,"
    "Content references,Competitors"
)
POSITIONS = (
    "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic,"
    "Traffic (%),Traffic Cost,Competition,Number of Results,Trends,Timestamp,"
    "SERP Features by Keyword,Keyword Intents,Position Type"
)
GKP_MONTHS = (
    "Jan 2026", "Feb 2026", "Mar 2026", "Apr 2026", "May 2025", "Jun 2025", "Jul 2025",
    "Aug 2025", "Sep 2025", "Oct 2025", "Nov 2025", "Dec 2025",
)  # fmt: skip
GKP_HEADER = (
    "Keyword", "Currency", "Segmentation", "Avg. monthly searches", "Three month change",
    "YoY change", "Competition", "Competition (indexed value)", "Top of page bid (low range)",
    "Top of page bid (high range)", "Ad impression share", "Organic impression share",
    "Organic average position", "In account?", "In plan?",
    *(f"Searches: {month}" for month in GKP_MONTHS),
)  # fmt: skip
GKP_PREAMBLE = (("Keyword Stats 2026-06-09 at 21_25_18",), ("May 1, 2025 - April 30, 2026",))
KWFINDER = (
    "Keyword", "Search Volume 7/2026", "Search Volume 8/2026",
    "Avg. Search Volume (Last Known Values)", "CPC/USD", "PPC", "Keyword Difficulty",
    "Search Intent", "Keyword interest growth (%)", "Serp Features", "Location",
)  # fmt: skip
NOTHING = KeywordRow(0, "", "")


def text_file(header: str, *lines: str, newline: str = "\r\n") -> bytes:
    """Lines as they are."""
    return newline.join([header, *lines, ""]).encode()


def table(*rows: Sequence[object], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Rows as a spreadsheet program saves them."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def archive(members: Mapping[str, bytes]) -> bytes:
    """A ZIP file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def parse(data: bytes, file_name: str = "keywords.csv", **options: Any) -> ParsedFile:
    return parse_keyword_file(data, file_name=file_name, options=ReadOptions(**options))


def figures(parsed: ParsedFile) -> list[tuple[object, ...]]:
    return [
        (row.keyword, row.volume, row.volume_max, row.difficulty)
        for row in sorted(parsed.rows, key=lambda row: row.row)
    ]


def told(parsed: ParsedFile) -> dict[str, dict[str, Any]]:
    """Everything that is known of every keyword: what is not in here is unknown."""
    fields = [
        name
        for name in KeywordRow.__dataclass_fields__
        if name not in {"row", "keyword", "keyword_norm", "sheet", "twins"}
    ]
    return {
        row.keyword: {
            name: value
            for name in fields
            if (value := getattr(row, name)) != getattr(NOTHING, name)
        }
        for row in parsed.rows
    }


def codes(parsed: ParsedFile) -> list[tuple[int, str]]:
    return [(issue.row, issue.code) for issue in parsed.issues]


def accounted(parsed: ParsedFile) -> bool:
    """Every row is one of three."""
    return parsed.rows_read == len(parsed.rows) + parsed.merged + parsed.skipped
