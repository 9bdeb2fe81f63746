"""One file of every tool, held against every value in it; unknown included."""

from __future__ import annotations

import pytest

from igny8_core.business.planning.services.keyword_formats import PROFILES
from tests.business.planning.imports import samples
from tests.business.planning.imports.samples import (
    accounted,
    codes,
    parse,
    table,
    text_file,
    told,
)


def test_ahrefs_keywords_explorer_of_2025() -> None:
    data = text_file(
        samples.AHREFS_2025,
        "1,Grey Sofa,gb,12,1300,0.75,1.2,grey couch,2026-07-01 08:12:44,"
        '"Sitelinks, People also ask, Thumbnail",9900,1700,4000,2015-09-01,'
        '"Informational, Commercial, Non-branded, Non-local"',
        '2,sofa near me,gb,,0,,,,,,,,,,"Transactional,Local"',
    )

    parsed = parse(data, country="GB")

    assert (parsed.profile.name, parsed.profile.confidence) == ("ahrefs_ke", "high")
    assert told(parsed) == {
        "Grey Sofa": {
            "volume": 1300, "kind": "exact", "difficulty": 12.0, "cpc": "0.75",
            "parent_keyword": "grey couch", "observed_on": "2026-07-01",
            "serp_features": ("sitelinks", "people_also_ask", "thumbnail"),
            "intents": ("informational", "commercial"),
            "intents_other": ("non-branded", "non-local"),
        },
        "sofa near me": {
            "volume": 0, "kind": "exact", "intents": ("transactional",),
            "intents_other": ("local",),
        },
    }  # fmt: skip
    assert (codes(parsed), accounted(parsed)) == ([], True)
    assert {column["name"]: column["why"] for column in parsed.report["ignored_columns"]} == {
        "#": "row number",
        "CPS": "not used",
        "Global volume": "worldwide, not this market",
        "Traffic potential": "not used",
        "Global traffic potential": "worldwide, not this market",
        "First seen": "not used",
    }


def test_ahrefs_in_utf_16_with_tabs_reads_the_same() -> None:
    rows: list[list[object]] = [
        list(samples.AHREFS_2025.split(",")),
        [1, "grey sofa", "us", 3, 90, "0.10", "", "sofa", "2026-07-01", "", 1, 2, 3, "", ""],
    ]

    one = parse(table(*rows))
    other = parse(table(*rows, delimiter="\t", encoding="utf-16"))

    assert told(one) == told(other)
    assert (other.encoding, other.delimiter) == ("utf-16-le", "\t")


def test_ahrefs_of_2026_knows_its_months_only_when_the_header_agrees() -> None:
    months = ",".join(str(100 + n) for n in range(24))
    data = text_file(
        samples.AHREFS_2026,
        f'1,gift ideas,gb,30,5400,0.4,,gifts,2026-07-08,,,,,,,en,"{months}","1,2,3",Shopping',
        f'2,gift box,gb,20,90,,,,,,,,,,,en,"{months.rpartition(",")[0]}",,',
    )

    parsed = parse(data, "google_gb_gifts_matching-terms_2026-07-08_20-05-24.csv", country="GB")

    with_months, without = told(parsed)["gift ideas"], told(parsed)["gift box"]
    assert with_months["trend"] == "[" + months + "]"
    assert (with_months["trend_kind"], with_months["trend_end"]) == ("absolute", "2026-08")
    assert without["trend"].count(",") == 22
    assert "trend_end" not in without
    assert without["observed_on"] == "2026-07-08"
    ignored = {column["name"]: column["why"] for column in parsed.report["ignored_columns"]}
    assert ignored["SV Forecasting trend (09-2026 - 09-2027)"] == "forecast"


def test_ahrefs_of_2020_has_clicks_that_are_not_the_sites() -> None:
    data = text_file(samples.AHREFS_2020, "1,sofa,us,55,74000,1.1,60000,0.9,1.3,,,,500000")

    parsed = parse(data)

    assert parsed.profile.name == "ahrefs_ke"
    assert told(parsed) == {
        "sofa": {"volume": 74000, "kind": "exact", "difficulty": 55.0, "cpc": "1.1"}
    }
    why = {column["name"]: column["why"] for column in parsed.report["ignored_columns"]}
    assert why["Clicks"] == "clicks on all results, not yours"


