"""What goes out comes back: exports read by our own importer, and by a spreadsheet's rules."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.planning.errors import ExportInvalid
from igny8_core.business.planning.models import ContentIdeaKeyword, Keywords
from igny8_core.business.planning.selectors import KeywordFilters
from igny8_core.business.planning.services.export_columns import KEYWORD_COLUMNS
from igny8_core.business.planning.services.export_rows import (
    Exported,
    export_clusters,
    export_ideas,
    export_keywords,
)
from igny8_core.business.planning.services.import_report import import_report, write_issues
from igny8_core.common.csv_write import plain_cell, safe_cell
from igny8_core.common.errors import NotFound
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

HEADER = (
    "Keyword", "Volume", "KD", "CPC (USD)", "Intent", "SERP Features", "Parent Keyword",
    "Position", "URL", "Trend",
)  # fmt: skip


def exported(sector: Sector, **options: Any) -> tuple[bytes, Exported]:
    out = io.BytesIO()
    done = export_keywords(account=sector.account, sector=sector, out=out, now=NOW, **options)
    return out.getvalue(), done


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def values(sector: Sector) -> list[tuple[Any, ...]]:
    rows = Keywords.unscoped.filter(sector=sector, deleted_at=None).order_by("keyword_norm")
    found = []
    for row in rows:
        sources = [
            {name: value for name, value in source.items() if name not in {"import", "row"}}
            for source in row.attributes["sources"]
        ]
        rest = {name: value for name, value in row.attributes.items() if name != "sources"}
        found.append(
            (
                row.keyword, row.volume, row.volume_max, row.volume_kind, row.volume_observed_on,
                row.difficulty, row.difficulty_kind, row.cpc_minor, row.cpc_currency, row.intent,
                row.intent_source, row.is_disabled, sources, rest,
            )
        )  # fmt: skip
    return found


def filled() -> Sector:
    """A sector whose keywords hold everything that a keyword can hold."""
    sector = make_planning.sector(country_code="US")
    imported(
        sector,
        csv_bytes(
            HEADER,
            ("grey sofa", 1300, 12.5, "0.755", "Commercial, Branded", "AI overview, Odd one",
             "sofa", 4, "https://s.example/a", "100,200,300"),
            ("sofa bed", "1K - 10K", "", "", "", "", "", "", "", ""),
            ("=1+1", 5, "", "", "", "", "", "", "", ""),
            ("'=already", 6, "", "", "", "", "", "", "", ""),
            ('a "quoted", sofa', "", "", "", "", "", "", "", "", ""),
            ("how to clean a sofa", 90, "", "", "", "", "", "", "", ""),
        ),
        observed_on="2026-10-01",
    )  # fmt: skip
    imported(sector, csv_bytes(HEADER, ("grey sofa", 1600, 14, "", "Transactional")))
    imported(
        sector,
        csv_bytes(
            ("Top queries", "Clicks", "Impressions", "CTR", "Position"),
            ("old sofa", 3, 80, "3.75%", "9.4"),
        ),
    )
    imported(
        sector,
        csv_bytes(
            ("Keyword", "Intent", "Volume", "Trend", "Keyword Difficulty", "CPC (USD)"),
            ("corner sofa", "", 20, "0.5,1.0", "", ""),
        ),
    )
    typed = Keywords.unscoped.get(sector=sector, keyword="sofa bed")
    typed.attributes["sources"].insert(0, {"tool": "person", "kind": "typed", "volume": 2_000})
    typed.volume, typed.volume_max, typed.volume_kind = 2_000, None, "typed"
    typed.volume_observed_on = None
    typed.save()
    Keywords.unscoped.filter(sector=sector, keyword="=1+1").update(is_disabled=True)
    return sector


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_an_export_reads_back_with_equal_values(file_format: str) -> None:
    sector = filled()
    data, done = exported(sector, file_format=file_format)
    other = make_planning.sector(country_code="US")

    found = imported(other, data, country="US", file_name=done.file_name)

    assert (found.profile, found.created, found.skipped) == ("igny8_keywords", 8, 0)
    assert values(other) == values(sector)


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_an_export_imported_where_it_came_from_changes_nothing(file_format: str) -> None:
    sector = filled()
    before = list(Keywords.unscoped.filter(sector=sector).order_by("pk").values())
    data, _done = exported(sector, file_format=file_format)

    found = imported(sector, data)

    assert (found.created, found.updated, found.unchanged) == (0, 0, 8)
    assert list(Keywords.unscoped.filter(sector=sector).order_by("pk").values()) == before


def test_a_figure_that_a_person_typed_into_the_exported_file_comes_first() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(("Keyword", "Volume"), ("sofa", 10)))
    data, _done = exported(sector)
    text = data.decode("utf-8-sig")
    at = list(KEYWORD_COLUMNS).index("volume")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    rows[1][at] = "55"

    imported(sector, csv_bytes(*rows))

    row = Keywords.unscoped.get(sector=sector)
    assert (row.volume, row.volume_kind) == (55, "typed")
    assert [source["kind"] for source in row.attributes["sources"]] == ["typed", "exact"]


def test_the_columns_are_those_of_the_documentation() -> None:
    sector = filled()
    data, done = exported(sector)

    rows = {row["Keyword"]: row for row in lines(data)}

    assert ",".join(rows["grey sofa"]) == (
        "Keyword,Country,Language,Sector,Cluster,Status,Disabled,Volume,Volume min,Volume max,"
        "Volume kind,Volume sources,Difficulty,CPC,CPC currency,Intents,SERP features,Trend,"
        "Trend end,Parent keyword,Position,Ranking URL,Clicks,Impressions,First imported,"
        "Last imported"
    )
    grey = rows["grey sofa"]
    assert (grey["Volume"], grey["Volume kind"], grey["CPC"], grey["CPC currency"]) == (
        "1300", "exact", "0.755", "USD",
    )  # fmt: skip
    assert (grey["Trend"], grey["SERP features"]) == ("100|200|300", "ai_overview, other:odd one")
    assert rows["corner sofa"]["Trend"] == "relative 0.5|1"
    assert rows["how to clean a sofa"]["Intents"] == ""
    assert done.file_name == (f"igny8_keywords-1_{sector.site.slug}_{sector.slug}_2026-11-02.csv")
    assert data.startswith(b"\xef\xbb\xbfKeyword,")


def test_no_cell_is_run_as_a_formula() -> None:
    sector = make_planning.sector()
    texts = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@sum(a1)"]
    imported(sector, csv_bytes(("Keyword",), *[(text,) for text in texts]))

    data, _done = exported(sector)
    book, _ = exported(sector, file_format="xlsx")

    assert sorted(row["Keyword"] for row in lines(data)) == sorted(f"'{text}" for text in texts)
    sheet = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count('t="inlineStr"') > len(texts)


@given(st.text(max_size=12))
def test_what_is_made_safe_is_taken_back_exactly(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text
    assert safe_cell(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}


def test_a_filter_and_chosen_columns_narrow_an_export_down() -> None:
    sector = filled()

    data, done = exported(
        sector, filters=KeywordFilters(q="sofa", volume_min=100), columns=("keyword", "volume")
    )

    assert done.rows == 2
    assert lines(data) == [
        {"Keyword": "sofa bed", "Volume": "2000"},
        {"Keyword": "grey sofa", "Volume": "1300"},
    ]


def test_an_unknown_column_or_format_writes_nothing() -> None:
    sector = make_planning.sector()
    out = io.BytesIO()
    for options in ({"columns": ("mood",)}, {"file_format": "pdf"}):
        with pytest.raises(ExportInvalid):
            export_keywords(account=sector.account, sector=sector, out=out, now=NOW, **options)
    assert out.getvalue() == b""


def test_another_accounts_keywords_are_not_in_it() -> None:
    sector, other = make_planning.sector(), make_planning.sector()
    make_planning.keyword(other, "secret", attributes={"sources": []})

    data, done = exported(sector)

    assert (done.rows, b"secret" in data) == (0, False)


def test_an_export_asks_as_many_questions_for_many_rows_as_for_one() -> None:
    sector = make_planning.sector()
    counts = []
    for number in (1, 300):
        rows = [(f"sofa {n}", n) for n in range(number)]
        imported(sector, csv_bytes(("Keyword", "Volume"), *rows))
        with CaptureQueriesContext(connection) as asked:
            _data, done = exported(sector)
        counts.append((done.rows, len(asked)))

    assert counts == [(1, counts[0][1]), (300, counts[0][1])]


def test_clusters_and_ideas_go_out_with_names_and_numbers() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, "Sofas", keywords_count=2, volume=30)
    idea = make_planning.idea(cluster, title="-Sofas")
    for text in ("grey sofa", "blue sofa"):
        row = make_planning.keyword(sector, text, cluster=cluster)
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=row)
    out = io.BytesIO()
    export_clusters(account=sector.account, sector=sector, out=out, now=NOW)
    ideas = io.BytesIO()
    export_ideas(account=sector.account, sector=sector, out=ideas, now=NOW)

    [told] = lines(out.getvalue())
    assert (told["Id"], told["Name"], told["Status"]) == (str(cluster.pk), "Sofas", "mapped")
    [idea_told] = lines(ideas.getvalue())
    assert (idea_told["Title"], idea_told["Cluster"]) == ("'-Sofas", "Sofas")
    assert sorted(idea_told["Keywords"].split(", ")) == ["blue sofa", "grey sofa"]


def test_issues_go_out_with_what_to_do_about_them() -> None:
    sector = make_planning.sector(country_code="US")
    found = imported(
        sector,
        csv_bytes(("Keyword", "Volume", "Country"), ("sofa", "many", "us"), ("bed", 1, "gb")),
        country="US",
    )
    out = io.BytesIO()

    count = write_issues(account=sector.account, import_id=found.pk, out=out)

    rows = lines(out.getvalue())
    assert count == len(rows) == 2
    assert [(row["Row"], row["Column"], row["Code"], row["Text"]) for row in rows] == [
        ("2", "volume", "value_invalid", "many"),
        ("3", "keyword", "other_market:gb", "bed"),
    ]
    assert all(row["What to do"] for row in rows)
    with pytest.raises(NotFound):
        write_issues(account=make.account(), import_id=found.pk, out=out)


def test_the_report_is_one_object() -> None:
    sector = make_planning.sector(country_code="US")
    found = imported(sector, csv_bytes(("Keyword", "Volume"), ("sofa", 1), ("", 2)), country="US")

    report = import_report(account=sector.account, import_id=found.pk)

    assert report["counts"] == {
        "rows_read": 2, "created": 1, "updated": 0, "unchanged": 0, "merged": 0, "skipped": 1,
    }  # fmt: skip
    assert report["progress"] == {"done": 1, "total": 1}
    assert report["issue_counts"] == {"keyword_empty": 1}
    assert report["issues"][0]["advice"] == "Fill in the keyword, or remove the row."
    assert (report["market"]["country"], report["market"]["from"]) == ("US", "user")
    assert (report["status"], report["error"], report["undo"]) == ("completed", None, None)
