"""Every kind of file that lists pages, held against what is in it."""

from __future__ import annotations

import gzip
import io
import time
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from igny8_core.business.integration.errors import PageFileInvalid
from igny8_core.business.integration.services import page_files, page_xml
from igny8_core.business.integration.services.page_files import read_pages
from igny8_core.business.integration.services.page_rows import PageFile, PageIssue, PageRow
from igny8_core.common.url_keys import bare_host, url_key

NOTHING = PageRow(0, "")
WXR = (
    '<?xml version="1.0" encoding="UTF-8" ?>\n<rss version="2.0"'
    ' xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">'
    "<channel><title>Shop</title><link>https://s.example</link><language>en-GB</language>"
    "<wp:wxr_version>1.2</wp:wxr_version><wp:base_site_url>https://s.example</wp:base_site_url>"
    "{}</channel></rss>"
)


def item(**parts: str) -> str:
    """An item of a WordPress export; ``meta`` and ``more`` are XML."""
    told = {
        "title": "A sofa", "link": "https://s.example/sofa/", "type": "post", "status": "publish",
        "id": "7", "html": "<p>One two three</p>", "date": "2026-01-02 03:04:05",
        "modified": "2026-02-03 04:05:06", "slug": "sofa", "more": "",
    } | parts  # fmt: skip
    return (
        "<item><title>{title}</title><link>{link}</link><dc:creator>ann</dc:creator>"
        "<content:encoded><![CDATA[{html}]]></content:encoded>"
        "<wp:post_id>{id}</wp:post_id><wp:post_date_gmt>{date}</wp:post_date_gmt>"
        "<wp:post_modified_gmt>{modified}</wp:post_modified_gmt><wp:post_name>{slug}</wp:post_name>"
        "<wp:status>{status}</wp:status><wp:post_type>{type}</wp:post_type>{more}</item>"
    ).format(**told)


def meta(key: str, value: str) -> str:
    return (
        f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key>"
        f"<wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>"
    )


def read(data: bytes | str, domain: str = "s.example") -> tuple[list[PageRow], list[PageIssue]]:
    raw = data.encode() if isinstance(data, str) else data
    found = list(read_pages(io.BytesIO(raw), PageFile(), domain=domain))
    return (
        [row for row in found if isinstance(row, PageRow)],
        [issue for issue in found if isinstance(issue, PageIssue)],
    )


def told(row: PageRow) -> dict[str, Any]:
    """What is known of a page; what is not in here is unknown."""
    return {
        name: value
        for name in PageRow.__dataclass_fields__
        if name not in {"row", "post"} and (value := getattr(row, name)) != getattr(NOTHING, name)
    }


def codes(issues: list[PageIssue]) -> list[tuple[int, str, int]]:
    return [(issue.row, issue.code, issue.count) for issue in issues]


@pytest.mark.parametrize("encoding", ["utf8mb4", "shift_jis", "x"])
def test_an_encoding_that_cannot_be_read_is_said(encoding: str) -> None:
    with pytest.raises(PageFileInvalid):
        read(WXR.replace("UTF-8", encoding).format(item()))


