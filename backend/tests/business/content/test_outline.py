from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.content.services.brief import (
    Brief,
    BriefKeyword,
    is_question,
    keyword_key,
    make_brief,
)
from igny8_core.business.content.services.clean_text import Judgement, Seen, is_usable
from igny8_core.business.content.services.outline import (
    aspect_order,
    make_outline,
    nearest_aspect,
    with_article,
)
from igny8_core.business.content.services.rule_text import (
    closing,
    list_lead,
    opening,
    rule_sentences,
)
from igny8_core.business.content.services.section_rules import ORDERS, SAME_ORDER, section_rules
from igny8_core.business.planning.states import ContentStructure

KEYWORDS = (
    "salon chair",
    "hydraulic salon chair",
    "barber chair",
    "styling chair",
    "what is a chair",
)


def brief(*keywords: str, **fields: Any) -> Brief:
    values: dict[str, Any] = {
        "title": "Salon chairs",
        "cluster_name": "salon chair",
        "keywords": [BriefKeyword(text) for text in keywords or KEYWORDS],
        "primary": (keywords or KEYWORDS)[0],
        "industry": "home-and-furniture furniture",
        "target_words": 520,
    }
    return make_brief(**values | fields)


def test_keywords_are_ordered_by_volume_behind_the_primary_and_said_once() -> None:
    found = make_brief(
        title="Chairs",
        cluster_name="chairs",
        keywords=[
            BriefKeyword("chairs for salons", 10),
            BriefKeyword("salon chair", 500),
            BriefKeyword("salon chairs", 900),
            BriefKeyword("barber chair", 700),
            BriefKeyword("How to clean a salon chair?", 90),
        ],
        primary="barber chair",
        target_words=500,
    )

    assert [keyword.text for keyword in found.keywords] == ["barber chair", "salon chairs"]
    assert found.questions == ("How to clean a salon chair?",)


def test_a_cluster_of_questions_alone_is_found_by_its_name() -> None:
    found = make_brief(
        title="x",
        cluster_name="chairs",
        keywords=[BriefKeyword("what is a chair")],
        target_words=90,
    )

    assert (found.primary, found.questions) == ("chairs", ("what is a chair",))


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("what is a sofa", True),
        ("sofa or couch?", True),
        ("wie reinigt man ein sofa", True),
        ("can sofa", False),
        ("corner sofa", False),
        ("who makes the best sofas", True),
    ],
)
def test_questions(keyword: str, *, expected: bool) -> None:
    assert is_question(keyword) is expected


@pytest.mark.parametrize(
    ("industry", "fields", "kind"),
    [
        ("home-and-furniture furniture", {}, "home"),
        ("fashion-and-apparel shoes", {}, "product"),
        ("legal family-law", {}, "topic"),
        ("legal family-law", {"structure": "pricing"}, "product"),
        ("legal family-law", {"content_type": "product"}, "product"),
    ],
)
def test_kind_of_topic(industry: str, fields: dict[str, Any], kind: str) -> None:
    assert brief(industry=industry, **fields).topic_kind == kind


@pytest.mark.parametrize(
    ("industry", "intent", "structure", "kind"),
    [
        ("home", "informational", "guide", "home"),
        ("home", "informational", "how_to", "topic"),
        ("home", "transactional", "how_to", "home"),
        ("legal", "transactional", "article", "product"),
        ("legal", "informational", "article", "topic"),
        ("legal", "", "review", "product"),
    ],
)
def test_who_buys_and_who_asks(industry: str, intent: str, structure: str, kind: str) -> None:
    keywords = [BriefKeyword("corner sofa", intent=intent)]

    made = brief(keywords=keywords, primary="corner sofa", industry=industry, structure=structure)

    assert made.topic_kind == kind