def test_ahrefs_site_explorer_says_intents_in_columns() -> None:
    data = text_file(
        samples.AHREFS_SITE,
        "sofa uk,700,8,0.5,10,12,2,9,7,2,Organic,Organic,https://shop.example/sofas,"
        "https://shop.example/old,true,false,false,true,true,false",
        "what is a sofa,90,,,,,,,,,,,,,FALSE,FALSE,TRUE,FALSE,FALSE,FALSE",
    )

    parsed = parse(data)

    assert parsed.profile.name == "ahrefs_se"
    assert told(parsed) == {
        "sofa uk": {
            "volume": 700, "kind": "exact", "difficulty": 8.0, "cpc": "0.5", "position": 7.0,
            "ranking_url": "https://shop.example/sofas",
            "intents": ("commercial", "transactional"), "intents_other": ("branded",),
        },
        "what is a sofa": {"volume": 90, "kind": "exact", "intents": ("informational",)},
    }  # fmt: skip


def test_semrush_keyword_magic() -> None:
    data = text_file(
        samples.KMT,
        'sofa bed,"Informational, Transactional",4400,'
        '"0.81,0.81,1.00,0.54,0.44,0.44,0.54,0.66,0.81,0.81,0.66,0.54",38,1.28,0.98,'
        '"Image pack, Featured snippet, Discussions and forums",123000000',
        "corner sofa,C,590,,,,,,",
    )

    parsed = parse(data, "sofa_broad-match_us_2026-05-01.csv", country="US")

    assert parsed.profile.name == "semrush_kmt"
    assert told(parsed) == {
        "sofa bed": {
            "volume": 4400, "kind": "exact", "difficulty": 38.0, "cpc": "1.28",
            "cpc_currency": "USD", "observed_on": "2026-05-01",
            "intents": ("informational", "transactional"),
            "serp_features": ("image_pack", "featured_snippet", "discussions"),
            "trend": "[0.81,0.81,1,0.54,0.44,0.44,0.54,0.66,0.81,0.81,0.66,0.54]",
            "trend_kind": "relative",
        },
        "corner sofa": {
            "volume": 590, "kind": "exact", "intents": ("commercial",),
            "observed_on": "2026-05-01",
        },
    }  # fmt: skip
    assert parsed.report["market"]["from"] == "file_name"


def test_semrush_with_columns_switched_off_and_in_the_order_of_2019() -> None:
    six = text_file(
        "Keyword,Intent,Volume,Keyword Difficulty,CPC (USD),SERP Features",
        "sofa,N,10,,0.00,Reviews",
    )
    old = text_file(
        "Keyword,Volume,Keyword Difficulty,CPC (USD),Competitive Density,Number of Results,"
        "SERP Features,Trend",
        'sofa,12100,85.18,1.05,1.00,550000000,"AMP, Reviews","0.82,1.00"',
    )

    assert told(parse(six)) == {
        "sofa": {
            "volume": 10, "kind": "exact", "cpc": "0.00", "cpc_currency": "USD",
            "intents": ("navigational",), "serp_features": ("reviews",),
        }
    }  # fmt: skip
    found = told(parse(old))["sofa"]
    assert (found["difficulty"], found["serp_features"]) == (85.2, ("other:amp", "reviews"))


def test_semrush_strategy_builder_mixes_markets_and_quotes_lines() -> None:
    references = '"""a.example"":""https://a.example/1""\r\n""b.example"":""https://b.example/2"""'
    data = text_file(
        samples.KSB,
        f"us,gift box,gifts,Gift boxes,Gifts,Ecommerce,,390,21,0.9,1,10,T,Reviews,"
        f'"0.5,1.0",80,{references},{references}',
        "uk,gift box,gifts,Gift boxes,Gifts,Ecommerce,,590,23,0.9,1,10,T,Reviews,,,,",
    )

    parsed = parse(data, "gifts_clusters_2026-02-13.csv", country="US")

    assert parsed.profile.name == "semrush_ksb"
    assert told(parsed) == {
        "gift box": {
            "volume": 390, "kind": "exact", "difficulty": 21.0, "cpc": "0.9",
            "cpc_currency": "USD", "intents": ("transactional",), "group": "Gifts",
            "page": "Gift boxes", "serp_features": ("reviews",), "trend": "[0.5,1]",
            "trend_kind": "relative", "observed_on": "2026-02-13",
        }
    }  # fmt: skip
    assert codes(parsed) == [(3, "other_market:gb")]
    assert parsed.report["groups"] == 1


