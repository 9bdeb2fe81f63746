"""Rebuilds around what people hold fast: locked and disabled clusters, pinned keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.planning.services.edit_clusters import move_keywords_to
from igny8_core.business.planning.services.mark_clusters import flag_clusters
from tests.business.planning.edited import (
    HOSES,
    SOFAS,
    cluster_of,
    ids,
    state,
    texts_of,
)
from tests.business.planning.rebuilds import accept, changes, propose, three_topics
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    return three_topics()


def test_a_locked_cluster_keeps_its_pages_and_others_may_be_proposed_to_join(
    sector: Sector,
) -> None:
    sofas = cluster_of(sector, "grey sofa")
    odd = make_planning.cluster(sector, "odd ones")
    newcomer = make_planning.keyword(sector, "cheap grey sofas", cluster=odd, volume=1)
    stranger = make_planning.keyword(sector, "tax return deadline", cluster=sofas, page=9)
    flag_clusters(account=sector.account, cluster_ids=[sofas.pk], is_locked=True, now=NOW)
    before = {row[0]: row for row in state(sector)["keywords"] if row[1] == sofas.pk}

    proposal = propose(sector)
    (joining,) = [change for change in changes(proposal) if change.cluster_id == sofas.pk]
    assert joining.placements["id"] == [newcomer.pk]
    assert (joining.keywords_before, joining.keywords_count) == (5, 6)
    accept(proposal)

    after = {row[0]: row for row in state(sector)["keywords"] if row[1] == sofas.pk}
    assert {text: row for text, row in after.items() if text in before} == before
    assert set(after) == {*before, "cheap grey sofas"}
    stranger.refresh_from_db()
    assert stranger.cluster == sofas


def test_two_locked_clusters_are_never_one(sector: Sector) -> None:
    other = make_planning.cluster(sector, "more sofas")
    make_planning.keyword(sector, "grey sofas for sale", cluster=other)
    pair = [cluster_of(sector, "grey sofa").pk, other.pk]
    flag_clusters(account=sector.account, cluster_ids=pair, is_locked=True, now=NOW)

    accept(propose(sector))

    assert texts_of(other) == {"grey sofas for sale"}


def test_a_disabled_cluster_takes_no_part(sector: Sector) -> None:
    hoses = cluster_of(sector, "garden hose")
    flag_clusters(account=sector.account, cluster_ids=[hoses.pk], is_disabled=True, now=NOW)

    proposal = propose(sector)

    assert proposal.summary["keywords"] == 7
    accept(proposal)
    assert texts_of(hoses) == set(HOSES)


def test_a_few_pinned_keywords_follow_their_cluster_and_draw_nothing(sector: Sector) -> None:
    hoses = cluster_of(sector, "garden hose")
    move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=ids(sector, ["grey sofa bed"]),
        cluster_id=hoses.pk,
        now=NOW,
    )

    accept(propose(sector))

    assert texts_of(hoses) == {*HOSES, "grey sofa bed"}
    assert texts_of(cluster_of(sector, "grey sofa")) == {*SOFAS} - {"grey sofa bed"}


def test_pinned_keywords_alone_keep_their_cluster_alive(sector: Sector) -> None:
    odd = make_planning.cluster(sector, "odd ones")
    pinned = make_planning.keyword(sector, "grey sofas sale", cluster=odd, is_pinned=True)
    for text in ("garden hose holder", "desk lamp shade"):
        make_planning.keyword(sector, text, cluster=odd)

    accept(propose(sector))

    pinned.refresh_from_db()
    assert pinned.cluster == odd
    assert texts_of(odd) == {"grey sofas sale"}