def test_codes_and_measures_make_no_headings() -> None:
    outline = make_outline(brief("seat cushion", "blk 18x18 cushions", "seat/back", "desk cushion"))

    assert [section.heading for section in outline if section.kind == "body"] == [
        "How to choose a seat cushion",
        "Desk cushion: size and fit",
        "Seat cushion: materials and quality",
    ]


def test_the_outline_of_a_short_article() -> None:
    outline = make_outline(brief())

    assert [(section.kind, section.heading) for section in outline] == [
        ("intro", ""),
        ("list", ""),
        ("body", "How to choose a salon chair"),
        ("body", "Barber chair: size and fit"),
        ("body", "Salon chair: materials and quality"),
        ("faq", "Frequently asked questions"),
        ("closing", ""),
    ]
    assert outline[1].items == ("barber chair", "hydraulic salon chair", "styling chair")
    assert outline[5].items == (
        "What is a chair?",
        "How do I compare different offers for a salon chair?",
    )


@pytest.mark.parametrize("structure", list(ContentStructure))
@pytest.mark.parametrize("industry", ["home furniture", "fashion", "legal"])
@pytest.mark.parametrize("target", [60, 520, 2_400])
def test_every_structure_has_an_outline(structure: str, industry: str, target: int) -> None:
    outline = make_outline(brief(structure=structure, industry=industry, target_words=target))

    headings = [section.heading for section in outline if section.heading]
    body = [section for section in outline if section.kind == "body"]
    assert 3 <= len(body) <= 9
    assert len(headings) == len({keyword_key(heading) for heading in headings})
    assert all(len(heading) <= 70 for heading in headings)
    assert all(section.target_words > 0 and section.question for section in body)


def test_planned_headings_come_first_with_the_rules_that_fit() -> None:
    planned = (("what a chair costs and its price", "cheap chair"), (" ", ""), ("x" * 99, ""))

    outline = make_outline(brief(planned_headings=planned))

    body = [section for section in outline if section.kind == "body"]
    assert (body[0].heading, body[0].aspect) == ("What a chair costs and its price", "price")
    assert body[0].question == "how do I judge the price of a cheap chair"
    assert body[1].heading == "Barber chair: size and fit"


def test_a_long_keyword_is_in_few_headings() -> None:
    outline = make_outline(brief("chrome bathroom vanity light fixture"))

    assert [section.heading for section in outline if section.kind == "body"] == [
        "How to choose a chrome bathroom vanity light fixture",
        "Size and fit",
        "Materials and quality",
        "Care and cleaning",
    ]


def test_other_languages_have_headings_and_questions_of_their_own() -> None:
    outline = make_outline(brief("friseurstuhl", "barbierstuhl", language="de"))

    assert [section.heading for section in outline if section.kind == "body"] == [
        "Friseurstuhl: worauf es ankommt",
        "Barbierstuhl: Größe und Maße",
        "Friseurstuhl: Material und Verarbeitung",
        "Friseurstuhl: Pflege und Reinigung",
    ]
    [faq] = [section for section in outline if section.kind == "faq"]
    assert (faq.heading, faq.items) == (
        "Häufige Fragen",
        (
            "Friseurstuhl: Wie vergleicht man Angebote sinnvoll?",
            "Friseurstuhl: Was sollte man vor dem Kauf prüfen?",
        ),
    )
    assert not any(section.kind == "list" for section in outline)


def test_of_a_language_without_words_the_keywords_are_the_headings() -> None:
    outline = make_outline(brief("frisörstol", "barberarstol", language="sv"))

    assert [section.heading for section in outline if section.kind == "body"] == [
        "Frisörstol",
        "Barberarstol",
    ]


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("salon chair", "a salon chair"),
        ("outdoor sofa", "an outdoor sofa"),
        ("salon chairs", "salon chairs"),
        ("garden furniture", "garden furniture"),
        ("dinosaur wall decor", "dinosaur wall decor"),
        ("coffee table with fridge", "a coffee table with fridge"),
        ("beds for kids", "beds for kids"),
        ("unique lamp", "a unique lamp"),
        ("umbrella stand", "an umbrella stand"),
        ("8 drawer dresser", "an 8 drawer dresser"),
        ("my sofa", "my sofa"),
        ("glass", "glass"),
    ],
)
def test_articles_before_keywords(keyword: str, expected: str) -> None:
    assert with_article(brief(), keyword) == expected


