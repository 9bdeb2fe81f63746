from __future__ import annotations

from typing import Any

from igny8_core.business.planning.services.cluster_inputs import (
    ClusterInput,
    Inputs,
    KeywordInput,
)
from igny8_core.business.planning.services.cluster_plan import (
    Placement,
    Plan,
    Settings,
    make_plan,
)


def keyword(pk: int, text: str, **fields: Any) -> KeywordInput:
    values: dict[str, Any] = {
        "volume": None, "cpc_minor": None, "intent": "", "intent_source": "unknown",
        "intent_confidence": 0.0, "cluster_id": None, "page": None, "page_place": 0,
        "is_pinned": False,
    }  # fmt: skip
    return KeywordInput(pk=pk, keyword=text, norm=text.casefold(), **(values | fields))


def plan_of(*keywords: KeywordInput, clusters: tuple[ClusterInput, ...] = ()) -> Plan:
    return make_plan(Inputs(list(keywords), list(clusters), "", ""), Settings(language="en"))


def spots(plan: Plan) -> dict[int, tuple[object, ...]]:
    def spot(p: Placement) -> tuple[object, ...]:
        return p.cluster, p.is_new_cluster, p.page, p.page_place, p.role

    return {placement.keyword_id: spot(placement) for placement in plan.placements}


BASE = (
    keyword(1, "garden hose", cluster_id=7, page=0),
    keyword(2, "garden hoses", cluster_id=7, page=0, page_place=1),
    keyword(3, "desk lamp", cluster_id=8, page=0),
    keyword(4, "led desk lamp", cluster_id=8, page=2),
    keyword(5, "grey sofa", cluster_id=9, page=0),
    keyword(6, "tax return", cluster_id=10, page=0),
)
CLUSTERS = tuple(
    ClusterInput(pk, name, is_closed=False)
    for pk, name in ((7, "garden hose"), (8, "desk lamp"), (9, "grey sofa"), (10, "tax return"))
)


def test_nothing_to_place_plans_nothing() -> None:
    assert plan_of(*BASE, clusters=CLUSTERS) == Plan()


def test_a_variant_goes_behind_what_its_page_holds() -> None:
    plan = plan_of(*BASE, keyword(20, "hose garden"), clusters=CLUSTERS)

    assert spots(plan) == {20: (7, False, 0, 2, "hub")}


def test_a_new_side_of_a_topic_becomes_its_next_page() -> None:
    plan = plan_of(
        *BASE,
        keyword(20, "desk lamp shade", volume=10),
        keyword(21, "desk lamp shades", volume=90),
        clusters=CLUSTERS,
    )

    assert spots(plan) == {
        21: (8, False, 3, 0, "supporting"),
        20: (8, False, 3, 1, "supporting"),
    }
    assert plan.clusters == []


def test_keywords_that_came_without_a_page_get_one_and_draw_others_to_their_cluster() -> None:
    from_file = keyword(1, "garden hose", cluster_id=7)

    plan = plan_of(from_file, *BASE[2:], keyword(20, "garden hose reel"), clusters=CLUSTERS)

    assert spots(plan) == {1: (7, False, 0, 0, "hub"), 20: (7, False, 1, 0, "supporting")}


def test_keywords_without_a_page_join_the_pages_of_their_cluster() -> None:
    late = (keyword(20, "garden hoses", cluster_id=7), keyword(21, "led lamp desk", cluster_id=8))
    other = keyword(22, "tax return deadline calendar", cluster_id=8)

    plan = plan_of(*BASE, *late, other, clusters=CLUSTERS)

    assert spots(plan) == {
        20: (7, False, 0, 2, "hub"),
        21: (8, False, 2, 1, "supporting"),
        22: (8, False, 3, 0, "supporting"),
    }


def test_a_large_list_after_a_small_one_is_weighed_by_both() -> None:
    texts = [f"{kind} {thing}" for kind in ("red", "blue", "oak") for thing in ("chair", "rug")]

    plan = plan_of(
        BASE[0], *(keyword(20 + n, text) for n, text in enumerate(texts)), clusters=CLUSTERS[:1]
    )

    assert len(plan.placements) == len(texts)
    assert all(placement.is_new_cluster for placement in plan.placements)


def test_a_vote_of_the_page_reaches_new_keywords() -> None:
    base = keyword(
        1, "garden hose", cluster_id=7, page=0, volume=50,
        intent="transactional", intent_source="import", intent_confidence=0.95,
    )  # fmt: skip

    plan = plan_of(base, *BASE[2:], keyword(20, "hose garden"), clusters=CLUSTERS)

    found = plan.placements[0].intent
    assert (found.intent, found.source, found.confidence) == ("transactional", "vote", 0.7)
