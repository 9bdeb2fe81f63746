"""Both sides of every threshold of the scorer: readability, Japanese, and what has none."""

from __future__ import annotations

import pytest

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    State,
)
from tests.make.scoring import (
    HUB,
    check,
    filler,
    paragraphs,
    score,
    sentences,
)

# --- readability


@pytest.mark.parametrize(
    ("language", "long", "state", "of_hub"),
    [
        ("en", 20, FULL, FULL), ("en", 21, FULL, HALF), ("en", 25, FULL, HALF),
        ("en", 26, HALF, NONE), ("en", 30, HALF, NONE), ("en", 31, NONE, NONE),
        ("pl", 15, FULL, FULL), ("pl", 16, HALF, HALF), ("pl", 20, HALF, HALF),
        ("pl", 21, NONE, NONE),
        ("tr", 20, FULL, FULL), ("tr", 21, HALF, HALF), ("tr", 25, HALF, HALF),
        ("tr", 26, NONE, NONE),
    ],
)  # fmt: skip
def test_share_of_long_sentences(language: str, long: int, state: State, of_hub: State) -> None:
    html = f"<p>{sentences(long, words=26)} {sentences(100 - long)}</p>"

    assert check("read.sentence_length", html, language=language).state is state
    assert check("read.sentence_length", html, language=language, **HUB).state is of_hub


@pytest.mark.parametrize(
    ("language", "words", "long"),
    [
        ("en", 20, 0), ("en", 21, 1), ("de", 20, 0), ("de", 21, 1), ("es", 25, 0), ("es", 26, 1),
        ("it", 25, 0), ("it", 26, 1), ("pt", 25, 0), ("pt", 26, 1), ("fa", 25, 0), ("fa", 26, 1),
        ("ca", 25, 0), ("ca", 26, 1), ("ru", 15, 0), ("ru", 16, 1), ("tr", 15, 0), ("tr", 16, 1),
        ("he", 15, 0), ("he", 16, 1),
    ],
)  # fmt: skip
def test_long_sentences(language: str, words: int, long: int) -> None:
    found = check("read.sentence_length", f"<p>{filler(words)}</p>", language=language)

    assert found.measured["long"] == long


@pytest.mark.parametrize(("words", "state"), [(150, FULL), (151, HALF), (200, HALF), (201, NONE)])
def test_paragraph_length(words: int, state: State) -> None:
    assert check("read.paragraph_length", f"<p>{filler(words)}</p>").state is state


@pytest.mark.parametrize(("row", "state"), [(2, FULL), (3, NONE)])
def test_sentences_that_begin_alike(row: int, state: State) -> None:
    html = f"<p>{'Chairs are fine things. ' * row}Others are not so good. {filler(20)}</p>"
    skipped = f"<p>{'The chair is a fine thing. ' * row}A lamp is not. {filler(20)}</p>"

    assert check("read.consecutive_starts", html).state is state
    assert check("read.consecutive_starts", skipped).state is state


@pytest.mark.parametrize(("passive", "state"), [(10, FULL), (11, HALF), (15, HALF), (16, NONE)])
def test_share_of_passive_sentences(passive: int, state: State) -> None:
    html = f"<p>{'It was built. ' * passive}{sentences(100 - passive)}</p>"

    assert check("read.passive_voice", html).state is state


@pytest.mark.parametrize(("joined", "state"), [(19, NONE), (20, HALF), (29, HALF), (30, FULL)])
def test_share_of_joined_sentences(joined: int, state: State) -> None:
    html = f"<p>{'However we stay here. ' * joined}{sentences(100 - joined)}</p>"

    assert check("read.transition_words", html).state is state


@pytest.mark.parametrize(("words", "state"), [(199, FULL), (200, NONE)])
def test_short_texts_need_no_joining(words: int, state: State) -> None:
    assert check("read.transition_words", paragraphs(words)).state is state


@pytest.mark.parametrize(
    ("language", "word", "hard"),
    [
        ("en", "abcdefg", 0), ("en", "abcdefgx", 1), ("es", "abcdefg", 0), ("es", "abcdefgx", 1),
        ("fr", "abcdefghi", 0), ("fr", "abcdefghix", 1), ("de", "abcdefghij", 0),
        ("de", "abcdefghijx", 1), ("en", "important", 0),
    ],
)  # fmt: skip
def test_complex_words(language: str, word: str, hard: int) -> None:
    found = check("read.word_complexity", f"<p>{word} {filler(60)}</p>", language=language)

    assert found.measured["complex"] == hard