def test_semrush_positions_keep_the_best_place_of_a_keyword() -> None:
    data = text_file(
        samples.POSITIONS,
        "sofa,9,8,1000,40,0.5,https://s.example/a,12,0.1,3,0.99,5000,"
        '"[100,82,54]",2026-06-28,"organic,people_also_ask,local_pack,5",1,Organic',
        "sofa,3,3,1000,40,0.5,https://s.example/b,90,0.9,3,0.99,5000,"
        '"[100,82,54]",2026-06-28,"image_pack",transactional,Organic',
    )

    parsed = parse(
        data,
        "example.com-organic.Positions-uk-20260628-2026-06-29T10_00_00Z.csv",
        country="GB",
    )

    assert (parsed.profile.name, parsed.merged) == ("semrush_positions", 1)
    attributes = parsed.rows[0].attributes(tool="semrush_positions", import_id=7)
    assert attributes == {
        "sources": [
            {
                "tool": "semrush_positions", "import": 7, "row": 2, "kind": "exact",
                "volume": 1000, "difficulty": 40.0, "cpc": "0.5", "observed_on": "2026-06-28",
                "trend": [1, 0.82, 0.54], "trend_kind": "relative",
            }
        ],
        "intents": ["transactional"],
        "intents_other": ["1"],
        "serp_features": ["image_pack", "local_pack", "other:5", "people_also_ask"],
        "position": 3.0,
        "ranking_url": "https://s.example/b",
    }  # fmt: skip
    assert (2, "label_unknown") in codes(parsed)


def test_semrush_positions_in_their_short_form() -> None:
    data = text_file(
        "Keyword,Position,Search Volume,Traffic,URL,Keyword Difficulty,CPC,Keyword Intents,"
        "SERP Features by Keyword",
        "sofa,1,20,5,https://s.example/,12,0.3,commercial,",
    )

    parsed = parse(data)

    assert parsed.profile.name == "semrush_positions"
    assert told(parsed)["sofa"]["position"] == 1.0


def test_semrush_api_codes_of_intents() -> None:
    data = text_file(
        "database;Keyword;Search Volume;Keyword Difficulty Index;Intent",
        "us;sofa;110000;71;1,0",
        "us;buy sofa;1900;44;3",
    )
    plain = text_file(
        "Keyword;Search Volume;CPC;Competition;Number of Results;Keyword Difficulty Index",
        "sofa;110000;1.30;0.87;500;71.5",
    )

    parsed = parse(data)

    assert (parsed.profile.name, parsed.delimiter) == ("semrush_api", ";")
    assert told(parsed)["sofa"]["intents"] == ("informational", "commercial")
    assert told(parsed)["buy sofa"]["intents"] == ("transactional",)
    assert told(parse(plain)) == {
        "sofa": {"volume": 110000, "kind": "exact", "cpc": "1.30", "difficulty": 71.5}
    }


