"""Files that mean harm, and shapes that tools never write: a clear code each, no crash."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from igny8_core.common.xlsx_write import workbook_blocks
from tests.business.planning.imports.samples import (
    accounted,
    archive,
    codes,
    parse,
    table,
    text_file,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.planning.services.keyword_rows import ParsedFile

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{}</sheetData></worksheet>"
)
DATES = (
    '<styleSheet xmlns="x"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="0.00 &quot;days&quot;"/></numFmts><cellXfs count="4">'
    '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    "</styleSheet>"
)


def workbook(**sheets: str) -> bytes:
    """A workbook from the XML of its rows, as Excel lays it out."""
    parts = {
        "[Content_Types].xml": b"<Types/>",
        "xl/styles.xml": DATES.encode(),
        "xl/sharedStrings.xml": (
            b"<sst><si><t>Keyword</t></si><si><r><t>grey </t></r><r><t>sofa</t></r>"
            b"<rPh><t>ignored</t></rPh></si><si><t>Volume</t></si><si><t>a_x000D_b</t></si></sst>"
        ),
        "xl/workbook.xml": (
            '<workbook xmlns:r="r"><sheets>'
            + "".join(
                f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
                for n, name in enumerate(sheets, 1)
            )
            + "</sheets></workbook>"
        ).encode(),
        "xl/_rels/workbook.xml.rels": (
            "<Relationships>"
            + "".join(
                f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>'
                for n, _name in enumerate(sheets, 1)
            )
            + "</Relationships>"
        ).encode(),
    }
    for number, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            rows if rows.startswith("<?") or "<worksheet" in rows else SHEET.format(rows)
        ).encode()
    return archive(parts)


def excel(rows: Sequence[Sequence[object]]) -> bytes:
    return b"".join(workbook_blocks([str(c) for c in rows[0]], rows[1:], sheet="Keywords"))


HEAD = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>2</v></c></row>'


def test_a_workbook_with_every_kind_of_cell() -> None:
    rows = (
        '<row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3"><v>500.0</v></c></row>'
        '<row r="4"><c r="A4" s="1"><v>46000</v></c><c r="B4"><v>5</v></c></row>'
        '<row r="5"><c r="A5" s="2"><v>46000.5</v></c></row>'
        '<row r="6"><c r="A6"><v>365</v></c><c r="B6"><v>1.2345</v></c></row>'
        '<row r="7"><c r="A7" t="str"><f>A1&amp;B1</f><v>=1+1</v></c>'
        '<c r="B7" t="e"><v>#N/A</v></c></row>'
        '<row r="8"><c r="A8" t="e"><v>#REF!</v></c><c r="B8"><v>1</v></c></row>'
        '<row r="9"><c r="A9" t="inlineStr"><is><t>bed</t></is></c>'
        '<c r="B9" s="3"><v>7E2</v></c></row>'
        '<row r="10"><c r="A10" t="s"><v>3</v></c><c r="B10" t="b"><v>1</v></c></row>'
        '<row r="11"><c r="A11" t="d"><v>2026-01-01</v></c></row>'
        '<row r="12"><c r="B12"><v>1</v></c></row>'
    )
    parsed = parse(workbook(Keywords=HEAD + rows), "k.xlsx")

    assert {row.keyword: row.volume for row in parsed.rows} == {
        "grey sofa": 500, "365": 1, "=1+1": None, "bed": 700, "a b": None,
    }  # fmt: skip
    assert codes(parsed) == [
        (4, "keyword_is_date"),
        (5, "keyword_is_date"),
        (6, "keyword_is_number"),
        (6, "value_rounded"),
        (8, "keyword_empty"),
        (10, "value_invalid"),
        (11, "keyword_is_date"),
        (12, "keyword_empty"),
    ]
    assert accounted(parsed)


def test_every_sheet_with_a_keyword_column_is_read_and_the_others_are_named() -> None:
    other = '<row r="1"><c r="A1" t="str"><v>Name</v></c></row>'
    row = '<row r="2"><c r="A2" t="str"><v>{}</v></c></row>'

    parsed = parse(
        workbook(
            One=HEAD + row.format("sofa"), Empty="", Notes=other, Two=HEAD + row.format("Sofa")
        ),
        "groups_many_sheets.xlsx",
    )

    assert [(row.keyword, row.sheet) for row in parsed.rows] == [("sofa", "One")]
    assert [(i.sheet, i.row, i.code, i.text) for i in parsed.issues] == [
        ("Two", 2, "merged", "into row 2 of One")
    ]
    assert parsed.report["skipped_sheets"] == [
        {"name": "Empty", "why": "empty"},
        {"name": "Notes", "why": "no keyword column in the first 40 rows"},
    ]
    assert [sheet["name"] for sheet in parsed.report["sheets"]] == ["One", "Two"]


def test_a_workbook_of_ours_reads_like_the_same_csv() -> None:
    rows = [
        ("Keyword", "Volume", "KD", "CPC (USD)"),
        ("sofa", 1300, 12.5, 0.75),
        ("bed", None, 3, 2),
    ]
    as_text = table(*[["" if cell is None else cell for cell in row] for row in rows])

    assert told(parse(excel(rows))) == told(parse(as_text))


def test_one_cell_far_away_costs_nothing_and_is_refused() -> None:
    far = HEAD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    deep = HEAD + '<row r="1048576"><c r="A1048576" t="str"><v>sofa</v></c></row>'

    with pytest.raises(FileTooLarge):
        parse(workbook(Far=far))
    with pytest.raises(FileTooLarge):
        parse(workbook(Deep=deep))


@pytest.mark.parametrize(
    "sheet",
    [
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        "<worksheet><sheetData>&b;</sheetData></worksheet>",
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><worksheet/>',
        "<worksheet><sheetData><row>",
        "<worksheet>" + "<x>" * 1000,
    ],
)
def test_entities_outside_documents_and_broken_xml_are_refused(sheet: str) -> None:
    with pytest.raises(KeywordFileInvalid) as refused:
        parse(workbook(Bad=sheet))

    assert refused.value.code in {"format_not_supported", "file_empty"}


def bomb(size: int) -> bytes:
    return archive({"Queries.csv": b"Keyword,Volume\n" + b"a" * size})


def patched(data: bytes, **values: int) -> bytes:
    """An archive whose end of directory says something else."""
    at = data.rfind(b"PK\x05\x06")
    changed = bytearray(data)
    if "members" in values:
        struct.pack_into("<H", changed, at + 10, values["members"])
    if "directory" in values:
        struct.pack_into("<I", changed, at + 12, values["directory"])
    return bytes(changed)


def lying() -> bytes:
    """A member that says it is small and is not."""
    data = bytearray(archive({"k.csv": b"Keyword\n" + b"a" * 3_000_000}))
    at = data.find(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 100)
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(archive({"k.csv": b"Keyword\nsofa\n"}))
    for at in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
        struct.pack_into("<H", data, at, 1)
    return bytes(data)


PLAIN = {"k.csv": b"Keyword\nsofa\n"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (bomb(5_000_000), FileTooLarge),
        (patched(archive(PLAIN), members=60_000), FileTooLarge),
        (patched(archive(PLAIN), directory=2**30), FileTooLarge),
        (archive({f"{n}.csv": b"x" for n in range(61)}), FileTooLarge),
        (lying(), FormatNotSupported),
        (encrypted(), FormatNotSupported),
        (archive(PLAIN)[:-30], FormatNotSupported),
        (archive(PLAIN) + b"PK\x06\x07", FormatNotSupported),
        (archive({"inner.zip": archive(PLAIN)}), NoKeywordColumn),
        (archive({"a/": b"", "__MACOSX/k.csv": b"Keyword\nx\n"}), NoKeywordColumn),
        (archive({"k.pdf": b"%PDF-1.7"}), NoKeywordColumn),
        (archive({"xl/workbook.xml": b"<workbook/>"}), FormatNotSupported),
        (b"<?xml version='1.0'?><rss/>", FormatNotSupported),
        (b"\xef\xbb\xbf <html>", FormatNotSupported),
        (b"MZ\x90\x00" + b"\x01" * 600, FormatNotSupported),
    ],
    ids=range(15),  # an archive's bytes hold the time, and every worker names its tests itself
)
def test_archives_that_mean_harm(data: bytes, error: type[KeywordFileInvalid]) -> None:
    with pytest.raises(KeywordFileInvalid) as refused:
        parse(data)

    assert type(refused.value) is error


def test_a_path_in_a_members_name_is_only_a_name() -> None:
    parsed = parse(archive({"../../etc/passwd.csv": b"Keyword,Volume\nsofa,1\n"}))

    assert [(row.keyword, row.sheet) for row in parsed.rows] == [("sofa", "passwd.csv")]


def test_a_member_that_is_no_table_does_not_stop_the_others() -> None:
    parsed = parse(
        archive(
            {"a.zip": archive(PLAIN), "b.csv": PLAIN["k.csv"], "c.bin": bytes(range(1, 32)) * 9}
        )
    )

    assert [row.keyword for row in parsed.rows] == ["sofa"]
    assert [sheet["name"] for sheet in parsed.report["skipped_sheets"]] == ["a.zip", "c.bin"]


def test_one_endless_line_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_LINE_CHARACTERS", 100_000)

    with pytest.raises(FileTooLarge):
        parse(b"Keyword,Volume\nsofa" + b"x" * 120_000 + b",1\n")
    with pytest.raises(FileTooLarge):
        parse(b"Keyword," + b"x" * 120_000)


@pytest.mark.parametrize(
    "cell",
    [
        "1" + " " * 30_000 + "x",
        "1 - " * 8_000,
        "." * 30_000,
        "9" * 30_000,
        "$" * 30_000 + "1",
        "1e400",
        "[" + "1," * 15_000 + "]",
    ],
)
def test_a_cell_that_would_cost_time_is_only_wrong(cell: str) -> None:
    data = table(("Keyword", "Volume", "Trend", "KD", "SERP Features"), ("sofa", *[cell] * 4))
    began = time.process_time()

    parsed = parse(data)

    assert time.process_time() - began < 1
    assert parsed.rows[0].volume is None
    assert accounted(parsed)


def test_one_keyword_on_every_row_costs_in_proportion_to_the_rows() -> None:
    def timed(count: int) -> tuple[ParsedFile, float]:
        rows = "\n".join(f"sofa,{n}" for n in range(count))
        began = time.process_time()
        parsed = parse(f"Keyword,Volume\n{rows}\n".encode())
        parsed.rows[0].attributes(tool="generic", import_id=1)
        return parsed, time.process_time() - began

    _few, short = timed(7_500)
    parsed, long = timed(30_000)
    attributes = parsed.rows[0].attributes(tool="generic", import_id=1)

    assert long < 10 * short  # 16 times as long, were every row held against those before it
    assert (len(parsed.rows), parsed.merged) == (1, 29_999)
    assert attributes["sources"][0]["volume"] == 29_999
    assert len(attributes["sources"]) == 24


def test_a_large_file_is_never_held_as_a_whole() -> None:
    lines = "".join(f"sofa {number},{number},{'note ' * 400}\n" for number in range(10_000))
    data = ("Keyword,Volume,Notes\n" + lines).encode()
    del lines
    tracemalloc.start()
    try:
        parsed = parse(data)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (len(parsed.rows), len(data) > 20_000_000) == (10_000, True)
    assert peak < 15_000_000


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "cp1254", "shift_jis"])
def test_a_person_may_name_the_code_page(encoding: str) -> None:
    word = {"cp1250": "łóżko", "cp1251": "диван", "cp1254": "şezlong", "shift_jis": "ソファ"}[
        encoding
    ]
    data = table(("Keyword", "Volume"), (word, 1), encoding=encoding)

    assert parse(data, encoding=encoding).rows[0].keyword == word
    with pytest.raises(EncodingUnreadable):
        parse(b"Keyword\n\xff\xff\n", encoding="utf-8")


def test_thousands_are_the_columns_and_contradictions_are_asked() -> None:
    dots = table(("Keyword", "Volume"), ("a", "1.200"), ("b", "12.100"), ("c", "90"))
    blanks = table(("Keyword", "Volume"), ("a", "1 300"), ("b", "1\u202f300"), ("c", "1'300"))

    assert [row.volume for row in parse(dots).rows] == [1200, 12100, 90]
    assert {row.volume for row in parse(blanks).rows} == {1300}
    with pytest.raises(NumberStyleAmbiguous):
        parse(table(("Keyword", "Volume"), ("a", "1.200"), ("b", "1,200"), ("c", "0.5")))


def test_a_sheet_of_nothing_but_a_header_is_empty() -> None:
    with pytest.raises(FileEmpty):
        parse(workbook(Only=HEAD))


def test_a_market_named_by_nobody_is_the_sites_and_that_is_said() -> None:
    data = text_file("Keyword,Volume", "sofa,1")

    by_site = parse(data, country="GB", country_is_default=True)
    by_user = parse(data, country="GB")

    assert codes(by_site) == [(0, "market_from_default")]
    assert (by_site.report["market"]["from"], by_user.report["market"]["from"]) == ("site", "user")


def test_a_person_may_overrule_the_name_of_a_file() -> None:
    data = text_file("Keyword,Volume", "sofa,1")
    name = "gifts_broad-match_us_2026-05-01.csv"

    assert codes(parse(data, name, country="GB")) == [(2, "other_market:us")]
    assert codes(parse(data, name, country="GB", ignores_file_market=True)) == []


def test_another_language_is_another_market() -> None:
    data = table(("Keyword", "Locale"), ("sofa", "en-CA"), ("canapé", "fr-CA"))

    parsed = parse(data, country="CA", language="en")

    assert codes(parsed) == [(3, "other_market:fr-ca")]


CELLS = st.text(
    alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), max_codepoint=0x2FFF),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, st.integers(0, 10**6), CELLS), min_size=1, max_size=20),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]),
    order=st.permutations([0, 1, 2]),
    data=st.data(),
)
def test_any_table_reads_back_equal_in_every_writing_and_order(
    rows: list[tuple[str, int, str]],
    delimiter: str,
    encoding: str,
    order: list[int],
    data: st.DataObject,
) -> None:
    header = ("Keyword", "Volume", "Parent Keyword")
    plain = parse(table(header, *rows))
    shuffled = data.draw(st.permutations(rows))
    other = parse(
        table(
            *[[row[at] for at in order] for row in (header, *shuffled)],
            delimiter=delimiter,
            encoding=encoding,
        )
    )
    in_excel = parse(excel([header, *rows]))

    def figures(parsed: object) -> dict[str, object]:
        return {
            row.keyword_norm: row.attributes(tool="t", import_id=0)["sources"][0].get("volume")
            for row in parsed.rows  # type: ignore[attr-defined]  # a ParsedFile
        }

    assert figures(plain) == figures(other) == figures(in_excel)
    assert accounted(plain)
    assert accounted(other)
    assert (plain.rows_read, plain.merged) == (other.rows_read, other.merged)


def test_zipfile_refuses_what_it_cannot_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("k.csv", b"Keyword,Volume\nsofa,1\n")
    data = bytearray(out.getvalue())
    for at in (data.find(b"PK\x03\x04") + 8, data.find(b"PK\x01\x02") + 10):
        struct.pack_into("<H", data, at, 99)

    with pytest.raises(FormatNotSupported):
        parse(bytes(data))
