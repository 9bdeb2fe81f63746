from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree, html

from igny8_core.business.content.snapshots import AuthorSnapshot
from igny8_core.business.publishing.errors import BuildBroken
from igny8_core.business.publishing.services.site_build import (
    build_hash,
    render_site,
)
from tests.business.publishing.built_sites import (
    EVIL,
    a_site,
    attribute,
    graph,
    node,
    page,
    through_bytes,
)
from tests.make import publishing as make


def test_the_files_of_a_site() -> None:
    build = a_site(2)

    pages = [path for path in build.entries if not path.startswith("assets/")]
    assert pages == [
        "404.html",
        "articles/choosing-sofa-1/index.html",
        "articles/choosing-sofa-2/index.html",
        "articles/index.html",
        "feed.xml",
        "index.html",
        "robots.txt",
        "rss.xml",
        "search/index.html",
        "sitemap.xml",
        "topics/index.html",
        "topics/leather-sofas/index.html",
    ]
    assets = sorted(path for path in build.entries if path.startswith("assets/"))
    assert len(assets) == 10
    assert {build.entries[path].cache for path in assets} == {"immutable"}
    assert {build.entries[path].cache for path in pages} == {"short"}
    assert build.entries["feed.xml"].content_type == "application/atom+xml; charset=utf-8"
    assert build.entries["sitemap.xml"].content_type == "application/xml; charset=utf-8"


def test_the_same_source_gives_the_same_bytes() -> None:
    first, second = a_site(), a_site()

    assert first.texts == second.texts
    assert first.entries == second.entries
    assert build_hash(first.entries, {}) == build_hash(second.entries, {})


def test_a_build_hash_knows_files_and_contents() -> None:
    one, other = a_site(2), a_site(3)

    hashes = {
        build_hash(one.entries, {"1": {"revision": 1}}),
        build_hash(one.entries, {"1": {"revision": 2}}),
        build_hash(other.entries, {"1": {"revision": 1}}),
    }
    assert len(hashes) == 3


def test_a_reused_build_is_the_same_build() -> None:
    articles = [make.article_snapshot(n) for n in range(1, 30)]
    before = render_site(make.site_source(*articles))
    articles[3] = replace(articles[3], title="Another title", revision=2)
    source = make.site_source(*articles)

    kept = through_bytes(before)
    reused, anew = render_site(source, earlier=kept), render_site(source)

    assert reused.entries == anew.entries
    assert reused.pages == anew.pages
    assert len(reused.reused) > 20
    assert "articles/choosing-sofa-4/index.html" in reused.texts
    assert reused.texts.items() <= anew.texts.items()


def test_an_unchanged_site_renders_no_page_again() -> None:
    before = a_site(4)

    after = render_site(
        make.site_source(*(make.article_snapshot(n) for n in range(1, 5))), earlier=before.earlier()
    )

    assert {path for path in after.texts if not path.startswith("assets/")} == set()
    assert after.entries == before.entries


def test_the_head_of_an_article() -> None:
    root = page(a_site(2), "articles/choosing-sofa-1/index.html")
    address = "https://example.test/sites/1/articles/choosing-sofa-1/"

    assert root.get("lang") == "en"
    assert root.findtext(".//title") == "Choosing sofa number 1: what to look at · Sofa House"
    assert [e.get("href") for e in root.findall(".//link[@rel='canonical']")] == [address]
    head = {
        m.get("property") or m.get("name"): m.get("content")
        for m in root.findall(".//meta[@content]")
    }
    assert head["description"] == "What to measure, which fabric lasts and what sofa 1 costs."
    assert head["robots"] == "index,follow,max-image-preview:large"
    assert head["og:type"] == "article"
    assert head["og:url"] == address
    assert head["og:site_name"] == "Sofa House"
    assert head["og:locale"] == "en_GB"
    assert str(head["og:image"]).startswith(
        "https://example.test/sites/1/assets/choosing-sofa-1-1200-"
    )
    assert (head["og:image:width"], head["og:image:height"]) == ("1200", "630")
    assert head["og:image:alt"] == "Cover of article 1"
    assert head["article:published_time"] == "2026-11-01T10:30:00+00:00"
    assert head["twitter:card"] == "summary_large_image"


def test_the_body_of_an_article() -> None:
    root = page(a_site(2), "articles/choosing-sofa-1/index.html")

    assert [h.text_content() for h in root.findall(".//h1")] == ["Choosing sofa number 1"]
    assert [li.text_content() for li in root.findall(".//nav[@class='crumbs']//li")] == [
        "Home",
        "Leather sofas",
        "Choosing sofa number 1",
    ]
    assert [a.get("href") for a in root.findall(".//nav[@class='toc']//a")] == [
        "#how-to-measure",
        "#which-fabric-lasts",
        "#what-it-costs",
    ]
    assert "Written by the built-in demo model" in root.text_content()
    assert "3 min read" in root.text_content()
    assert "1 November 2026" in root.text_content()
    (cover,) = root.findall(".//figure[@class='article__cover']/img")
    assert cover.get("alt") == "Cover of article 1"
    assert (cover.get("width"), cover.get("height")) == ("1200", "630")
    assert cover.get("fetchpriority") == "high"
    assert len((cover.get("srcset") or "").split(",")) == 3
    others = root.findall(".//section[@aria-labelledby='site_related']//h3/a")
    assert [a.get("href") for a in others] == ["/sites/1/articles/choosing-sofa-2/"]
    assert attribute(root, ".//a[@class='skip']", "href") == "#site_content"


