"""Search, llms.txt, robots, moved addresses, themes, words."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree, html

from igny8_core.business.publishing.services import site_extras
from igny8_core.business.publishing.services.site_build import render_site
from igny8_core.business.publishing.services.site_look import contrast, theme, themes
from igny8_core.business.publishing.services.site_words import counted, languages, words_of
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.business.publishing.services.site_build import Build

SCHEMAS = Path(__file__).parent / "schemas"
"""What sitemaps.org and RFC 4287 allow of what we write."""

ARTICLES = tuple(make.article_snapshot(n) for n in range(1, 4))


def built(*, moved: tuple[tuple[str, str], ...] = (), **identity: object) -> Build:
    return render_site(replace(make.site_source(*ARTICLES, **identity), moved=moved))


def text(build: Build, start: str, end: str = "") -> str:
    (path,) = [p for p in build.texts if p.startswith(start) and p.endswith(end)]
    return build.texts[path].decode()


def attribute(data: bytes, query: str, name: str) -> str:
    """An attribute of the one element that the query finds."""
    (found,) = html.document_fromstring(data).findall(query)
    return str(found.get(name))


def test_the_search_finds_titles_addresses_topics_and_headings() -> None:
    rows = json.loads(text(built(), "assets/search-index-"))

    title, path, excerpt, topic, words, day = rows[0]
    assert (title, path) == ("Choosing sofa number 3", "articles/choosing-sofa-3/")
    assert (excerpt, topic) == ("A short guide to sofa number 3.", "Leather sofas")
    assert words == "leather How to measure Which fabric lasts What it costs"
    assert day == "1 November 2026"
    assert len(rows) == 3


def test_a_large_index_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_extras, "SHORT_INDEX_FROM", 2)

    rows = json.loads(text(built(), "assets/search-index-"))

    assert [(row[2], row[4]) for row in rows] == [("", "")] * 3


def test_only_the_search_page_runs_a_script_and_only_its_own() -> None:
    build = built()
    scripts = {
        path: [s.get("src") for s in html.document_fromstring(data).findall(".//script[@src]")]
        for path, data in build.texts.items()
        if path.endswith(".html")
    }

    (source,) = scripts.pop("search/index.html")
    assert re.fullmatch(r"/sites/1/assets/search-[0-9a-f]{12}\.js", str(source))
    assert not any(scripts.values())
    assert "innerHTML" not in text(build, "assets/search-", ".js")
    page = build.texts["search/index.html"]
    assert attribute(page, ".//meta[@name='robots']", "content") == "noindex,nofollow"
    assert b'rel="canonical"' not in page


def test_a_site_may_do_without_a_search() -> None:
    build = built(has_search=False)

    assert not [path for path in build.entries if "search" in path]
    assert b"search/" not in build.texts["index.html"]


def test_llms_txt_lists_what_is_published() -> None:
    lines = built(has_llms_txt=True).texts["llms.txt"].decode().splitlines()

    assert lines[:5] == [
        "# Sofa House",
        "",
        "> Guides and answers about leather sofas.",
        "",
        "## Leather sofas",
    ]
    assert lines[6] == (
        "- [Choosing sofa number 3](https://example.test/sites/1/articles/choosing-sofa-3/): "
        "What to measure, which fabric lasts and what sofa 3 costs."
    )
    assert "llms.txt" not in built().entries


def test_articles_without_a_topic_are_listed_too() -> None:
    loose = make.article_snapshot(9, cluster_id=None, cluster_name="", title="Loose [one]")
    build = render_site(make.site_source(*ARTICLES, loose, has_llms_txt=True))

    assert "## Articles\n\n- [Loose (one)](" in build.texts["llms.txt"].decode()


def test_robots_txt_says_who_may_come() -> None:
    shut = built(ai_crawlers=False).texts["robots.txt"].decode()
    preview = built(is_preview=True).texts["robots.txt"].decode()

    assert built().texts["robots.txt"].decode() == (
        "User-agent: *\nAllow: /\n\nSitemap: https://example.test/sites/1/sitemap.xml\n"
    )
    assert "User-agent: GPTBot\n" in shut
    assert shut.index("Disallow: /\n") < shut.index("User-agent: *\nAllow: /\n")
    assert preview == "User-agent: *\nDisallow: /\n"


def test_a_key_for_indexnow_is_a_file() -> None:
    assert built(indexnow_key="0123456789abcdef").texts["0123456789abcdef.txt"] == (
        b"0123456789abcdef"
    )


def test_addresses_that_moved_lead_on() -> None:
    build = built(
        moved=(
            ("articles/old-name/", "content:2"),
            ("articles/choosing-sofa-1/", "content:2"),  # another article has it now
            ("articles/gone/", "content:99"),
            ("topics/sofas/", "topic:1"),
            ("articles/choosing-sofa-3/", "content:3"),  # it is still there
        )
    )

    assert build.redirects == {
        "articles/old-name/": "articles/choosing-sofa-2/",
        "topics/sofas/": "topics/leather-sofas/",
    }
    page = build.texts["articles/old-name/index.html"]
    assert attribute(page, ".//link[@rel='canonical']", "href") == (
        "https://example.test/sites/1/articles/choosing-sofa-2/"
    )
    assert attribute(page, ".//meta[@http-equiv='refresh']", "content") == (
        "0; url=/sites/1/articles/choosing-sofa-2/"
    )
    assert b"old-name" not in build.texts["sitemap.xml"]


def test_a_preview_says_so_and_keeps_search_engines_out() -> None:
    build = built(is_preview=True)

    for path, data in build.texts.items():
        if path.endswith(".html") and path != "404.html":
            assert attribute(data, ".//meta[@name='robots']", "content") == "noindex,nofollow"
            assert b"Preview, not public" in data, path
    assert b'class="preview"' not in built().texts["index.html"]


@pytest.mark.parametrize("language", languages())
def test_every_language_has_all_words_with_their_places(language: str) -> None:
    english, words = words_of("en"), words_of(language)
    places = re.compile(r"\{\w+\}")

    assert words.keys() == english.keys()
    assert all(words.values())
    loose = {"hub_text", "article_one", "search_one", "search_many"}
    for name, value in words.items():
        if name not in loose:
            assert sorted(places.findall(value)) == sorted(places.findall(english[name])), name
    build = built(language=language)
    assert html.document_fromstring(build.texts["index.html"]).get("lang") == language


def test_a_language_that_we_do_not_speak_is_english() -> None:
    assert words_of("xx-YY") is words_of("en")
    assert words_of("pt-BR")["search"] == "Pesquisa"
    assert counted(words_of("de"), 1, "article_one", "article_many") == "1 Artikel"


def test_german_pages_speak_german() -> None:
    article = built(language="de").texts["articles/choosing-sofa-1/index.html"].decode()

    assert "Auf dieser Seite" in article
    assert "1. November 2026" in article
    assert "3 Min. Lesezeit" in article
    assert "Read next" not in article


@pytest.mark.parametrize("name", themes())
def test_every_theme_can_be_read_in_both_schemes(name: str) -> None:
    tokens = (
        theme(name)
        .get_template("tokens.css.j2")
        .make_module({"accent": "#777777", "accent_dark": "#888888"})
    )
    for scheme in ("light", "dark"):
        found = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", str(getattr(tokens, scheme))))
        colours = {
            k: f"#{v[1] * 2}{v[2] * 2}{v[3] * 2}" if len(v) == 4 else v for k, v in found.items()
        }
        for paper in ("paper", "raised", "shade"):
            assert contrast(colours["ink"], colours[paper]) > 10, (scheme, paper)
            assert contrast(colours["soft"], colours[paper]) > 4.5, (scheme, paper)


@pytest.mark.parametrize("name", themes())
@pytest.mark.parametrize("accent", ["#000000", "#ffffff", "#ffee00", "#1f6391", "#a8442a", ""])
def test_accents_can_be_read_on_every_theme(name: str, accent: str) -> None:
    css = text(built(theme=name, accent=accent), "assets/site-")
    light, dark = css.split("@media (prefers-color-scheme:dark)", 1)
    for part in (light, dark):
        found = dict(re.findall(r"--(paper|shade|accent):(#[0-9a-f]{6})", part))
        assert contrast(found["accent"], found["paper"]) >= 4.5
        assert contrast(found["accent"], found["shade"]) >= 4.5


@pytest.mark.parametrize("name", themes())
def test_style_sheets_are_whole_and_small(name: str) -> None:
    css = text(built(theme=name), "assets/site-")

    assert css.count("{") == css.count("}")
    assert len(gzip.compress(css.encode())) < 6_000
    for scheme in ("light", "dark"):
        forced = text(built(theme=name, colour_scheme=scheme), "assets/site-")
        assert "prefers-color-scheme" not in forced
        assert f"color-scheme:{scheme}" in forced


def test_sitemaps_and_feeds_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    from igny8_core.business.publishing.services import site_plan

    schema = etree.XMLSchema(file=SCHEMAS / "sitemap.xsd")
    grammar = etree.RelaxNG(file=SCHEMAS / "atom.rng")
    build = built(language="de")
    schema.assertValid(etree.fromstring(build.texts["sitemap.xml"]))
    grammar.assertValid(etree.fromstring(build.texts["feed.xml"]))
    monkeypatch.setattr(site_plan, "SITEMAP_URLS", 3)
    split = built()
    maps = [data for path, data in split.texts.items() if path.startswith("sitemap")]
    for data in maps:
        schema.assertValid(etree.fromstring(data))
    assert len(maps) == 4


@pytest.mark.parametrize("name", themes())
@pytest.mark.parametrize("language", ["en", "ar", "fr"])
def test_pages_are_html_that_needs_no_repair(name: str, language: str) -> None:
    import html5lib

    build = built(theme=name, language=language, moved=(("articles/old/", "content:1"),))
    for path, data in build.texts.items():
        if path.endswith(".html"):
            parser = html5lib.HTMLParser(strict=True)
            parser.parse(data.decode())
            assert parser.errors == [], path
