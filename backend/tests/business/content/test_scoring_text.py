"""Words, sentences, word forms, blocks and widths of the scorer."""
# ruff: noqa: RUF001 - typographic marks are what is tested

from __future__ import annotations

from pathlib import Path

import pytest

from igny8_core.business.content.services.scoring_document import PageInput, read_page
from igny8_core.business.content.services.scoring_lists import listed_languages, word_lists
from igny8_core.business.content.services.scoring_readability import has_transition, is_passive
from igny8_core.business.content.services.scoring_target import phrase_of
from igny8_core.business.content.services.scoring_text import (
    cut_sentences,
    language_of,
    one_sentence,
    words_of,
)
from igny8_core.business.content.services.scoring_width import pixels, title_units

SENTENCES = Path(__file__).parent / "sentences"
LANGUAGES = listed_languages()


def cut(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in cut_sentences(text, word_lists(language))]


def labelled(language: str) -> list[tuple[bool, bool, str]]:
    """Passive or not, joined or not, sentence."""
    lines = (SENTENCES / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    return [(line[0] == "P", line[1] == "T", line[3:]) for line in lines]


def test_every_language_has_lists_and_sentences() -> None:
    assert LANGUAGES == (
        "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "tr",
    )  # fmt: skip
    for language in LANGUAGES:
        rows = labelled(language)
        assert sum(passive for passive, _, _ in rows) >= 30
        assert sum(not passive for passive, _, _ in rows) >= 30
        assert sum(joined for _, joined, _ in rows) >= 30
        assert sum(not joined for _, joined, _ in rows) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_say_where_they_come_from(language: str) -> None:
    import igny8_core.business.content.services.scoring_lists as module

    text = (Path(module.__file__).parent / "data" / "scoring" / f"{language}.toml").read_text(
        encoding="utf-8"
    )
    lists = word_lists(language)

    assert 'source = "Written for IGNY8."' in text
    assert lists is not None
    assert lists.version >= 1
    assert lists.skipped_starts
    assert len(lists.function) >= 150
    assert sum(len(phrases) for phrases in lists.transitions.values()) >= 120
    assert not lists.passive.participles & lists.passive.not_participles


@pytest.mark.parametrize(
    ("language", "passive", "joined", "sentence"),
    [(language, *row) for language in LANGUAGES for row in labelled(language)],
)
def test_sentences_are_told_apart(
    *, language: str, passive: bool, joined: bool, sentence: str
) -> None:
    known = language_of(language)
    read = one_sentence(sentence, known)

    assert known.lists is not None
    assert is_passive(read, known.lists.passive) is passive
    assert has_transition(read, known.lists) is joined


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("en", "It costs 3.5 pounds. Good.", ["It costs 3.5 pounds.", "Good."]),
        ("en", "Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ("en", "J. Smith came. He left.", ["J. Smith came.", "He left."]),
        ("en", "Wood, e.g. Oak, lasts.", ["Wood, e.g. Oak, lasts."]),
        ("en", "Wood, oak etc. lasts. It does.", ["Wood, oak etc. lasts.", "It does."]),
        ("en", "Oak, pine etc. They last.", ["Oak, pine etc.", "They last."]),
        ("en", "He said (loudly.) Then he left.", ["He said (loudly.)", "Then he left."]),
        ("en", "“Go.” She went.", ["“Go.”", "She went."]),
        ("en", "See example.com for more. Now.", ["See example.com for more.", "Now."]),
        ("en", "What?! Really.", ["What?!", "Really."]),
        ("en", "Wait... and see. End.", ["Wait... and see.", "End."]),
        ("de", "Am 3. Mai kam er. Er ging.", ["Am 3. Mai kam er.", "Er ging."]),
        ("de", "Es hat 3. Dann kam er.", ["Es hat 3.", "Dann kam er."]),
        ("de", "Z.B. Holz hält. Gut.", ["Z.B. Holz hält.", "Gut."]),
        ("fr", "M. Dupont vient. Il part.", ["M. Dupont vient.", "Il part."]),
        ("es", "El Sr. García vino. Bien.", ["El Sr. García vino.", "Bien."]),
        ("pl", "Np. Dąb trwa. Tak.", ["Np. Dąb trwa.", "Tak."]),
        ("xx", "Dr. Smith came.", ["Dr.", "Smith came."]),
    ],
)
def test_sentences_end_where_they_end(language: str, text: str, expected: list[str]) -> None:
    assert cut(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 1,300 g!", ("it's", "1,300", "g")),
        ("It’s", ("it's",)),
        ("low-cost", ("low", "cost")),
        ("snake_case _ x", ("snake_case", "x")),
        ("Größe über ЁЖ", ("größe", "über", "ёж")),
        ("日本語", ("日", "本", "語")),
        ("…—!", ()),
    ],
)
def test_words_are_those_of_the_standard(text: str, expected: tuple[str, ...]) -> None:
    assert words_of(text) == expected


