from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.planning.services.idea_rules import (
    IdeaDraft,
    IdeaKeyword,
    draft_idea,
    names_product,
    page_groups,
)
from igny8_core.business.planning.services.idea_texts import (
    headline,
    idea_title,
    is_question,
    outline,
    worded_structure,
)
from igny8_core.business.planning.states import STRUCTURE_WORDS, ContentStructure

_ids = itertools.count(1)


def keyword(text: str, volume: int | None = None, **fields: Any) -> IdeaKeyword:
    values: dict[str, Any] = {
        "difficulty": None, "intent": "informational", "intent_source": "unknown", "page": 0,
        "page_place": 0, "role": "hub",
    }  # fmt: skip
    return IdeaKeyword(next(_ids), text, text.casefold(), volume, **(values | fields))


def drafts(*keywords: IdeaKeyword, language: str = "en") -> list[IdeaDraft]:
    groups = page_groups(keywords)
    return [
        draft_idea(
            group,
            cluster_id=1,
            cluster_name=keywords[0].keyword,
            siblings=[other for other in groups if other is not group],
            language=language,
        )
        for group in groups
    ]


@pytest.mark.parametrize(
    ("text", "structure"),
    [
        ("how to clean a sofa", "how_to"),
        ("how to buy a sofa", "buying_guide"),
        ("how much is a sofa", "pricing"),
        ("how long does a sofa last", "question"),
        ("what is a sofa bed", "definition"),
        ("sofa bed meaning", "definition"),
        ("what is the difference between sofa and couch", "comparison"),
        ("sofa vs couch", "comparison"),
        ("ikea alternatives", "alternatives"),
        ("is the kivik sofa worth it", "question"),
        ("kivik sofa review", "review"),
        ("best leather sofa", "best_of"),
        ("sofa prices", "pricing"),
        ("sofa shop near me", "local"),
        ("living room ideas", "listicle"),
        ("sofa guide", "guide"),
        ("sofas for sale", "product_roundup"),
        ("bestow sofa", None),
        ("guided sofa", None),
        ("famous sofa quote", None),
    ],
)
def test_the_wording_decides_on_the_structure(text: str, structure: str | None) -> None:
    assert worded_structure(text, "en") == structure


@pytest.mark.parametrize(
    ("fields", "structure"),
    [
        ({"intent": "transactional"}, "product_roundup"),
        ({"intent": "commercial", "intent_source": "vote"}, "product_roundup"),
        ({"intent": "navigational", "intent_source": "rules"}, "article"),
        ({"intent": "informational", "intent_source": "rules"}, "article"),
        ({"intent": "informational", "intent_source": "unknown"}, "buying_guide"),
    ],
)
def test_without_telling_words_the_intent_decides(fields: dict[str, Any], structure: str) -> None:
    (draft,) = drafts(keyword("grey sofa", **fields))

    assert draft.content_structure == structure


def test_a_hub_of_many_pages_is_a_hub_and_leads_to_them() -> None:
    found = drafts(
        keyword("sofa", 900),
        keyword("grey sofa", 50, page=1, role="attribute"),
        keyword("sofa cleaning", 90, page=2, role="supporting"),
        keyword("sofa legs", 80, page=3, role="supporting"),
        keyword("sofa covers", 70, page=4, role="supporting"),
    )

    hub = found[0]
    assert [draft.content_structure for draft in found[:2]] == ["hub", "article"]
    assert (hub.content_type, hub.role, hub.volume) == ("page", "hub", 950)
    headings = [part["heading"] for part in hub.outline]
    assert headings[2:6] == ["Sofa Cleaning", "Sofa Legs", "Sofa Covers", "Grey Sofa"]
    assert hub.reason == (
        "2 keywords with 950 known searches a month, 900 of them for the target. "
        "Main page of the topic \u201csofa\u201d with 3 supporting pages."
    )
    assert len(hub.keyword_ids) == 2
    assert hub.estimated_words == 2400 + 60 + 300 + 40


@pytest.mark.parametrize(
    ("text", "is_product"),
    [
        ("grey sofa", True),
        ("sofa for dogs", True),
        ("running socks womens", True),
        ("sofa 2026", True),
        ("sofa cleaning", False),
        ("grey", False),
    ],
)
def test_what_names_a_thing_to_buy(text: str, is_product: bool) -> None:  # noqa: FBT001
    assert names_product(text, "en") is is_product


def test_reasons_say_unknown_where_nothing_is_known() -> None:
    (draft,) = drafts(keyword("sofa"))
    (known,) = drafts(
        keyword("sofa", 20, difficulty=72.5, intent="commercial", intent_source="rules")
    )

    assert draft.volume is None
    assert draft.reason == (
        "1 keyword; the volume is not known. Main page of the topic \u201csofa\u201d."
    )
    assert known.reason == (
        "1 keyword with 20 searches a month; difficulty 72.5, hard; commercial intent. "
        "Main page of the topic \u201csofa\u201d."
    )


