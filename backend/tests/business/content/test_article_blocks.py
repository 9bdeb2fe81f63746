from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.content.services.article_blocks import (
    ArticleLink,
    ParagraphBlock,
    article_links,
    blocks_word_count,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.brief import LinkCandidate
from igny8_core.business.content.services.internal_links import with_links
from igny8_core.business.content.snapshots import resolve_links
from igny8_core.common.errors import InvalidInput
from igny8_core.common.html import sanitize_html

EVERY_KIND: list[dict[str, Any]] = [
    {"id": "a", "type": "heading", "level": 2, "text": "Size & fit"},
    {"id": "b", "type": "paragraph", "text": "See <b>sofas</b> here."},
    {"id": "c", "type": "list", "is_ordered": True, "items": ["One", "Two"]},
    {"id": "d", "type": "quote", "text": "Sit down.", "source": "A chair"},
    {"id": "e", "type": "image", "position": 3, "alt": "A chair"},
    {"id": "f", "type": "faq", "items": [{"question": "Why?", "answer": "Because."}]},
    {"id": "g", "type": "heading", "level": 3, "text": "Size & fit"},
    {"id": "h", "type": "heading", "text": "椅子"},
]
HTML = """\
<h2 id="size-fit">Size &amp; fit</h2>
<p>See &lt;b&gt;sofas&lt;/b&gt; here.</p>
<ol><li>One</li><li>Two</li></ol>
<blockquote><p>Sit down.</p><footer><cite>A chair</cite></footer></blockquote>
<figure id="image-3"></figure>
<div class="faq"><h3>Why?</h3><p>Because.</p></div>
<h3 id="size-fit-2">Size &amp; fit</h3>
<h2 id="section">椅子</h2>"""


def test_every_kind_of_block_has_one_rendering() -> None:
    blocks = parse_blocks(EVERY_KIND)

    assert render_html(blocks) == HTML
    assert render_html(parse_blocks(stored_blocks(blocks))) == HTML
    assert blocks_word_count(blocks) == 16


def test_marks_go_where_their_words_are_and_leave_the_stored_form_of_others_alone() -> None:
    block = {"id": "a", "type": "paragraph", "text": "a <b> a & a", "links": []}
    marks = [
        {"kind": "strong", "text": "a", "place": 2, "item": 0},
        {"kind": "code", "text": "<b>", "place": 0, "item": 0},
        {"kind": "em", "text": "gone", "place": 0, "item": 0},
        {"kind": "em", "text": "a", "place": 3, "item": 0},
        {"kind": "em", "text": "a &", "place": 0, "item": 0},
        {"kind": "em", "text": "& a", "place": 0, "item": 0},
    ]

    plain, marked = parse_blocks([block, {**block, "id": "b", "marks": marks}])

    assert stored_blocks([plain]) == [block]
    assert stored_blocks([marked]) == [{**block, "id": "b", "marks": marks}]
    assert render_html([marked]) == (
        "<p>a <code>&lt;b&gt;</code> <em>a &amp;</em> <strong><em>a</em></strong></p>"
    )


@pytest.mark.parametrize(
    "bad",
    [
        [{"id": "a", "type": "script", "text": "x"}],
        [{"id": "a", "type": "heading", "level": 1, "text": "x"}],
        [{"id": "a", "type": "heading", "text": " "}],
        [{"id": "a", "type": "paragraph", "text": "x", "html": "<b>"}],
        [{"id": "a", "type": "list", "items": []}],
        [{"id": "a", "type": "paragraph", "text": "x", "marks": [{"kind": "u", "text": "x"}]}],
        [{"type": "paragraph", "text": "x"}],
        [{"id": "a", "type": "paragraph", "text": "x"}] * 2,
        [{"id": "A b", "type": "paragraph", "text": "x"}],
        [{"id": f"b{n}", "type": "paragraph", "text": "x"} for n in range(401)],
    ],
)
def test_what_is_no_article_is_refused_with_its_place(bad: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_blocks(bad)

    assert refused.value.data["blocks"]


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_any_text_is_shown_and_never_run(text: str) -> None:
    html = render_html([ParagraphBlock(id="a", text=text)])

    assert sanitize_html(html) == html
    assert html.count("<") == 2


def test_a_link_is_a_place_and_gets_its_address_later() -> None:
    link = ArticleLink(content_id=7, anchor="wool & linen")
    overlapping = ArticleLink(content_id=8, anchor="linen")
    block = ParagraphBlock(id="a", text="Take wool & linen.", links=(link, overlapping))

    html = render_html([block])

    assert html == '<p>Take <a href="#content-7">wool &amp; linen</a>.</p>'
    assert resolve_links(html, {7: "/a?b&c"}) == (
        '<p>Take <a href="/a?b&amp;c">wool &amp; linen</a>.</p>'
    )
    assert resolve_links(html, {}) == "<p>Take wool &amp; linen.</p>"


def test_links_go_to_candidates_that_are_mentioned_hubs_first() -> None:
    text = "A corner sofa is long. " + "Word after word follows here today. " * 40
    blocks = [ParagraphBlock(id=f"b{n}", text=text) for n in range(2)]
    candidates = [
        LinkCandidate(1, "Sofas", "Corner Sofa"),
        LinkCandidate(2, "All corner sofas", "corner sofa", role="hub"),
        LinkCandidate(3, "Beds", "bed"),
    ]

    linked = with_links(blocks, candidates)

    assert [
        [(link.content_id, link.anchor) for link in article_links(block)] for block in linked
    ] == [[(2, "corner sofa")], [(1, "corner sofa")]]


def test_a_short_text_gets_no_link() -> None:
    blocks = [ParagraphBlock(id="a", text="A corner sofa is long.")]

    assert with_links(blocks, [LinkCandidate(1, "Sofas", "corner sofa")]) == tuple(blocks)
