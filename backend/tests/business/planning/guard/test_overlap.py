"""Verdicts: what is said, about which page, in which order."""

from __future__ import annotations

import pytest

from igny8_core.business.planning.services import overlap_guard
from igny8_core.business.planning.services.overlap_guard import (
    CONTENT,
    FINE,
    IDEA,
    TASK,
    Judgement,
    PageText,
    judge_ideas,
)
from igny8_core.business.planning.services.overlap_score import compare
from igny8_core.business.planning.services.overlap_terms import page_terms, title_core


def idea(pk: int, keyword: str, *keywords: str, **fields: object) -> PageText:
    return PageText(IDEA, pk, "", keyword, tuple(keywords), idea_id=pk, **fields)  # type: ignore[arg-type]  # fields of the class


def content(pk: int, title: str, keyword: str = "", **fields: object) -> PageText:
    return PageText(CONTENT, pk, title, keyword, **fields)  # type: ignore[arg-type]  # fields of the class


def judge(subject: PageText, *pages: PageText, language: str = "en") -> Judgement:
    return judge_ideas([subject], pages, language=language)[subject.pk]


def test_what_is_served_whole_is_skipped_and_says_by_what() -> None:
    page = content(
        7, "Grey Sofas: A Guide", "grey sofa", slug="grey-sofas", keywords=("grey couch",)
    )

    found = judge(idea(1, "gray couches", "sofa grey"), page)

    assert found.verdict == "skip"
    assert found.reason == (
        "Served already by an article, \u201cGrey Sofas: A Guide\u201d: the same topic in other "
        "words. There is nothing left to write."
    )
    (match,) = found.matches
    assert match.stored() == {
        "kind": "content", "id": 7, "title": "Grey Sofas: A Guide", "keyword": "grey sofa",
        "url": "/grey-sofas", "score": 1.0, "is_duplicate": True,
        "why": "the same topic in other words.",
    }  # fmt: skip


def test_what_brings_more_keywords_is_merged_into_what_there_is() -> None:
    found = judge(
        idea(1, "grey sofa", "grey sofas", "grey sofa with ottoman", "grey sofa bed"),
        PageText(TASK, 3, "Grey Sofas", "grey sofa"),
    )

    assert found.verdict == "merge"
    assert found.reason.startswith("One page should serve this and a writing task, \u201cGrey Sof")
    assert found.reason.endswith("Extend that one with \u201cgrey sofa bed\u201d.")


@pytest.mark.parametrize(
    ("keyword", "title", "why"),
    [
        ("iphone 15 case", "iPhone 16 Cases", "the same thing with other numbers."),
        ("hiking boots for men", "Hiking Boots for Women", "the opposite of it."),
        ("flights rome to oslo", "Flights Oslo to Rome", "the other direction."),
        (
            "heat pump prices",
            "What Is a Heat Pump?",
            "the same topic, but searchers want",
        ),
        ("oak dining table round", "Oak Dining Table Square", "here \u201cround\u201d, there"),
    ],
)
def test_what_is_near_is_told_apart(keyword: str, title: str, why: str) -> None:
    found = judge(idea(1, keyword), content(2, title))

    assert found.verdict == "differentiate"
    assert found.matches[0].why.startswith(why)
    assert "link the two" in found.reason


def test_what_is_far_is_fine() -> None:
    assert judge(idea(1, "garden hose"), content(2, "Grey Sofas")) == FINE
    assert judge(idea(1, "garden hose")) == FINE
    assert judge(idea(1, "???"), content(2, "!!!")).verdict == "fine"


def test_an_imported_page_is_known_by_its_title_or_its_address_alone() -> None:
    titled = judge(idea(1, "how to prune roses"), content(2, "Pruning Roses | Our Garden Blog"))
    addressed = judge(idea(1, "pruning roses"), content(2, "", slug="how-to-prune-roses"))

    assert (titled.verdict, addressed.verdict) == ("skip", "skip")


def test_of_two_ideas_that_are_one_the_first_goes() -> None:
    ideas = [idea(5, "grey sofa"), idea(3, "sofas grey"), idea(4, "garden hose")]

    found = judge_ideas(ideas, [], language="en")

    assert {pk: one.verdict.value for pk, one in found.items()} == {
        5: "fine", 3: "skip", 4: "fine",
    }  # fmt: skip
    assert found[3].matches[0].page.pk == 5


def test_an_idea_that_is_held_back_holds_nothing_back() -> None:
    page = content(9, "Grey Sofas", "grey sofa")
    ideas = [idea(1, "grey sofa"), idea(2, "gray sofas")]

    found = judge_ideas(ideas, [page], language="en")
    free = judge_ideas(ideas, [page], language="en", free=[1])

    assert [match.page.pk for match in found[2].matches] == [9]
    assert {match.page.pk for match in free[2].matches} == {9, 1}
    assert free[1].verdict == "skip"