def test_keywords_without_a_page_and_attributes_go_with_the_hub() -> None:
    groups = page_groups(
        [
            keyword("sofa covers", page=3, role="supporting"),
            keyword("by hand", page=None, role=""),
            keyword("grey sofa", page=2, role="attribute"),
            keyword("sofas", page=0, page_place=1),
            keyword("sofa", page=0),
        ]
    )

    assert [[k.keyword for k in group.keywords] for group in groups] == [
        ["sofa", "sofas", "grey sofa", "by hand"],
        ["sofa covers"],
    ]


def test_a_cluster_without_a_hub_page_starts_with_what_there_is() -> None:
    assert [g.page for g in page_groups([keyword("a", page=None), keyword("b", page=None)])] == [0]
    assert [g.role.value for g in page_groups([keyword("a", page=4), keyword("b", page=7)])] == [
        "hub",
        "supporting",
    ]
    assert page_groups([]) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("how to clean a leather sofa", "How to Clean a Leather Sofa"),
        ("sofa bed for the uk", "Sofa Bed for the UK"),
        ("led tv stand with iphone dock", "LED TV Stand with iPhone Dock"),
        ("mid-century sofa vs couch", "Mid-Century Sofa vs. Couch"),
        ("7qt slow cooker", "7qt Slow Cooker"),
        ("womens shoes", "Women's Shoes"),
        ("what to look for", "What to Look For"),
        ("sofa sofa bed", "Sofa Bed"),
        ("IKEA Kivik", "IKEA Kivik"),
        ("what is a sofa?", "What Is a Sofa"),
    ],
)
def test_headlines(text: str, shown: str) -> None:
    assert headline(text, "en") == shown


def title(text: str, structure: str) -> str:
    return idea_title(text, text, ContentStructure(structure), "en")


def test_titles_end_questions_with_a_mark_and_other_keywords_without() -> None:
    assert title("what is a sofa bed", "definition").startswith("What Is a Sofa Bed? ")
    assert title("sofa bed meaning", "definition").startswith("Sofa Bed Meaning: ")
    assert "?" not in title("how to clean a sofa", "how_to")
    assert title("what is the best sofa", "best_of").startswith("What Is the Best Sofa? ")


def test_a_title_repeats_no_word_of_its_keyword() -> None:
    assert "Guide" not in title("sofa guide", "guide").removeprefix("Sofa Guide")
    assert "Cost" not in title("sofa costs", "pricing").removeprefix("Sofa Costs")
    assert "Buy" not in title("where to buy a sofa", "buying_guide").removeprefix("Where to Buy")


def test_a_long_keyword_stands_alone() -> None:
    text = "extra large grey velvet corner sofa bed with storage and chaise for small rooms"

    assert title(text, "buying_guide") == headline(text, "en")


def test_a_language_without_wording_gets_the_keyword() -> None:
    (draft,) = drafts(keyword("harmaa sohva"), language="fi")

    assert draft.title == "Harmaa sohva"
    assert draft.outline == []


VOCABULARY = (
    "sofa sofas how to what is best buy cost guide the a for uk led 2026 vs versus review ideas"
    " choose women's"
)
WORDS = st.sampled_from(VOCABULARY.split())
PHRASES = st.lists(WORDS, min_size=1, max_size=7).map(" ".join)


@given(PHRASES, st.sampled_from(list(ContentStructure)))
def test_every_title_reads_well(text: str, structure: ContentStructure) -> None:
    shown = idea_title(text, text, structure, "en")
    words = shown.replace(":", "").replace("?", "").replace(".", "").split()

    assert shown == idea_title(text, text, structure, "en")
    assert shown[0] == shown[0].upper()
    assert "  " not in shown
    assert "{" not in shown
    assert all(one.casefold() != other.casefold() for one, other in itertools.pairwise(words))


def test_outlines_hold_questions_apart_and_no_repeats() -> None:
    found = outline(
        "leather sofa",
        ["sofa leather", "leather sofas uk", "leather sofa care", "brown leather sofa"],
        ["how long does leather last", "how long do leather lasts"],
        ContentStructure.GUIDE,
        "en",
    )

    assert [part["heading"] for part in found] == [
        "The Basics",
        "What to Do First",
        "Leather Sofa Care",
        "Brown Leather Sofa",
        "Going Further",
        "Common Mistakes to Avoid",
        "Frequently Asked Questions",
    ]
    assert found[-1]["questions"] == ["How long does leather last?", "How long do leather lasts?"]


def test_is_question_needs_a_sentence() -> None:
    assert is_question("why is my sofa sagging", "en")
    assert not is_question("how to clean a sofa", "en")
    assert not is_question("is sofa", "en")


def test_every_structure_has_titles_headings_and_words() -> None:
    from igny8_core.business.planning.services.idea_texts import idea_words

    words = idea_words("en")
    every = {structure.value for structure in ContentStructure}
    assert set(words.titles) == set(words.outlines) == every
    assert set(STRUCTURE_WORDS) == set(ContentStructure)
    assert {name for _, name in (*words.starts, *words.words)} <= every
