"""Small rules of reading: odd cells, chosen columns, what our own export may hold."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from igny8_core.business.planning.errors import (
    FileTooLarge,
    FormatNotSupported,
    NoKeywordColumn,
)
from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.import_staging import StagedRow, encode_line
from igny8_core.business.planning.services.keyword_trends import read_trend, trend_text
from tests.business.planning.imports.samples import codes, parse, table, told
from tests.business.planning.imports.test_hostile import HEAD, workbook
from tests.make import planning as make_planning
from tests.make.planning import imported

OWN = ("Keyword", "Volume", "Volume kind", "Volume sources", "First imported", "Disabled")


@pytest.mark.django_db
def test_texts_that_copy_would_change_arrive_as_they_are() -> None:
    sector = make_planning.sector()
    texts = ["back\\slash", "\\N", 'a "quoted" one', "tab\\tseparated", "ü\\n"]
    data = table(("Keyword", "Parent Keyword", "Topic"), *[(t, t, f"Group {t}") for t in texts])

    first = imported(sector, data, keeps_groups=True)
    again = imported(sector, data + b"\r\n", keeps_groups=True)

    rows = Keywords.unscoped.filter(sector=sector)
    assert sorted(rows.values_list("keyword", flat=True)) == sorted(texts)
    assert sorted(row.attributes["parent_keyword"] for row in rows) == sorted(texts)
    assert sorted(Clusters.unscoped.filter(sector=sector).values_list("name", flat=True)) == sorted(
        f"Group {text}" for text in texts
    )
    assert (first.created, again.created, again.unchanged) == (5, 0, 5)


def test_a_line_of_copy_is_taken_apart_as_it_was_put_together() -> None:
    values = ["a\\b\tc", "shown\r\n", 7, "sheet\\", *[None] * 12, json.dumps({"x": "\\"}), "t",
              "g\\1", 2, 3]  # fmt: skip
    row = StagedRow("a\\b\tc", encode_line(values))

    assert row.row == (7, "sheet\\", "shown\r\n")
    assert row.attributes == {"x": "\\"}
    assert row.place == ("g\\1", 2, 3)


@pytest.mark.parametrize(
    "sources",
    [
        "no json",
        "{}",
        "[]",
        "[1]",
        json.dumps([{"kind": "dreamt"}]),
        json.dumps([{"kind": "exact"}]),
        json.dumps([{"kind": "unknown", "volume": 3}]),
        json.dumps([{"kind": "range", "volume": 9, "volume_max": 3}]),
        json.dumps([{"kind": "exact", "volume": "many"}]),
        json.dumps([{"kind": "exact", "volume": 1}] * 25),
        "x" * 40_000,
    ],
)
def test_sources_that_nobody_exported_are_not_believed(sources: str) -> None:
    parsed = parse(table(OWN, ("sofa", 5, "exact", sources, "2026-01-01", "true")))

    assert parsed.profile.name == "igny8_keywords"
    assert told(parsed) == {"sofa": {"volume": 5, "kind": "exact", "is_disabled": True}}


def test_of_a_source_only_what_has_the_right_shape_is_taken() -> None:
    source = {
        "kind": "exact", "tool": "x", "volume": 5, "difficulty": 300, "cpc": "1.2.3",
        "cpc_currency": "EURO", "observed_on": "yesterday", "trend": [1, -5], "trend_kind": "odd",
        "trend_end": "soon", "import": 7, "secret": "x",
    }  # fmt: skip
    good = {
        "kind": "range", "tool": "y", "volume": 5, "volume_max": 9, "difficulty": 30,
        "cpc": "1.25", "cpc_currency": "EUR", "observed_on": "2026-01-02", "trend": [1, None],
        "trend_kind": "absolute", "trend_end": "2026-08",
    }  # fmt: skip
    cell = json.dumps([source, good])

    [row] = parse(table(OWN, ("sofa", 5, "exact", cell, "", "maybe"))).rows

    assert row.sources == [{"kind": "exact", "tool": "x", "volume": 5}, good]


def test_a_difficulty_that_a_person_typed_into_our_export_comes_first() -> None:
    header = (*OWN, "Difficulty")
    cell = json.dumps([{"kind": "exact", "tool": "x", "volume": 5, "difficulty": 30}])

    [row] = parse(table(header, ("sofa", 5, "exact", cell, "", "", 12))).rows

    assert row.sources is not None
    assert row.sources[0] == {"tool": "igny8_keywords", "kind": "typed", "difficulty": 12.0}


@pytest.mark.parametrize(
    ("text", "tool", "expected"),
    [
        ("[100,82]", "generic", ("[1,0.82]", "relative", 2)),
        ("[1300,82]", "generic", ("[1300,82]", "absolute", 2)),
        ("0.5;1.0", "semrush_kmt", ("[0.5,1]", "relative", 2)),
        ("12;1.0", "semrush_kmt", None),
        ("1|2|-", "generic", ("[1,2,null]", "absolute", 3)),
        ("relative 0.5|1", "generic", ("[0.5,1]", "relative", 2)),
        ("up", "generic", None),
        ("[]", "generic", None),
        ("-5|3", "generic", None),
        ("-|-", "generic", None),
        ("1," * 61, "generic", None),
        ("1" * 1_001, "generic", None),
        ("\x1f5", "generic", ("[5]", "absolute", 1)),
    ],
)
def test_trends(text: str, tool: str, expected: tuple[str, str, int] | None) -> None:
    assert read_trend(text, tool=tool) == expected


def test_a_source_without_a_trend_shows_none() -> None:
    assert trend_text(None) == trend_text({"kind": "exact"}) == ("", "")


def test_odd_labels_are_kept_and_said() -> None:
    header = (
        "Keyword", "Intent", "SERP Features", "Country", "Language", "Last Update", "URL",
        "Currency", "CPC", "Position", "Clicks", "Impressions",
    )  # fmt: skip
    data = table(
        header,
        ("a", "Commercial", "Reviews,Carousel of joy,organic", "Austin, Texas, United States",
         "en-US", "3 March 2026", "shop.example", "EUR", "1.5", "0.5", "x", "<10"),
        ("b", "n/a", "-", "Atlantis", "German, English", "n/a", "-", "", "0.5", "", "", ""),
    )  # fmt: skip

    parsed = parse(data, country="US", language="en")

    assert told(parsed) == {
        "a": {
            "intents": ("commercial",), "serp_features": ("reviews", "other:carousel of joy"),
            "observed_on": "2026-03-03", "cpc": "1.5", "cpc_currency": "EUR",
        },
        "b": {"cpc": "0.5"},
    }  # fmt: skip
    assert [(issue.row, issue.column) for issue in parsed.issues] == [
        (2, "ranking_url"), (2, "position"), (2, "clicks"), (2, "impressions"), (3, "country"),
    ]  # fmt: skip


def test_a_person_may_leave_a_column_out_and_take_a_months_one() -> None:
    data = table(
        ("Keyword", "Volume", "KD", "Searches: May 2025", "Searches: Odd 2025", "Branded"),
        ("sofa", 10, 5, 70, 80, "yes"),
    )

    taken = parse(data, columns={"difficulty": "", "volume": "Searches: May 2025"})

    assert told(taken) == {"sofa": {"volume": 70, "kind": "exact"}}
    why = {column["name"]: column["why"] for column in taken.report["ignored_columns"]}
    assert why == {
        "Volume": "not known", "KD": "left out", "Searches: Odd 2025": "not known",
        "Branded": "not known",
    }  # fmt: skip
    with pytest.raises(NoKeywordColumn):
        parse(data, columns={"keyword": "Nothing", "volume": "Volume"})


@pytest.mark.parametrize(
    ("periods", "later"),
    [
        (("Last 28 days", "Previous 28 days"), "Last 28 days"),
        (("1/5/26 - 3/5/26", "1/4/26 - 3/4/26"), "1/5/26 - 3/5/26"),
        (("2026-05-01 - 2026-05-28", "2026-06-01 - 2026-06-28"), "2026-06-01 - 2026-06-28"),
    ],
)
def test_periods_of_a_comparison(periods: tuple[str, str], later: str) -> None:
    header = ["Top queries"]
    values: list[Any] = ["sofa"]
    for number, period in enumerate(periods, 1):
        header += [f"{period} Clicks", f"{period} Impressions"]
        values += [number, number * 100]

    [row] = parse(table(header, values)).rows

    assert row.impressions == (periods.index(later) + 1) * 100


def test_a_range_from_two_columns_or_one() -> None:
    header = ("Keyword", "Min Volume", "Max Volume")
    rows = [("a", 10, 90), ("b", 10, 10), ("c", 10, ""), ("d", "", 90)]

    found = {
        row.keyword: (row.volume, row.volume_max, row.kind)
        for row in parse(table(header, *rows)).rows
    }

    assert found == {
        "a": (10, 90, "range"), "b": (10, None, "exact"), "c": (10, None, "exact"),
        "d": (None, None, "unknown"),
    }  # fmt: skip


def test_months_with_a_bad_cell_say_which() -> None:
    data = table(
        ("Keyword", "Searches: May 2025", "Searches: Jun 2025"), ("sofa", "70", "many"),
    )  # fmt: skip

    parsed = parse(data)

    assert parsed.rows[0].trend == "[70,null]"
    assert [(i.row, i.column, i.code) for i in parsed.issues] == [(2, "2025-06", "value_invalid")]


def test_workbooks_are_limited_like_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    row = '<row r="{}"><c r="A{}" t="str"><v>sofa {}</v></c></row>'
    many = HEAD + "".join(row.format(n, n, n) for n in range(2, 1_500))
    monkeypatch.setattr(formats, "MAX_ROWS", 500)
    with pytest.raises(FileTooLarge):
        parse(workbook(Many=many))
    monkeypatch.undo()
    wide = '<row r="2"><c r="ZZ2"><v>1</v></c></row>'
    with pytest.raises(FileTooLarge):
        parse(workbook(Wide=HEAD + wide))
    monkeypatch.setattr(formats, "MAX_PARTS", 1)
    with pytest.raises(FileTooLarge):
        parse(workbook(One=HEAD, Two=HEAD))


def test_a_workbook_whose_sheet_is_damaged_is_refused_by_name() -> None:
    with pytest.raises(FormatNotSupported):
        parse(workbook(Bad="<worksheet><sheetData><row r='1'><c t='str'><v>Keyword</v></c></row>"))


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_a_workbook_of_which_some_bytes_are_lost_is_refused(part: str) -> None:
    data = bytearray(workbook(Sheet=HEAD))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo(part).header_offset + 30 + len(part)
    data[start : start + 30] = bytes(byte ^ 0xA5 for byte in data[start : start + 30])

    with pytest.raises(FormatNotSupported):
        parse(bytes(data))


def test_an_archive_that_lost_bytes_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("k.csv", "Keyword,Volume\r\nsofa,1\r\n")
    data = packed.getvalue()

    for lost in (data[:20] + data[25:], data[:30] + b"\xff\xfe" + data[32:]):
        with pytest.raises(FormatNotSupported):
            parse(lost, "k.zip")


def test_rows_of_all_sheets_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    row = '<row r="2"><c r="A2" t="str"><v>{}</v></c></row>'
    monkeypatch.setattr(formats, "MAX_ROWS", 1)

    with pytest.raises(FileTooLarge):
        parse(workbook(One=HEAD + row.format("a"), Two=HEAD + row.format("b")))


def test_a_country_above_the_header_is_the_market() -> None:
    data = b"Country,Germany\nReport of 2026-03-04\n\nKeyword,Volume\nsofa,1\n"

    parsed = parse(data, country="US")

    assert codes(parsed) == [(5, "other_market:de")]
    assert parsed.report["preamble"] == ["Country Germany", "Report of 2026-03-04"]
    assert parse(data, country="DE").rows[0].observed_on == "2026-03-04"
