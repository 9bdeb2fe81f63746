"""Files of Google's: Keyword Planner and Search Console."""

# ruff: noqa: RUF001 - words of other languages, letter by letter

from __future__ import annotations

import pytest

from tests.business.planning.imports import samples
from tests.business.planning.imports.samples import (
    archive,
    codes,
    parse,
    table,
    text_file,
    told,
)


def gkp_row(keyword: str, volume: object, months: list[object], **cells: object) -> list[object]:
    named = {
        "Currency": "USD", "Competition": "High", "Competition (indexed value)": 98,
        "Top of page bid (low range)": "0.72", "Top of page bid (high range)": "2.4",
    } | cells  # fmt: skip
    head = [named.get(str(name), "") for name in samples.GKP_HEADER[1:15]]
    head[2] = volume
    return [keyword, *head, *months]


def gkp_file(*rows: list[object], encoding: str = "utf-16", delimiter: str = "\t") -> bytes:
    return table(
        *samples.GKP_PREAMBLE, samples.GKP_HEADER, *rows, encoding=encoding, delimiter=delimiter
    )


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-16", "\t"),
        ("utf-16-le", "\t"),
        ("utf-16-be", "\t"),
        ("utf-8-sig", ","),
        ("utf-8", ";"),
    ],
)
def test_keyword_planner_with_every_month(encoding: str, delimiter: str) -> None:
    months: list[object] = [880, 1000, 1300, 1300, 720, 590, 590, 720, 880, 1000, 1600, 1900]
    data = gkp_file(
        ["", "", "All", "1,910.0", *[""] * 11, *[5] * 12],
        gkp_row("sofa bed", "1,000", months, **{"YoY change": "∞"}),
        gkp_row("grey sofa", "90", [*months[:-1], ""]),
        encoding=encoding,
        delimiter=delimiter,
    )

    parsed = parse(data)

    assert (parsed.profile.name, parsed.header_row) == ("gkp", 3)
    assert told(parsed) == {
        "sofa bed": {
            "volume": 1000, "kind": "exact", "observed_on": "2026-06-09",
            "trend": "[720,590,590,720,880,1000,1600,1900,880,1000,1300,1300]",
            "trend_kind": "absolute", "trend_end": "2026-04",
        },
        "grey sofa": {
            "volume": 90, "kind": "exact", "observed_on": "2026-06-09",
            "trend": "[720,590,590,720,880,1000,1600,null,880,1000,1300,1300]",
            "trend_kind": "absolute",
        },
    }  # fmt: skip
    assert codes(parsed) == [(4, "totals_row")]
    ignored = {column["name"]: column["why"] for column in parsed.report["ignored_columns"]}
    assert (
        ignored["Competition"] == ignored["Competition (indexed value)"] == ("advertising, not SEO")
    )
    assert parsed.report["months"] == {"first": "2025-05", "last": "2026-04"}


def test_keyword_planner_buckets_and_what_only_looks_like_them() -> None:
    rows = [("0", 0, 10), ("50", 10, 100), ("500.0", 100, 1000), ("5000", 1000, 10_000),
            ("50000", 10_000, 100_000), ("500000", 100_000, 1_000_000)]  # fmt: skip
    empty: list[object] = [""] * 12
    buckets = parse(gkp_file(*(gkp_row(f"k{v}", v, empty) for v, _low, _high in rows)))
    filled = parse(gkp_file(gkp_row("sofa", "500", [480] * 12), gkp_row("bed", "50", empty)))
    other = parse(gkp_file(gkp_row("sofa", "500", empty), gkp_row("bed", "480", empty)))

    assert {row.keyword: (row.volume, row.volume_max, row.kind) for row in buckets.rows} == {
        f"k{text}": (low, high, "range") for text, low, high in rows
    }
    assert {row.kind for row in (*filled.rows, *other.rows)} == {"exact"}


def test_keyword_planner_ranges_with_en_dashes() -> None:
    empty: list[object] = [""] * 12
    data = gkp_file(gkp_row("sofa", "1K \u2013 10K", empty), gkp_row("bed", "100 – 1K", empty))

    assert {row.keyword: (row.volume, row.volume_max) for row in parse(data).rows} == {
        "sofa": (1000, 10_000),
        "bed": (100, 1000),
    }


def test_keyword_planner_in_turkish_and_spanish() -> None:
    turkish = table(
        ("Anahtar Kelime İstatistikleri 2026-06-09 at 21_25_18",),
        ("1 Mayıs 2025 - 30 Nisan 2026",),
        (
            "Anahtar Kelime", "Para birimi", "Ort. aylık aramalar", "Rekabet",
            "Üst sayfa teklifi (düşük aralık)", "Aramalar: May 2025",
        ),
        ("koltuk takımı", "TRY", "1.200", "Yüksek", "12,5", "1.300"),
        ("gri koltuk", "TRY", "90", "Düşük", "∞", "70"),
        delimiter="\t",
        encoding="utf-16",
    )  # fmt: skip
    spanish = table(
        ("Palabra clave", "Moneda", "Promedio de búsquedas mensuales", "Competencia"),
        ("sofá cama", "EUR", "1.300", "Alta"),
        delimiter=";",
    )

    assert parse(turkish).profile.name == parse(spanish).profile.name == "gkp"
    assert told(parse(turkish)) == {
        "koltuk takımı": {
            "volume": 1200, "kind": "exact", "trend": "[1300]", "trend_kind": "absolute",
            "trend_end": "2025-05", "observed_on": "2026-06-09",
        },
        "gri koltuk": {
            "volume": 90, "kind": "exact", "trend": "[70]", "trend_kind": "absolute",
            "trend_end": "2025-05", "observed_on": "2026-06-09",
        },
    }  # fmt: skip
    assert told(parse(spanish)) == {"sofá cama": {"volume": 1300, "kind": "exact"}}


