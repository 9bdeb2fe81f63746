"""Cells of keyword files: volumes, difficulties, prices, intents, dates, by column and by tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.errors import (
    NumberStyleAmbiguous,
)
from tests.business.planning.imports.samples import codes, figures, parse
from tests.make.planning import csv_bytes

if TYPE_CHECKING:
    from igny8_core.business.planning.services.keyword_rows import (
        KeywordRow,
    )


def one_volume(text: str, **options: Any) -> tuple[object, ...]:
    row = parse(csv_bytes(("Keyword", "Volume"), ("sofa", text)), **options).rows[0]
    return row.volume, row.volume_max, row.kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1300", (1300, None, "exact")),
        ("1,300", (1300, None, "exact")),
        ("1.300", (1300, None, "exact")),
        ("1 300", (1300, None, "exact")),
        ("1\u00a0300", (1300, None, "exact")),
        ("1\u202f300", (1300, None, "exact")),
        ("1'300", (1300, None, "exact")),
        ("1.234.567", (1234567, None, "exact")),
        ("500.0", (500, None, "exact")),
        ("1,234.5", (1235, None, "exact")),
        ("1.2K", (1200, None, "exact")),
        ("1,2K", (1200, None, "exact")),
        ("2M", (2000000, None, "exact")),
        ("1K - 10K", (1000, 10000, "range")),
        ("1K \u2013 10K", (1000, 10000, "range")),
        ("118001..300000", (118001, 300000, "range")),
        ("100-1000", (100, 1000, "range")),
        ("<10", (0, 10, "range")),
        ("0", (0, None, "exact")),
        ("", (None, None, "unknown")),
        ("-", (None, None, "unknown")),
        ("\u2014", (None, None, "unknown")),
        ("n/a", (None, None, "unknown")),
        ("#N/A", (None, None, "unknown")),
        ("\u221e", (None, None, "unknown")),
    ],
)
def test_volumes(text: str, expected: tuple[object, ...]) -> None:
    assert one_volume(text) == expected


@pytest.mark.parametrize(
    "text", ["-5", "10000000001", "many", "1.2.3,4", "10K - 1K", ">100", "1e5"]
)
def test_a_bad_volume_is_unknown_and_reported_but_the_keyword_stays(text: str) -> None:
    parsed = parse(csv_bytes(("Keyword", "Volume"), ("sofa", text)))

    assert figures(parsed) == [("sofa", None, None, None)]
    assert codes(parsed) == [(2, "value_invalid")]


def test_the_number_style_is_the_columns_and_not_the_cells() -> None:
    comma = csv_bytes(("Keyword", "KD", "Volume"), ("a", "12,5", "1.200"), ("b", "3", "12"))

    assert figures(parse(comma)) == [("a", 1200, None, 12.5), ("b", 12, None, 3.0)]


def test_contradicting_cells_are_asked_about() -> None:
    data = csv_bytes(("Keyword", "Volume"), ("a", "1.200"), ("b", "500.0"))
    with pytest.raises(NumberStyleAmbiguous) as refused:
        parse(data)
    assert refused.value.data == {"columns": ["volume"]}

    with_comma = parse(data, decimal_marks={"volume": ","})
    with_dot = parse(data, decimal_marks={"volume": "."})

    assert [row.volume for row in with_comma.rows] == [1200, None]
    assert codes(with_comma) == [(3, "value_invalid")]
    assert [row.volume for row in with_dot.rows] == [1, 500]
    assert codes(with_dot) == [(2, "value_rounded")]


@pytest.mark.parametrize(
    ("text", "difficulty"),
    [
        ("42", 42.0),
        ("85.18", 85.2),
        ("85,18", 85.2),
        ("7%", 7.0),
        ("", None),
        ("101", None),
        ("-1", None),
    ],
)
def test_difficulties(text: str, difficulty: float | None) -> None:
    parsed = parse(csv_bytes(("Keyword", "Keyword Difficulty"), ("sofa", text)))

    assert parsed.rows[0].difficulty == difficulty


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("CPC (USD)", "0.5", ("0.5", "USD")),
        ("CPC/EUR", "1,25", ("1.25", "EUR")),
        ("CPC", "$1.20", ("1.20", "USD")),
        ("CPC", "1.20 GBP", ("1.20", "GBP")),
        ("CPC", "2", ("2", "")),
        ("CPC", "free", (None, "")),
    ],
)
def test_prices(header: str, text: str, expected: tuple[object, ...]) -> None:
    row = parse(csv_bytes(("Keyword", header), ("sofa", text))).rows[0]

    assert (row.cpc, row.cpc_currency) == expected


def row_of(header: str, text: str) -> KeywordRow:
    return parse(csv_bytes(("Keyword", header), ("sofa", text))).rows[0]


def test_intents_are_read_as_words_letters_and_sets() -> None:
    assert row_of("Intent", "Commercial, Informational").intents == ("informational", "commercial")
    assert row_of("Search Intent", "T").intents == ("transactional",)
    assert row_of("Intents", "Informational, Branded, Local").intents_other == ("branded", "local")
    assert row_of("Intent", "n/a").intents == ()


def test_a_label_that_is_not_known_is_kept_and_reported() -> None:
    parsed = parse(csv_bytes(("Keyword", "Intent"), ("sofa", "Dreamy")))

    assert parsed.rows[0].intents_other == ("dreamy",)
    assert codes(parsed) == [(2, "label_unknown")]


def test_dates_of_observation() -> None:
    assert row_of("Last Update", "2026-07-01 10:00:00").observed_on == "2026-07-01"
    assert row_of("Last Update", "Jun 1, 2026").observed_on == "2026-06-01"
    assert row_of("Last Update", "2016-13-17").observed_on == ""


def test_the_file_name_may_say_market_and_date() -> None:
    data = csv_bytes(("Keyword", "Volume"), ("sofa", 90), ("bed", 80))
    name = "google_gb_gifts_matching-terms_2026-07-08_20-05-24.csv"

    taken = parse(data, name, country="GB")
    other = parse(data, name, country="US")

    assert [row.observed_on for row in taken.rows] == ["2026-07-08"] * 2
    assert codes(other) == [(2, "other_market:gb"), (3, "other_market:gb")]


@pytest.mark.parametrize(
    ("cell", "is_taken"),
    [
        ("us", True),
        ("United States", True),
        ("en-US", True),
        ("", True),
        ("uk", False),
        ("de", False),
    ],
)
def test_rows_of_another_market_are_left_out(cell: str, is_taken: bool) -> None:  # noqa: FBT001
    parsed = parse(csv_bytes(("Keyword", "Country"), ("sofa", cell)), country="US")

    assert len(parsed.rows) == int(is_taken)


GKP = ("Keyword", "Currency", "Avg. monthly searches", "Competition", "Searches: May 2025")


def test_keyword_planner_buckets_are_ranges_when_no_month_is_filled() -> None:
    rows = [
        ("sofa", "EUR", 500, "Low", ""),
        ("chair", "EUR", 50000, "High", ""),
        ("", "", 9, "", ""),
    ]

    parsed = parse(csv_bytes(GKP, *rows, encoding="utf-16", delimiter="\t"))

    assert parsed.profile.name == "gkp"
    assert figures(parsed) == [("sofa", 100, 1000, None), ("chair", 10000, 100000, None)]
    assert codes(parsed) == [(4, "totals_row")]


def test_keyword_planner_figures_with_months_are_exact() -> None:
    parsed = parse(csv_bytes(GKP, ("sofa", "EUR", 500, "Low", 480), ("bed", "EUR", 50, "Low", "")))

    assert figures(parsed) == [("sofa", 500, None, None), ("bed", 50, None, None)]


def test_search_console_impressions_are_no_market_volume() -> None:
    data = csv_bytes(
        ("Top queries", "Clicks", "Impressions", "CTR", "Position"),
        ("sofa", 12, 340, "3.53%", "84.6"),
    )

    parsed = parse(data)
    row = parsed.rows[0]

    assert parsed.profile.name == "gsc"
    assert (row.volume, row.kind, row.clicks, row.position) == (340, "impressions", 12, 84.6)


def test_exactly_a_thousand_rows_of_search_console_may_be_cut() -> None:
    rows = [(f"sofa {n}", 1, 2, "50%", 3) for n in range(1000)]
    header = ("Top queries", "Clicks", "Impressions", "CTR", "Position")

    assert codes(parse(csv_bytes(header, *rows))) == [(0, "possibly_truncated")]
    assert codes(parse(csv_bytes(header, *rows[:-1]))) == []
