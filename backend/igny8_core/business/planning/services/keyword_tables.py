"""One table of a keyword file, read twice: what its columns look like, then row by row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_cells import (
    FLAG,
    NUMERIC,
    Column,
    column_of,
    iso_date,
    label_column,
    monthly,
)
from igny8_core.business.planning.services.keyword_files import Issue, RawTable
from igny8_core.business.planning.services.keyword_numbers import (
    NotANumber,
    Style,
    currency_of,
    number_style,
)
from igny8_core.business.planning.services.keyword_own import own_sources
from igny8_core.business.planning.services.keyword_row import KeywordRow
from igny8_core.business.planning.services.keyword_text import MAX_KEYWORD_LENGTH, header_form
from igny8_core.business.planning.services.keyword_trends import read_trend
from igny8_core.business.planning.states import FigureKind
from igny8_core.common.csv_write import plain_cell
from igny8_core.common.text_forms import display_form, is_readable, normal_form
from igny8_core.common.xlsx_read import DATE, ERROR, NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from igny8_core.business.planning.services.keyword_columns import Columns
    from igny8_core.business.planning.services.keyword_options import ReadOptions

SAMPLES = 3
_SAMPLED_ROWS = 1_000
_SAMPLE_CHARACTERS = 80
_ISSUE_CHARACTERS = 255
_IMPRESSIONS = FigureKind.IMPRESSIONS.value


@dataclass(frozen=True, slots=True)
class Market:
    """Where a table's figures come from, when its cells do not say."""

    country: str = ""
    source: str = ""


