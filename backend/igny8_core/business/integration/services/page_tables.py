"""Crawls and Search Console's table of pages: CSV, xlsx, or members of an archive. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from igny8_core.business.integration.errors import PageFileInvalid
from igny8_core.business.integration.services.page_rows import (
    MAX_COUNT,
    MAX_DESCRIPTION,
    MAX_PAGES,
    MAX_TEXT,
    PageFile,
    PageIssue,
    PageRow,
)
from igny8_core.business.integration.services.page_xml import w3c_date
from igny8_core.business.planning.errors import KeywordFileInvalid
from igny8_core.business.planning.services.keyword_files import RawTable, read_table
from igny8_core.business.planning.services.keyword_numbers import (
    NotANumber,
    Style,
    number_style,
    parse_number,
    rounded,
)
from igny8_core.business.planning.services.keyword_tables import plain
from igny8_core.business.planning.services.keyword_text import header_form
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.planning.services.keyword_containers import SheetPart, TextPart

Found = PageRow | PageIssue

_ALIASES: dict[str, tuple[str, ...]] = {
    "url": ("address", "url", "top pages", "page", "page url"),
    "title": ("title 1", "page title", "title", "seo title"),
    "h1": ("h1-1", "first h1", "h1"),
    "meta_description": ("meta description 1", "meta description"),
    "status_code": ("status code", "http status code"),
    "content_type": ("content type",),
    "indexability": ("indexability", "indexable"),
    "canonical_url": ("canonical link element 1", "canonical url", "canonical"),
    "redirect_url": ("redirect url", "redirect uri"),
    "word_count": ("word count",),
    "language": ("language",),
    "last_modified_at": ("last modified", "lastmod"),
    "clicks": ("clicks",),
    "impressions": ("impressions",),
    "position": ("position", "avg. position"),
}  # fmt: skip
_FIELDS = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_URL_NAMES = frozenset(_ALIASES["url"])
_COUNTS = ("word_count", "status_code", "clicks", "impressions")
_NUMERIC = (*_COUNTS, "position")
_YES = frozenset({"indexable", "yes", "true", "1"})
_NO = frozenset({"non-indexable", "no", "false", "0"})
_OK, _MOVED, _LAST = 200, 300, 600


def is_page_header(row: list[str]) -> bool:
    """Whether these cells name a column of addresses and something that pages have."""
    names = {header_form(cell)[0] for cell in row}
    known = {_FIELDS[name] for name in names if name in _FIELDS}
    return bool(names & _URL_NAMES) and (len(known) > 1 or "address" in names or len(row) == 1)


def read_page_table(part: TextPart | SheetPart, about: PageFile) -> Iterator[Found]:
    """The pages of a table.

    :raises PageFileInvalid: it has no column of addresses.
    """
    try:
        table = read_table(part, is_header=is_page_header)
    except KeywordFileInvalid as exc:
        raise PageFileInvalid(exc.message) from exc
    columns: dict[str, int] = {}
    for at, name in enumerate(table.header):
        found = _FIELDS.get(header_form(name)[0])
        if found is not None:
            columns.setdefault(found, at)
    if "url" not in columns:
        raise PageFileInvalid("The table has no column of addresses.")
    is_console = "impressions" in columns
    about.kind = "gsc" if is_console else "crawl"
    about.title = "Search Console, pages" if is_console else "crawl"
    about.report |= {
        "encoding": table.encoding,
        "header_row": table.header_row,
        "mapping": {name: table.header[at] for name, at in columns.items()},
    }
    styles = _styles(table, columns)
    try:
        for number, cells in islice(table.records(), MAX_PAGES + 1):
            values = {
                name: plain(cells[at]) if name not in _NUMERIC else cells[at]
                for name, at in columns.items()
                if at < len(cells)
            }
            if any(value.strip() for value in values.values()):
                yield _page(number, values, styles)
    except KeywordFileInvalid as exc:
        raise PageFileInvalid(exc.message) from exc


def _styles(table: RawTable, columns: dict[str, int]) -> dict[str, Style]:
    """How each numeric column writes its numbers, from all its cells."""
    cells: dict[str, set[str]] = {name: set() for name in _NUMERIC if name in columns}
    try:
        for _number, row in table.records():
            for name, texts in cells.items():
                at = columns[name]
                if at < len(row):
                    texts.add(row[at])
    except KeywordFileInvalid as exc:
        raise PageFileInvalid(exc.message) from exc
    return {name: number_style(texts, is_whole=name in _COUNTS) for name, texts in cells.items()}


def _page(number: int, values: dict[str, str], styles: dict[str, Style]) -> Found:
    url = values.get("url", "").strip()
    figures = {name: _figure(values.get(name, ""), style) for name, style in styles.items()}
    problem = _problem(values, figures)
    if problem:
        target = values.get("redirect_url", "").strip()
        return PageIssue(number, problem, f"{url} → {target}"[:255] if target else url[:255])
    indexability = display_form(values.get("indexability", "")).casefold()
    position = figures.get("position")
    counts: dict[str, Any] = {
        name: None if figures.get(name) is None else int(figures[name] or 0) for name in _COUNTS
    }
    return PageRow(
        row=number,
        url=url,
        title=_line(values, "title", MAX_TEXT),
        h1=_line(values, "h1", MAX_TEXT),
        meta_description=_line(values, "meta_description", MAX_DESCRIPTION),
        language=_line(values, "language", 16),
        is_indexable=True if indexability in _YES else False if indexability in _NO else None,
        canonical_url=values.get("canonical_url", "").strip()[:2048],
        last_modified_at=w3c_date(values.get("last_modified_at", "")),
        position=None if position is None else round(position, 1),
        **counts,
    )


def _problem(values: dict[str, str], figures: dict[str, float | None]) -> str:
    """Why a row is no page: it answered otherwise, or with something that is no HTML."""
    if "status_code" in figures:
        status = figures["status_code"]
        if not status:
            return "no_response"
        if not _OK <= status < _LAST:
            return "no_response"
        if status >= _MOVED:
            return f"status_{int(status) // 100}xx"
    kind = values.get("content_type", "").strip().casefold()
    return "not_html" if kind and "html" not in kind else ""


def _line(values: dict[str, str], name: str, limit: int) -> str:
    return display_form(values.get(name, "")[: limit * 4])[:limit]


def _figure(text: str, style: Style) -> float | None:
    try:
        found = parse_number(text, style)
        if found is None or found.high is not None or not 0 <= found.low <= MAX_COUNT:
            return None
        rounded(found.low)
    except NotANumber:
        return None
    return float(found.low)
