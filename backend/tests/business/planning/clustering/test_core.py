"""A whole run: what it promises for every list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from igny8_core.business.planning.services import (
    cluster_core,
    cluster_linkage,
    cluster_merging,
    cluster_neighbours,
    cluster_vectors,
)
from igny8_core.business.planning.services.cluster_core import (
    PARAMETERS,
    VERSION,
    Clustering,
    cluster_texts,
    warm_up,
)
from igny8_core.business.planning.services.cluster_neighbours import Search, search_for
from igny8_core.cli.benches.clustering import bcubed_f1, repeat
from tests.business.planning.clustering.lists import (
    groups,
    is_inside,
    keyword_lists,
    packaged,
    shuffled,
)

CELLS = Search(k=10, cell=32, probes=6, joins=2)


def fingerprint(found: Clustering) -> tuple[list[int], list[int]]:
    return found.page.tolist(), found.topic.tolist()


@settings(deadline=None, max_examples=40)
@given(keywords=keyword_lists)
def test_order_repeats_and_threads_mean_nothing(keywords: list[str]) -> None:
    first = cluster_texts(keywords)
    again = shuffled([*keywords, *keywords[:3]], seed=len(keywords))

    second = cluster_texts(again, threads=1)

    assert groups(again, second.topic) == groups(keywords, first.topic)
    assert groups(again, second.page) == groups(keywords, first.page)
    assert is_inside(first.page, first.topic)


@pytest.mark.parametrize("search", [None, CELLS])
def test_labels_of_a_keyword_do_not_depend_on_its_row(search: Search | None) -> None:
    keywords = repeat(packaged()[0], 1_500)
    first = cluster_texts(keywords, search=search)
    other = shuffled(keywords, seed=7)

    second = cluster_texts(other, search=search, threads=1)

    at = {keyword: row for row, keyword in enumerate(other)}
    rows = [at[keyword] for keyword in keywords]
    assert fingerprint(first) == (second.page[rows].tolist(), second.topic[rows].tolist())
    assert np.array_equal(first.centrality, second.centrality[rows])


def test_volumes_choose_the_representative_alone() -> None:
    keywords = ["red shoes", "Red  Shoes", "the red shoe", "car hire", "shoes red"]

    plain = cluster_texts(keywords)
    told = cluster_texts(keywords, volumes=[10, None, 90, 5, 90])

    assert fingerprint(told) == fingerprint(plain)
    assert plain.representative.tolist() == [0, 0, 0, 3, 0]
    assert told.representative.tolist() == [4, 4, 4, 3, 4]


def test_close_variants_share_page_and_vector() -> None:
    found = cluster_texts(["red shoe", "the red shoes", "flights a to b", "flights b to a"])

    assert found.node.tolist() == [2, 2, 0, 1]
    assert found.page[0] == found.page[1]
    assert np.array_equal(found.vectors[0], found.vectors[1])


def test_numbers_split_a_page_inside_its_topic() -> None:
    keywords = ["iphone 15 leather case", "iphone 16 leather case", "leather case for iphone 15"]

    found = cluster_texts(keywords)

    assert found.recut(PARAMETERS.page_tau).tolist() == [0, 0, 0]
    assert found.page.tolist() == [0, 1, 0]
    assert found.topic.tolist() == [0, 0, 0]


def test_what_is_kept_of_a_run() -> None:
    keywords = packaged()[0]

    found = cluster_texts(keywords, language="en-GB")

    assert (found.version, found.language) == (VERSION, "en")
    assert found.parameters["topic_tau"] == PARAMETERS.topic_tau
    assert found.parameters["k"] == search_for(len(keywords)).k
    assert (found.frequencies.total, found.frequencies.words["chair"]) == (474, 35)
    assert found.frequencies.stems["chair"] == 42
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_centrality_is_the_similarity_to_the_mean_of_the_topic() -> None:
    found = cluster_texts(["red shoe", "red leather shoe", "blue shoe", "car hire"])

    sums = [found.vectors[found.topic == topic].sum(0) for topic in found.topic]
    cosine = [
        float(vector @ (total / np.linalg.norm(total)))
        for vector, total in zip(found.vectors, sums, strict=True)
    ]
    assert found.centrality.tolist() == pytest.approx(cosine, abs=1e-5)


def test_recut_agrees_with_both_cuts() -> None:
    keywords = repeat(packaged()[0], 2_000)

    found = cluster_texts(keywords)

    assert groups(keywords, found.recut(PARAMETERS.topic_tau)) == groups(keywords, found.topic)
    assert is_inside(found.page, found.recut(PARAMETERS.page_tau))
    assert is_inside(found.recut(0.9), found.recut(0.7))
    assert found.heights.max() < 1.001
    assert len(set(found.recut(2.0).tolist())) == len(found.nodes)


def test_linkage_agrees_with_scikit_learn() -> None:
    keywords = repeat(packaged()[0], 3_000)
    found = cluster_texts(keywords)
    alone = np.unique(found.node, return_index=True)[1]
    singles = [keywords[i] for i in alone if (found.node == found.node[i]).sum() == 1]
    ours = cluster_texts(singles)

    exact = AgglomerativeClustering(
        n_clusters=None,
        distance_threshold=1 - PARAMETERS.topic_tau,
        linkage="average",
        metric="precomputed",
    ).fit_predict(1 - ours.vectors.astype(np.float64) @ ours.vectors.T)

    assert len(ours.nodes) == len(singles) > 2_500
    assert adjusted_rand_score(exact, ours.topic) >= 0.98


def test_cells_find_nearly_what_all_pairs_find() -> None:
    keywords = repeat(packaged()[0], 3_000)

    exact = cluster_texts(keywords)
    cells = cluster_texts(keywords, search=Search(k=10, cell=64, probes=8, joins=2))

    assert adjusted_rand_score(exact.topic, cells.topic) >= 0.9


@pytest.mark.parametrize(
    ("keywords", "topics"),
    [
        ([], []),
        (["red shoes"], [0]),
        ([""], [0]),
        (["red shoes", "Red Shoes", " red  shoes"], [0, 0, 0]),
        (["the of", "of the", "for"], [1, 1, 0]),
        (["???", "!!!", "\U0001f600"], [1, 0, 2]),
        (["qzxv", "wvkj"], [0, 1]),
        (["a" * 255, "b" * 255], [0, 1]),
        (["\u6771\u4eac\u65c5\u884c", "\u6771\u4eac \u65c5\u884c", "car hire"], [1, 1, 0]),
    ],
)
def test_degenerate_lists(keywords: list[str], topics: list[int]) -> None:
    found = cluster_texts(keywords, volumes=[0] * len(keywords))

    assert found.topic.tolist() == topics
    assert len(found.page) == len(found.centrality) == len(found.representative) == len(keywords)
    assert found.vectors.shape == (len(keywords), cluster_vectors.DIMS)
    assert np.isfinite(found.vectors).all()
    assert np.isfinite(found.centrality).all()


def test_keyword_without_a_word_is_alone_and_has_no_vector() -> None:
    found = cluster_texts(["???", "red shoes", "red shoe"])

    assert found.topic.tolist() == [0, 1, 1]
    assert not found.vectors[0].any()
    assert found.centrality[0] == 0


def test_other_languages_have_their_stems() -> None:
    keywords = ["rote schuhe", "roter schuh", "auto mieten"]

    found = cluster_texts(keywords, language="de")

    assert found.topic.tolist() == [1, 1, 0]


def test_large_topics_are_cut_again() -> None:
    tree = cluster_linkage.Tree(
        parent=np.array([0, 0, 0, 2, 4, 4], np.int32),
        height=np.array([-1, 0.7, 0.47, 0.52, -1, 0.9], np.float32),
    )
    weight = np.array([200, 90, 150, 160, 200, 200])

    found = cluster_core._cap_topics(np.array([0, 0, 0, 0, 1, 1], np.int32), weight, tree)

    assert found.tolist() == [0, 0, 1, 2, 3, 3]


def test_packaged_list_reaches_its_bars() -> None:
    keywords, labels = packaged()

    found = cluster_texts(keywords)

    assert adjusted_mutual_info_score(labels, found.topic) >= 0.315
    assert bcubed_f1(labels, found.topic) >= 0.611
    assert (len(keywords), len(set(found.topic.tolist()))) == (474, 300)


@pytest.mark.parametrize(("rows", "search"), [(300, None), (110, CELLS)])
def test_interpreted_kernels_find_the_same(
    monkeypatch: pytest.MonkeyPatch, rows: int, search: Search | None
) -> None:
    keywords = repeat(packaged()[0][:100], rows)
    compiled = fingerprint(cluster_texts(keywords, search=search))
    modules = (cluster_vectors, cluster_neighbours, cluster_merging, cluster_linkage, cluster_core)
    for module in modules:
        for name, value in vars(module).items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)

    interpreted = fingerprint(cluster_texts(keywords, search=search))

    assert interpreted == compiled


def test_long_lists_are_searched_by_cells() -> None:
    assert [search_for(n).cell for n in (20_000, 20_001, 300_000, 300_001)] == [0, 256, 256, 512]
    assert [search_for(n).joins for n in (20_000, 300_000, 300_001)] == [0, 2, 1]


def test_warm_up_compiles_what_both_searches_need() -> None:
    warm_up(long_lists=True)

    kernels: list[Any] = [cluster_neighbours._join_rows, cluster_merging.merge_rounds]
    assert all(kernel.signatures for kernel in kernels)


def test_words_are_the_same_when_no_more_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cluster_vectors.word_table(["shoe", "antidisestablishmentarianism"])
    monkeypatch.setattr(cluster_vectors, "_WORDS_KEPT", 0)
    monkeypatch.setattr(cluster_vectors, "_pieces", {})

    found = cluster_vectors.word_table(["shoe", "antidisestablishmentarianism"])

    assert np.array_equal(found, expected)
    assert cluster_vectors._pieces == {}


def test_vectors_of_words_are_those_of_the_model() -> None:
    table, tokenizer = cluster_vectors._model()
    ids = tokenizer.encode("shoes", add_special_tokens=False).ids

    found = cluster_vectors.word_table(["shoes"])

    assert np.allclose(found[0], table[ids].sum(0))


def test_more_cells_than_rows_do_no_harm() -> None:
    rows = np.eye(8, dtype=np.float32)
    with ThreadPoolExecutor(1) as pool:
        found = cluster_neighbours.neighbours(
            rows, search=Search(k=3, cell=1, probes=2, joins=1), floor=0.35, pool=pool
        )

    assert (found.similarities == -1).all()
    assert (found.ids == np.arange(8)[:, None]).all()
