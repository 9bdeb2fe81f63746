"""Fields, assembly and gates of a finished article."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from igny8_core.business.content.services.article_blocks import (
    HeadingBlock,
    ParagraphBlock,
    parse_blocks,
    render_html,
)
from igny8_core.business.content.services.assemble_article import Article, assemble
from igny8_core.business.content.services.brief import BriefKeyword, make_brief
from igny8_core.business.content.services.check_gates import check_gates, hard_failures
from igny8_core.business.content.services.outline import Section
from igny8_core.business.content.services.seo_fields import (
    excerpt,
    free_slug,
    make_slug,
    meta_description,
    meta_title,
)
from igny8_core.business.content.services.write_sections import Origin, Part, WrittenSection

RULES = Origin("rules", model="section-rules-1")
MODEL = Origin("model", "local", "smollm2", "content_answer/v1", is_demo=True)
LONG = "A chair that is used all day has to be strong and easy to clean. "


def brief(**fields: Any) -> Any:
    values: dict[str, Any] = {
        "title": "Salon chairs: a buying guide",
        "cluster_name": "salon chair",
        "keywords": [BriefKeyword(text) for text in ("salon chair", "barber chair")],
        "industry": "home",
        "primary": "salon chair",
        "target_words": 60,
    }
    return make_brief(**values | fields)


def written() -> list[WrittenSection]:
    def section(kind: str, heading: str = "", items: tuple[str, ...] = ()) -> Section:
        return Section(kind, heading, "salon chair", "", "", 20, items)

    return [
        WrittenSection(
            section("intro"), (Part("A salon chair is a tool. It has to last.", RULES),)
        ),
        WrittenSection(
            section("list", items=("barber chair",)), (Part("There are kinds:", RULES),)
        ),
        WrittenSection(
            section("body", "Salon chair: size and fit"),
            (Part("Measure first.", RULES), Part("A base that is heavy stands well.", MODEL)),
        ),
        WrittenSection(
            section("faq", "Frequently asked questions", ("What is it?", "Why?")),
            (Part("A chair for a salon.", MODEL), Part("Because it is used.", RULES)),
        ),
        WrittenSection(section("faq", "Nothing asked"), ()),
        WrittenSection(section("closing"), (Part("Take your time with it.", RULES),)),
    ]


def article(**fields: Any) -> Article:
    return replace(assemble(brief(), written(), site_name="Casa"), **fields)


def with_text(*texts: str) -> Article:
    blocks = tuple(
        ParagraphBlock(id=f"b{place}", text=text) for place, text in enumerate(texts, start=1)
    )
    count = sum(len(text.split()) for text in texts)
    return article(blocks=blocks, html=render_html(blocks), word_count=count)


def failed(made: Article, target: int | None = None) -> dict[str, tuple[str, ...]]:
    results = check_gates(made, target_words=target or made.word_count)
    return {result.gate: result.problems for result in results if not result.passed}


def test_sections_become_one_article_always_the_same() -> None:
    made = article()

    assert made == article()
    assert made.html == (
        "<p>A salon chair is a tool. It has to last.</p>\n"
        "<p>There are kinds:</p>\n"
        "<ul><li>Barber chair</li></ul>\n"
        '<h2 id="salon-chair-size-and-fit">Salon chair: size and fit</h2>\n'
        "<p>Measure first.</p>\n"
        "<p>A base that is heavy stands well.</p>\n"
        '<h2 id="frequently-asked-questions">Frequently asked questions</h2>\n'
        '<div class="faq"><h3>What is it?</h3><p>A chair for a salon.</p>'
        "<h3>Why?</h3><p>Because it is used.</p></div>\n"
        "<p>Take your time with it.</p>"
    )
    assert parse_blocks(made.stored_blocks) == made.blocks
    assert made.word_count == 50
    assert failed(made) == {}


def test_every_block_remembers_where_it_comes_from() -> None:
    provenance = article().provenance

    assert (provenance["origin"], provenance["is_demo"]) == ("model", True)
    assert provenance["label"] == "Written by the built-in demo model"
    assert provenance["blocks"]["b1"] == {"origin": "rules", "model": "section-rules-1"}
    assert provenance["blocks"]["b6"] == {
        "origin": "model",
        "provider": "local",
        "model": "smollm2",
        "prompt": "content_answer/v1",
        "is_demo": True,
    }
    assert [p["origin"] for p in provenance["blocks"]["b8"]["parts"]] == ["model", "rules"]
    assert provenance["words"] == {"model": 15, "rules": 25}
    assert provenance["suggestions"] == {"category": "Salon chair", "tags": ["Barber chair"]}


def test_fields_fit_what_search_engines_show() -> None:
    made = article()

    assert made.meta_title == "Salon chairs: a buying guide | Casa"
    assert made.meta_description == (
        "Salon chair: size and fit. Clear advice, section by section, "
        "with answers to common questions."
    )
    assert made.excerpt == "A salon chair is a tool. It has to last."
    assert made.slug == "salon-chairs-a-buying-guide"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Everything about cleaning", "Salon chair: Everything about cleaning"),
        ("Salon chair " + "very " * 20, "Salon chair very very very very very very very very very"),
        ("x" * 90 + " salon chair", "x" * 60),
    ],
)
def test_meta_titles(title: str, expected: str) -> None:
    assert meta_title(brief(title=title), site_name="A site with a long name").startswith(expected)
    assert len(meta_title(brief(title=title), site_name="Casa")) <= 60


@pytest.mark.parametrize("count", [0, 1, 3, 12])
@pytest.mark.parametrize("primary", ["sofa", "x" * 90, "mid century modern outdoor sectional sofa"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_meta_descriptions_have_their_length(count: int, primary: str, language: str) -> None:
    made = brief(primary=primary, keywords=[], cluster_name="x", language=language)
    headings = [f"{primary}: aspect number {number}" for number in range(count)]

    text = meta_description(made, headings=headings, opening=LONG * 4)

    assert 70 <= len(text) <= 155
    assert text[:1] == primary[:1].upper()


def test_a_description_says_what_the_headings_are_about() -> None:
    headings = ["How to choose a sofa", "Sofa: size and fit", "Care and cleaning", "x" * 140]

    text = meta_description(brief(primary="sofa", keywords=[]), headings=headings, opening=LONG)

    assert text.startswith("Sofa: how to choose, size and fit, and care and cleaning.")


@pytest.mark.parametrize(
    ("texts", "slug"),
    [
        (("How to: choose a Sofa?!",), "how-to-choose-a-sofa"),
        (("Größe & Pflege",), "groe-pflege"),
        (("Żółć łóżko",), "zoc-ozko"),
        (("椅子の選び方", "chair"), "椅子の選び方"),
        (("Как выбрать диван",), "как-выбрать-диван"),
        (("!!!", "", "sofa"), "sofa"),
        (("!!!",), ""),
        (("word " * 40,), "word-" * 14 + "word"),
        (("a_b--c",), "a-b-c"),
    ],
)
def test_slugs(texts: tuple[str, ...], slug: str) -> None:
    assert make_slug(*texts) == slug
    assert len(make_slug(*texts)) <= 75


def test_free_slugs() -> None:
    assert free_slug("sofa", []) == "sofa"
    assert free_slug("sofa", ["sofa", "sofa-2", "sofa-4"]) == "sofa-3"
    long = "x" * 75
    assert free_slug(long, [long]) == "x" * 73 + "-2"


def test_excerpts_end_with_a_sentence_or_a_mark() -> None:
    assert excerpt([LONG * 9]) == (LONG * 3).strip()
    assert excerpt(["word " * 90]).endswith("word…")
    assert excerpt([]) == ""


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("See https://evil.example for more about it.", "links"),
        ("This is **bold** and should not be.", "markdown"),
        ("As an AI language model I like chairs.", "residue"),
        ("This paragraph does not end", "complete"),
        ("A chair is good [3] for you.", "citations"),
        ("[Insert name] makes chairs.", "residue"),
    ],
)
def test_hard_gates(text: str, gate: str) -> None:
    made = with_text(text)

    assert gate in failed(made)
    assert any(
        problem.startswith(f"{gate}: ")
        for problem in hard_failures(check_gates(made, target_words=7))
    )


def test_html_that_is_not_ours_is_refused() -> None:
    strange = article(
        html='<h1>x</h1><p><a href="https://evil.example">x</a></p><script>x</script>'
    )

    assert {"clean_html", "links"} <= set(failed(strange))


def test_empty_fields_and_nothing_written_are_refused() -> None:
    assert failed(article(meta_title=" "))["seo_empty"] == ("meta_title is empty",)
    assert failed(with_text(), 1)["complete"] == ("nothing was written",)


def test_soft_gates_do_not_stop_an_article() -> None:
    twice = with_text(LONG.strip(), LONG.strip())
    long_title = article(meta_title="x" * 61, meta_description="short", slug="UPPER")
    blocks = (
        HeadingBlock(id="a", level=3, text="Same"),
        HeadingBlock(id="b", text="Same"),
        HeadingBlock(id="c", text="y" * 80),
    )
    headings = article(blocks=blocks, html=render_html(blocks))

    for made, gate in ((twice, "repetition"), (long_title, "seo_fields"), (headings, "headings")):
        results = check_gates(made, target_words=made.word_count)
        assert gate in {result.gate for result in results if not result.passed}
        assert hard_failures(results) == []


def test_a_long_text_needs_headings() -> None:
    assert failed(with_text(*[LONG * 30] * 3), 1_000)["headings"] == ("too few",)


@pytest.mark.parametrize(
    ("words", "target", "is_ok", "is_hard"),
    [
        (450, 500, True, False),
        (449, 500, False, False),
        (375, 500, False, False),
        (374, 500, False, True),
        (625, 500, False, False),
        (626, 500, False, True),
        (300, None, True, False),
        (299, None, False, False),
        (99, None, False, True),
    ],
)
def test_word_counts(words: int, target: int | None, *, is_ok: bool, is_hard: bool) -> None:
    results = check_gates(article(word_count=words), target_words=target)
    (result,) = [result for result in results if result.gate == "word_count"]

    assert (result.passed, result.is_hard and not result.passed) == (is_ok, is_hard)
