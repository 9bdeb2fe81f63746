from __future__ import annotations

import gzip
from typing import Any

import pytest

from igny8_core.business.planning.errors import (
    EncodingUnreadable,
    FileEmpty,
    FileTooLarge,
    FormatNotSupported,
    KeywordFileInvalid,
    NoKeywordColumn,
    NumberStyleAmbiguous,
)
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.keyword_rows import (
    KeywordRow,
    ParsedFile,
    ReadOptions,
    parse_keyword_file,
)
from tests.make.planning import csv_bytes


def parse(data: bytes, file_name: str = "keywords.csv", **options: Any) -> ParsedFile:
    return parse_keyword_file(data, file_name=file_name, options=ReadOptions(**options))


def figures(parsed: ParsedFile) -> list[tuple[object, ...]]:
    return [
        (row.keyword, row.volume, row.volume_max, row.difficulty)
        for row in sorted(parsed.rows, key=lambda row: row.row)
    ]


def codes(parsed: ParsedFile) -> list[tuple[int, str]]:
    return [(issue.row, issue.code) for issue in parsed.issues]


ROWS = (("Keyword", "Volume", "KD"), ("café crème", 1300, 12), ("sofa", 90, 3.5))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_every_encoding_and_delimiter_reads_the_same(
    encoding: str, delimiter: str, newline: str
) -> None:
    data = csv_bytes(*ROWS, encoding=encoding, delimiter=delimiter, newline=newline)

    parsed = parse(data)

    assert figures(parsed) == [("café crème", 1300, None, 12.0), ("sofa", 90, None, 3.5)]
    assert (parsed.delimiter, parsed.header_row) == (delimiter, 1)


def test_a_guessed_code_page_is_said() -> None:
    parsed = parse(csv_bytes(*ROWS, encoding="cp1252"))

    assert (parsed.encoding, codes(parsed)) == ("cp1252", [(0, "encoding_guessed")])


def test_gzip_is_unpacked_also_in_several_members() -> None:
    data = csv_bytes(*ROWS)

    parsed = parse(gzip.compress(data[:20]) + gzip.compress(data[20:]))

    assert len(parsed.rows) == 2


def test_a_told_delimiter_is_obeyed_and_its_line_is_not_a_row() -> None:
    parsed = parse(b"sep=;\r\nKeyword;Volume\r\nsofa, grey;10\r\n")

    assert figures(parsed) == [("sofa, grey", 10, None, None)]
    assert parsed.header_row == 1


def test_quoted_line_breaks_delimiters_and_quotes_stay_in_their_cell() -> None:
    parsed = parse(b'Keyword,Notes,Volume\n"sofa\r\nbed","a, ""b""\nc",10\nchair,,5\n')

    assert figures(parsed) == [("sofa bed", 10, None, None), ("chair", 5, None, None)]
    assert [row.row for row in parsed.rows] == [3, 2]  # sorted by text: chair, sofa bed


def test_a_preamble_is_skipped_up_to_row_40() -> None:
    header, *rows = ROWS
    preamble = [("Keyword Stats 2026-06-09 at 21_25_18",), ("May 1, 2025 - April 30, 2026",)]

    parsed = parse(csv_bytes(*preamble, header, *rows, delimiter="\t", encoding="utf-16"))

    assert (parsed.header_row, len(parsed.rows)) == (3, 2)


def test_a_header_in_row_41_is_not_found() -> None:
    lines = [(f"line {n}",) for n in range(39)]
    assert parse(csv_bytes(*lines, *ROWS)).header_row == 40

    with pytest.raises(NoKeywordColumn) as refused:
        parse(csv_bytes(*lines, ("one more",), *ROWS))

    assert refused.value.data["lines"] == [f"line {n}" for n in range(5)]


def test_a_single_keyword_column_is_enough_when_the_header_comes_first() -> None:
    parsed = parse(b"keyword\nsofa\nchair\n")

    assert [row.keyword for row in parsed.rows] == ["chair", "sofa"]


