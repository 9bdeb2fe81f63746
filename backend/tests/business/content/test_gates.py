"""Every gate over a text, from both sides: what just passes, and what just does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from igny8_core.business.content.services.article_blocks import parse_blocks, render_html
from igny8_core.business.content.services.assemble_article import Article
from igny8_core.business.content.services.check_gates import CRASHED, check_gates, run_gate
from igny8_core.business.content.services.gate_words import FIXES, TITLES
from tests.make.content import FIT, german_sentence, own_blocks, own_sentence

PASS, SOFT, HARD = "pass", "soft", "hard"


def article(*blocks: dict[str, Any], **fields: Any) -> Article:
    """An article that passes; of these blocks, or with these fields."""
    parsed = parse_blocks(blocks or own_blocks(text=1))
    values: dict[str, Any] = {
        "title": FIT["title"],
        "blocks": parsed,
        "html": render_html(parsed),
        "word_count": 322,
        "slug": "how-to-choose-a-sofa",
        "meta_title": FIT["title"],
        "meta_description": FIT["meta_description"],
        "excerpt": "What to look at.",
        "primary_keyword": "sofa",
        "secondary_keywords": (),
        "language": "en",
        "provenance": {},
    }
    return Article(**values | fields)


def paragraph(text: str, **fields: Any) -> dict[str, Any]:
    return {"id": "p1", "type": "paragraph", "text": text, **fields}


def heading(text: str, level: int = 2, number: int = 1) -> dict[str, Any]:
    return {"id": f"h{number}", "type": "heading", "text": text, "level": level}


def html_block(html: str) -> dict[str, Any]:
    return {"id": "x1", "type": "html", "html": html}


def said(gate: str, made: Article, **arguments: Any) -> str:
    """Whether a gate lets it pass, or how it stops it."""
    arguments.setdefault("target_words", None)
    [found] = [one for one in check_gates(made, **arguments) if one.gate == gate]
    assert (found.fix == "") is found.passed
    return PASS if found.passed else found.kind


def test_a_good_article_passes_all_of_them() -> None:
    assert [one for one in check_gates(article(), target_words=322) if not one.passed] == []


def test_every_gate_has_a_name_and_says_what_to_do() -> None:
    assert FIXES.keys() == TITLES.keys()
    assert {one.gate for one in check_gates(article(), target_words=None)} <= FIXES.keys()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (article(heading("One"), heading("Two", 3, 2)), PASS),
        (article(heading("One"), heading("Two", 4, 2)), SOFT),
        (article(heading("One", 3)), SOFT),
        (article(heading("x" * 70)), PASS),
        (article(heading("x" * 71)), SOFT),
        (article(heading("One"), heading("one!", 2, 2)), SOFT),
        (article(heading("One"), word_count=600), PASS),
        (article(heading("One"), word_count=601), SOFT),
        (article(html_block("<h2>One</h2>")), PASS),
        (article(html_block("<h3>One</h3><h2> <b></b> </h2>")), HARD),
        (article(html="<h1>One</h1>"), HARD),
    ],
)
def test_headings(made: Article, expected: str) -> None:
    assert said("headings", made) == expected


@pytest.mark.parametrize(("words", "expected"), [(500, PASS), (501, SOFT)])
def test_a_hub_has_more_headings(words: int, expected: str) -> None:
    assert said("headings", article(heading("One"), word_count=words), is_hub=True) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Safe.</p>", PASS),
        ("<p>Safe.</p><script>x()</script>", HARD),
        ('<p onclick="x()">Safe.</p>', HARD),
        ('<p><a href="javascript:x()">Safe</a>.</p>', HARD),
        ("<p>Not closed.", HARD),
    ],
)
def test_clean_html(html: str, expected: str) -> None:
    assert said("clean_html", article(html=html)) == expected


def linked(count: int, words: int) -> Article:
    links = [{"content_id": n, "anchor": f"word{n}."} for n in range(1, count + 1)]
    text = " ".join(f"word{n}." for n in range(1, count + 1))
    return article(paragraph(text, links=links), word_count=words)


OUTSIDE = {"url": "https://a.example/", "anchor": "tape", "is_nofollow": False}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (linked(1, 20), PASS),  # the one to the hub
        (linked(2, 100), PASS),
        (linked(2, 99), HARD),
        (linked(4, 300), PASS),
        (article(paragraph("Use a tape.", links=[OUTSIDE])), PASS),
        (article(html='<p><a href="https://a.example/">x</a></p>'), HARD),
        (article(paragraph("It stands on the wwwall.")), PASS),
        (article(paragraph("It stands on www.a.example.")), HARD),
        (article(paragraph("See https://a.example for it.")), HARD),
    ],
)
def test_links(made: Article, expected: str) -> None:
    assert said("links", made) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 2 * 3 and a_b.", PASS),
        ("It is **bold**.", HARD),
        ("It is __bold__.", HARD),
        ("It is ~~gone~~.", HARD),
        ("It is `code`.", HARD),
        ("It is [a](b).", HARD),
        ("# A heading.", HARD),
        ("#A heading.", PASS),
        ("- A point.", HARD),
        ("1. A point.", HARD),
        ("> A quote.", HARD),
        ("One line\\nand another.", HARD),
        ("Escaped &lt;p&gt; tags.", HARD),
    ],
)
def test_markdown(text: str, expected: str) -> None:
    assert said("markdown", article(paragraph(text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The language of a model is English.", PASS),
        ("As an AI language model I like it.", HARD),
        ("[Insert name] makes it.", HARD),
        ("Insert the key and turn it.", PASS),
        ("Lorem ipsum dolor sit amet.", HARD),
        ("It costs {{ price }} now.", HARD),
    ],
)
def test_residue(text: str, expected: str) -> None:
    assert said("residue", article(paragraph(text))) == expected


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([paragraph("It ends.")], PASS),
        ([paragraph("It does not end")], HARD),
        (
            [paragraph("It holds:"), {"id": "l", "type": "list", "items": ["a frame"]}],
            PASS,
        ),
        ([paragraph("It holds:")], HARD),
    ],
)
def test_complete(blocks: list[dict[str, Any]], expected: str) -> None:
    assert said("complete", article(*blocks)) == expected


def test_nothing_is_not_complete() -> None:
    assert said("complete", replace(article(), blocks=())) == HARD


@pytest.mark.parametrize(("foreign", "expected"), [(1, PASS), (2, HARD)])  # of 20: 5 and 10 %
def test_language(foreign: int, expected: str) -> None:
    texts = [own_sentence(n) for n in range(20 - foreign)]
    texts += [german_sentence(n) for n in range(foreign)]

    assert said("language", article(paragraph(" ".join(texts)))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It says so [here].", PASS),
        ("It says so [1].", HARD),
        ("It says so, doi:10.1/2.", HARD),
        ("It says so, ISBN 978-3.", HARD),
    ],
)
def test_citations(text: str, expected: str) -> None:
    assert said("citations", article(paragraph(text))) == expected


PHRASE = "A heavy base stands well"


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("It lasts. It holds.", 322, PASS),
        ("It lasts. It lasts.", 322, SOFT),
        (f"{PHRASE} here. {PHRASE} there.", 20, PASS),
        (f"{PHRASE} here. {PHRASE} there. {PHRASE} too.", 300, PASS),
        (f"{PHRASE} here. {PHRASE} there. {PHRASE} too.", 299, SOFT),
        ("So a red leather sofa is. Now a red leather sofa was. Then a red leather sofa had.",
         20, PASS),
    ],
)  # fmt: skip
def test_repetition(text: str, words: int, expected: str) -> None:
    made = article(paragraph(text), word_count=words, primary_keyword="red leather sofa")

    assert said("repetition", made) == expected


def title(length: int) -> str:
    return ("sofa " + "filling it " * 7)[: length - 1] + "x"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"meta_title": title(30)}, PASS),
        ({"meta_title": title(29)}, SOFT),
        ({"meta_title": title(65)}, PASS),
        ({"meta_title": title(66)}, SOFT),
        ({"meta_title": "W" * 31}, PASS),  # 586 pixels
        ({"meta_title": "W" * 32}, SOFT),  # 605 pixels
        ({"meta_description": "sofa" + "x" * 66}, PASS),
        ({"meta_description": "sofa" + "x" * 65}, SOFT),
        ({"meta_description": "sofa" + "x" * 156}, PASS),
        ({"meta_description": "sofa" + "x" * 157}, SOFT),
        ({"slug": "x" * 75}, PASS),
        ({"slug": "x" * 76}, SOFT),
        ({"slug": "Sofa"}, SOFT),
        ({"slug": "sofa-"}, SOFT),
        ({"primary_keyword": "sofas"}, PASS),
        ({"primary_keyword": "settee"}, SOFT),
    ],
)
def test_seo_fields(fields: dict[str, str], expected: str) -> None:
    assert said("seo_fields", article(**fields)) == expected


@pytest.mark.parametrize(
    "name", ["title", "meta_title", "meta_description", "slug", "primary_keyword"]
)
def test_seo_empty(name: str) -> None:
    assert said("seo_empty", article(**{name: "x"})) == PASS
    assert said("seo_empty", article(**{name: " "})) == HARD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The width is 190 cm.", PASS),
        ("The width is 1.9 m.", PASS),
        ("The width is 2.5 m.", HARD),
        ("Leave 50 cm behind it.", SOFT),
        ("Leave it for 5 years.", PASS),  # no fact is about time
        ("It weighs 30 kg.", PASS),  # nor about weight
    ],
)
def test_facts(text: str, expected: str) -> None:
    facts = [("Width", "190 cm"), ("Cover", "wool")]

    assert said("facts", article(paragraph(text)), attributes=facts) == expected
    assert said("facts", article(paragraph(text))) == PASS


@pytest.mark.parametrize(
    ("words", "target", "expected"),
    [
        (110, 100, PASS), (111, 100, SOFT), (125, 100, SOFT), (126, 100, HARD),
        (90, 100, PASS), (89, 100, SOFT), (75, 100, SOFT), (74, 100, HARD),
        (300, None, PASS), (299, None, SOFT), (100, None, SOFT), (99, None, HARD),
    ],
)  # fmt: skip
def test_word_count(words: int, target: int | None, expected: str) -> None:
    assert said("word_count", article(word_count=words), target_words=target) == expected


def test_a_gate_whose_code_fails_is_a_failed_hard_gate() -> None:
    def broken() -> tuple[bool, list[str]]:
        raise ZeroDivisionError

    assert run_gate("links", lambda: (False, [])).passed
    found = run_gate("links", broken)
    assert (found.kind, found.problems) == ("hard", (CRASHED,))
