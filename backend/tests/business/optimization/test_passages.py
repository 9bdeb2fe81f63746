"""Passages of both forms: marks come back, what is not changed stays byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.content.services.article_blocks import parse_blocks, render_html
from igny8_core.business.content.services.scoring_document import PageInput, read_page
from igny8_core.business.optimization.services.diffs import diff_html, word_diff
from igny8_core.business.optimization.services.passages import (
    Change,
    anchor_of,
    marks_of,
    plain,
    text_form,
)

BLOCKS: list[dict[str, Any]] = [
    {
        "id": "b1",
        "type": "paragraph",
        "text": "See the barber chair and a stool.",
        "links": [
            {"content_id": 7, "anchor": "barber chair"},
            {"content_id": 8, "anchor": "stool"},
        ],
    },
    {"id": "b2", "type": "heading", "text": "Head", "level": 3},
    {
        "id": "b3",
        "type": "list",
        "items": ["One", "Two"],
        "links": [{"url": "https://a.test/x", "anchor": "Two", "is_nofollow": True}],
    },
    {"id": "b4", "type": "image", "position": 0},
    {"id": "b5", "type": "quote", "text": "Said.", "source": "Her"},
    {"id": "b6", "type": "faq", "items": [{"question": "Why?", "answer": "So."}]},
    {"id": "b7", "type": "html", "html": "<table><tr><td>A</td><td>B</td></tr></table>"},
]
RENDERED = render_html(parse_blocks(BLOCKS))
HTML = (
    '<p>See the <a href="https://a.test/?x=1&amp;y=2" rel="nofollow">barber <em>chair</em></a>'
    " &amp; more.</p>\n<h3 id=\"head\">Head</h3><ul><li>One</li><li>Two <ul><li>In</li></ul></li>"
    '</ul><p>With <code>code</code> inside.</p><figure><img src="/a.png" alt="x"></figure>'
)  # fmt: skip


def change(kind: str, passage: int, after: str, field: str = "") -> Change:
    return Change(kind, passage, "", after, "model", field)


def test_passages_are_the_scorers_blocks() -> None:
    for blocks, html in ((BLOCKS, render_html(parse_blocks(BLOCKS))), ([], HTML)):
        form = text_form(blocks=blocks, html=html)
        read = read_page(PageInput("T", html, "en")).blocks

        assert [p.plain for p in form.passages] == [block.text for block in read]
        assert [p.kind for p in form.passages] == [block.kind for block in read]


def test_marks_stand_for_links_and_emphasis() -> None:
    of_blocks = text_form(blocks=BLOCKS, html=RENDERED).passages[0]
    of_html = text_form(blocks=[], html=HTML).passages[0]

    assert of_blocks.text == "See the [[1|barber chair]] and a [[2|stool]]."
    assert of_blocks.marks == {1: "7", 2: "8"}
    assert of_html.text == "See the [[1|barber [[2|chair]]]] & more."
    assert of_html.marks == {1: "https://a.test/?x=1&y=2", 2: ""}


def test_what_is_not_plain_words_stays() -> None:
    passages = text_form(blocks=[], html=HTML).passages

    assert [p.can_change for p in passages] == [True, True, True, False, True, False]


def test_what_is_not_in_step_with_its_html_stays() -> None:
    passages = text_form(blocks=BLOCKS, html="<p>Another text.</p>").passages

    assert not any(passage.can_change for passage in passages)


def test_without_changes_nothing_differs() -> None:
    html = render_html(parse_blocks(BLOCKS))

    assert text_form(blocks=BLOCKS, html=html).composed([]).html == html
    assert text_form(blocks=[], html=HTML).composed([]).html == HTML


def test_blocks_take_new_words() -> None:
    form = text_form(blocks=BLOCKS, html=RENDERED)
    made = form.composed(
        [
            change("text", 0, "A [[2|bar stool]] beside the [[1|chair]]."),
            change("level", 1, "2"),
            change("text", 3, "Number [[1|three]]"),
            change("text", 6, "Why not?"),
            change("text", 7, "So it is."),
            change("insert", 3, "New words.", "paragraph"),
            change("insert", 3, "New head", "heading"),
        ]
    )

    assert made.html == (
        '<p>A <a href="#content-8">bar stool</a> beside the <a href="#content-7">chair</a>.</p>\n'
        '<h2 id="head">Head</h2>\n<ul><li>One</li><li>Number <a href="https://a.test/x"'
        ' rel="nofollow">three</a></li></ul>\n<p>New words.</p>\n'
        '<h2 id="new-head">New head</h2>\n<figure id="image-0"></figure>\n'
        "<blockquote><p>Said.</p><footer><cite>Her</cite></footer></blockquote>\n"
        '<div class="faq"><h3>Why not?</h3><p>So it is.</p></div>\n'
        "<table><tbody><tr><td>A</td><td>B</td></tr></tbody></table>"
    )
    assert set(made.origins) == {"b1", "b2", "b3", "b6", "revised-3-0", "revised-3-1"}


def test_html_takes_new_words_and_keeps_its_elements() -> None:
    form = text_form(blocks=[], html=HTML)
    made = form.composed(
        [
            change("text", 0, "A [[1|fine [[2|seat]] for <b>]] all & more."),
            change("level", 1, "2"),
            change("insert", 0, "New.", "paragraph"),
            change("insert", 2, "After the list.", "paragraph"),
        ]
    ).html

    assert (
        '<p>A <a href="https://a.test/?x=1&amp;y=2" rel="nofollow">fine <em>seat</em> for'
        " &lt;b&gt;</a> all &amp; more.</p>" in made
    )
    assert '<h2 id="head">Head</h2>' in made
    assert "<p>New.</p>" in made
    assert "</ul>\n<p>After the list.</p>" in made
    assert '<img src="/a.png" alt="x">' in made


def test_marked_words_have_to_stay_and_code_is_not_worded_anew() -> None:
    marks = [{"kind": "em", "text": "long", "place": 0, "item": 0}]
    code = [{"kind": "code", "text": "make", "place": 0, "item": 0}]
    blocks: list[dict[str, Any]] = [
        {"id": "b1", "type": "paragraph", "text": "A long sofa.", "marks": marks},
        {"id": "b2", "type": "paragraph", "text": "Say make now.", "marks": code},
        {"id": "b3", "type": "paragraph", "text": "Sit down."},
    ]
    html = render_html(parse_blocks(blocks))

    form = text_form(blocks=blocks, html=html)
    made = form.composed([change("text", 0, "It is a long, soft sofa.")])

    assert [(p.can_change, p.emphasised) for p in form.passages] == [
        (True, ("long",)), (False, ("make",)), (True, ()),
    ]  # fmt: skip
    assert made.html.startswith("<p>It is a <em>long</em>, soft sofa.</p>")


def test_a_link_is_put_around_the_first_mention() -> None:
    blocks = [{"id": "b1", "type": "paragraph", "text": "Any chair is a chair."}]
    link = Change("link", 0, "", "chair", "rules", "9")

    of_blocks = text_form(blocks=blocks, html="").composed([link]).html
    of_html = text_form(blocks=[], html="<p>Any chair is a chair.</p>").composed([link]).html

    assert of_blocks == of_html == '<p>Any <a href="#content-9">chair</a> is a chair.</p>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", []), ("[[1|a]] [[2|b]]", [1, 2]), ("[[1|a [[2|b]] c]]", [1, 2]),
        ("[[1|a", None), ("a]]", None), ("[[1|a]]]]", None),
    ],
)  # fmt: skip
def test_marks_have_to_be_closed(text: str, expected: list[int] | None) -> None:
    assert marks_of(text) == expected


def test_words_inside_of_marks() -> None:
    text = "x [[1|a [[2|b]] c]] y"

    assert (plain(text), anchor_of(text, 1), anchor_of(text, 2), anchor_of(text, 3)) == (
        "x a b c y",
        "a b c",
        "b",
        "",
    )


def test_a_change_survives_being_stored() -> None:
    made = Change("text", 1, "a", "b", "model", "", ("read.passive_voice",))

    assert Change.from_json(made.as_json()) == made


@pytest.mark.parametrize(
    ("before", "after", "html"),
    [
        ("a b c", "a x c", "a <del>b</del><ins>x</ins> c"),
        ("", "new", "<ins>new</ins>"),
        ("old", "", "<del>old</del>"),
        ("same", "same", "same"),
        ("<b>", "<i>", "&lt;<del>b</del><ins>i</ins>&gt;"),
    ],
)
def test_differences_are_shown_word_by_word(before: str, after: str, html: str) -> None:
    pieces = word_diff(before, after)

    assert diff_html(before, after) == html
    assert "".join(p["text"] for p in pieces if p["op"] != "insert") == before
    assert "".join(p["text"] for p in pieces if p["op"] != "delete") == after
