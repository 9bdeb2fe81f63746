"""Which column of a table means what, and which tool wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from igny8_core.business.planning.errors import NoKeywordColumn
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_labels import LOCALISED, MONTH_PREFIXES, MONTHS
from igny8_core.business.planning.services.keyword_text import header_form
from igny8_core.common.text_forms import normal_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FIELDS = {alias: name for name, aliases in formats.ALIASES.items() for alias in aliases}
_OWN_FIELDS = {alias: name for name, alias in formats.OWN_ALIASES.items()}
FIELDS = frozenset(formats.ALIASES)
"""What a person may map a column to."""

_NAMED_MONTH = re.compile(rf"^(?:{'|'.join(MONTH_PREFIXES)}): ([^\W\d_]+)\.? (\d{{4}})$")
_NUMBERED_MONTH = re.compile(r"^search volume:? (\d{1,2})/(\d{4})$")
_SPAN = re.compile(r"^(\d{2})-(\d{4}) - (\d{2})-(\d{4})$")
_COMPARED_FIGURES = {"clicks": formats.CLICKS, "impressions": formats.IMPRESSIONS,
                     "ctr": "", "position": formats.POSITION}  # fmt: skip
_MIN_PERIODS = 2


@dataclass(slots=True)
class Columns:
    """Where the fields of a table are.

    :ivar at: position of each field's column.
    :ivar months: position and month (``2026-05``) of columns with one month's volume each.
    :ivar flags: position and label of columns of true and false.
    :ivar trend_months: how many months the header says that a trend has, and its last one.
    :ivar compared: the periods of a comparison; the first one is taken.
    """

    at: dict[str, int]
    ignored: list[dict[str, str]]
    months: list[tuple[int, str]] = field(default_factory=list)
    flags: list[tuple[int, str]] = field(default_factory=list)
    trend_months: tuple[int, str] | None = None
    compared: list[str] = field(default_factory=list)


def map_columns(
    header: Sequence[str], profile: formats.Profile, chosen: Mapping[str, str]
) -> Columns:
    """Find every field's column.

    :param chosen: by field, the name of the column that a person wants.
    :raises NoKeywordColumn: there is none, or a chosen one is not in the file.
    """
    if not header:
        return Columns({formats.KEYWORD: 0}, [])
    found = Columns({}, [])
    reasons: dict[int, str] = {}
    for at, column in enumerate(header):
        reason = _map_one(found, at, column, profile)
        if reason:
            reasons[at] = reason
    if formats.IMPRESSIONS not in found.at:
        _map_comparison(found, header, reasons)
    has_foreign_clicks = formats.CLICKS in found.at and formats.IMPRESSIONS not in found.at
    if has_foreign_clicks and profile is not formats.OWN:
        reasons[found.at.pop(formats.CLICKS)] = formats.EXPECTED_CLICKS
    _drop_lone_flags(found, reasons)
    _choose(found, header, chosen, reasons)
    if formats.KEYWORD not in found.at:
        raise NoKeywordColumn("The file has no keyword column.")
    taken = {*found.at.values(), *(at for at, _ in found.months), *(at for at, _ in found.flags)}
    found.ignored = [
        {"name": name, "why": reasons.get(at, formats.NOT_KNOWN)}
        for at, name in enumerate(header)
        if at not in taken and name
    ]
    return found


def _map_one(found: Columns, at: int, column: str, profile: formats.Profile) -> str:
    """Map one column; returns why it is not."""
    if month := _month(column):
        found.months.append((at, month))
        return ""
    name, unit = header_form(column)
    if name in formats.INTENT_FLAGS:
        found.flags.append((at, name))
        return ""
    wanted = _FIELDS.get(name)
    if wanted is None and profile is formats.OWN:
        wanted = _OWN_FIELDS.get(name)
    if wanted is None:
        return formats.IGNORED.get(name, formats.NOT_KNOWN)
    if wanted in found.at:
        return formats.SECOND_OF_NAME
    found.at[wanted] = at
    if wanted == formats.TREND and (span := _SPAN.match(unit)):
        first, last = (int(span[2]) * 12 + int(span[1])), (int(span[4]) * 12 + int(span[3]))
        found.trend_months = (last - first + 1, f"{span[4]}-{span[3]}")
    return ""


def _month(column: str) -> str:
    """``2026-05`` of a column that holds one month's volume."""
    name = normal_form(column)
    if named := _NAMED_MONTH.match(name):
        number = MONTHS.get(named[1], 0)
        return f"{named[2]}-{number:02}" if number else ""
    if numbered := _NUMBERED_MONTH.match(name):
        number = int(numbered[1])
        return f"{numbered[2]}-{number:02}" if 1 <= number <= 12 else ""  # noqa: PLR2004 - months
    return ""