@dataclass(slots=True)
class Survey:
    """What is known of a table before its rows are read.

    :ivar skipped: code of each row that is skipped for its shape.
    :ivar numeric: all distinct texts of each numeric field.
    """

    rows_read: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    numeric: dict[str, set[str]] = field(default_factory=dict)
    months: set[str] = field(default_factory=set)
    samples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class TableReader:
    """Reads a table whose columns are known.

    :ivar ambiguous: fields whose cells contradict each other about the decimal mark.
    :ivar country_counts: rows of each market.
    """

    table: RawTable
    columns: Columns
    profile: formats.Profile
    options: ReadOptions
    market: Market
    observed_on: str
    survey: Survey = field(init=False)
    ambiguous: list[str] = field(default_factory=list)
    country_counts: dict[str, int] = field(default_factory=dict)
    volume_kinds: set[str] = field(default_factory=set)
    _fields: dict[str, tuple[int, Column]] = field(default_factory=dict)
    _month_style: Style = field(default_factory=Style)
    _has_buckets: bool = False
    _currency: str = ""

    def __post_init__(self) -> None:
        """First reading."""
        self.survey = self._survey()
        for name, at in self.columns.at.items():
            if name in {formats.KEYWORD, formats.TREND, formats.SOURCES}:
                continue
            if name in NUMERIC:
                mark = self.options.decimal_marks.get(name, "")
                column = column_of(name, self.survey.numeric[name], mark)
                if column.style is not None and column.style.is_contradictory:
                    self.ambiguous.append(name)
            else:
                column = label_column(name, is_api=self.profile.name == "semrush_api")
            self._fields[name] = (at, column)
        self._month_style = number_style(self.survey.months, is_whole=True)
        self._has_buckets = self._find_buckets()
        if formats.CPC in self.columns.at and self.table.header:
            unit = header_form(self.table.header[self.columns.at[formats.CPC]])[1]
            self._currency = currency_of(unit)

    @property
    def styles(self) -> dict[str, dict[str, str]]:
        """The number style of each numeric field, for the report."""
        return {
            name: {"decimal": column.style.decimal, "thousands": column.style.thousands}
            for name, (_at, column) in self._fields.items()
            if column.style is not None
        }

    def rows(self, issues: list[Issue]) -> Iterator[KeywordRow]:
        """Second reading: every row that becomes a keyword; the others become issues."""
        skipped = self.survey.skipped
        for number, cells in self._records():
            if code := skipped.get(number):
                self._report_shape(issues, number, code, cells)
                continue
            row = self._row(number, cells, issues)
            if row is not None:
                yield row
        issues.extend(
            Issue(i.row, i.code, i.text, i.column, i.severity, i.row_end, self.table.name)
            for i in self.table.issues
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The table's records; what our own export did against formulas is undone."""
        if self.profile is not formats.OWN or self.table.is_typed:
            return self.table.records()
        return (
            (number, [plain_cell(cell) for cell in cells]) for number, cells in self.table.records()
        )

    def _survey(self) -> Survey:
        found = Survey()
        found.numeric = {name: set() for name in self.columns.at if name in NUMERIC}
        adders = [(texts.add, self.columns.at[name]) for name, texts in found.numeric.items()]
        months = [at for at, _month in self.columns.months]
        sampled: list[tuple[str, int]] = list(self.columns.at.items())
        for number, cells in self._records():
            found.rows_read += 1
            if code := self._shape_problem(cells):
                found.skipped[number] = code
                continue
            width = len(cells)
            for add, at in adders:
                if at < width:
                    add(cells[at])
            for at in months:
                if at < width and cells[at]:
                    found.months.add(cells[at])
            if sampled and found.rows_read <= _SAMPLED_ROWS:
                sampled = [pair for pair in sampled if _add_sample(found, *pair, cells)]
        if any(issue.code == "unbalanced_quote" for issue in self.table.issues):
            found.rows_read += 1
        return found

    def _shape_problem(self, cells: list[str]) -> str:
        at = self.columns.at[formats.KEYWORD]
        keyword = cells[at] if at < len(cells) else ""
        header = self.table.header
        if not keyword or keyword.isspace():
            if not any(cell and not cell.isspace() for cell in cells):
                return "blank"
            if self.profile.name == "gkp":
                return "totals_row"
        if header:
            if len(cells) > len(header) and any(c.strip() for c in cells[len(header) :]):
                return "column_count"
            if keyword == header[at] or keyword.strip() == header[at]:
                shown = [display_form(cell) for cell in cells]
                if [*shown, *[""] * (len(header) - len(shown))] == header:
                    return "repeated_header"
        return ""

    def _report_shape(self, issues: list[Issue], number: int, code: str, cells: list[str]) -> None:
        name = self.table.name
        if code == "blank":
            last = issues[-1] if issues else None
            if (
                last is not None
                and last.code == "blank"
                and last.sheet == name
                and (last.row_end or last.row) == number - 1
            ):
                issues[-1] = Issue(last.row, code, severity="info", row_end=number, sheet=name)
            else:
                issues.append(Issue(number, code, severity="info", sheet=name))
            return
        shown = ", ".join(plain(cell) for cell in cells)
        issues.append(Issue(number, code, shown[:_ISSUE_CHARACTERS], sheet=name))

    def _row(self, number: int, cells: list[str], issues: list[Issue]) -> KeywordRow | None:
        at = self.columns.at[formats.KEYWORD]
        text = cells[at] if at < len(cells) else ""
        name = self.table.name
        shown = display_form(text)
        code = self._typed_problem(text) if self.table.is_typed else ""
        if code == "keyword_is_number":
            issues.append(Issue(number, code, shown, formats.KEYWORD, sheet=name))
            code = ""
        norm = normal_form(shown)
        if norm == shown:
            norm = shown  # one object in memory
        code = code or _keyword_problem(shown, norm) or self._excluded(norm)
        if code:
            text = shown[:_ISSUE_CHARACTERS]
            issues.append(Issue(number, code, text, formats.KEYWORD, sheet=name))
            return None
        row = KeywordRow(number, shown, norm, name)
        cell_issues: list[Issue] = []
        code = self._fill(row, cells, cell_issues)
        if code:
            issues.append(Issue(number, code, shown, formats.KEYWORD, sheet=name))
            return None
        issues.extend(cell_issues)
        return row

    @staticmethod
    def _typed_problem(text: str) -> str:
        mark = text[:1]
        if mark == DATE:
            return "keyword_is_date"
        if mark == ERROR:
            return "keyword_empty"
        return "keyword_is_number" if mark == NUMBER else ""

    def _excluded(self, norm: str) -> str:
        for phrase in self.options.excludes:
            if f" {phrase} " in f" {norm} ":
                return f"excluded:{phrase}"[:64]
        return ""

    def _fill(self, row: KeywordRow, cells: list[str], issues: list[Issue]) -> str:
        """Give a row the values of its cells; returns why it is left out, if it is."""
        values: dict[str, Any] = {}
        width = len(cells)
        for name, (at, column) in self._fields.items():
            text = cells[at] if at < width else ""
            if not text:
                continue
            found = column.value(text)
            if found.value is not None:
                values[name] = found.value
            for code in found.codes:
                shown = plain(text).strip()[:_ISSUE_CHARACTERS]
                issues.append(Issue(row.row, code, shown, name, sheet=row.sheet))
        if code := self._other_market(values):
            return code
        self._put(row, values)
        self._put_flags(row, cells)
        self._put_trend(row, cells, values, issues)
        if formats.SOURCES in self.columns.at:
            at = self.columns.at[formats.SOURCES]
            row.sources = own_sources(cells[at] if at < width else "", row)
        minimum = self.options.min_volume
        if minimum is not None and row.volume is not None and row.volume < minimum:
            return "excluded:min_volume"
        self.volume_kinds.add(row.kind)
        return ""

    def _other_market(self, values: Mapping[str, Any]) -> str:
        country, language = values.get(formats.COUNTRY) or ("", "")
        language = language or values.get(formats.LANGUAGE, "")
        country = country or self.market.country
        self.country_counts[country] = self.country_counts.get(country, 0) + 1
        wanted = self.options
        if wanted.country and country and country != wanted.country.upper():
            return f"other_market:{country.lower()}"
        if wanted.language and language and language != wanted.language[:2].lower():
            return f"other_market:{language}-{country.lower()}".rstrip("-")
        return ""

    def _put(self, row: KeywordRow, values: dict[str, Any]) -> None:
        volume = values.get(formats.VOLUME)
        if volume is None and formats.VOLUME_MIN in values:
            low, high = values[formats.VOLUME_MIN], values.get(formats.VOLUME_MAX)
            is_range = high is not None and high > low
            volume = (low, high, "range") if is_range else (low, None, "exact")
        elif volume is not None and formats.VOLUME_MAX in values and volume[1] is None:
            high = values[formats.VOLUME_MAX]
            if high > volume[0]:
                volume = (volume[0], high, "range")
        if volume is not None:
            low, high, kind = volume
            if self._has_buckets:
                low, high, kind = *formats.GKP_BUCKETS[low], FigureKind.RANGE.value
            row.volume, row.volume_max, row.kind = low, high, kind
        for name in (
            "difficulty", "position", "ranking_url", "clicks", "impressions", "parent_keyword",
            "serp_features", "serp_urls", "group", "page", "is_disabled",
        ):  # fmt: skip
            if name in values:
                setattr(row, name, values[name])
        if formats.INTENTS in values:
            row.intents, row.intents_other = values[formats.INTENTS]
        if formats.CPC in values:
            row.cpc, currency = values[formats.CPC]
            row.cpc_currency = currency or values.get(formats.CURRENCY, "") or self._currency
        if row.volume is None and row.impressions is not None:
            row.volume, row.kind = row.impressions, _IMPRESSIONS
        elif row.volume is not None and values.get(formats.KIND) == _IMPRESSIONS:
            row.kind = _IMPRESSIONS
        row.observed_on = values.get(formats.OBSERVED_ON, "") or self.observed_on

    def _put_flags(self, row: KeywordRow, cells: list[str]) -> None:
        if not self.columns.flags:
            return
        known: list[str] = []
        other: list[str] = []
        for at, label in self.columns.flags:
            if at < len(cells) and FLAG.value(cells[at]).value:
                (other if label in {"branded", "local"} else known).append(label)
        row.intents, row.intents_other = tuple(known), tuple(other)

    def _put_trend(
        self, row: KeywordRow, cells: list[str], values: Mapping[str, Any], issues: list[Issue]
    ) -> None:
        if self.columns.months:
            self._put_months(row, cells, issues)
        at = self.columns.at.get(formats.TREND)
        text = cells[at] if at is not None and at < len(cells) else ""
        if not text or row.trend:
            return
        found = read_trend(text, tool=self.profile.name)
        if found is None:
            shown = plain(text)[:_ISSUE_CHARACTERS]
            issues.append(Issue(row.row, "value_invalid", shown, "trend", sheet=row.sheet))
            return
        row.trend, row.trend_kind, count = found
        months = self.columns.trend_months
        if months is not None and months[0] == count:
            row.trend_end = months[1]
        elif re.fullmatch(r"\d{4}-\d\d", values.get(formats.TREND_END, "")):
            row.trend_end = values[formats.TREND_END]

    def _put_months(self, row: KeywordRow, cells: list[str], issues: list[Issue]) -> None:
        months = sorted(self.columns.months, key=lambda month: month[1])
        found: list[int | None] = []
        for at, month in months:
            text = cells[at] if at < len(cells) else ""
            try:
                found.append(monthly(text, self._month_style) if text else None)
            except NotANumber:
                found.append(None)
                shown = plain(text)[:_ISSUE_CHARACTERS]
                issues.append(Issue(row.row, "value_invalid", shown, month, sheet=row.sheet))
        if any(value is not None for value in found):
            row.trend, row.trend_kind = json.dumps(found, separators=(",", ":")), "absolute"
            if None not in found:
                row.trend_end = months[-1][1]

    def _find_buckets(self) -> bool:
        """Whether all volumes are Keyword Planner's round figures, and no month is filled."""
        if self.profile.name != "gkp" or formats.VOLUME not in self._fields:
            return False
        if any(text.strip() for text in self.survey.months):
            return False
        column = self._fields[formats.VOLUME][1]
        found = [column.value(text).value for text in self.survey.numeric[formats.VOLUME] if text]
        known = [value for value in found if value is not None]
        return bool(known) and all(
            high is None and low in formats.GKP_BUCKETS for low, high, _kind in known
        )


def _add_sample(survey: Survey, name: str, at: int, cells: list[str]) -> bool:
    """Keep a sample; returns whether more are wanted."""
    samples = survey.samples.setdefault(name, [])
    text = plain(cells[at]).strip()[:_SAMPLE_CHARACTERS] if at < len(cells) else ""
    if text and text not in samples:
        samples.append(text)
    return len(samples) < SAMPLES


def plain(cell: str) -> str:
    """A cell without the mark of its type."""
    return cell[1:] if cell[:1] in {NUMBER, DATE, ERROR} else cell


def _keyword_problem(shown: str, norm: str) -> str:
    if not shown:
        return "keyword_empty"
    if not is_readable(shown):
        return "keyword_unreadable"
    if len(shown) > MAX_KEYWORD_LENGTH or len(norm) > MAX_KEYWORD_LENGTH:
        return "keyword_too_long"
    return ""


def date_in(text: str) -> str:
    """The last date in a line above a header, as ISO writes it."""
    for pattern in (r"\d{4}-\d\d-\d\d", r"[A-Z][a-z]{2,8} \d{1,2}, \d{4}"):
        for candidate in reversed(re.findall(pattern, text[:_ISSUE_CHARACTERS])):
            if found := iso_date(candidate):
                return found
    return ""
