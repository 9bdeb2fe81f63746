"""The rows of a keyword file: which column means what, and what each cell is worth.

Pure. Every row of the file ends as one of: a keyword, merged into another row, skipped with a code.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.errors import FileEmpty, NoKeywordColumn, NumberStyleAmbiguous
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_cells import Cells, column_cells
from igny8_core.business.planning.services.keyword_files import (
    KEYWORD_NAMES,
    Issue,
    RawTable,
    read_table,
)
from igny8_core.business.planning.services.keyword_merge import (
    Source,
    merge_attributes,
)
from igny8_core.business.planning.services.keyword_text import MAX_KEYWORD_LENGTH, header_form
from igny8_core.business.planning.states import FigureKind
from igny8_core.common.text_forms import display_form, is_readable, normal_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SAMPLES = 3
_SAMPLE_CHARACTERS = 80
_ISSUE_CHARACTERS = 255


@dataclass(frozen=True)
class ReadOptions:
    """What a person decides about a file; part of its identity.

    :param country: the market that is wanted, as an ISO code; "" takes every row.
    :param is_plain_list: one keyword a line, no header.
    :param columns: by field, the name of the column to take instead of what was found.
    :param decimal_marks: by field, "." or ",": answers to :class:`NumberStyleAmbiguous`.
    :param observed_on: ISO date of the figures, when the file does not say.
    :param keeps_deleted: keywords that were deleted before stay deleted.
    """

    country: str = ""
    is_plain_list: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    decimal_marks: Mapping[str, str] = field(default_factory=dict)
    observed_on: str = ""
    keeps_deleted: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the import's row and its idempotency key."""
        return asdict(self)


@dataclass(slots=True)
class KeywordRow:
    """One keyword of a file. ``twins`` are later rows of the same keyword."""

    row: int
    keyword: str
    keyword_norm: str
    volume: int | None = None
    volume_max: int | None = None
    kind: str = FigureKind.UNKNOWN.value
    difficulty: float | None = None
    cpc: str | None = None
    cpc_currency: str = ""
    observed_on: str = ""
    intents: tuple[str, ...] = ()
    intents_other: tuple[str, ...] = ()
    parent_keyword: str = ""
    position: float | None = None
    ranking_url: str = ""
    clicks: int | None = None
    impressions: int | None = None
    twins: list[KeywordRow] | None = None

    def attributes(self, *, tool: str, import_id: int) -> dict[str, Any]:
        """What the keyword's row stores of this row and of its twins."""
        found = self._own_attributes(tool, import_id)
        for twin in self.twins or ():
            found = merge_attributes(found, twin.attributes(tool=tool, import_id=import_id))
        return found

    def _source(self, tool: str, import_id: int) -> Source:
        source: Source = {"tool": tool, "import": import_id, "row": self.row, "kind": self.kind}
        if self.volume is not None:
            source["volume"] = self.volume
        if self.volume_max is not None:
            source["volume_max"] = self.volume_max
        if self.difficulty is not None:
            source["difficulty"] = self.difficulty
        if self.cpc is not None:
            source["cpc"] = self.cpc
            if self.cpc_currency:
                source["cpc_currency"] = self.cpc_currency
        if self.observed_on:
            source["observed_on"] = self.observed_on
        return source

    def _own_attributes(self, tool: str, import_id: int) -> dict[str, Any]:
        found: dict[str, Any] = {"sources": [self._source(tool, import_id)]}
        if self.intents:
            found["intents"] = sorted(self.intents)
        if self.intents_other:
            found["intents_other"] = sorted(self.intents_other)
        if self.parent_keyword:
            found["parent_keyword"] = self.parent_keyword
        if self.position is not None:
            found["position"] = self.position
            if self.ranking_url:
                found["ranking_url"] = self.ranking_url
        if self.clicks is not None:
            found["clicks"] = self.clicks
        if self.impressions is not None:
            found["impressions"] = self.impressions
        return found


@dataclass(slots=True)
class ParsedFile:
    """What is in a file, before anything is written.

    :ivar rows: distinct keywords, sorted by normal form.
    :ivar rows_read: records below the header; equals keywords + merged + skipped.
    """

    profile: formats.Profile
    encoding: str
    delimiter: str
    header_row: int
    mapping: dict[str, str]
    rows: list[KeywordRow]
    rows_read: int
    merged: int
    skipped: int
    issues: list[Issue]
    report: dict[str, Any]


