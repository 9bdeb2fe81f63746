"""Reading ease: syllables by language, the formulas, their bands, and where there is none."""

from __future__ import annotations

import pytest

from igny8_core.business.content.services.scoring_bands import NOT_APPLICABLE
from igny8_core.business.content.services.scoring_flesch import (
    FORMULAS,
    band_of_ease,
    reading_ease,
    syllables,
)
from tests.make.scoring import check


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the=1 readability=5 hated=2 makes=1 chair=1 table=2 idea=3 being=2 created=3"),
        ("de", "sofa=2 bauen=2 theater=3 stuhl=1 schönheit=2"),
        ("nl", "stoel=1 ideeën=3 huis=1 tafel=2"),
        ("fr", "chaise=1 parlent=1 maison=2 idée=2 beau=1"),
        ("es", "país=2 teatro=3 aire=2 día=2 león=2 casa=2"),
        ("it", "casa=2 paese=3 poesia=3 quadro=2"),
        ("pt", "saúde=3 casa=2 coração=3 mesa=2"),
        ("ru", "красная=3 лампа=2 стол=1 ёлка=2"),
        ("en", "14=1 cm=1"),
    ],
)  # fmt: skip
def test_syllables(language: str, words: str) -> None:
    for word in words.split():
        text, _, count = word.partition("=")
        assert (text, syllables([text], language)) == (text, int(count))


@pytest.mark.parametrize("language", FORMULAS)
def test_each_formula_by_hand(language: str) -> None:
    start, per_word, per_syllable = FORMULAS[language]
    exact = (start - per_word * 12 - per_syllable * 3 / 2) / 1000  # 12 words a sentence, 3 : 2

    found = reading_ease(language, sentences=10, words=120, syllables=180)

    assert found == min(100, max(0, int(exact + 0.5)))


def test_it_stays_between_0_and_100() -> None:
    assert reading_ease("en", sentences=1, words=1, syllables=1) == 100
    assert reading_ease("en", sentences=1, words=200, syllables=900) == 0


@pytest.mark.parametrize(
    ("language", "ease", "band"),
    [
        ("en", 100, "very_easy"), ("en", 90, "very_easy"), ("en", 89, "easy"), ("en", 80, "easy"),
        ("en", 79, "fairly_easy"), ("en", 70, "fairly_easy"), ("en", 69, "okay"),
        ("en", 60, "okay"), ("en", 59, "fairly_hard"), ("en", 50, "fairly_hard"),
        ("en", 49, "hard"), ("en", 30, "hard"),
        ("en", 29, "very_hard"), ("en", 0, "very_hard"),
        ("ru", 80, "very_easy"), ("ru", 79, "easy"), ("ru", 70, "easy"), ("ru", 69, "fairly_easy"),
        ("ru", 60, "fairly_easy"), ("ru", 59, "okay"), ("ru", 50, "okay"),
        ("ru", 49, "fairly_hard"), ("ru", 40, "fairly_hard"), ("ru", 39, "hard"),
        ("ru", 20, "hard"), ("ru", 19, "very_hard"),
    ],
)  # fmt: skip
def test_bands(language: str, ease: int, band: str) -> None:
    assert band_of_ease(ease, language) == band


@pytest.mark.parametrize(("words", "is_told"), [(10, False), (11, True)])
def test_a_few_words_tell_nothing(words: int, *, is_told: bool) -> None:
    found = check("read.flesch", f"<p>{'Zebrawoodily ' * (words - 1)}end.</p>")

    assert (found.state is not NOT_APPLICABLE) is is_told
    assert (found.max, found.earned) == (0, 0)
    if is_told:
        assert found.measured["words"] == 11
        assert found.measured["sentences"] == 1


@pytest.mark.parametrize("language", ["sv", "tr", "pl", "ja"])
def test_other_languages_have_none(language: str) -> None:
    found = check("read.flesch", f"<p>{'zebra ' * 40}.</p>", language=language)

    assert found.band == "no_formula_for_language"
