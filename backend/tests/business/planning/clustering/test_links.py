"""What binds keywords beside their wording: shared results, one parent, a person's choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.business.planning.services.cluster_core import (
    FAMILY_IN_FULL,
    PARAMETERS,
    cluster_texts,
)
from igny8_core.business.planning.services.cluster_increments import assign_texts, base_of
from igny8_core.business.planning.services.cluster_links import (
    COMMON_URL_LISTS,
    Evidence,
    evidence_of,
    families_of,
    result_keys,
    shared_results,
    url_key,
)
from igny8_core.business.planning.services.cluster_merging import FREE
from igny8_core.common.errors import InvalidInput
from tests.business.planning.clustering.lists import groups, keyword_lists, shuffled

TEN = tuple(f"site{n}.com/page" for n in range(10))


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.Example.com/Path/", "example.com/Path"),
        ("http://example.com/Path#part", "example.com/Path"),
        ("example.com/Path?utm_source=x&gclid=1", "example.com/Path"),
        ("https://example.com/a?id=7&utm_medium=y", "example.com/a?id=7"),
        ("https://example.com/a?id=8", "example.com/a?id=8"),
        ("https://example.com", "example.com"),
        ("https://[broken/a", "https://[broken/a"),
    ],
)
def test_a_result_is_compared_without_what_does_not_matter(url: str, key: str) -> None:
    assert url_key(url) == key


def test_only_the_first_ten_results_count_once_each() -> None:
    keys = result_keys(["https://a.com", "http://www.a.com/", *TEN, "b.com", ""])

    assert keys == ("a.com", *TEN[:9])


def test_four_of_ten_shared_results_link_two_keywords() -> None:
    other = tuple(f"other{n}.com" for n in range(10))

    found = shared_results([TEN, TEN[:4] + other[:6], TEN[:3] + other[3:], ()])

    assert found == [(0, 1, 4), (1, 2, 6)]


@pytest.mark.parametrize(("share", "linked"), [(0.3, True), (0.31, False)])
def test_how_many_results_must_be_shared_can_be_chosen(share: float, linked: bool) -> None:  # noqa: FBT001 - a case
    other = tuple(f"other{n}.com" for n in range(10))

    assert bool(shared_results([TEN, TEN[:3] + other[3:]], share=share)) is linked


def test_one_shared_result_of_two_short_lists_is_not_enough() -> None:
    assert shared_results([TEN[:1], TEN[:1]]) == []


def test_a_result_that_everybody_has_says_nothing() -> None:
    lists = [("wikipedia.org", "amazon.com", f"a{n}.com") for n in range(COMMON_URL_LISTS + 1)]

    assert shared_results(lists) == []


@pytest.mark.parametrize("share", [0.19, 0.91])
def test_a_share_out_of_bounds_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput):
        shared_results([TEN, TEN], share=share)


def test_shared_results_put_different_words_on_one_page() -> None:
    keywords = ["couch", "settee", "sofa", "sofa bed", "car hire"]
    plain = cluster_texts(keywords)
    evidence = evidence_of([TEN, TEN, TEN, (), ()], [""] * 5)

    found = cluster_texts(keywords, evidence=evidence)

    assert len(set(plain.page[:3].tolist())) == 3
    assert len(set(found.page[:3].tolist())) == 1
    assert found.page[3] != found.page[0] != found.page[4]


def test_one_bad_link_does_not_chain_two_topics() -> None:
    shoes = ["red shoe", "red shoes for men", "cheap red shoes", "best red shoes"]
    cars = ["car hire", "car hire london", "cheap car hire", "car hire near me"]
    parents = ["x", "", "", "", "x", "", "", ""]

    found = cluster_texts([*shoes, *cars], evidence=evidence_of([()] * 8, parents))

    assert found.topic[1] != found.topic[5]


def test_keywords_of_one_parent_are_drawn_together_in_families_of_any_size() -> None:
    words = ["apple", "bread", "chair", "eagle", "forest", "guitar", "hammer", "kettle", "lemon"]
    small = words[: FAMILY_IN_FULL // 2]
    for family in (small, [*words, *(f"{word} story" for word in words)]):
        evidence = evidence_of([()] * len(family), ["parent"] * len(family))

        found = cluster_texts(family, evidence=evidence)

        assert len(set(found.topic.tolist())) < len(set(cluster_texts(family).topic.tolist()))


def test_families_are_numbered_by_the_alphabet() -> None:
    assert families_of(["b", "", "a", "b"]).tolist() == [1, -1, 0, 1]
    assert evidence_of([(), ()], ["", ""]).is_empty


@settings(deadline=None, max_examples=25)
@given(
    keywords=keyword_lists,
    seed=st.integers(0, 99),
    owned=st.lists(st.integers(-1, 3), min_size=30, max_size=30),
)
def test_owners_and_evidence_mean_the_same_in_any_order(
    keywords: list[str], seed: int, owned: list[int]
) -> None:
    unique = list(dict.fromkeys(keywords))
    owner = {keyword: owned[at % len(owned)] for at, keyword in enumerate(unique)}
    parent = {keyword: "abc"[at % 3] if at % 2 else "" for at, keyword in enumerate(unique)}

    def run(order: list[str], threads: int) -> tuple[object, object]:
        evidence = evidence_of([()] * len(order), [parent[keyword] for keyword in order])
        owners = [owner[keyword] for keyword in order]
        found = cluster_texts(order, owners=owners, evidence=evidence, threads=threads)
        return groups(order, found.topic), groups(order, found.page)

    assert run(unique, 2) == run(shuffled(unique, seed=seed), 1)


@settings(deadline=None, max_examples=25)
@given(keywords=keyword_lists, owned=st.lists(st.integers(-1, 2), min_size=20, max_size=20))
def test_what_a_person_put_together_stays_and_apart_stays_apart(
    keywords: list[str], owned: list[int]
) -> None:
    unique = list(dict.fromkeys(" ".join(keyword.lower().split()) for keyword in keywords))
    owners = [owned[at % len(owned)] for at in range(len(unique))]

    found = cluster_texts(unique, owners=owners)

    topics: dict[int, set[int]] = {}
    for owner, topic in zip(owners, found.topic.tolist(), strict=True):
        if owner != FREE:
            topics.setdefault(owner, set()).add(topic)
    assert all(len(held) == 1 for held in topics.values())
    assert len(set().union(*topics.values())) == len(topics)


def test_close_variants_follow_their_owner() -> None:
    keywords = ["red shoe", "red shoes", "the red shoe", "car hire"]

    found = cluster_texts(keywords, owners=[5, FREE, 9, 5])

    assert found.topic[0] == found.topic[1] == found.topic[3]
    assert found.topic[2] != found.topic[0]


def test_a_finer_granularity_makes_more_topics_and_no_other_pages() -> None:
    keywords = ["red shoe", "red leather shoe", "red shoes for men", "blue shoe", "car hire"] * 2
    taus = (PARAMETERS.topic_tau, 0.5, PARAMETERS.page_tau)

    found = [cluster_texts(keywords, topic_tau=tau) for tau in taus]

    counts = [len(set(one.topic.tolist())) for one in found]
    assert counts == sorted(counts)
    assert all(np.array_equal(one.page, found[0].page) for one in found)
    assert np.array_equal(found[0].recut(0.5), found[1].topic)
    with pytest.raises(InvalidInput):
        cluster_texts(keywords, topic_tau=0.39)


def test_new_keywords_join_by_shared_results_and_by_parent() -> None:
    base = base_of(["sofa", "sofas for sale", "car hire"], page=[0, 0, 1], topic=[0, 0, 1])
    new = ["settee", "rental vehicle", "garden hose"]
    nothing = assign_texts(base, new)
    evidence = evidence_of([TEN, TEN, (), TEN, (), ()], ["", "", "hire", "", "hire", ""])

    found = assign_texts(base, new, evidence=evidence)

    assert nothing.topic[0] >= nothing.first_new_topic
    assert found.topic.tolist() == [0, 1, found.first_new_topic]
    assert found.page.tolist()[:2] == [0, 1]


def test_new_keywords_are_linked_among_themselves() -> None:
    base = base_of(["car hire"], page=[0], topic=[0])
    evidence = evidence_of([(), TEN, TEN], ["", "", ""])

    found = assign_texts(base, ["couch", "settee"], evidence=evidence)

    assert found.page[0] == found.page[1] >= found.first_new_page


def test_evidence_without_families_is_evidence() -> None:
    pairs = Evidence(np.array([[0, 1]]), np.array([1.0], np.float32), np.empty(0, np.int64))

    found = cluster_texts(["couch", "settee"], evidence=pairs)

    assert found.page.tolist() == [0, 0]
