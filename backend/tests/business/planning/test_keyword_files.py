from __future__ import annotations

import gzip

import pytest

from igny8_core.business.planning.errors import (
    EncodingUnreadable,
    FileEmpty,
    FileTooLarge,
    FormatNotSupported,
    KeywordFileInvalid,
    NoKeywordColumn,
)
from igny8_core.business.planning.services import keyword_formats as formats
from tests.business.planning.imports.samples import codes, figures, parse
from tests.make.planning import csv_bytes

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