def _drop_lone_flags(found: Columns, reasons: dict[int, str]) -> None:
    """One column named after an intent may be anything; several are a tool's flags."""
    if len(found.flags) in {1, 2}:
        for at, _label in found.flags:
            reasons[at] = formats.NOT_KNOWN
        found.flags.clear()


def _choose(
    found: Columns, header: Sequence[str], chosen: Mapping[str, str], reasons: dict[int, str]
) -> None:
    for wanted, column in chosen.items():
        if wanted not in FIELDS:
            raise NoKeywordColumn(f"No field is called {wanted!r}.", column=column)
        if not column:  # leave the field out
            if wanted in found.at and wanted != formats.KEYWORD:
                reasons[found.at.pop(wanted)] = "left out"
            continue
        if column not in header:
            raise NoKeywordColumn(f"The file has no column {column!r}.", column=column)
        at = header.index(column)
        for other in [name for name, place in found.at.items() if place == at]:
            del found.at[other]
        found.months = [month for month in found.months if month[0] != at]
        found.flags = [flag for flag in found.flags if flag[0] != at]
        found.at[wanted] = at
        reasons.pop(at, None)


def _map_comparison(found: Columns, header: Sequence[str], reasons: dict[int, str]) -> None:
    """Columns of a Search Console comparison, ``<period> Clicks``: the later period counts."""
    columns: dict[str, dict[str, int]] = {}
    for at, column in enumerate(header):
        match = _compared(column)
        if match:
            columns.setdefault(match[0], {})[match[1]] = at
    periods = [name for name, figures in columns.items() if "impressions" in figures]
    if len(periods) < _MIN_PERIODS:
        return
    later = _later_period(periods)
    for period, figures in columns.items():
        for figure, at in figures.items():
            wanted = _COMPARED_FIGURES[figure]
            if period == later and wanted:
                found.at[wanted] = at
                reasons.pop(at, None)
            else:
                reasons[at] = formats.IGNORED["ctr"] if not wanted else formats.EARLIER_PERIOD
    found.compared = [later, *(period for period in periods if period != later)]


def _compared(column: str) -> tuple[str, str] | None:
    words = column.split()
    for count in (1, 2, 3):
        name = normal_form(" ".join(words[-count:]))
        name = LOCALISED.get(name, name)
        if name in _COMPARED_FIGURES and len(words) > count:
            return " ".join(words[:-count]), name
    return None


def _later_period(periods: Sequence[str]) -> str:
    """The one that ends last under every reading of its dates; else the first, as listed."""
    votes = set()
    for order in ("mdy", "dmy", "ymd"):
        ends = [_end_of(period, order) for period in periods]
        known = [end for end in ends if end is not None]
        if len(known) == len(periods):
            votes.add(ends.index(max(known)))
    return periods[votes.pop()] if len(votes) == 1 else periods[0]


def _end_of(period: str, order: str) -> date | None:
    numbers = [int(text) for text in re.findall(r"\d{1,4}", period)]
    if len(numbers) != 6:  # noqa: PLR2004 - two dates
        return None
    parts = dict(zip(order, numbers[3:], strict=True))
    try:
        year = parts["y"] + 2000 if parts["y"] < 100 else parts["y"]  # noqa: PLR2004
        return date(year, parts["m"], parts["d"])
    except ValueError:
        return None


def find_profile(header: Iterable[str]) -> formats.Profile:
    """The tool whose columns these are; generic when none or two fit equally well."""
    names = {header_form(column)[0] for column in header}
    scores = sorted(
        (
            (len(names & profile.signature), profile.name, profile)
            for profile in formats.PROFILES
            if any(required <= names for required in profile.required)
        ),
        reverse=True,
    )
    if not scores or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return formats.GENERIC
    return scores[0][2]