CONSOLE = {
    "en": "Top queries,Clicks,Impressions,CTR,Position",
    "fr": "Requêtes les plus fréquentes,Clics,Impressions,CTR,Position",
    "fr2": "Requêtes les plus fréquentes,Clics,Impressions,CTR,Position moyenne",
    "es": "Consultas principales,Clics,Impresiones,CTR,Posición",
    "es2": "Consultas principales,Clics,Impresiones,CTR,Posición media",
    "de": "Häufigste Suchanfragen,Klicks,Impressionen,Klickrate,Position",
    "de2": "Häufigste Suchanfragen,Klicks,Impressionen,Klickrate,Durchschnittliche Position",
    "it": "Query principali,Clic,Impressioni,CTR,Posizione media",
    "nl": "Populairste zoekopdrachten,Klikken,Vertoningen,CTR,Positie",
    "pl": "Najpopularniejsze zapytania,Kliknięcia,Wyświetlenia,CTR,Pozycja",
    "tr": "En popüler sorgular,Tıklama,Görüntüleme,CTR,Ortalama konum",
    "cs": "Nejčastější dotazy,Kliknutí,Zobrazení,CTR,Průměrná pozice",
    "sv": "Vanligaste sökfrågorna,Klick,Visningar,Klickfrekvens,Genomsnittlig position",
    "ru": "Поисковый запрос,Клики,Показы,CTR,Позиция",
    "ja": "上位のクエリ,クリック数,表示回数,CTR,掲載順位",
    "ko": "인기 검색어,클릭수,노출수,클릭률,평균 게재순위",
    "zh": "热门查询,点击次数,展示次数,点击率,平均排名",
}


@pytest.mark.parametrize("language", CONSOLE)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_search_console_in_every_language(language: str, delimiter: str) -> None:
    header = CONSOLE[language].split(",")
    data = table(header, ("sofa", 12, 340, "3,53 %", "84,6"), delimiter=delimiter)

    parsed = parse(data)

    assert parsed.profile.name == "gsc"
    assert told(parsed) == {
        "sofa": {
            "volume": 340, "kind": "impressions", "clicks": 12, "impressions": 340,
            "position": 84.6,
        }
    }  # fmt: skip
    assert [column["why"] for column in parsed.report["ignored_columns"]] == [
        "computed from clicks and impressions"
    ]


@pytest.mark.parametrize(
    ("members", "country"),
    [
        (
            {
                "Requêtes.csv": (CONSOLE["fr"], "canapé,3,40,7.5%,4.2"),
                "Pages.csv": ("Pages les plus populaires,Clics,Impressions,CTR,Position",
                              "https://s.example/,3,40,7%,4"),
                "Pays.csv": ("Pays,Clics,Impressions,CTR,Position", "France,3,40,7%,4"),
                "Filtres.csv": ("Filtre,Valeur", "Pays,France"),
            },
            "FR",
        ),
        (
            {
                "Suchanfragen.csv": (CONSOLE["de"].replace(",", ";"), "canapé;3;40;7,5%;4,2"),
                "Filter.csv": ("Filter;Wert", "Datum;Letzte 3 Monate"),
            },
            "",
        ),
    ],
)  # fmt: skip
def test_search_console_archives_are_read_by_their_headers(
    members: dict[str, tuple[str, ...]], country: str
) -> None:
    data = archive({name: text_file(*lines) for name, lines in members.items()})

    parsed = parse(data, country="FR", country_is_default=True)

    assert told(parsed) == {
        "canapé": {
            "volume": 40, "kind": "impressions", "clicks": 3, "impressions": 40, "position": 4.2,
        }
    }  # fmt: skip
    assert parsed.report["market"]["from"] == ("filters" if country else "site")
    assert codes(parsed) == ([] if country else [(0, "market_from_default")])
    assert {sheet["why"] for sheet in parsed.report["skipped_sheets"]} == {
        "no keyword column in the first 40 rows"
    }


def test_a_country_filter_is_the_market_of_the_whole_upload() -> None:
    queries = text_file(CONSOLE["en"], "sofa,3,40,7%,4")
    filters = text_file("Filter,Value", "Search type,Web", "Country,United Kingdom")

    parsed = parse(archive({"Queries.csv": queries, "Filters.csv": filters}), country="US")

    assert (parsed.rows, codes(parsed)) == ([], [(2, "other_market:gb")])
    assert parsed.report["market"]["country"] == "GB"


def test_a_comparison_takes_the_later_period() -> None:
    early, late = "5/1/26 - 5/28/26", "6/1/26 - 6/28/26"
    header = ["Top queries"]
    for figure in ("Clicks", "Impressions", "CTR", "Position"):
        header += [f"{late} {figure}", f"{early} {figure}"]
    data = table(header, ("sofa", 5, 9, 100, 300, "5%", "3%", "7.1", "6.2"))

    parsed = parse(data)

    assert told(parsed) == {
        "sofa": {
            "volume": 100, "kind": "impressions", "clicks": 5, "impressions": 100,
            "position": 7.1,
        }
    }  # fmt: skip
    assert parsed.report["compared_periods"] == [late, early]
