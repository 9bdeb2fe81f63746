from __future__ import annotations

import itertools

from igny8_core.business.planning.services.cluster_names import (
    Member,
    choose_name,
    page_roles,
    pages_of,
)

_ids = itertools.count(1)


def member(text: str, volume: int | None = None, centrality: float = 0.5, page: int = 0) -> Member:
    return Member(next(_ids), text, text.casefold(), volume, centrality, page)


def test_the_name_is_the_member_with_the_highest_volume() -> None:
    pages = pages_of([member("sofa", 10), member("Sofas", 90), member("couch", 50, page=1)])

    assert choose_name(pages, []) == "Sofas"
    assert [[m.keyword for m in page.members] for page in pages] == [["Sofas", "sofa"], ["couch"]]


def test_without_volumes_the_most_central_then_the_shortest_then_the_alphabet_decides() -> None:
    assert choose_name(pages_of([member("bb", None, 0.4), member("aaa", None, 0.6)]), []) == "aaa"
    assert choose_name(pages_of([member("aaa"), member("bb")]), []) == "bb"
    assert choose_name(pages_of([member("b"), member("a")]), []) == "a"


def test_a_zero_volume_is_known_and_beats_an_unknown_one() -> None:
    assert (
        choose_name(pages_of([member("unknown", None, 0.9), member("zero", 0, 0.1)]), []) == "zero"
    )


def test_a_clash_takes_the_next_member_then_the_telling_word_then_a_number() -> None:
    pages = pages_of([member("Sofa", 90), member("sofa bed", 10), member("sofa bed sale", 5)])

    assert choose_name(pages, {"sofa"}) == "sofa bed"
    taken = {"sofa", "sofa bed", "sofa bed sale"}
    assert choose_name(
        pages_of([member("Sofa", 9), member("sofa bed", 1)]), {"sofa", "sofa bed"}
    ) == ("Sofa 2")
    assert choose_name(pages, taken) == "Sofa 2"
    assert choose_name(pages, taken | {"sofa 2", "sofa 3"}) == "Sofa 4"
    assert choose_name(pages_of([member("x y" * 100)]), {("x y" * 100)}).endswith(" 2")


def test_pages_after_the_hub_come_by_volume() -> None:
    pages = pages_of(
        [
            member("sofa", 60, page=4),
            member("cleaning a sofa", 40, page=2),
            member("clean sofa", 30, page=2),
            member("sofa legs", 5, page=9),
        ]
    )

    assert [page.target.keyword for page in pages] == ["sofa", "cleaning a sofa", "sofa legs"]


def roles(*texts: str) -> list[str]:
    pages = pages_of(member(text, 100 - place, page=place) for place, text in enumerate(texts))
    return [role.value for role in page_roles({1: pages}, language="en")[1]]


def test_facets_make_attributes_and_other_words_supporting_pages() -> None:
    assert roles("sofa", "grey sofa", "small sofas 2026", "sofa cleaning", "couch") == [
        "hub",
        "attribute",
        "attribute",
        "supporting",
        "supporting",
    ]
    assert roles("iphone", "iphone 15") == ["hub", "supporting"]


def test_a_word_that_is_the_only_difference_in_three_topics_is_a_facet() -> None:
    topics = {
        place: pages_of([member(text, 9, page=0), member(f"{text} walnut", 1, page=1)])
        for place, text in enumerate(["desk", "chair", "shelf"])
    }

    assert [found[1].value for found in page_roles(topics, language="en").values()] == [
        "attribute"
    ] * 3
    del topics[0]
    assert [found[1].value for found in page_roles(topics, language="en").values()] == [
        "supporting"
    ] * 2
