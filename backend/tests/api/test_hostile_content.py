"""Hostile texts: what comes in through the API runs nothing, and nothing of it is a 500."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content
from igny8_core.business.content.states import ContentStatus
from igny8_core.common.html import sanitize_html
from igny8_core.common.tenancy.context import tenant
from tests.api.callers import Api, api
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href=" &#106;avascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<iframe src="javascript:alert(1)"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<iframe src="https://evil.example/"></iframe>',
    '<form action="https://evil.example/"><input name=p></form>',
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    '<p style="background:url(javascript:alert(1))">x</p>',
    "<body onload=alert(1)>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<h1><img src=x onerror=alert(1)></h1 ><h1 onclick=alert(1)>x</h1>",
    "<!--><script>alert(1)</script>-->",
    "<p title='<script>alert(1)</script>'>x</p>",
]
FORBIDDEN = (
    "<script",
    "<svg",
    "<math",
    "<form",
    "<input",
    "<object",
    "<embed",
    "<meta",
    "<base",
    "<link",
    "<body",
    "<template",
    "<h1",
    "style=",
    "srcdoc",
    'href="javascript',
    'href="java',
    'href="data',
    'href="vbscript',
    'src="javascript',
    "evil.example",
)


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


@pytest.fixture
def editor(sector: Sector) -> Api:
    return api(sector.account)


def runs(html: str) -> list[str]:
    """What of the forbidden is there as markup: text is escaped, so it holds no ``<``."""
    handlers = [
        part
        for tag in html.split("<")[1:]
        for part in tag.partition(">")[0].split()
        if part.lower().startswith("on")
    ]
    return [word for word in FORBIDDEN if word in html.lower()] + handlers


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_that_runs_is_stored(html: str, editor: Api, sector: Sector) -> None:
    body = {"sector": sector.pk, "title": "T", "html": f"<p>before</p>{html}<p>after</p>"}

    made = editor.post("contents/", body).json()
    changed = editor.patch(f"contents/{made['id']}/", {"version": 1, "html": html}).json()

    assert runs(made["html"]) == []
    assert runs(changed["html"]) == []
    assert made["html"].startswith("<p>before</p>")
    assert sanitize_html(made["html"]) == made["html"]
    assert Content.unscoped.get().html == changed["html"]


@pytest.mark.parametrize("html", HOSTILE)
def test_blocks_hold_text_and_nothing_else(html: str, editor: Api, sector: Sector) -> None:
    texts: list[dict[str, Any]] = [
        {"id": "b1", "type": "paragraph", "text": html},
        {"id": "b2", "type": "heading", "text": html[:200]},
        {"id": "b3", "type": "list", "items": [html]},
        {"id": "b4", "type": "quote", "text": html, "source": html},
        {"id": "b5", "type": "faq", "items": [{"question": html, "answer": html}]},
    ]

    made = editor.post("contents/", {"sector": sector.pk, "title": "T", "blocks": texts}).json()

    markup = made["html"].split("<")[1:]
    assert {tag.partition(">")[0].split()[0].strip("/") for tag in markup} <= {
        "p",
        "h2",
        "h3",
        "ul",
        "li",
        "blockquote",
        "footer",
        "cite",
        "div",
    }


def test_what_was_stored_before_is_cleaned_when_a_version_comes_back_and_when_it_is_shown(
    editor: Api, sector: Sector
) -> None:
    made = editor.post("contents/", {"sector": sector.pk, "title": "T"}).json()
    (version,) = editor.ids("content-versions/")
    with tenant(sector.account_id):
        kept = selectors.content_version(account=sector.account, version_id=version)
    kept.pk, kept.version, kept.html = None, 7, "<p onclick=alert(1)>x</p>"
    kept.save(force_insert=True)
    Content.unscoped.filter(pk=made["id"]).update(
        html="<script>1</script><p>y</p>", status=ContentStatus.PUBLISHED, published_at=NOW
    )

    with tenant(sector.account_id):
        (shown,) = selectors.site_snapshot(account=sector.account, site=sector.site)
    back = editor.post(f"content-versions/{kept.pk}/restore/", {"version": 1}).json()

    assert shown.html == "<p>y</p>"
    assert back["html"] == "<p>x</p>"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("contents/", {"title": "a\x00b"}),
        ("contents/", {"title": "a\ud800b"}),
        ("contents/", {"title": "T", "html": "<p>\x00</p>"}),
        ("contents/", {"title": "T", "html": "<p>\udfff</p>"}),
        ("contents/", {"title": "T", "excerpt": "\x00"}),
        ("contents/", {"title": "T", "blocks": [{"id": "b", "type": "paragraph", "text": "\x00"}]}),
        (
            "contents/",
            {"title": "T", "blocks": [{"id": "b", "type": "paragraph", "text": "\ud83d"}]},
        ),
        ("contents/", {"title": "T", "external_metadata": {"a": ["\x00"]}}),
        ("contents/", {"title": "T", "external_metadata": {"a": 1e999}}),
        ("contents/", {"title": "T", "secondary_keywords": ["\x00"]}),
    ],
)
def test_characters_that_cannot_be_stored_are_refused_by_field(
    path: str, body: dict[str, Any], editor: Api, sector: Sector
) -> None:
    address = f"/api/v1/accounts/{sector.account_id}/{path}"
    text = json.dumps(body | {"sector": sector.pk}).replace("Infinity", "1e999")

    answer = editor.client.post(address, text, content_type="application/json")

    assert answer.status_code == 422
    assert [name.partition(".")[0] for name in answer.json()["errors"]] == [list(body)[-1]]
    assert not Content.unscoped.exists()


def test_bodies_of_many_megabytes_are_refused_and_long_ones_are_taken(
    editor: Api, sector: Sector
) -> None:
    body = {"sector": sector.pk, "title": "T"}

    huge = editor.post("contents/", body | {"html": "<p>x</p>" * 650_000})  # 5 MB
    long = editor.post("contents/", body | {"html": "<p>x</p>" * 250_001})  # 8 characters too many
    taken = editor.post("contents/", body | {"html": "<p>x</p>" * 100_000})

    assert (huge.status_code, huge.json()["code"]) == (413, "too_large")
    assert (long.status_code, list(long.json()["errors"])) == (422, ["html"])
    assert (taken.status_code, taken.json()["word_count"]) == (201, 100_000)


def test_markup_that_is_nested_beyond_reason_ends(editor: Api, sector: Sector) -> None:
    body = {"sector": sector.pk, "title": "T", "html": "<div>" * 20_000 + "x"}

    answer = editor.post("contents/", body)

    assert answer.status_code == 201
    assert len(answer.json()["html"]) <= 11 * 20_000 + 1


def test_nobody_reaches_another_account_through_a_link_in_a_text(sector: Sector) -> None:
    """A link names an article by its id: of another account there is nothing to show."""
    theirs = make_content.article(
        make_planning.sector(), status=ContentStatus.PUBLISHED, slug="their-secret"
    )
    editor = api(sector.account)
    blocks = [
        {
            "id": "b1",
            "type": "paragraph",
            "text": "Read this.",
            "links": [{"content_id": theirs.pk, "anchor": "Read"}],
        }
    ]
    made = editor.post("contents/", {"sector": sector.pk, "title": "T", "blocks": blocks}).json()
    Content.unscoped.filter(pk=made["id"]).update(status=ContentStatus.PUBLISHED, published_at=NOW)

    with tenant(sector.account_id):
        (shown,) = selectors.site_snapshot(account=sector.account, site=sector.site)

    assert shown.html == "<p>Read this.</p>"