def test_topics_that_nobody_buys_get_no_article() -> None:
    assert with_article(brief(industry="legal"), "respa violation") == "respa violation"


def test_the_orders_name_known_aspects_and_structures() -> None:
    rules = section_rules()
    groups = {"home": rules.home, "product": rules.product, "topic": rules.topic}
    structures = {*ContentStructure.values, ""}

    for kind, orders in ORDERS.items():
        assert set(orders) <= structures
        assert "" in orders
        for names in orders.values():
            assert set(names) <= set(groups[kind])
            assert len(names) == len(set(names))
    assert {*SAME_ORDER, *SAME_ORDER.values()} <= structures
    assert set(aspect_order(brief())) == set(rules.home)


@pytest.mark.parametrize("industry", ["home furniture", "fashion", "legal"])
def test_every_rule_made_sentence_passes_the_gates_of_sentences(industry: str) -> None:
    made = brief(industry=industry)
    rules = section_rules()
    group = {"home": rules.home, "product": rules.product, "topic": rules.topic}[made.topic_kind]
    judgement = Judgement(is_strict=True, known_words=frozenset({"salon", "chair"}))

    for aspect in group.values():
        for template in aspect.sentences:
            sentence = template.replace("{kw}", "salon chairs")
            assert is_usable(sentence, judgement=judgement, seen=Seen()), sentence
        assert sum("{kw}" in sentence for sentence in aspect.sentences) == 1
        assert "{kw}" in aspect.question
        assert "{kw}" in aspect.sentences[0]


def test_rules_take_turns_and_do_not_repeat_what_is_said() -> None:
    made = brief()
    section = next(s for s in make_outline(made) if s.kind == "body")
    seen = Seen()

    first = rule_sentences(made, section, words=40, seen=seen, turn=0)
    more = rule_sentences(made, section, words=500, seen=seen, turn=0)
    other = rule_sentences(made, section, words=40, seen=Seen(), turn=3)

    assert len(first) + len(more) == 8
    assert not set(first) & set(more)
    assert first[0] == other[0]
    assert first[1] != other[1]


def test_the_frame_holds_the_keyword_and_takes_turns() -> None:
    made = brief()

    assert all("a salon chair" in opening(made, turn=turn)[0] for turn in range(6))
    assert all("a salon chair" in closing(made, turn=turn)[0] for turn in range(4))
    assert list_lead(turn=0) != list_lead(turn=1)


def test_a_question_finds_its_aspect() -> None:
    assert nearest_aspect(brief(), "How do I clean a leather chair?") == "care"
    assert nearest_aspect(brief(), "Which size is right?") == "size"


@pytest.mark.parametrize("words", [2_000, 2_001, 5_000, 10_000])
@pytest.mark.parametrize("language", ["en", "de"])
def test_long_articles_have_enough_sections_of_a_bearable_length(words: int, language: str) -> None:
    keywords = [f"sofa {kind}" for kind in ("oak", "steel", "linen", "velvet", "walnut")]
    outline = make_outline(brief("sofa", *keywords, target_words=words, language=language))

    bodies = [section for section in outline if section.kind == "body"]
    most = 9 if words <= 2_000 else 36
    assert len(bodies) == min(most, round(sum(s.target_words for s in bodies) / 220))
    headings = [section.heading for section in bodies]
    assert len({keyword_key(text) for text in headings}) == len(headings)
    assert max(len(text) for text in headings) <= 70
    planned = sum(section.target_words for section in outline)
    assert 0.9 * words <= planned <= 1.1 * words