def test_a_keyphrase_keeps_its_content_words() -> None:
    french, unlisted = language_of("fr"), language_of("fi")

    assert phrase_of("le verre d'eau", french).length == 2
    assert phrase_of("d'eau", french).terms == phrase_of("eaux", french).terms
    assert phrase_of("the of", language_of("en")).is_empty_of_content
    assert phrase_of("the of", language_of("en")).length == 2
    assert phrase_of("yksi ja kaksi", unlisted).length == 3
    assert phrase_of('"salon chair"', language_of("en")).is_exact


def test_blocks_have_their_kinds_and_places() -> None:
    html = (
        "Loose <p>One <b>bold</b>\n word.</p><h2 id='x'>Head</h2><ul><li>Item<ul><li>Inner"
        "</li></ul></li></ul><blockquote><p>Said.</p></blockquote><table><tr><td>A</td><td>B</td></tr></table>"
        "<pre>code</pre><p>See <a href='#content-3' rel='nofollow'> this </a>.</p><h3></h3>"
        "<figure><img src='a.png'><figcaption>Cap</figcaption></figure><p></p>"
    )

    found = read_page(PageInput("T", html, "en"))

    assert [(b.kind, b.text, b.level, b.row) for b in found.blocks] == [
        ("paragraph", "Loose", 0, -1),
        ("paragraph", "One bold word.", 0, -1),
        ("heading", "Head", 2, -1),
        ("item", "Item", 0, -1),
        ("item", "Inner", 0, -1),
        ("quote", "Said.", 0, -1),
        ("cell", "A", 0, 0),
        ("cell", "B", 0, 0),
        ("paragraph", "See this .", 0, -1),
        ("caption", "Cap", 0, -1),
    ]
    (link,) = found.links
    assert (link.href, link.text, link.is_followed) == ("#content-3", "this", False)
    assert found.blocks[link.block].text[link.start : link.end] == "this"
    assert [image.alt for image in found.images] == [None]
    assert found.empty_headings == (9,)
    assert [s.heading.text if s.heading else "" for s in found.sections] == ["", "Head"]


def test_text_is_composed() -> None:
    found = read_page(PageInput("T", "<p>Gro\u0308ße</p>", "de"))

    assert found.blocks[0].text == "Größe"
    assert found.page.hash != PageInput("T", "<p>Größe</p>", "de").hash


@pytest.mark.parametrize(
    ("text", "units"),
    [("", 0), ("a", 1139), ("W", 1933), ("日", 2048), ("e\u0301", 1139), ("ł", 455), ("Ж", 1891)],
)
def test_titles_have_their_width(text: str, units: int) -> None:
    assert title_units(text) == units


@pytest.mark.parametrize("text", ["سلام", "नमस्ते"])
def test_scripts_that_join_have_no_width(text: str) -> None:
    assert title_units(text) is None


def test_pixels_are_rounded_up() -> None:
    assert [pixels(61_440), pixels(61_441), pixels(40_960)] == [600, 601, 400]