def test_a_plain_list_needs_the_users_word() -> None:
    data = b"grey sofa, large\nchair\n"
    with pytest.raises(NoKeywordColumn):
        parse(data)

    parsed = parse(data, is_plain_list=True)

    assert [row.keyword for row in parsed.rows] == ["chair", "grey sofa, large"]
    assert (parsed.header_row, parsed.rows_read) == (0, 2)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FileEmpty),
        (b"\xef\xbb\xbf\r\n \n", FileEmpty),
        (b"Keyword,Volume\n", FileEmpty),
        (b"PK\x03\x04" + b"\x00" * 40, FormatNotSupported),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 40, FormatNotSupported),
        (b"%PDF-1.7 ...", FormatNotSupported),
        (b"\x89PNG\r\n\x1a\n....", FormatNotSupported),
        (bytes(range(1, 32)) * 20, FormatNotSupported),
        (gzip.compress(b"Keyword,Volume\nsofa,1\n" * 200, mtime=0)[:-12], FormatNotSupported),
        (b"\x1f\x8bnot gzip at all", FormatNotSupported),
        (gzip.compress(b"a" * 2_000_000, mtime=0), FileTooLarge),
        (b"Keyword,Volume\nsofa\x00bed,1\n" + b"x" * 200, EncodingUnreadable),
        (b"\xef\xbb\xbfKeyword,Volume\ncaf\xe9,1\n", EncodingUnreadable),
        (b"Keyword,Volume\n\x81\x8d\x8f,1\n", EncodingUnreadable),
        (b"Name,City\nAnn,Rome\n", NoKeywordColumn),
        (b"Keyword," + b"x," * 200 + b"Volume\nsofa\n", FileTooLarge),
        (b"Keyword,Volume\nsofa" + b"," * 201 + b"\n", FileTooLarge),
        (b"x" * 200_000, NoKeywordColumn),
    ],
)
def test_a_bad_file_is_refused_with_its_own_code(
    data: bytes, error: type[KeywordFileInvalid]
) -> None:
    with pytest.raises(KeywordFileInvalid) as refused:
        parse(data)

    assert type(refused.value) is error
    assert refused.value.http_status == 422


def test_too_many_rows_are_refused_and_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_ROWS", 3)
    assert parse(b"Keyword\na\nb\nc\n").rows_read == 3

    with pytest.raises(FileTooLarge):
        parse(b"Keyword\na\nb\nc\nd\n")


@pytest.mark.parametrize(
    "tail",
    [
        b'"chair,20\n',
        b'"chair,20',
        b'"chair,20\nbed,1\ndesk,2\n',
        b'"chair,20\n' + b"x\n" * 300 + b'"\n',
        b'"' + b"y" * 200_000,
    ],
)
def test_an_unclosed_quote_ends_the_reading_at_its_row(tail: bytes) -> None:
    parsed = parse(b"Keyword,Volume\nsofa,10\n" + tail)

    assert figures(parsed) == [("sofa", 10, None, None)]
    assert codes(parsed) == [(3, "unbalanced_quote")]
    assert (parsed.rows_read, parsed.skipped) == (2, 1)


def test_a_quote_inside_a_cell_is_no_unclosed_quote() -> None:
    parsed = parse(b'Keyword,Volume\n24" monitor,10\nsofa,5\n')

    assert figures(parsed) == [('24" monitor', 10, None, None), ("sofa", 5, None, None)]


