"""New keywords against clusters that are there."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from igny8_core.business.planning.services.cluster_core import cluster_texts
from igny8_core.business.planning.services.cluster_increments import Base, assign_texts, base_of
from igny8_core.cli.benches.clustering import bcubed_f1
from tests.business.planning.clustering.lists import (
    groups,
    is_inside,
    keyword_lists,
    packaged,
    shuffled,
)

PLACED = [
    "red shoe",
    "red leather shoe",
    "red shoe sale",
    "iphone 15 case",
    "leather iphone 15 case",
]
TOPIC = [3, 3, 3, 8, 8]
PAGE = [10, 10, 11, 12, 12]


@cache
def base() -> Base:
    known = cluster_texts(packaged()[0]).frequencies  # five rows make every word a head word
    return base_of(PLACED, page=PAGE, topic=TOPIC, known=known)


def test_new_keyword_joins_the_nearest_page_and_topic() -> None:
    found = assign_texts(base(), ["red leather shoes online"])

    assert (found.topic.tolist(), found.page.tolist()) == ([3], [10])
    assert 0.4 < found.centrality[0] <= 1


def test_keyword_that_is_there_gets_its_place() -> None:
    found = assign_texts(base(), ["Red  Shoe Sale", "sales of red shoes", "the iphone 15 cases"])

    assert found.topic.tolist() == [3, 3, 8]
    assert found.page.tolist() == [11, 11, 12]


def test_another_number_makes_another_page_of_the_topic() -> None:
    found = assign_texts(base(), ["iphone 16 case", "leather iphone 16 case"])

    assert found.topic.tolist() == [8, 8]
    assert found.page.tolist() == [found.first_new_page] * 2


def test_what_fits_nowhere_is_clustered_among_itself() -> None:
    new = ["car hire paris", "paris car hire deals", "grow tomatoes indoors", "???"]

    found = assign_texts(base(), new)

    assert (found.first_new_topic, found.first_new_page) == (9, 13)
    assert groups(new, found.topic) == {
        frozenset(new[:2]),
        frozenset([new[2]]),
        frozenset([new[3]]),
    }
    assert sorted(set(found.topic.tolist())) == [9, 10, 11]
    assert found.page.min() == 13
    assert found.centrality[3] == 0


def test_keyword_without_a_page_lends_its_topic_alone() -> None:
    bare = base_of(["red shoe", "red leather shoe"], page=[-1, -1], topic=[5, 5])

    found = assign_texts(bare, ["red leather shoes"])

    assert (found.topic.tolist(), found.page.tolist()) == ([5], [0])


@pytest.mark.parametrize("new", [[], ["car hire", "cars hire"]])
def test_empty_base(new: list[str]) -> None:
    found = assign_texts(base_of([], page=[], topic=[]), new)

    assert found.topic.tolist() == found.page.tolist() == [0] * len(new)


def test_nothing_new() -> None:
    found = assign_texts(base(), [])

    assert (len(found.page), len(found.topic), len(found.centrality)) == (0, 0, 0)


@settings(deadline=None, max_examples=30)
@given(old=keyword_lists, new=keyword_lists)
def test_order_of_either_side_means_nothing(old: list[str], new: list[str]) -> None:
    placed = cluster_texts(old)
    labels = {k: (int(p), int(t)) for k, p, t in zip(old, placed.page, placed.topic, strict=True)}
    other_old, other_new = shuffled(old, seed=1), shuffled(new, seed=2)

    first = assign_texts(
        base_of(old, page=placed.page.tolist(), topic=placed.topic.tolist()), new, threads=1
    )
    second = assign_texts(
        base_of(
            other_old,
            page=[labels[k][0] for k in other_old],
            topic=[labels[k][1] for k in other_old],
        ),
        other_new,
    )

    at = {keyword: row for row, keyword in enumerate(other_new)}
    rows = [at[keyword] for keyword in new]
    assert first.topic.tolist() == second.topic[rows].tolist()
    assert first.page.tolist() == second.page[rows].tolist()
    assert is_inside(
        [*placed.page.tolist(), *first.page.tolist()],
        [*placed.topic.tolist(), *first.topic.tolist()],
    )


def test_increment_is_nearly_as_good_as_a_rebuild() -> None:
    keywords, labels = packaged()
    is_new = np.random.RandomState(0).rand(len(keywords)) < 0.3
    old = [k for k, new in zip(keywords, is_new, strict=True) if not new]
    placed = cluster_texts(old)
    whole = bcubed_f1(labels, cluster_texts(keywords).topic)

    added = assign_texts(
        base_of(
            old,
            page=placed.page.tolist(),
            topic=placed.topic.tolist(),
            known=placed.frequencies,
        ),
        [k for k, new in zip(keywords, is_new, strict=True) if new],
    )

    topic = np.empty(len(keywords), np.int64)
    topic[~is_new], topic[is_new] = placed.topic, added.topic
    assert bcubed_f1(labels, topic) >= whole - 0.02