def test_kwfinder_takes_the_average_and_not_a_month() -> None:
    data = table(
        samples.KWFINDER,
        ("sofa", 800, 900, "1250.5", "0.66", 84, 45, "Commercial", "12", "Images; Reviews",
         "United States"),
        ("bed", "-", "\u2014", "n/a", "\u2013", "", "-", "", "", "", "United States"),
        encoding="utf-8-sig",
    )  # fmt: skip

    parsed = parse(data, "kwfinder_import_export.csv", country="US")

    assert parsed.profile.name == "kwfinder"
    assert told(parsed) == {
        "sofa": {
            "volume": 1251, "kind": "exact", "difficulty": 45.0, "cpc": "0.66",
            "cpc_currency": "USD", "intents": ("commercial",),
            "serp_features": ("image_pack", "reviews"), "trend": "[800,900]",
            "trend_kind": "absolute", "trend_end": "2026-08",
        },
        "bed": {},
    }  # fmt: skip
    assert codes(parsed) == [(2, "value_rounded")]


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        (
            "Keywords,Intent,Volume,CPC,PD,SEO Difficulty",
            "sofa,C,1900,$0.90,77,41",
            {"volume": 1900, "kind": "exact", "cpc": "0.90", "cpc_currency": "USD",
             "difficulty": 41.0, "intents": ("commercial",)},
        ),
        (
            "Keyword,Search Intent,Search Volume,Cost per Click,Paid Difficulty,Search Difficulty",
            "sofa,I,1900,0.90,77,101",
            {"volume": 1900, "kind": "exact", "cpc": "0.90", "intents": ("informational",)},
        ),
        (
            "Keyword,Volume,CPC,PD,SD",
            "sofa,-5,0.90,77,41",
            {"cpc": "0.90", "difficulty": 41.0},
        ),
        (
            "Keyword,Position,Est. Visits,Volume,CPC,SEO Difficulty,URL",
            "sofa,4,12,1900,0.90,41,https://s.example/",
            {"volume": 1900, "kind": "exact", "cpc": "0.90", "difficulty": 41.0,
             "position": 4.0, "ranking_url": "https://s.example/"},
        ),
    ],
)  # fmt: skip
def test_ubersuggest_in_its_spellings(header: str, line: str, expected: dict[str, object]) -> None:
    parsed = parse(("\ufeff" + header + "\n" + line + "\n").encode())

    assert parsed.profile.name == "ubersuggest"
    assert told(parsed) == {"sofa": expected}


def test_moz_with_a_preamble_and_two_volumes() -> None:
    data = text_file(
        "# ----------",
        "List Name,Sofas",
        "Export Date,2016-11-02",
        "# ----------",
        "",
        "Keyword,Locale,Min Volume,Max Volume,Difficulty,Organic CTR,Importance,Priority,"
        "Date Analyzed",
        "sofa,en-US,11501,30300,61,55,3,62,2016-10-30",
        "sofa bed,en-US,0,10,22,,,,2016-13-17",
        "canapé,fr-FR,10,20,,,,,",
    )

    parsed = parse(data, country="US")

    assert (parsed.profile.name, parsed.header_row) == ("moz", 6)
    assert told(parsed) == {
        "sofa": {
            "volume": 11501, "volume_max": 30300, "kind": "range", "difficulty": 61.0,
            "observed_on": "2016-10-30",
        },
        "sofa bed": {
            "volume": 0, "volume_max": 10, "kind": "range", "difficulty": 22.0,
            "observed_on": "2016-11-02",
        },
    }  # fmt: skip
    assert codes(parsed) == [(9, "other_market:fr")]


def test_moz_of_2018() -> None:
    data = text_file(
        "Date Analyzed, Keyword,Locale,Relevance,Volume Range,Difficulty",
        '2018-01-05, "sofa",en-US,90,118001..300000,70',
    )

    assert parse(data).profile.name == "moz"
    assert told(parse(data)) == {
        "sofa": {
            "volume": 118001, "volume_max": 300000, "kind": "range", "difficulty": 70.0,
            "observed_on": "2018-01-05",
        }
    }  # fmt: skip


def test_no_two_profiles_share_all_their_columns() -> None:
    signatures = [profile.signature for profile in PROFILES]

    assert len(set(signatures)) == len(PROFILES) == 12


def test_pages_of_a_result_list_are_kept() -> None:
    data = table(
        ("Keyword", "SERP URLs"),
        ("sofa", "https://a.example/1|https://b.example/2"),
        ("bed", "https://a.example/1 nonsense"),
    )

    parsed = parse(data)

    assert told(parsed) == {
        "sofa": {"serp_urls": ("https://a.example/1", "https://b.example/2")},
        "bed": {"serp_urls": ("https://a.example/1",)},
    }
    assert codes(parsed) == [(3, "value_invalid")]
