from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.planning.services.keyword_merge import (
    MAX_SOURCES,
    figures,
    imported_intent,
    merge_attributes,
    merge_sources,
)
from igny8_core.business.planning.states import FigureKind

KINDS = [kind.value for kind in FigureKind]


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    source: dict[str, Any] = {"tool": draw(st.sampled_from(["a", "b"])), "kind": kind}
    if kind != "unknown":
        source["volume"] = draw(st.integers(0, 30))
    if draw(st.booleans()):
        source["difficulty"] = draw(st.sampled_from([0.0, 1.5, 99.9]))
    if draw(st.booleans()):
        source["cpc"], source["cpc_currency"] = draw(st.sampled_from(["0.5", "2"])), "USD"
    if draw(st.booleans()):
        source["observed_on"] = draw(st.sampled_from(["2026-01-01", "2026-02-01"]))
    return source


def folded(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for part in parts:
        merged = merge_sources(merged, part)
    return merged


@given(st.lists(sources(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_repeats_and_splits_make_no_difference(
    found: list[dict[str, Any]], random: Any
) -> None:
    shuffled = random.sample(found, len(found))
    once = folded([found])

    assert figures(folded([[source] for source in shuffled])) == figures(once)
    assert figures(folded([found, found])) == figures(once)
    assert folded([found, found]) == folded([found])


@given(st.lists(sources(), min_size=1, max_size=60))
def test_many_sources_are_cut_and_the_figures_stay(found: list[dict[str, Any]]) -> None:
    merged = folded([[source] for source in found])

    assert len(merged) <= MAX_SOURCES
    assert figures(merged) == figures(found)


def source(kind: str, volume: int | None, **more: Any) -> dict[str, Any]:
    return {"tool": "a", "kind": kind, **({} if volume is None else {"volume": volume}), **more}


def test_typed_beats_exact_beats_range_beats_impressions_beats_unknown() -> None:
    ranked = [
        source("typed", 1),
        source("exact", 2),
        source("range", 3, volume_max=9),
        source("impressions", 4),
        source("unknown", None),
    ]

    for better, worse in itertools.combinations(ranked, 2):
        assert figures([worse, better]).volume == better["volume"]


def test_among_equals_the_newer_then_the_larger_wins() -> None:
    old = source("exact", 500, observed_on="2026-01-01")
    new = source("exact", 90, observed_on="2026-02-01")
    undated = source("exact", 9000)

    assert figures([undated, new, old]).volume == 90
    assert figures([undated, source("exact", 10)]).volume == 9000


def test_difficulty_comes_from_the_source_of_the_volume_if_it_has_one() -> None:
    best = source("exact", 100, difficulty=10.0)
    other = source("exact", 90, difficulty=50.0)

    assert figures([other, best]).difficulty == 10.0
    assert figures([other, source("exact", 100)]).difficulty == 50.0


def test_an_unknown_difficulty_does_not_hide_a_source_of_the_same_volume() -> None:
    assert len(merge_sources([source("exact", 1)], [source("exact", 1, difficulty=0.0)])) == 2


def test_labels_are_united_and_the_best_position_keeps_its_url() -> None:
    known = {"sources": [], "intents": ["commercial"], "position": 9.0, "ranking_url": "https://a"}
    more = {"sources": [], "intents": ["informational"], "position": 4.0, "parent_keyword": "sofa"}

    assert merge_attributes(known, more) == {
        "sources": [],
        "intents": ["commercial", "informational"],
        "position": 4.0,
        "parent_keyword": "sofa",
    }
    assert merge_attributes(more, known)["position"] == 4.0


def test_several_imported_intents_are_less_certain_than_one() -> None:
    assert imported_intent(["informational"]) == ("informational", "import", 0.95)
    assert imported_intent(["informational", "commercial"]) == ("commercial", "import", 0.6)
    assert imported_intent([]) == ("", "unknown", 0.0)


def test_difficulty_comes_from_the_source_of_the_volume_unless_a_person_typed_it() -> None:
    volume = {"kind": "exact", "volume": 10, "difficulty": 30.0, "observed_on": "2026-01-01"}
    newer = {"kind": "exact", "difficulty": 50.0, "observed_on": "2026-02-01"}
    typed = {"kind": "typed", "difficulty": 1.0}

    assert figures([volume, newer]).difficulty == 30.0
    assert figures([{"kind": "exact", "volume": 10}, newer]).difficulty == 50.0
    found = figures([volume, newer, typed])
    assert (found.volume, found.difficulty, found.difficulty_kind) == (10, 1.0, "typed")