def test_a_wordpress_export_becomes_pages() -> None:
    more = (
        '<category domain="category" nicename="sofas"><![CDATA[Sofas &amp; more]]></category>'
        '<category domain="post_tag" nicename="grey">grey</category>'
        + meta("_yoast_wpseo_focuskw", "grey sofa")
        + meta("_yoast_wpseo_metadesc", "All about sofas")
        + meta("_yoast_wpseo_title", "%%title%% %%sep%%")
        + "<wp:comment><wp:comment_content>x</wp:comment_content>"
        + meta("_yoast_wpseo_focuskw", "spam")
        + "</wp:comment><wp:post_password>secret</wp:post_password>"
    )
    html = "<!-- wp:heading --><h1 class='x'>The <b>sofa</b></h1><p>One [b]two</p><!-- /wp -->"

    [row], issues = read(WXR.format(item(title="Sofas &amp;amp; beds", html=html, more=more)))

    assert told(row) == {
        "url": "https://s.example/sofa/", "title": "Sofas & beds", "h1": "The sofa",
        "meta_description": "All about sofas", "focus_keyword": "grey sofa", "language": "en-GB",
        "word_count": 4, "last_modified_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    }  # fmt: skip
    assert row.post == {
        "external_id": "7", "external_type": "post", "status": "published",
        "site_status": "publish", "slug": "sofa", "html": html, "excerpt": "", "author": "ann",
        "published_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "seo_title": "%%title%% %%sep%%",
        "seo_description": "All about sofas", "is_protected": True,
        "terms": [["category", "sofas", "Sofas & more"], ["post_tag", "grey", "grey"]],
    }  # fmt: skip
    assert issues == []
    assert "secret" not in repr(row)


def test_every_status_and_type_of_a_wordpress_export() -> None:
    statuses = [
        "publish",
        "pending",
        "future",
        "draft",
        "private",
        "trash",
        "auto-draft",
        "inherit",
    ]
    items = [
        item(id=str(n), link=f"https://s.example/?p={n}", status=status, slug="")
        for n, status in enumerate(statuses)
    ] + [item(type=kind, status="publish") for kind in ("attachment", "nav_menu_item", "product")]

    rows, issues = read(WXR.format("".join([*items, item(type="nav_menu_item")])))

    assert [(row.post or {})["status"] for row in rows] == [
        "published", "review", "review", "draft", "draft",
    ]  # fmt: skip
    assert codes(issues) == [
        (0, "post_type:attachment", 1),
        (0, "post_type:nav_menu_item", 2),
        (0, "post_type:product", 1),
        (0, "status:auto-draft", 1),
        (0, "status:inherit", 1),
        (0, "status:trash", 1),
    ]


def test_what_is_unknown_in_a_wordpress_export_stays_unknown() -> None:
    more = meta("rank_math_focus_keyword", "grey sofa,blue sofa") + meta(
        "rank_math_description", "%excerpt%"
    )
    unknown = "0000-00-00 00:00:00"

    [row], _issues = read(WXR.format(item(date=unknown, modified=unknown, html="", more=more)))

    assert row.focus_keyword == "grey sofa"
    assert (row.meta_description, row.last_modified_at, row.word_count) == ("", None, None)
    assert row.post is not None
    assert (row.post["published_at"], row.post["seo_description"]) == (None, "%excerpt%")


def test_our_own_posts_are_recognised() -> None:
    rows, issues = read(WXR.format(item(more=meta("_igny8_id", "key-1"))))

    assert (rows, codes(issues)) == ([], [(1, "ours", 1)])


def test_a_wordpress_export_with_garbage_controls_and_split_cdata() -> None:
    html = "a]]]]><![CDATA[>b \x0b\x01 c"
    notice = "<br />\n<b>Notice</b>: Undefined index in x.php\n"

    [row], issues = read(notice + WXR.format(item(html=html)))

    assert (row.post or {})["html"] == "a]]>b  c"
    assert codes(issues) == [(0, "leading_garbage", 1), (0, "control_characters", 2)]


def test_a_wordpress_export_that_is_cut_off_gives_its_complete_items() -> None:
    whole = WXR.format(item() + item(id="8", link="https://s.example/bed"))
    cut = whole[: whole.index("bed") + 20]

    rows, issues = read(cut)

    assert [row.url for row in rows] == ["https://s.example/sofa/"]
    assert codes(issues) == [(0, "file_truncated", 1)]


@pytest.mark.parametrize(
    "data",
    [
        '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]>' + WXR[39:].format(item()),
        '<?xml version="1.0"?><!DOCTYPE urlset SYSTEM "http://127.0.0.1:9/x"><urlset/>',
        "<urlset>" + "<a>" * 300,
        "<urlset><url><loc>" + "x" * (17 * 2**20),
        "<?xml version='1.0'?><html/>",
        "<html><body>Not found</body></html>",
        "<urlset",
    ],
)
def test_xml_that_means_harm_or_is_none_of_ours_is_refused(data: str) -> None:
    with pytest.raises(PageFileInvalid):
        read(data)


@pytest.mark.parametrize("mark", ["<", "<!--", "<h1", "[a", "<h1>", "&amp;"])
def test_a_text_of_nothing_but_opening_marks_costs_no_time(mark: str) -> None:
    began = time.process_time()

    [row], _issues = read(WXR.format(item(html=mark * 200_000)))

    assert time.process_time() - began < 3
    assert row.url == "https://s.example/sofa/"


SITEMAP = (
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:xhtml="http://www.w3.org/1999/xhtml">{}</urlset>'
)


def test_a_sitemap_with_dates_and_languages() -> None:
    data = SITEMAP.format(
        "<url><loc> https://s.example/a </loc><lastmod>2026-01-02T03:04:05+01:00</lastmod>"
        '<xhtml:link rel="alternate" hreflang="de" href="https://s.example/a"/>'
        '<xhtml:link rel="alternate" hreflang="fr" href="https://s.example/fr/a"/></url>'
        "<url><loc>https://s.example/b</loc><lastmod>2026-05</lastmod><priority>1</priority></url>"
        "<url><loc>https://s.example/c</loc><lastmod>yesterday</lastmod></url>"
        "<url><loc>https://other.example/d</loc></url><url><loc>/relative</loc></url>"
        "<url><loc>https://www.s.example/B?utm_source=x</loc></url>"
        "<url><loc>https://s.example/a/#top</loc></url>"
    )

    rows, issues = read(data)

    assert [told(row) for row in rows] == [
        {
            "url": "https://s.example/a", "language": "de",
            "last_modified_at": datetime.fromisoformat("2026-01-02T03:04:05+01:00"),
        },
        {"url": "https://s.example/b", "last_modified_at": datetime(2026, 5, 1, tzinfo=UTC)},
        {"url": "https://s.example/c"},
        {"url": "https://www.s.example/B?utm_source=x"},
    ]  # fmt: skip
    assert codes(issues) == [(4, "other_host", 1), (5, "url_invalid", 1), (7, "duplicate_url", 1)]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def test_sitemaps_packed_listed_as_text_or_as_feeds() -> None:
    plain = SITEMAP.format("<url><loc>https://s.example/a</loc></url>").encode()
    text = b"\xef\xbb\xbfhttps://s.example/b\r\n\r\nhttps://s.example/c\n"
    rss = (
        b"<rss><channel><link>https://s.example</link><item><link>https://s.example/d</link>"
        b"<pubDate>Tue, 03 Feb 2026 04:05:06 GMT</pubDate></item></channel></rss>"
    )
    atom = (
        b'<feed><link href="https://s.example"/><entry><id>urn:1</id>'
        b'<link rel="self" href="https://s.example/no"/><link href="https://s.example/e"/>'
        b"<updated>2026-02-03T04:05:06Z</updated></entry></feed>"
    )

    assert [row.url for row in read(gzip.compress(plain))[0]] == ["https://s.example/a"]
    assert [row.url for row in read(text)[0]] == ["https://s.example/b", "https://s.example/c"]
    [row] = read(rss)[0]
    assert (row.url, row.last_modified_at) == (
        "https://s.example/d", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    )  # fmt: skip
    assert [row.url for row in read(atom)[0]] == ["https://s.example/e"]
    packed = zipped(
        {"a.xml": plain, "b.txt": text, "c.pdf": b"%PDF-1", "d.xml": b"<html><b/></html>"}
    )
    rows, issues = read(packed)
    assert len(rows) == 3
    assert [issue.code for issue in issues] == ["part_skipped", "part_skipped"]


def test_an_index_names_its_sitemaps() -> None:
    rows, issues = read(
        "<sitemapindex><sitemap><loc>https://s.example/1.xml</loc></sitemap></sitemapindex>"
    )

    assert (rows, codes(issues)) == ([], [(1, "sitemap_listed", 1)])
    assert issues[0].text == "https://s.example/1.xml"


def test_limits_of_sitemaps_and_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SITEMAP.format("".join(f"<url><loc>https://s.example/{n}</loc></url>" for n in range(3)))
    monkeypatch.setattr(page_xml, "MAX_PAGES_A_SITEMAP", 2)
    with pytest.raises(PageFileInvalid):
        read(data)
    monkeypatch.undo()
    monkeypatch.setattr(page_files, "MAX_PAGES", 2)
    with pytest.raises(PageFileInvalid):
        read(data)
    monkeypatch.undo()
    monkeypatch.setattr(page_files, "MAX_PAGES_A_SITEMAP", 1)
    with pytest.raises(PageFileInvalid):
        read(b"https://s.example/a\nhttps://s.example/b\n")


CRAWL = (
    "Address,Content Type,Status Code,Status,Indexability,Indexability Status,Title 1,"
    "Title 1 Length,Meta Description 1,H1-1,H1-2,Canonical Link Element 1,Word Count,"
    "Size (bytes),Redirect URL\n"
)


def test_a_crawl_keeps_pages_that_answered_with_html() -> None:
    html = "text/html; charset=utf-8"
    rows, issues = read(
        "\ufeff" + CRAWL + f"https://s.example/a,{html},200,OK,Indexable,,Title A,7,About A,H A,H2,"
        'https://s.example/a,"1,234","123,456",\n'
        + f"https://s.example/b,{html},200,OK,Non-Indexable,noindex,B,1,,,,https://s.example/a,9,1,\n"
        + f"https://s.example/old,{html},301,Moved,Non-Indexable,Redirected,,,,,,,0,0,https://s.example/a\n"
        + f"https://s.example/gone,{html},404,Not Found,,,,,,,,,,,\n"
        + f"https://s.example/broken,{html},503,Error,,,,,,,,,,,\n"
        + "https://s.example/x.png,image/png,200,OK,Indexable,,,,,,,,,,\n"
        + "https://s.example/slow,,0,,,,,,,,,,,,\n"
        + "https://s.example/blank,,,,,,,,,,,,,,\n"
        + ",,,,,,,,,,,,,,\n"
        + f"HTTPS://S.EXAMPLE/a,{html},200,OK,Indexable,,Again,,,,,,,,\n"
    )

    assert [told(row) for row in rows] == [
        {
            "url": "https://s.example/a", "title": "Title A", "h1": "H A",
            "meta_description": "About A", "word_count": 1234, "status_code": 200,
            "is_indexable": True, "canonical_url": "https://s.example/a",
        },
        {
            "url": "https://s.example/b", "title": "B", "word_count": 9, "status_code": 200,
            "is_indexable": False, "canonical_url": "https://s.example/a",
        },
    ]  # fmt: skip
    assert codes(issues) == [
        (4, "status_3xx", 1), (5, "status_4xx", 1), (6, "status_5xx", 1), (7, "not_html", 1),
        (8, "no_response", 1), (9, "no_response", 1), (11, "duplicate_url", 1),
    ]  # fmt: skip
    assert issues[0].text == "https://s.example/old → https://s.example/a"


def test_other_crawls_and_the_pages_of_search_console() -> None:
    sitebulb = (
        "URL;HTTP Status Code;Indexable;Page Title;Meta Description;First H1;Crawl Depth;"
        "Internal Inlinks;Word Count;Canonical URL\nhttps://s.example/a;200;Yes;T;;H;1;2;300;\n"
    )
    short = "Address,Content Type,Status Code\nhttps://s.example/a,text/html,200\n"
    console = "Pages les plus populaires,Clics,Impressions,CTR,Position\n"

    assert [told(row) for row in read(sitebulb)[0]] == [
        {
            "url": "https://s.example/a", "title": "T", "h1": "H", "word_count": 300,
            "status_code": 200, "is_indexable": True,
        }
    ]  # fmt: skip
    assert [told(row) for row in read(short)[0]] == [
        {"url": "https://s.example/a", "status_code": 200}
    ]
    assert [
        told(row) for row in read(console + 'https://s.example/a,12,340,"3,5 %","84,6"\n')[0]
    ] == [{"url": "https://s.example/a", "clicks": 12, "impressions": 340, "position": 84.6}]


@pytest.mark.parametrize(
    "data",
    [b"", b"Name,City\nAnn,Rome\n", b"%PDF-1.7", b"\x00\x01" * 400, b"Clicks,Impressions\n1,2\n"],
)
def test_files_without_pages_are_refused(data: bytes) -> None:
    with pytest.raises(PageFileInvalid):
        read(data)


def test_without_a_domain_the_first_page_names_the_site() -> None:
    rows, issues = read(b"https://one.example/a\nhttps://two.example/b\n", domain="")

    assert [row.url for row in rows] == ["https://one.example/a"]
    assert codes(issues) == [(2, "other_host", 1)]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("HTTP://WWW.Example.COM:80/Path/", "http://www.example.com/Path"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/a?utm_source=x&b=1&gclid=2#top", "https://example.com/a?b=1"),
        ("https://example.com/%c3%a4", "https://example.com/%C3%A4"),
        ("https://example.com/ä", "https://example.com/%C3%A4"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("ftp://example.com/", None),
        ("https://user:pw@example.com/", None),
        ("https://example.com:99999/", None),
        ("https://exa mple.com/", None),
        ("https://[::1", None),
        ("https://" + "x" * 2100, None),
        ("https://" + "ü" * 70 + ".example/", None),
        ("/relative", None),
        ("", None),
    ],
)
def test_addresses_are_compared_without_what_does_not_matter(url: str, key: str | None) -> None:
    found = url_key(url)

    assert (found.text if found else None) == key


def test_a_domain_is_compared_like_a_host() -> None:
    assert bare_host("WWW.Bücher.example/shop") == "xn--bcher-kva.example"
    assert bare_host("ü" * 70 + ".example") == ""
    first, second = url_key("https://a.example/x/"), url_key("https://A.example/x?fbclid=1")
    assert first is not None
    assert second is not None
    assert (first.digest, len(first.digest)) == (second.digest, 64)