def test_an_article_does_not_say_its_first_words_twice() -> None:
    twice = "A sofa is a long decision. Measure the room first & the door second."
    path = "articles/choosing-sofa-1/index.html"

    assert page(a_site(1, excerpt=twice), path).findall(".//p[@class='lede']") == []
    assert page(a_site(1), path).findtext(".//p[@class='lede']") == (
        "A short guide to sofa number 1."
    )


def test_the_structured_data_of_an_article() -> None:
    author = AuthorSnapshot(name="Ada Sand", kind="Person", url="https://example.test/ada")
    build = a_site(2, author=author)
    root = page(build, "articles/choosing-sofa-1/index.html")

    article = node(root, "BlogPosting")
    assert article["headline"] == "Choosing sofa number 1"
    assert article["mainEntityOfPage"] == ("https://example.test/sites/1/articles/choosing-sofa-1/")
    assert article["datePublished"] == "2026-11-01T10:30:00+00:00"
    assert article["author"] == {
        "@type": "Person",
        "name": "Ada Sand",
        "url": "https://example.test/ada",
    }
    assert article["digitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert article["image"][0]["digitalSourceType"].endswith("algorithmicMedia")
    assert {n["@type"] for n in graph(root)} == {
        "WebSite",
        "Organization",
        "BlogPosting",
        "BreadcrumbList",
    }
    steps = node(root, "BreadcrumbList")["itemListElement"]
    assert [step["position"] for step in steps] == [1, 2, 3]


def test_a_text_by_a_person_carries_no_mark() -> None:
    build = a_site(1, disclosure="", digital_source_type="", is_demo_text=False)
    root = page(build, "articles/choosing-sofa-1/index.html")

    assert "digitalSourceType" not in node(root, "BlogPosting")
    assert root.findall(".//p[@class='note']") == []


def test_a_revised_article_says_so() -> None:
    later = make.FIRST_DAY + timedelta(days=3)
    root = page(a_site(1, updated_at=later), "articles/choosing-sofa-1/index.html")

    assert "Updated 4 November 2026" in root.text_content()
    assert node(root, "BlogPosting")["dateModified"] == "2026-11-04T09:30:00+00:00"


def test_nothing_leaves_its_place_whatever_a_text_holds() -> None:
    evil = {"title": EVIL, "meta_title": EVIL, "meta_description": EVIL, "excerpt": EVIL}
    image = make.image_snapshot(1, alt=EVIL[:120])
    articles = [
        make.article_snapshot(n, cluster_name=EVIL, images=(image,), keywords=(EVIL,), **evil)
        for n in (1, 2, 3, 4)
    ]

    build = render_site(make.site_source(*articles, name=EVIL, tagline=EVIL))

    for path, data in build.texts.items():
        if path.endswith(".html"):
            root = html.document_fromstring(data.decode())
            kinds = {s.get("type") for s in root.findall(".//script")}
            runs = {"module"} if path == "search/index.html" else set()
            assert kinds <= {"application/ld+json"} | runs
            assert b"<script>alert" not in data
        elif path.endswith(".xml"):
            assert etree.fromstring(data) is not None
    article = page(build, "articles/choosing-sofa-1/index.html")
    assert node(article, "BlogPosting")["headline"] == EVIL
    assert article.findtext(".//h1") == EVIL


def test_an_unsafe_body_is_refused() -> None:
    with pytest.raises(BuildBroken) as refused:
        a_site(1, html='<p onclick="x()">Hello</p><script>alert(1)</script>')

    assert refused.value.data["problems"] == [
        "articles/choosing-sofa-1/index.html: attribute onclick",
        "articles/choosing-sofa-1/index.html: element script",
        "articles/choosing-sofa-1/index.html: JSON-LD cannot be read",
    ]


def test_control_characters_do_not_break_pages_or_feeds() -> None:
    build = a_site(1, title="A\x0bB\x00C\ufffe", html="<p>x\x08y</p>", excerpt="\x1f")

    assert page(build, "articles/choosing-sofa-1/index.html").findtext(".//h1") == "ABC"
    assert etree.fromstring(build.texts["feed.xml"]) is not None


def test_a_dead_internal_link_is_refused() -> None:
    body = '<p><a href="/sites/1/articles/gone/">gone</a> <a href="#nowhere">no</a></p>'

    with pytest.raises(BuildBroken) as refused:
        a_site(1, html=body)

    assert refused.value.data["problems"] == [
        "articles/choosing-sofa-1/index.html: dead link /articles/choosing-sofa-1/#nowhere",
        "articles/choosing-sofa-1/index.html: dead link /articles/gone/",
    ]


def test_a_link_between_articles_and_to_a_place_is_fine() -> None:
    body = '<h2 id="here">Here</h2><p><a href="/sites/1/articles/choosing-sofa-2/#here">x</a></p>'

    build = a_site(2, html=body)

    assert "articles/choosing-sofa-1/index.html" in build.entries


def test_two_articles_of_one_address_are_refused() -> None:
    twice = [make.article_snapshot(n, slug="same") for n in (1, 2)]

    with pytest.raises(BuildBroken) as refused:
        render_site(make.site_source(*twice))

    problems = refused.value.data["problems"]
    assert isinstance(problems, list)
    assert "articles/same/index.html: 2 pages of this address" in problems


def test_an_empty_site_can_be_built() -> None:
    build = render_site(make.site_source())

    assert "articles are on their way" in page(build, "index.html").text_content()
    assert "topics/index.html" not in build.entries


def test_addresses_in_other_scripts_are_quoted() -> None:
    article = make.article_snapshot(1, slug="кожаный-диван", cluster_name="диваны")
    build = render_site(make.site_source(article, language="ru"))

    assert "articles/кожаный-диван/index.html" in build.entries
    root = page(build, "articles/кожаный-диван/index.html")
    canonical = str(attribute(root, ".//link[@rel='canonical']", "href"))
    assert canonical.isascii()
    assert canonical.startswith("https://example.test/sites/1/articles/%D0%BA")
    assert "1 ноября 2026" in root.text_content()


def test_a_language_from_right_to_left_says_so() -> None:
    build = render_site(make.site_source(make.article_snapshot(), language="ar"))

    assert page(build, "index.html").get("dir") == "rtl"


def test_a_site_at_the_root_of_its_host() -> None:
    build = render_site(make.site_source(make.article_snapshot(), base_url="https://sofa.test"))

    root = page(build, "index.html")
    assert attribute(root, ".//a[@class='brand']", "href") == "/"
    assert attribute(root, ".//link[@rel='canonical']", "href") == "https://sofa.test/"


def test_an_article_without_image_has_a_card_all_the_same() -> None:
    build = a_site(2, images=())
    root = page(build, "index.html")

    assert root.findall(".//img") == []
    assert len(root.findall(".//span[@class='card__blank']")) == 2


def test_pages_offer_avif_then_webp_and_fall_back_to_jpeg() -> None:
    cover = make.image_snapshot(1)
    variants = tuple(
        replace(one, path=one.path.replace("webp", kind), format=kind)
        for kind in ("jpeg", "webp", "avif")
        for one in cover.variants
    )
    build = a_site(1, images=(replace(cover, variants=variants),))

    for path in ("articles/choosing-sofa-1/index.html", "index.html"):
        root = page(build, path)
        (shown,) = root.findall(".//picture")
        sources = list(shown.iter("source"))
        assert [one.get("type") for one in sources] == ["image/avif", "image/webp"]
        assert [re.findall(r"\.(\w+) (\d+)w", one.get("srcset") or "") for one in sources] == [
            [(kind, "400"), (kind, "800"), (kind, "1200")] for kind in ("avif", "webp")
        ]
        (image,) = shown.iter("img")
        assert re.search(r"-1200-\w{12}\.jpg\Z", image.get("src") or "")
        assert (image.get("srcset"), image.get("width")) == (None, "1200")
    kinds = sorted(path.rpartition(".")[2] for path in build.media)
    assert kinds == ["avif"] * 3 + ["jpg"] + ["webp"] * 3
    assert b"<picture" not in build.texts["feed.xml"]
    assert b"<source" not in build.texts["feed.xml"]


def test_images_inside_an_article_follow_its_sections() -> None:
    inside = make.image_snapshot(7, image_type="in_article", caption="A tape measure", alt="Tape")
    build = a_site(1, images=(make.image_snapshot(1), inside))
    root = page(build, "articles/choosing-sofa-1/index.html")

    (figure,) = root.findall(".//div[@class='prose']/figure")
    assert figure.findtext("figcaption") == "A tape measure"
    assert next(e.get("id") for e in figure.itersiblings()) == "which-fabric-lasts"
    assert attribute(figure, "img", "src").startswith("/sites/1/assets/choosing-sofa-1-1200-")


def test_the_style_sheet_is_small_and_named_by_its_bytes() -> None:
    build, other = (
        a_site(1),
        render_site(make.site_source(make.article_snapshot(), accent="#0055aa")),
    )

    (path,) = [p for p in build.entries if p.endswith(".css")]
    (changed,) = [p for p in other.entries if p.endswith(".css")]
    assert build.entries[path].size < 16_000
    assert build.entries[path].sha256.startswith(path.rpartition("-")[2].removesuffix(".css"))
    assert path != changed
