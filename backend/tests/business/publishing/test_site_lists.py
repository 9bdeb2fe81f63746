"""What lists the pages of a site: sitemap, feeds, robots, the home page, topics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from igny8_core.business.publishing.services import site_listings, site_plan
from igny8_core.business.publishing.services.site_build import render_site
from tests.business.publishing.built_sites import a_site, attribute, page
from tests.make import publishing as make

if TYPE_CHECKING:
    import pytest


def test_the_sitemap_lists_what_is_canonical_and_nothing_else() -> None:
    build = a_site(3)
    ns = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    root = etree.fromstring(build.texts["sitemap.xml"])

    locations = [e.text for e in root.findall(".//s:loc", ns)]
    canonical = [
        attribute(page(build, path), ".//link[@rel='canonical']", "href")
        for path in build.texts
        if path.endswith("index.html") and path != "search/index.html"
    ]
    assert sorted(map(str, locations)) == sorted(map(str, canonical))
    assert len(locations) == 7
    times = [e.text for e in root.findall(".//s:lastmod", ns)]
    assert len(times) == 7
    assert all(re.fullmatch(r"2026-11-01T\d\d:30:00\+00:00", str(t)) for t in times)


def test_a_long_sitemap_has_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_plan, "SITEMAP_URLS", 4)
    build = a_site(3)
    ns = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}

    index = etree.fromstring(build.texts["sitemap.xml"])
    assert [e.text for e in index.findall(".//s:loc", ns)] == [
        "https://example.test/sites/1/sitemap-1.xml",
        "https://example.test/sites/1/sitemap-2.xml",
    ]
    parts = [etree.fromstring(build.texts[f"sitemap-{n}.xml"]) for n in (1, 2)]
    assert [len(part) for part in parts] == [4, 3]


def test_the_atom_feed() -> None:
    ns = {"a": "http://www.w3.org/2005/Atom"}
    root = etree.fromstring(a_site(3).texts["feed.xml"])

    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    assert attribute(root, "a:link[@rel='self']", "href", ns) == (
        "https://example.test/sites/1/feed.xml"
    )
    entries = root.findall("a:entry", ns)
    assert [e.findtext("a:title", namespaces=ns) for e in entries] == [
        "Choosing sofa number 3",
        "Choosing sofa number 2",
        "Choosing sofa number 1",
    ]
    assert entries[0].findtext("a:id", namespaces=ns) == ("tag:example.test,2026-11-01:article-3")
    assert root.findtext("a:updated", namespaces=ns) == "2026-11-01T12:30:00+00:00"
    body = str(entries[0].findtext("a:content", namespaces=ns))
    assert "<h2 id" not in body
    assert "Which fabric lasts" in body


def test_feeds_carry_absolute_addresses_only() -> None:
    body = '<p><a href="/sites/1/articles/choosing-sofa-2/">x</a></p>'
    build = a_site(2, html=body)

    for path in ("feed.xml", "rss.xml"):
        assert b"href=&#34;/" not in build.texts[path]
        assert b"https://example.test/sites/1/articles/choosing-sofa-2/&#34;" in build.texts[path]


def test_the_rss_feed() -> None:
    root = etree.fromstring(a_site(2).texts["rss.xml"])

    items = root.findall("channel/item")
    assert [i.findtext("title") for i in items] == [
        "Choosing sofa number 2",
        "Choosing sofa number 1",
    ]
    assert attribute(items[0], "guid", "isPermaLink") == "false"
    assert items[0].findtext("pubDate") == "Sun, 01 Nov 2026 11:30:00 +0000"


def test_feeds_hold_the_newest_fifty() -> None:
    root = etree.fromstring(a_site(52).texts["feed.xml"])

    assert len(root.findall("{http://www.w3.org/2005/Atom}entry")) == 50


def test_robots_names_the_sitemap() -> None:
    assert a_site(1).texts["robots.txt"].decode().splitlines() == [
        "User-agent: *",
        "Allow: /",
        "",
        "Sitemap: https://example.test/sites/1/sitemap.xml",
    ]


def test_the_page_for_wrong_addresses_is_not_listed() -> None:
    root = page(a_site(1), "404.html")

    assert attribute(root, ".//meta[@name='robots']", "content") == "noindex"
    assert root.findall(".//link[@rel='canonical']") == []


def test_the_home_page_groups_by_topic() -> None:
    articles = [make.article_snapshot(n) for n in range(1, 6)]
    articles += [make.article_snapshot(n, cluster_id=2, cluster_name="rugs") for n in range(6, 8)]
    articles.append(make.article_snapshot(8, cluster_id=None, cluster_name=""))
    root = page(render_site(make.site_source(*articles)), "index.html")

    assert [h.text for h in root.findall(".//h2[@id]")] == ["Leather sofas", "More topics"]
    assert [a.text_content().split()[0] for a in root.findall(".//ul[@class='chips']//a")] == [
        "Leather",
        "Rugs",
    ]
    listed = [a.get("href") for a in root.findall(".//h3/a")]
    assert listed == [
        "/sites/1/articles/choosing-sofa-5/",
        "/sites/1/articles/choosing-sofa-4/",
        "/sites/1/articles/choosing-sofa-3/",
        "/sites/1/articles/choosing-sofa-7/",
        "/sites/1/articles/choosing-sofa-6/",
    ]


def test_a_hub_stands_first_on_its_topic_and_its_articles_link_to_it() -> None:
    articles = [
        make.article_snapshot(n, role="hub" if n == 2 else "supporting") for n in range(1, 6)
    ]
    build = render_site(make.site_source(*articles))

    topic = page(build, "topics/leather-sofas/index.html")
    assert attribute(topic, ".//section[@aria-label='Start here']//h2/a", "href") == (
        "/sites/1/articles/choosing-sofa-2/"
    )
    article = page(build, "articles/choosing-sofa-5/index.html")
    assert article.findtext(".//p[@class='guide']/a") == "Choosing sofa number 2"


def test_every_article_of_a_topic_is_read_next_somewhere() -> None:
    build = a_site(9)

    linked = {
        str(a.get("href"))
        for n in range(1, 10)
        for a in page(build, f"articles/choosing-sofa-{n}/index.html").findall(
            ".//section[@aria-labelledby='site_related']//h3/a"
        )
    }
    assert linked == {f"/sites/1/articles/choosing-sofa-{n}/" for n in range(1, 10)}


def test_an_article_alone_in_its_topic_leads_to_others() -> None:
    articles = [
        make.article_snapshot(n, cluster_id=n, cluster_name=f"topic {n}", related_ids=(2, 9))
        for n in range(1, 6)
    ]
    build = render_site(make.site_source(*articles))

    root = page(build, "articles/choosing-sofa-4/index.html")
    related = root.findall(".//section[@aria-labelledby='site_related']//h3/a")
    assert [a.text for a in related] == [
        "Choosing sofa number 2",
        "Choosing sofa number 3",
        "Choosing sofa number 1",
    ]
    topics = root.findall(".//section[@aria-labelledby='site_related']//p[@class='eyebrow']")
    assert [p.text for p in topics] == ["Topic 2", "Topic 3", "Topic 1"]


def test_a_large_topic_and_the_archive_have_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_listings, "HUB_CARDS", 2)
    monkeypatch.setattr(site_listings, "ARCHIVE_ROWS", 2)
    build = a_site(5)

    last = page(build, "topics/leather-sofas/page/3/index.html")
    assert attribute(last, ".//link[@rel='canonical']", "href") == (
        "https://example.test/sites/1/topics/leather-sofas/page/3/"
    )
    assert [a.get("rel") for a in last.findall(".//nav[@class='pager']/a")] == ["prev"]
    assert "articles/page/3/index.html" in build.entries
    assert "articles/page/4/index.html" not in build.entries


def test_topics_of_one_name_have_addresses_of_their_own() -> None:
    articles = [make.article_snapshot(n, cluster_id=n, cluster_name="Rugs") for n in (1, 2)]

    build = render_site(make.site_source(*articles))

    assert "topics/rugs/index.html" in build.entries
    assert "topics/rugs-2/index.html" in build.entries
