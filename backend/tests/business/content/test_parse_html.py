"""HTML of articles read into blocks: what becomes of it, and that nothing dangerous stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.content.services.article_blocks import (
    parse_blocks,
    render_html,
    stored_blocks,
    texts,
)
from igny8_core.business.content.services.content_text import text_parts
from igny8_core.business.content.services.parse_html import Parsed, parse_article
from igny8_core.common.errors import InvalidInput
from igny8_core.common.html import sanitize_html

OLD = """
<h1>Sofas</h1>
A sofa is a <b>long</b> decision.<br><br>Measure first: <a href="/tape">a tape</a> helps.
<h2>What <em>matters</em></h2>
<p>Look at <a href="https://shop.example/a?b=1&amp;c=2" rel="nofollow">the frame</a> and at
<a href="https://site.example/beds/">our beds</a>.</p>
<ul><li>Wood</li><li><a href="https://steel.example/">Steel</a></li></ul>
<ol><li>One<ul><li>inner</li></ul></li></ol>
<blockquote><p>Sit on it.</p><cite>Ada</cite></blockquote>
<table><tr><th>Size</th></tr><tr><td>190 cm</td></tr></table>
<figure><img src="https://site.example/a.jpg" alt="A sofa"><figcaption>Red.</figcaption></figure>
<script>evil()</script><p onclick="evil()">Last words.</p>
<h2>FAQ</h2><h3>How long?</h3><p>Ten years.</p><h3>How wide?</h3><p>Two metres.</p>
"""


def parsed(html: str, **options: Any) -> Parsed:
    return parse_article(html, **options)


def shown(found: Parsed) -> list[dict[str, Any]]:
    """The blocks without their ids and without what is empty."""
    return [
        {name: value for name, value in block.items() if value and name != "id"}
        for block in stored_blocks(found.blocks)
    ]


def test_an_old_page_becomes_blocks() -> None:
    found = parsed(
        OLD,
        base_url="https://site.example/sofas/",
        article_at=lambda url: 7 if url == "https://site.example/beds/" else None,
    )

    assert shown(found) == [
        {"type": "heading", "level": 2, "text": "Sofas"},
        {
            "type": "paragraph",
            "text": "A sofa is a long decision.",
            "marks": [{"kind": "strong", "text": "long", "place": 0, "item": 0}],
        },
        {
            "type": "paragraph",
            "text": "Measure first: a tape helps.",
            "links": [
                {"url": "https://site.example/tape", "anchor": "a tape", "is_nofollow": False}
            ],
        },
        {"type": "heading", "level": 2, "text": "What matters"},
        {
            "type": "paragraph",
            "text": "Look at the frame and at our beds.",
            "links": [
                {
                    "url": "https://shop.example/a?b=1&c=2",
                    "anchor": "the frame",
                    "is_nofollow": True,
                },
                {"content_id": 7, "anchor": "our beds"},
            ],
        },
        {
            "type": "list",
            "items": ["Wood", "Steel"],
            "links": [{"url": "https://steel.example/", "anchor": "Steel", "is_nofollow": False}],
        },
        {"type": "html", "html": "<ol><li>One<ul><li>inner</li></ul></li></ol>"},
        {"type": "quote", "text": "Sit on it.", "source": "Ada"},
        {
            "type": "html",
            "html": "<table><tbody><tr><th>Size</th></tr><tr><td>190 cm</td></tr></tbody></table>",
        },
        {
            "type": "html",
            "html": '<figure><img src="https://site.example/a.jpg" alt="A sofa">'
            "<figcaption>Red.</figcaption></figure>",
        },
        {"type": "paragraph", "text": "Last words."},
        {"type": "heading", "level": 2, "text": "FAQ"},
        {
            "type": "faq",
            "items": [
                {"question": "How long?", "answer": "Ten years."},
                {"question": "How wide?", "answer": "Two metres."},
            ],
        },
    ]
    assert found.lost == {"emphasis": 1}  # of the heading
    assert [block.id for block in found.blocks] == [f"b{n}" for n in range(1, 14)]


def test_an_answer_of_two_paragraphs_stays_as_it_is() -> None:
    html = "<h2>FAQ</h2><h3>Why?</h3><p>So.</p><p>And so.</p>"

    assert [block["type"] for block in shown(parsed(html))] == [
        "heading", "heading", "paragraph", "paragraph",
    ]  # fmt: skip


OURS: list[dict[str, Any]] = [
    {"id": "b1", "type": "paragraph", "text": "A & B <c>.", "links": []},
    {"id": "b2", "type": "heading", "level": 2, "text": "How to measure"},
    {
        "id": "b3",
        "type": "paragraph",
        "text": "Walk around the sofa.",
        "links": [{"content_id": 7, "anchor": "sofa"}],
    },
    {"id": "b4", "type": "image", "position": 1, "alt": ""},
    {"id": "b5", "type": "list", "is_ordered": True, "items": ["One", "Two"], "links": []},
    {"id": "b6", "type": "quote", "text": "Sit.", "source": "Ada"},
    {"id": "b7", "type": "faq", "items": [{"question": "Why?", "answer": "So."}]},
]


def test_what_our_blocks_render_to_is_read_back_as_the_same_blocks() -> None:
    html = render_html(parse_blocks(OURS))

    assert stored_blocks(parsed(html).blocks) == OURS


@pytest.mark.parametrize("html", ["", "  \n ", "<p></p><div> </div><hr>", "<script>x</script>"])
def test_of_nothing_there_are_no_blocks(html: str) -> None:
    assert parsed(html).blocks == ()


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parsed("<p>x</p><h2>y</h2>" * 201)


@pytest.mark.parametrize(
    "html",
    [
        '<p>a <a href="javascript:evil()">b</a> c</p>',
        '<p>a <a href="#top">b</a> c</p>',
        '<p>a <a href="/relative">b</a> c</p>',
        '<p>a <a href=" ">b</a> c</p>',
    ],
)
def test_a_link_that_leads_nowhere_leaves_its_words(html: str) -> None:
    found = parsed(html)

    assert shown(found) == [{"type": "paragraph", "text": "a b c"}]
    assert set(found.lost) <= {"anchor"}


@pytest.mark.parametrize(
    "html",
    [
        "<p>A <strong>bold</strong>, an <em>italic</em> and a <code>code</code> word.</p>",
        "<p><strong>All of it.</strong></p>",
        "<p>The the <em>the</em> the.</p>",
        "<p><strong>Bold <em>and italic</em></strong> words.</p>",
        "<p><strong>a &lt;b&gt; &amp; c</strong></p>",
        '<p>See <a href="https://a.example/">the <strong>red</strong> sofa</a>.</p>',
        "<ul><li><strong>One</strong></li><li>One and <em>two</em></li></ul>",
        "<blockquote><p>Sit <em>down</em>.</p><footer><cite>Ada</cite></footer></blockquote>",
    ],
)
def test_what_is_bold_italic_or_code_stays(html: str) -> None:
    found = parsed(html)
    again = parsed(render_html(found.blocks))

    assert found.lost == {}
    assert [block.type for block in found.blocks] != ["html"]
    assert render_html(found.blocks) == html
    assert again == found


@pytest.mark.parametrize(
    ("html", "rendered"),
    [
        ("<p>a<b> b </b>c</p>", "<p>a <strong>b</strong> c</p>"),
        ("<p><i>a</i><b></b></p>", "<p><em>a</em></p>"),
        ("<p><b>a<br><br>b</b> c</p>", "<p><strong>a</strong></p>\n<p><strong>b</strong> c</p>"),
        ("<b>Loose</b> text", "<p><strong>Loose</strong> text</p>"),
        ("<p><em>a <strong>b</strong></em></p>", "<p><em>a</em> <strong><em>b</em></strong></p>"),
        (
            '<p><b>See <a href="https://a.example/">it</a></b></p>',
            '<p><strong>See</strong> <a href="https://a.example/"><strong>it</strong></a></p>',
        ),
        ("<p>\ufdd0a<span>b</span></p>", "<p>ab</p>"),
    ],
)
def test_marks_are_written_one_way(html: str, rendered: str) -> None:
    found = parsed(html)

    assert render_html(found.blocks) == rendered
    assert found.lost == {}


def test_other_emphasis_is_lost_and_counted() -> None:
    found = parsed("<p><u>a</u> <mark>b</mark></p><h2><b>c</b></h2><p>d</p>")

    assert render_html(found.blocks) == '<p>a b</p>\n<h2 id="c">c</h2>\n<p>d</p>'
    assert found.lost == {"emphasis": 3}


def test_a_marked_answer_stays_a_paragraph() -> None:
    html = "<h2>FAQ</h2><h3>Why?</h3><p>So <b>it is</b>.</p>"

    assert [block["type"] for block in shown(parsed(html))] == ["heading", "heading", "paragraph"]


PIECES = st.sampled_from(
    [
        "<p>", "</p>", "<div class='faq'>", "</div>", "<h2>", "</h2>", "<h1>", "<li>", "<ul>",
        "</ul>", "<b>", "</b>", "<table><td>", "</table>", "<a href='https://a.example/'>", "</a>",
        "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<svg onload=alert(1)>",
        "<br>", "<blockquote>", "</blockquote>", "text ", "Why? ", "&lt;p&gt;", "<iframe src=x>",
        "<!-- c -->", "<figure id='image-3'></figure>", "<a href='#content-9'>nine</a>", "<pre>",
        "<code>", "</code>", "<em>", "</em>",
        "<math><mtext></p><style>", "<template>", "\x00", "<details><summary>",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30))
def test_whatever_comes_in_what_goes_out_is_clean_and_stays_so(pieces: list[str]) -> None:
    found = parsed("".join(pieces))

    html = render_html(found.blocks)
    assert sanitize_html(html) == html
    assert "alert(1)" not in html
    assert "<h1" not in html
    again = parse_article(html)
    assert render_html(again.blocks) == render_html(parse_article(render_html(again.blocks)).blocks)


def test_texts_of_stored_blocks_are_those_of_the_blocks() -> None:
    stored = [*OURS, {"id": "b8", "type": "html", "html": "<pre>run <b>it</b></pre>"}]

    quick = [(part.block, part.block_id, part.text) for part in text_parts(stored, "")]

    assert quick == [
        (place, block.id, text)
        for place, block in enumerate(parse_blocks(stored))
        for text in texts(block)
    ]
    assert quick[-1] == (7, "b8", "run it")


def test_texts_of_html_are_those_of_its_blocks() -> None:
    parts = text_parts([], "<h2>Sofas</h2><p>Sit <b>down</b>.</p>")

    assert [part.text for part in parts] == ["Sofas", "Sit down."]