def parse_keyword_file(data: bytes, *, file_name: str, options: ReadOptions) -> ParsedFile:
    """Read a whole file.

    :raises KeywordFileInvalid: one of its subclasses.
    """
    table = read_table(data, has_header=not options.is_plain_list)
    columns, ignored = map_columns(table.header, options)
    profile = formats.PLAIN_LIST if options.is_plain_list else find_profile(table.header)
    country, observed_on = _from_file_name(file_name)
    kept = _Kept(table, columns, profile)
    if not kept.rows_read:
        raise FileEmpty("The file has a header and nothing below it.")
    cells = column_cells(
        kept.cells,
        units={name: header_form(table.header[at])[1] for name, at in columns.items()}
        if table.header
        else {},
        decimal_marks=options.decimal_marks,
        has_buckets=profile.name == "gkp" and kept.has_months and not kept.has_monthly_values,
        country=options.country,
        file_country=country,
        observed_on=options.observed_on or observed_on,
    )
    if cells.ambiguous:
        raise NumberStyleAmbiguous(
            f"Column {table.header[columns[cells.ambiguous[0]]]!r} mixes decimal marks: say which.",
            columns=cells.ambiguous,
        )
    issues = [*kept.issues, *table.issues]
    if profile.possibly_truncated_at == kept.rows_read:
        issues.append(Issue(0, "possibly_truncated", str(kept.rows_read)))
    rows, merged, skipped = _keywords(kept, cells, issues)
    mapping = {name: table.header[at] if table.header else "" for name, at in columns.items()}
    return ParsedFile(
        profile=profile,
        encoding=table.encoding,
        delimiter=table.delimiter,
        header_row=table.header_row,
        mapping=mapping,
        rows=sorted(rows, key=lambda row: row.keyword_norm),
        rows_read=kept.rows_read,
        merged=merged,
        skipped=kept.skipped + skipped,
        issues=issues,
        report=_report(table, profile, mapping, kept, cells)
        | {
            "ignored_columns": ignored,
            "market": {"country": options.country or country, "in_file_name": country},
        },
    )


def _report(
    table: RawTable,
    profile: formats.Profile,
    mapping: Mapping[str, str],
    kept: _Kept,
    cells: Cells,
) -> dict[str, Any]:
    """What was found out about a file, for people."""
    return {
        "profile": profile.name,
        "title": profile.title,
        "confidence": profile.confidence,
        "encoding": table.encoding,
        "delimiter": formats.DELIMITER_NAMES.get(table.delimiter, table.delimiter),
        "header_row": table.header_row,
        "mapping": {
            name: {"column": column, "samples": _samples(kept.cells[name])}
            for name, column in mapping.items()
        },
        "volume_kind": cells.volume_kind,
        "number_style": cells.styles,
    }


def map_columns(
    header: Sequence[str], options: ReadOptions
) -> tuple[dict[str, int], list[dict[str, str]]]:
    """(position of each field, the ignored columns with the reason).

    :raises NoKeywordColumn: a column that the options name is not in the file.
    """
    if not header:
        return {formats.KEYWORD: 0}, []
    columns: dict[str, int] = {}
    reasons: dict[int, str] = {}
    for at, column in enumerate(header):
        name = header_form(column)[0]
        found = _FIELDS.get(name)
        if found is None:
            reasons[at] = formats.IGNORED.get(name, formats.NOT_KNOWN)
        elif found in columns:
            reasons[at] = formats.SECOND_OF_NAME
        else:
            columns[found] = at
    if formats.IMPRESSIONS not in columns and formats.CLICKS in columns:
        reasons[columns.pop(formats.CLICKS)] = formats.IGNORED["sv trend"]
    for wanted, column in options.columns.items():
        if column not in header or wanted not in formats.ALIASES:
            raise NoKeywordColumn(f"The file has no column {column!r}.", column=column)
        columns[wanted] = header.index(column)
        reasons.pop(columns[wanted], None)
    if formats.KEYWORD not in columns:
        raise NoKeywordColumn("The file has no keyword column.")
    taken = set(columns.values())
    ignored = [
        {"name": header[at], "why": reasons.get(at, formats.NOT_KNOWN)}
        for at in range(len(header))
        if at not in taken and header[at]
    ]
    return columns, ignored


_FIELDS = {alias: name for name, aliases in formats.ALIASES.items() for alias in aliases}


def find_profile(header: Iterable[str]) -> formats.Profile:
    """The tool whose columns these are; generic when none or two fit equally well."""
    names = {header_form(column)[0] for column in header}
    scores = sorted(
        (
            (len(names & profile.signature) / max(len(names), 1), profile.name, profile)
            for profile in formats.PROFILES
            if profile.required <= names
        ),
        reverse=True,
    )
    if not scores or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return formats.GENERIC
    return scores[0][2]


