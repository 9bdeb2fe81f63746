"""A keyword file as a whole: its tables, their market, and the distinct keywords in them.

Pure. Every row of the file ends as one of: a keyword, merged into another row, skipped with a code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from igny8_core.business.planning.errors import (
    FileEmpty,
    FileTooLarge,
    KeywordFileInvalid,
    NoKeywordColumn,
    NumberStyleAmbiguous,
)
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_cells import country_of
from igny8_core.business.planning.services.keyword_columns import (
    Columns,
    find_profile,
    map_columns,
)
from igny8_core.business.planning.services.keyword_containers import (
    SheetPart,
    SkippedPart,
    TextPart,
    open_parts,
    too_many_rows,
)
from igny8_core.business.planning.services.keyword_files import (
    Issue,
    RawTable,
    read_table,
)
from igny8_core.business.planning.services.keyword_options import ReadOptions
from igny8_core.business.planning.services.keyword_row import KeywordRow
from igny8_core.business.planning.services.keyword_tables import Market, TableReader, date_in
from igny8_core.business.planning.services.keyword_text import header_form, header_hash
from igny8_core.business.planning.states import FigureKind
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["KeywordRow", "ParsedFile", "ReadOptions", "parse_keyword_file"]

_PREAMBLE_CHARACTERS = 200
_FILTER_ROWS = 100
_REPORTED_MARKETS = 30


@dataclass(slots=True)
class ParsedFile:
    """What is in a file, before anything is written.

    :ivar rows: distinct keywords, sorted by normal form.
    :ivar rows_read: records below the header; equals keywords + merged + skipped.
    :ivar header_hash: of the first table's header; remembers a person's mapping.
    """

    profile: formats.Profile
    encoding: str
    delimiter: str
    header_row: int
    mapping: dict[str, str]
    header_hash: str
    rows: list[KeywordRow] = field(default_factory=list)
    rows_read: int = 0
    merged: int = 0
    skipped: int = 0
    issues: list[Issue] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def parse_keyword_file(
    data: bytes | BinaryIO,
    *,
    file_name: str,
    options: ReadOptions,
    remembered: Mapping[str, Mapping[str, str]] | None = None,
) -> ParsedFile:
    """Read a whole file.

    :param data: its bytes, or a seekable file.
    :param remembered: by header hash, the columns that a person chose before.
    :raises KeywordFileInvalid: one of its subclasses.
    """
    return _FileReader(file_name, options, remembered or {}).read(data)


class _FileReader:
    """Reads the parts of a file and puts them together."""

    def __init__(
        self,
        file_name: str,
        options: ReadOptions,
        remembered: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._options, self._remembered = options, remembered
        self._country, self._observed_on = _from_file_name(file_name)
        self._filter_country = ""
        self._found: dict[str, KeywordRow] = {}
        self._issues: list[Issue] = []
        self._rows_read = self._merged = self._skipped = 0
        self._parsed: ParsedFile | None = None
        self._sheets: list[dict[str, Any]] = []
        self._skipped_sheets: list[dict[str, str]] = []
        self._countries: dict[str, int] = {}
        self._kinds: set[str] = set()
        self._first_refusal: KeywordFileInvalid | None = None

    def read(self, data: bytes | BinaryIO) -> ParsedFile:
        is_single = self._look_for_filters(data)
        for part in open_parts(data):
            if isinstance(part, SkippedPart):
                self._skip_part(part.name, part.why)
                continue
            try:
                self._read_part(part)
            except (FileTooLarge, NumberStyleAmbiguous):
                raise
            except KeywordFileInvalid as exc:
                if is_single:
                    raise
                self._skip_refused(part.name, exc)
        parsed = self._parsed
        if parsed is None:
            raise self._first_refusal or NoKeywordColumn("The archive holds no table.")
        if not self._rows_read:
            raise FileEmpty("The file has a header and nothing below it.")
        parsed.rows = sorted(self._found.values(), key=lambda row: row.keyword_norm)
        parsed.rows_read, parsed.merged = self._rows_read, self._merged
        parsed.skipped, parsed.issues = self._skipped, self._issues
        self._finish_report(parsed)
        return parsed

    def _look_for_filters(self, data: bytes | BinaryIO) -> bool:
        """Read the market that filters of the same upload name; whether it is one table only."""
        if _starts_with(data) not in {b"PK", b"\x1f\x8b"}:
            return True
        names = []
        for part in open_parts(data):
            names.append(part.name)
            if part.name and not isinstance(part, SkippedPart):
                self._filter_country = self._filter_country or _country_of_filters(part)
        return names == [""]

    def _skip_part(self, name: str, why: str) -> None:
        self._skipped_sheets.append({"name": name, "why": why})

    def _skip_refused(self, name: str, refusal: KeywordFileInvalid) -> None:
        self._first_refusal = self._first_refusal or refusal
        if isinstance(refusal, FileEmpty):
            self._skip_part(name, "empty")
        elif isinstance(refusal, NoKeywordColumn):
            rows = formats.HEADER_SEARCH_ROWS
            self._skip_part(name, f"no keyword column in the first {rows} rows")
        else:
            self._skip_part(name, refusal.message)

    def _read_part(self, part: TextPart | SheetPart) -> None:
        options = self._options
        chosen = dict(options.columns)
        table = read_table(
            part,
            has_header=not options.is_plain_list,
            is_header=self._is_told_header,
            encoding=options.encoding,
        )
        identity = header_hash(table.header)
        is_remembered = not chosen and identity in self._remembered
        if is_remembered:
            chosen = dict(self._remembered[identity])
        profile = formats.PLAIN_LIST if options.is_plain_list else find_profile(table.header)
        columns = map_columns(table.header, profile, chosen)
        market, observed_on = self._market(table)
        reader = TableReader(
            table,
            columns,
            profile,
            options,
            market,
            options.observed_on or self._observed_on or observed_on,
        )
        if reader.ambiguous:
            name = table.header[columns.at[reader.ambiguous[0]]]
            raise NumberStyleAmbiguous(
                f"Column {name!r} mixes decimal marks: say which.", columns=reader.ambiguous
            )
        self._take(table, reader)
        self._describe(table, columns, reader, identity, is_remembered=is_remembered)

    def _is_told_header(self, row: list[str]) -> bool:
        """Whether a person has named columns that are in this row, now or before."""
        chosen = self._options.columns
        if chosen:
            return not {column for column in chosen.values() if column}.isdisjoint(row)
        return bool(self._remembered) and header_hash(row) in self._remembered

    def _market(self, table: RawTable) -> tuple[Market, str]:
        """(market of rows that do not name one, date that the lines above the header name)."""
        country, observed_on = _from_preamble(table.preamble)
        if self._options.ignores_file_market:
            return Market(), observed_on
        for found, source in (
            (self._country, "file_name"),
            (self._filter_country, "filters"),
            (country, "preamble"),
        ):
            if found:
                return Market(found, source), observed_on
        return Market(), observed_on

    def _take(self, table: RawTable, reader: TableReader) -> None:
        """Add a table's rows to those of the file."""
        self._rows_read += reader.survey.rows_read
        if self._rows_read > formats.MAX_ROWS:
            raise too_many_rows()
        own: list[Issue] = []
        taken = 0
        for row in reader.rows(own):
            taken += 1
            first = self._found.setdefault(row.keyword_norm, row)
            if first is not row:
                self._merged += 1
                if first.twins is None:
                    first.twins = []
                first.twins.append(row)
                into = f"into row {first.row}" + (f" of {first.sheet}" if first.sheet else "")
                own.append(Issue(row.row, "merged", into, severity="info", sheet=row.sheet))
        self._skipped += reader.survey.rows_read - taken
        profile = reader.profile
        if profile.possibly_truncated_at == reader.survey.rows_read:
            text = str(reader.survey.rows_read)
            own.append(Issue(0, "possibly_truncated", text, sheet=table.name))
        self._issues.extend(own)
        self._kinds |= reader.volume_kinds
        for country, count in reader.country_counts.items():
            self._countries[country] = self._countries.get(country, 0) + count

    def _describe(
        self,
        table: RawTable,
        columns: Columns,
        reader: TableReader,
        identity: str,
        *,
        is_remembered: bool,
    ) -> None:
        profile = reader.profile
        mapping = {
            name: table.header[at] if table.header else "" for name, at in columns.at.items()
        }
        months = sorted(month for _at, month in columns.months)
        shown: dict[str, Any] = {
            "profile": profile.name,
            "title": profile.title,
            "confidence": profile.confidence,
            "encoding": table.encoding,
            "delimiter": formats.DELIMITER_NAMES.get(table.delimiter, table.delimiter),
            "header_row": table.header_row,
            "mapping": {
                name: {"column": column, "samples": reader.survey.samples.get(name, [])}
                for name, column in mapping.items()
            },
            "mapping_order": list(mapping),
            "mapping_from": "earlier choice" if is_remembered else "names",
            "months": {"first": months[0], "last": months[-1]} if months else None,
            "flags": [label for _at, label in columns.flags],
            "compared_periods": columns.compared,
            "ignored_columns": columns.ignored,
            "number_style": reader.styles,
            "preamble": [
                text[:_PREAMBLE_CHARACTERS]
                for row in table.preamble
                if (text := " ".join(cell for cell in row if cell.strip()))
            ],
            "market": {"country": reader.market.country, "from": reader.market.source},
        }
        self._sheets.append(
            {"name": table.name, "rows_read": reader.survey.rows_read, "profile": profile.name}
        )
        if self._parsed is None:
            self._parsed = ParsedFile(
                profile=profile,
                encoding=table.encoding,
                delimiter=table.delimiter,
                header_row=table.header_row,
                mapping=mapping,
                header_hash=identity,
                report=shown,
            )

    def _finish_report(self, parsed: ParsedFile) -> None:
        options = self._options
        named = {country: count for country, count in self._countries.items() if country}
        unnamed = self._countries.get("", 0)
        market = dict(parsed.report["market"])
        if not market["country"] and named and not unnamed:
            market = {"country": max(named, key=lambda cc: named[cc]), "from": "cells"}
        elif not market["country"] and options.country:
            source = "site" if options.country_is_default else "user"
            market = {"country": options.country, "from": source}
            if options.country_is_default:
                text = f"{options.country}: {unnamed} rows name no market"
                self._issues.append(Issue(0, "market_from_default", text))
        parsed.report["market"] = {
            **market,
            "wanted": options.country,
            "in_file_name": self._country,
            "rows": dict(sorted(named.items())[:_REPORTED_MARKETS]),
        }
        kinds = self._kinds - {FigureKind.UNKNOWN.value}
        parsed.report["volume_kind"] = "+".join(sorted(kinds)) or FigureKind.UNKNOWN.value
        parsed.report["sheets"] = self._sheets
        parsed.report["skipped_sheets"] = self._skipped_sheets
        parsed.report["groups"] = len(
            {group.casefold() for row in self._found.values() for group, _page in row.groups()}
        )


