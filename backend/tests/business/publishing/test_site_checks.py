from __future__ import annotations

import pytest

from igny8_core.business.publishing.services.site_checks import (
    PageFacts,
    SiteChecks,
    facts_of,
    facts_to_json,
)

BASE = "https://example.test/s"
HEAD = (
    '<title>A title</title><meta name="description" content="About it">'
    '<link rel="canonical" href="https://example.test/s/a/">'
    '<meta property="og:url" content="https://example.test/s/a/">'
)


def check(body: str, head: str = HEAD, *, lang: str = "en") -> list[str]:
    """What is wrong with one page by itself."""
    text = (
        f'<!doctype html><html lang="{lang}"><head>{head}</head>'
        f"<body><main><h1>A</h1>{body}</main></body></html>"
    )
    return list(facts_of("a/index.html", text.encode(), base_url=BASE).problems)


def problems_of(pages: dict[str, PageFacts], *further: str) -> list[str]:
    """What is wrong with a whole site, all of whose pages are new."""
    checks = SiteChecks(
        facts={path: facts_to_json(facts) for path, facts in pages.items()},
        fresh=pages,
        canonical={facts.canonical for facts in pages.values() if facts.canonical},
        files=[*pages, *further],
        base_url=BASE,
    )
    return checks.problems((), ())


def test_a_good_page_has_no_problems() -> None:
    body = '<p><a href="tel:+1">x</a><a href="mailto:a@b.c">y</a><a href="?q=a:b">z</a></p>'

    assert check(body) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<h1>Again</h1>", "2 of h1, one is needed"),
        ("<main></main>", "2 of main, one is needed"),
        ("<script>alert(1)</script>", "element script"),
        ('<script src="/s/x.js"></script>', "element script"),
        ("<form></form>", "element form"),
        ('<object data="x"></object>', "element object"),
        ('<base href="https://evil.test/">', "element base"),
        ('<p onclick="x()">x</p>', "attribute onclick"),
        ('<p style="color:red">x</p>', "attribute style"),
        ('<a href="javascript:alert(1)">x</a>', "address javascript:alert(1)"),
        ('<a href="JaVaScRiPt:alert(1)">x</a>', "address JaVaScRiPt:alert(1)"),
        ('<a href=" data:text/html,x">x</a>', "address  data:text/html,x"),
        ('<img src="/s/x.png" width="1" height="1">', "image /s/x.png has no alt"),
        ('<img src="/s/x.png" alt="">', "image /s/x.png has no width, height"),
        ('<p id="a">x</p><p id="a">y</p>', "id a is given 2 times"),
        ('<script type="application/ld+json">{"@graph"</script>', "JSON-LD cannot be read"),
    ],
)
def test_what_a_page_must_not_have(body: str, problem: str) -> None:
    assert problem in check(body)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (HEAD.replace("A title", ""), "title is empty"),
        (HEAD.replace("<title>A title</title>", ""), "0 of title, one is needed"),
        (HEAD.replace("About it", ""), "description is empty"),
        (HEAD + '<link rel="canonical" href="x">', "2 of canonical, one is needed"),
        (HEAD.replace('content="https', 'content="http'), "og:url is not the canonical address"),
    ],
)
def test_what_a_head_must_have(head: str, problem: str) -> None:
    assert problem in check("", head)


def test_a_page_names_its_language() -> None:
    assert check("", lang="") == ["no language"]


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        ('{"@type": "BlogPosting"}', "JSON-LD has no headline, datePublished, dateModified"),
        (
            '{"@type": "BlogPosting", "mainEntityOfPage": "https://example.test/b/"}',
            "JSON-LD names another page",
        ),
        (
            '{"@type": "BlogPosting", "datePublished": "2026-02", "dateModified": "2026-01"}',
            "modified before it was published",
        ),
    ],
)
def test_what_structured_data_must_have(node: str, problem: str) -> None:
    found = check(f'<script type="application/ld+json">{{"@graph": [{node}]}}</script>')

    assert any(one.startswith(problem) for one in found)


def test_every_address_of_the_site_that_a_page_names_is_looked_at() -> None:
    body = (
        '<a href="/s/b/#x">1</a><a href="../c/">2</a><a href="#here">3</a>'
        '<a href="https://example.test/s/d.pdf?x=1">4</a><a href="https://other.test/">5</a>'
        '<a href="/elsewhere/">6</a><a href="//example.test/s/f">7</a>'
        '<img src="/s/i.png" srcset="/s/i-1.png 1x, /s/i-2.png 2x" alt="" width="1" height="1">'
    )
    text = f"<html lang=en><head>{HEAD}</head><body><main><h1>A</h1>{body}</main></body></html>"

    facts = facts_of("a/index.html", text.encode(), base_url=BASE)

    assert facts.targets == (
        "a/",
        "a/#here",
        "b/#x",
        "c/",
        "d.pdf",
        "f",
        "i-1.png",
        "i-2.png",
        "i.png",
    )


def test_dead_links_and_places_are_found() -> None:
    pages = {
        "a/index.html": PageFacts(
            canonical=f"{BASE}/a/", targets=("b/", "b/#x", "b/#y", "c/", "d.css")
        ),
        "b/index.html": PageFacts(canonical=f"{BASE}/b/", anchors=("x",)),
        "sitemap.xml": PageFacts(locations=(f"{BASE}/a/", f"{BASE}/b/")),
    }

    found = problems_of(pages, "d.css")

    assert found == ["a/index.html: dead link /b/#y", "a/index.html: dead link /c/"]


def test_canonical_addresses_are_unique_and_their_own() -> None:
    pages = {
        "a/index.html": PageFacts(canonical=f"{BASE}/a/"),
        "b/index.html": PageFacts(canonical=f"{BASE}/a/"),
        "sitemap.xml": PageFacts(locations=(f"{BASE}/a/", f"{BASE}/a/", f"{BASE}/z/")),
    }

    assert problems_of(pages) == [
        f"{BASE}/a/: canonical of 2 pages",
        f"b/index.html: canonical is {BASE}/a/",
        f"{BASE}/a/: 2 times in the sitemap",
        f"{BASE}/z/: in the sitemap but no canonical page",
    ]


def test_a_page_that_no_sitemap_lists_is_found() -> None:
    pages = {"a/index.html": PageFacts(canonical=f"{BASE}/a/")}

    assert problems_of(pages) == [f"{BASE}/a/: not in the sitemap"]


def test_xml_that_is_not_well_formed_is_found() -> None:
    (problem,) = facts_of("feed.xml", b"<a><b></a>", base_url=BASE).problems

    assert problem.startswith("is not well-formed: ")


def test_a_sitemap_of_another_host_is_found() -> None:
    text = (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        "<url><loc>https://other.test/</loc></url></urlset>"
    )

    assert facts_of("sitemap.xml", text.encode(), base_url=BASE).problems == (
        "https://other.test/ is not of this site",
    )


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]><urlset><url><loc>&x;</loc></url></urlset>'

    facts = facts_of("sitemap.xml", bomb, base_url=BASE)

    assert "y" not in facts.locations