class _Kept:
    """The cells of the mapped columns of every row that is not skipped for its shape."""

    def __init__(
        self, table: RawTable, columns: Mapping[str, int], profile: formats.Profile
    ) -> None:
        self.numbers: list[int] = []
        self.cells: dict[str, list[str]] = {name: [] for name in columns}
        self.issues: list[Issue] = []
        self.rows_read = 0
        self.skipped = 0
        self.has_monthly_values = False
        width = len(table.header)
        months = [
            at
            for at, name in enumerate(table.header)
            if name.casefold().startswith(formats.MONTHLY_PREFIX)
        ]
        self.has_months = bool(months)
        appends = [(self.cells[name].append, at) for name, at in columns.items()]
        shared: dict[str, str] = {}
        for number, cells in table.records():
            self.rows_read += 1
            if code := self._shape_problem(cells, table, width, profile, columns):
                self._skip(number, code, cells)
                continue
            self.numbers.append(number)
            for append, at in appends:
                cell = cells[at] if at < len(cells) else ""
                append(shared.setdefault(cell, cell))
            if months and not self.has_monthly_values:
                self.has_monthly_values = any(cells[at].strip() for at in months if at < len(cells))
        self._count_swallowed(table)

    def _shape_problem(
        self,
        cells: list[str],
        table: RawTable,
        width: int,
        profile: formats.Profile,
        columns: Mapping[str, int],
    ) -> str:
        if not any(cell and not cell.isspace() for cell in cells):
            return "blank"
        if len(cells) > width and table.header and any(cell.strip() for cell in cells[width:]):
            return "column_count"
        at = columns[formats.KEYWORD]
        keyword = cells[at].strip() if at < len(cells) else ""
        if not keyword and profile.name == "gkp":
            return "totals_row"
        if keyword and table.header and keyword.casefold() in KEYWORD_NAMES:
            shown = [display_form(cell) for cell in cells]
            if [*shown, *[""] * (width - len(shown))] == table.header:
                return "repeated_header"
        return ""

    def _skip(self, number: int, code: str, cells: list[str]) -> None:
        self.skipped += 1
        last = self.issues[-1] if self.issues else None
        if (
            code == "blank"
            and last
            and last.code == "blank"
            and (last.row_end or last.row) == number - 1
        ):
            self.issues[-1] = Issue(last.row, code, severity="info", row_end=number)
            return
        text = "" if code == "blank" else ", ".join(cells)[:_ISSUE_CHARACTERS]
        severity = "info" if code == "blank" else "warning"
        self.issues.append(Issue(number, code, text, severity=severity))

    def _count_swallowed(self, table: RawTable) -> None:
        """The row at which an unbalanced quote ended the reading was read, and is skipped."""
        swallowed = [issue for issue in table.issues if issue.code == "unbalanced_quote"]
        self.rows_read += len(swallowed)
        self.skipped += len(swallowed)


def _keywords(kept: _Kept, cells: Cells, issues: list[Issue]) -> tuple[list[KeywordRow], int, int]:
    """(distinct keywords, rows merged, rows skipped)."""
    found: dict[str, KeywordRow] = {}
    merged = skipped = 0
    for place, (number, text) in enumerate(
        zip(kept.numbers, kept.cells[formats.KEYWORD], strict=True)
    ):
        shown = display_form(text)
        norm = normal_form(shown)
        if code := _keyword_problem(shown, norm) or cells.other_market(place):
            skipped += 1
            issues.append(Issue(number, code, shown[:_ISSUE_CHARACTERS], formats.KEYWORD))
            continue
        if norm == shown:
            norm = shown  # one object in memory
        row = KeywordRow(number, shown, norm)
        issues.extend(cells.fill(row, place))
        first = found.setdefault(norm, row)
        if first is not row:
            merged += 1
            first.twins = [*(first.twins or ()), row]
            issues.append(Issue(number, "merged", f"into row {first.row}", severity="info"))
    return list(found.values()), merged, skipped


def _keyword_problem(shown: str, norm: str) -> str:
    if not shown:
        return "keyword_empty"
    if not is_readable(shown):
        return "keyword_unreadable"
    if max(len(shown), len(norm)) > MAX_KEYWORD_LENGTH:
        return "keyword_too_long"
    return ""


def _samples(cells: Iterable[str]) -> list[str]:
    samples: list[str] = []
    for cell in cells:
        if cell.strip() and cell not in samples:
            samples.append(cell[:_SAMPLE_CHARACTERS])
        if len(samples) == _SAMPLES:
            break
    return samples


def _from_file_name(file_name: str) -> tuple[str, str]:
    """(country, ISO date) that a tool wrote into the name of its file."""
    for pattern in formats.FILE_NAME_MARKETS:
        if found := re.search(pattern, file_name):
            parts = found.groupdict()
            country = parts.get("country", "").upper()
            return ("GB" if country == "UK" else country), _iso_date(parts.get("date", ""))
    return "", ""


def _iso_date(text: str) -> str:
    for style in ("%Y%m%d", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, style).date().isoformat()  # noqa: DTZ007 - a date
        except ValueError:
            continue
    return ""