def test_ideas_that_are_known_are_compared_with_but_not_judged() -> None:
    ideas = [idea(1, "grey sofa"), idea(2, "garden hose"), idea(3, "sofas grey")]

    found = judge_ideas(ideas, [], language="en", known=[1, 2])
    apart = judge_ideas(ideas, [], language="en", known=[1, 2], held_back=[1])

    assert {pk: one.verdict.value for pk, one in found.items()} == {3: "skip"}
    assert apart[3].verdict == "fine"


def test_an_idea_is_not_held_against_what_was_written_from_it() -> None:
    own = content(2, "Grey Sofas", "grey sofa", idea_id=1)

    assert judge(idea(1, "grey sofa"), own).verdict == "fine"


def test_pages_of_one_cluster_may_be_near_each_other() -> None:
    page = content(2, "Square Oak Dining Tables", "square oak dining table", cluster_id=4)
    apart = judge(idea(1, "round oak dining table", cluster_id=5), page)
    together = judge(idea(1, "round oak dining table", cluster_id=4), page)

    assert (apart.verdict, together.verdict) == ("differentiate", "fine")


def test_a_qualifier_makes_no_page_of_its_own_but_where_the_clustering_made_one() -> None:
    page = content(2, "Salon Chairs", "salon chair", cluster_id=4)

    strange = judge(idea(1, "hydraulic salon chair", cluster_id=5), page)
    sibling = judge(idea(1, "hydraulic salon chair", cluster_id=4), page)

    assert (strange.verdict, sibling.verdict) == ("skip", "differentiate")


def test_articles_come_before_tasks_and_ideas_of_the_same_score() -> None:
    pages = [
        idea(8, "grey sofa"), PageText(TASK, 3, "", "grey sofa"), content(9, "", "grey sofa"),
    ]  # fmt: skip

    found = judge(idea(1, "grey sofas"), *pages)

    assert [match.page.kind for match in found.matches] == ["content", "task", "idea"]


def test_a_word_on_many_pages_still_finds_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap_guard, "COMMON_STEM_PAGES", 5)
    pages = [content(n, f"Sofa {word}") for n, word in enumerate("abcdefgh", start=10)]

    found = judge(idea(1, "corner sofa"), *pages, content(99, "Corner Sofas"))

    assert (found.verdict, found.matches[0].page.pk) == ("skip", 99)


def test_the_order_of_pages_means_nothing() -> None:
    pages = [content(n, f"{word} sofa") for n, word in enumerate(["grey", "red", "oak", "grey"])]

    assert judge(idea(9, "grey sofa"), *pages) == judge(idea(9, "grey sofa"), *reversed(pages))


@pytest.mark.parametrize(
    ("language", "keyword", "title", "verdict"),
    [
        ("de", "graues sofa", "Das graue Sofa", "skip"),
        ("de", "sofa mit schlaffunktion", "Sofa ohne Schlaffunktion", "differentiate"),
        ("fr", "canapé gris", "Les canapés gris", "skip"),
        ("es", "sofás grises", "El sofá gris", "skip"),
        ("de", "waschmaschine reparieren", "Waschmaschine kaufen", "fine"),
        ("xx", "blarg frop", "Frop Blarg", "skip"),
    ],
)
def test_other_languages_are_compared_by_their_stems(
    language: str, keyword: str, title: str, verdict: str
) -> None:
    assert judge(idea(1, keyword), content(2, title), language=language).verdict == verdict


@pytest.mark.parametrize(
    ("title", "core"),
    [
        ("15 Small Balcony Ideas", "Small Balcony Ideas"),
        ("4 Light Vanity Lights", "4 Light Vanity Lights"),
        ("Grey Sofas: A Complete Guide", "Grey Sofas"),
        ("Sofas: How to Choose One", "Sofas: How to Choose One"),
        ("Grey Sofas - Our Shop", "Grey Sofas"),
        ("1984 Book Review", "1984 Book Review"),
        ("Why Is My Internet So Slow?", "Why Is My Internet So Slow"),
    ],
)
def test_the_core_of_a_title(title: str, core: str) -> None:
    assert title_core(title, "en") == core


def test_years_and_lengths_of_lists_are_no_numbers_and_models_are() -> None:
    texts = ["best sofas 2025", "top 10 sofas", "7 sofas", "12ft trampoline", "galaxy s24", "ps5"]

    found = [sorted(page_terms(text, "", "en").numbers) for text in texts]

    assert found == [[], [], [], ["12"], ["s24"], ["ps5"]]


def test_a_comparison_says_what_each_has_of_its_own() -> None:
    found = compare(
        page_terms("garden hose reel", "", "en"), page_terms("garden hose", "", "en"), "en"
    )

    assert (found.own, found.is_duplicate, found.is_narrower) == ((("reel",), ()), False, False)
    assert found.covered == pytest.approx(2 / 3, abs=0.001)
