"""What language a text is in, which figures it states, and the words of other languages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from igny8_core.business.content.services.language_guess import is_foreign
from igny8_core.business.content.services.section_rules import FAQ_HEADINGS, section_rules
from igny8_core.business.content.services.section_words import section_words
from igny8_core.business.content.services.stated_facts import contradiction, figures

SENTENCES = {
    "en": "The base decides how steady it stands, so look at it before you look at the colour.",
    "de": "Der Fuß entscheidet, wie fest er steht, und deshalb sieht man ihn sich zuerst an.",
    "fr": "La base décide de la stabilité, et c'est pour cela que vous la regardez d'abord.",
    "es": "La base decide la estabilidad, y por eso hay que mirarla antes de mirar el color.",
    "it": "La base decide della stabilità, ed è per questo che si guarda prima del colore.",
    "nl": "De voet bepaalt hoe stevig hij staat, en daarom kijkt u daar het eerst naar.",
    "pl": "Podstawa decyduje o tym, jak stabilnie stoi, i dlatego warto na nią spojrzeć najpierw.",
    "pt": "A base decide a estabilidade, e por isso é preciso olhar para ela antes da cor.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_text_is_at_home_in_its_own_language(language: str) -> None:
    assert not is_foreign(SENTENCES[language], language)
    assert not is_foreign(SENTENCES[language], f"{language}-XX")


@pytest.mark.parametrize("wanted", SENTENCES)
@pytest.mark.parametrize("language", SENTENCES)
def test_a_text_of_another_language_is_told(language: str, wanted: str) -> None:
    near = {("es", "pt"), ("pt", "es"), ("es", "it"), ("it", "es"), ("it", "pt"), ("pt", "it")}
    certain = language != wanted and (language, wanted) not in near

    assert is_foreign(SENTENCES[language], wanted) >= certain
    assert not (language == wanted and is_foreign(SENTENCES[language], wanted))


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Этот стул удобный.", "en", True),
        ("Der Stuhl.", "en", False),  # too short to tell
        ("Der Stuhl ist gut und steht fest da", "en", True),  # eight words
        ("Der Stuhl ist gut und steht fest", "en", False),  # seven
        ("Chrome steel oak walnut linen leather velvet cotton wool jute.", "en", False),
        ("Этот стул удобный.", "ru", False),  # no list: not judged
        ("The word sofa is диван in Russian, and that is all of it.", "en", False),
        ("", "en", False),
    ],
)
def test_what_cannot_be_told_is_taken_for_right(
    text: str, language: str, *, expected: bool
) -> None:
    assert is_foreign(text, language) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,300 g", [("1300", "g")]),
        ("1.3 kg", [("1300", "g")]),
        ("1.300 g and 1 300 g", [("1300", "g"), ("1300", "g")]),
        ("190 cm x 90cm", [("1900", "mm"), ("900", "mm")]),
        ("12.5 %", [("12.5", "%")]),
        ("0,75 l", [("750", "ml")]),
        ("3 years", [("3", "year")]),
        ("1,234,567.89 euros", [("1234567.89", "euro")]),
        ("model 7", [("7", "")]),
        ("no figures", []),
    ],
)
def test_figures_are_read_in_one_unit_of_a_kind(text: str, expected: list[tuple[str, str]]) -> None:
    assert figures(text) == [(Decimal(number), unit) for number, unit in expected]


WEIGHT = [("Weight", "1.3 kg"), ("Colour", "red"), ("Seat width", "50 cm")]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The weight is 1,300 g.", ""),
        ("The weight is 1,301 g.", "Weight"),
        ("The weight is 1.3 kg, not 2 kg.", ""),
        ("Its weight is 1.3.", ""),  # no unit, nothing to hold it against
        ("It has a weight and is 40 cm wide.", ""),  # another unit
        ("The width is 40 cm.", ""),  # half of the name
        ("The seat has a width of 40 cm.", "Seat width"),
        ("The colour is 3 kg.", ""),
        ("A weight.", ""),
    ],
)
def test_a_sentence_contradicts_what_it_names(sentence: str, expected: str) -> None:
    assert contradiction(sentence, WEIGHT) == expected


@pytest.mark.parametrize("language", [code for code in FAQ_HEADINGS if code != "en"])
def test_every_language_has_words_for_every_aspect(language: str) -> None:
    rules = section_rules()
    names = {*rules.home, *rules.product, *rules.topic}
    words = section_words(language)

    assert words is not None
    assert set(words.aspects) == names
    headings = [aspect.heading for aspect in words.aspects.values()]
    assert all("{Kw}" in text and len(text) <= 60 for text in headings)
    assert all(a.question.endswith("?") and "{Kw}" in a.question for a in words.aspects.values())
    for group in (rules.home, rules.product, rules.topic):
        own = [words.aspects[name].heading for name in group]
        assert len(set(own)) == len(own)
    assert words.conjunction
    assert words.ending.endswith(".")
    assert words.read_more.rstrip().endswith(":")


def test_english_has_rules_instead() -> None:
    assert section_words("en") is None
    assert section_words("xx") is None