@pytest.mark.parametrize(
    ("complex_words", "state", "of_hub"), [(99, FULL, FULL), (100, HALF, NONE)]
)
def test_share_of_complex_words(complex_words: int, state: State, of_hub: State) -> None:
    words = ["qwertyuiop"] * complex_words + ["zebra"] * (1000 - complex_words)
    html = f"<p>{' '.join(words)}</p>"

    assert check("read.word_complexity", html).state is state
    assert check("read.word_complexity", html, **HUB).state is of_hub


@pytest.mark.parametrize(("characters", "band"), [(50, "none_centred"), (51, "centred")])
def test_centred_text(characters: int, band: str) -> None:
    html = f'<p class="has-text-align-center">{"x" * characters}</p><p>{filler(60)}</p>'

    assert check("read.alignment", html).band == band


@pytest.mark.parametrize(("characters", "reason"), [(49, "too_short"), (50, "")])
def test_text_has_to_be_there(characters: int, reason: str) -> None:
    found = score(f"<p>{'x' * characters}</p>")

    assert found.reason == reason
    assert (found.score is None) is bool(reason)


# --- Japanese: characters in place of words


@pytest.mark.parametrize(
    ("characters", "state"), [(499, NONE), (500, HALF), (599, HALF), (600, FULL)]
)
def test_japanese_text_length(characters: int, state: State) -> None:
    found = check("structure.text_length", f"<p>{'字' * characters}</p>", "椅子", language="ja")

    assert found.state is state


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("structure.text_length", {799: NONE, 800: HALF, 1799: HALF, 1800: FULL}),
        ("structure.section_length", {500: FULL, 501: HALF, 600: HALF, 601: NONE}),
    ],
)
def test_japanese_hubs(name: str, lengths: dict[int, State]) -> None:
    for characters, state in lengths.items():
        html = f"<h2>頭</h2><p>{'字' * (characters - (name == 'structure.text_length'))}</p>"
        assert check(name, html, "椅子", language="ja", **HUB).state is state


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("structure.section_length", {600: FULL, 601: HALF, 700: HALF, 701: NONE}),
        ("read.paragraph_length", {300: FULL, 301: HALF, 400: HALF, 401: NONE}),
        ("read.sentence_length", {40: FULL, 41: NONE}),
    ],
)
def test_japanese_lengths(name: str, lengths: dict[int, State]) -> None:
    for characters, state in lengths.items():
        html = f"<h2>頭</h2><p>{'字' * characters}</p><h2>二</h2><p>終わりの文です。</p>"
        assert check(name, html, "椅子", language="ja").state is state


@pytest.mark.parametrize(("characters", "state"), [(60, HALF), (61, FULL), (80, FULL), (81, HALF)])
def test_japanese_description(characters: int, state: State) -> None:
    found = check(
        "snippet.meta_length", f"<p>{'字' * 60}</p>", "椅子", language="ja",
        meta_description="字" * characters,
    )  # fmt: skip

    assert found.state is state


@pytest.mark.parametrize(
    ("characters", "band"), [(12, "good"), (13, "long"), (18, "long"), (19, "too_long")]
)
def test_japanese_keyphrase(characters: int, band: str) -> None:
    html = f"<p>{'字' * 60}</p>"

    assert check("keyphrase.length", html, "椅" * characters, language="ja").band == band


# --- not applicable


def test_what_cannot_be_measured_is_not_applicable() -> None:
    thai = score("<p>" + "ก" * 80 + "</p>", "เก้าอี้", language="th", title="T")
    finnish = score(paragraphs(300), "tuoli", language="fi")

    assert {c.check for c in thai.checks if not c.is_applicable} >= {
        "structure.text_length", "structure.section_length", "read.sentence_length",
        "read.paragraph_length", "use.density", "read.passive_voice", "read.transition_words",
        "read.consecutive_starts", "read.word_complexity", "topic.keywords", "topic.attributes",
    }  # fmt: skip
    assert {c.check for c in finnish.checks if c.band == "no_list_for_language"} == {
        "read.passive_voice", "read.transition_words", "read.consecutive_starts",
        "read.word_complexity",
    }  # fmt: skip
    assert thai.score is not None
    assert all(cap.cap != "structure.very_short" for cap in thai.caps)
    assert check("snippet.title_width", title="سلام").band == "script_not_measurable"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"primary": " "}, "no_primary_keyword"),
        ({"language": ""}, "language_unknown"),
        ({"html": "<p>{{ title }} %%sitename%% ${x} ok</p>" * 9}, "template_variables"),
        ({"html": "<p>Short.</p>"}, "too_short"),
    ],
)
def test_what_cannot_be_scored_says_why(fields: dict[str, str], reason: str) -> None:
    found = score(**{"html": "", **fields})

    assert (found.score, found.reason, found.checks) == (None, reason, ())