def _starts_with(data: bytes | BinaryIO) -> bytes:
    if isinstance(data, bytes):
        return data[:2]
    data.seek(0)
    return data.read(2)


def _country_of_filters(part: TextPart | SheetPart) -> str:
    """The country that a Search Console ``Filters`` table names, or ""."""
    try:
        if isinstance(part, SheetPart):
            rows = part.first_rows(_FILTER_ROWS)
        else:  # its delimiter is not known yet
            table = read_table(part, has_header=False)
            lines = islice(table.records(), _FILTER_ROWS)
            rows = [re.split("[,;\t]", "\t".join(cells)[:500], maxsplit=1) for _n, cells in lines]
    except KeywordFileInvalid:
        return ""
    named = [[cell.strip(' "') for cell in row[:2]] for row in rows]
    if not named or [header_form(cell)[0] for cell in named[0]] != ["filter", "value"]:
        return ""
    for row in named[1:]:
        if len(row) > 1 and header_form(row[0])[0] == "country":
            return (country_of(row[1]).value or ("",))[0]
    return ""


def _from_preamble(rows: Iterable[list[str]]) -> tuple[str, str]:
    """(country, ISO date) that the lines above the header name."""
    country = observed_on = ""
    for row in rows:
        cells = [display_form(cell[:500]) for cell in row if cell.strip()]
        if not cells:
            continue
        label, _colon, rest = cells[0].partition(":")
        value = cells[1] if len(cells) > 1 else rest
        if header_form(label)[0] in formats.ALIASES[formats.COUNTRY] and value:
            country = country or (country_of(value).value or ("",))[0]
        found = date_in(" ".join(cells))
        observed_on = observed_on or found
    return country, observed_on


def _from_file_name(file_name: str) -> tuple[str, str]:
    """(country, ISO date) that a tool wrote into the name of its file."""
    for pattern in formats.FILE_NAME_MARKETS:
        if found := re.search(pattern, file_name[-255:]):
            parts = found.groupdict()
            country = (parts.get("country") or "").upper()
            return ("GB" if country == "UK" else country), _iso_date(parts.get("date") or "")
    return "", ""


def _iso_date(text: str) -> str:
    for style in ("%Y%m%d", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, style).date().isoformat()  # noqa: DTZ007 - a date
        except ValueError:
            continue
    return ""