def test_every_row_is_accounted_for_with_its_number() -> None:
    data = (
        b"Keyword,Volume,Country\n"
        b"sofa,10,US\n"  # 2
        b"\n"  # 3
        b" , ,\n"  # 4
        b"Keyword,Volume,Country\n"  # 5
        b"SOFA,30,us\n"  # 6
        b",5,US\n"  # 7
        b"chair,1,GB\n"  # 8
        b"desk,1,US,extra\n"  # 9
        b"lamp,2,US,\n"  # 10: an empty cell too many is none
        b"sh\x07elf,2,US\n" + b"w" * 256 + b",1,US\n"  # 11  # 12
    )

    parsed = parse(data, country="US")

    assert [row.keyword for row in parsed.rows] == ["lamp", "sofa"]
    assert codes(parsed) == [
        (3, "blank"),
        (5, "repeated_header"),
        (6, "merged"),
        (7, "keyword_empty"),
        (8, "other_market:gb"),
        (9, "column_count"),
        (11, "keyword_unreadable"),
        (12, "keyword_too_long"),
    ]
    assert parsed.issues[0].row_end == 4
    assert (parsed.rows_read, parsed.merged, parsed.skipped) == (11, 1, 8)


def test_a_keyword_seen_twice_takes_the_larger_volume_and_never_the_sum() -> None:
    parsed = parse(
        b"Keyword,Volume,KD,Position,URL\nSofa,10,7,9,https://a.example/x\nsofa,30,,4,\n"
    )

    row = parsed.rows[0]
    attributes = row.attributes(tool="generic", import_id=1)

    assert [source["volume"] for source in attributes["sources"]] == [30, 10]
    assert (attributes["position"], "ranking_url" in attributes) == (4.0, False)


def test_columns_are_found_by_name_and_ignored_ones_have_a_reason() -> None:
    header = (
        "#",
        "Global volume",
        "Competition",
        "Mood",
        "Volume",
        "CPC (EUR)",
        "Keyword",
        "Volume",
    )
    parsed = parse(csv_bytes(header, (1, 999, 0.5, "x", 10, "1.20", "sofa", 77)))

    row = parsed.rows[0]
    assert (row.volume, row.cpc, row.cpc_currency) == (10, "1.20", "EUR")
    assert parsed.report["ignored_columns"] == [
        {"name": "#", "why": "row number"},
        {"name": "Global volume", "why": "worldwide, not this market"},
        {"name": "Competition", "why": "advertising, not SEO"},
        {"name": "Mood", "why": "not known"},
        {"name": "Volume", "why": "a second column of this name"},
    ]


def test_names_of_columns_may_be_written_with_underscores() -> None:
    parsed = parse(
        csv_bytes(("search_term", "search_volume", "keyword_difficulty"), ("sofa", 9, 3))
    )

    assert figures(parsed) == [("sofa", 9, None, 3.0)]


def test_a_person_may_choose_a_column() -> None:
    data = csv_bytes(("Keyword", "Volume", "Local volume"), ("sofa", 999, 10))

    assert parse(data, columns={"volume": "Local volume"}).rows[0].volume == 10
    with pytest.raises(NoKeywordColumn):
        parse(data, columns={"volume": "Nothing"})


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
    data = csv_bytes(*ROWS)
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


def test_texts_keep_accents_order_and_years_but_not_case_or_quote_shape() -> None:
    pairs = [
        "Women\u2019s Sofa",
        "women's sofa",
        "sofa womens",
        "s\u00f3fa",
        "so\u0301fa",
        "sofa 2026",
    ]

    parsed = parse(csv_bytes(("Keyword",), *[(text,) for text in pairs]))

    assert [row.keyword_norm for row in parsed.rows] == [
        "sofa 2026",
        "sofa womens",
        "s\u00f3fa",
        "women's sofa",
    ]
    assert parsed.merged == 2


@pytest.mark.parametrize(
    "text", ["كنبة رمادية", "ספה אפורה", "โซฟา", "灰色沙发", "ghế sofa", "sofa 🛋️", "=1+1"]
)
def test_every_script_and_formula_is_text(text: str) -> None:
    assert parse(csv_bytes(("Keyword",), (text,))).rows[0].keyword == text


@pytest.mark.parametrize("text", ["so\u202efa", "so\x07fa", "so\u2066fa", "s\ufffdfa"])
def test_damaged_characters_overrides_and_controls_make_a_row_unreadable(text: str) -> None:
    assert codes(parse(csv_bytes(("Keyword",), (text,), ("bed",)))) == [(2, "keyword_unreadable")]
