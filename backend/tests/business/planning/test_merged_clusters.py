"""Clusters that a person merges or splits, and that runs respect it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.errors import (
    ClusterLocked,
    ClusterNameTaken,
    UndoNotPossible,
)
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.business.planning.services import edit_clusters
from igny8_core.business.planning.services.edit_clusters import (
    Part,
    gather_cluster,
    move_keywords_to,
    split_cluster,
)
from igny8_core.business.planning.services.manual_clusters import create_cluster
from igny8_core.business.planning.services.mark_clusters import (
    flag_clusters,
)
from igny8_core.business.planning.services.queue_ideas import queue_ideas
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.business.planning.edited import (
    LAMPS,
    SOFAS,
    cluster,
    cluster_of,
    clustered_sector,
    ideas,
    ids,
    keyword,
    merge,
    rebuild,
    state,
    texts_of,
    undo,
)
from tests.business.planning.test_figures import assert_figures_are_right
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector


pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    return clustered_sector()


def test_a_merger_takes_keywords_pages_and_ideas_along(sector: Sector) -> None:
    made = ideas(sector)
    lamps = cluster_of(sector, "desk lamp")
    sofas = cluster_of(sector, "grey sofa")
    before = {idea.target_keyword for idea in made if idea.cluster_id in {lamps.pk, sofas.pk}}

    edit = merge(sector, "grey sofa", "desk lamp", name="Furniture")

    assert edit.summary == "Merged \u201cdesk lamp\u201d into \u201cFurniture\u201d"
    sofas.refresh_from_db()
    lamps.refresh_from_db()
    assert (sofas.name, sofas.is_named, sofas.keywords_count) == ("Furniture", True, 7)
    assert (lamps.is_deleted, lamps.keywords_count) == (True, 0)
    assert texts_of(sofas) == {*SOFAS, *LAMPS}
    assert keyword(sector, "desk lamp").role == "supporting"
    assert keyword(sector, "grey sofa").role == "hub"
    live = ContentIdeas.unscoped.filter(cluster=sofas, deleted_at=None)
    assert {idea.target_keyword for idea in live} == before
    assert len({idea.page for idea in live}) == live.count()
    assert_figures_are_right(sector.pk)


def test_no_rebuild_takes_a_merger_apart(sector: Sector) -> None:
    merge(sector, "grey sofa", "desk lamp")
    merged = cluster_of(sector, "desk lamp")

    rebuild(sector)

    assert texts_of(merged) == {*SOFAS, *LAMPS}


def test_new_keywords_join_a_merged_cluster(sector: Sector) -> None:
    merge(sector, "grey sofa", "desk lamp")
    make_planning.keyword(sector, "led desk lamps", volume=3)

    cluster(sector)

    assert cluster_of(sector, "led desk lamps") == cluster_of(sector, "grey sofa")


def test_queued_ideas_go_with_their_cluster(sector: Sector) -> None:
    made = ideas(sector)
    lamp = next(idea for idea in made if idea.cluster_id == cluster_of(sector, "desk lamp").pk)
    queue_ideas(account=sector.account, idea_ids=[lamp.pk], now=NOW)

    merge(sector, "grey sofa", "desk lamp")

    lamp.refresh_from_db()
    assert lamp.cluster_id == cluster_of(sector, "grey sofa").pk
    assert lamp.page is not None


def test_a_merger_is_undone_whole(sector: Sector) -> None:
    ideas(sector)
    before = state(sector)
    edit = merge(sector, "grey sofa", "desk lamp", "garden hose", name="Things")
    assert state(sector) != before

    undone = undo(edit)

    assert undone.undone_at == NOW
    assert state(sector) == before
    assert undo(edit).undone_at == NOW
    assert_figures_are_right(sector.pk)


def test_an_edit_whose_rows_changed_since_is_not_undone(sector: Sector) -> None:
    first = merge(sector, "grey sofa", "desk lamp")
    second = move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=ids(sector, ["desk lamp"]),
        cluster_id=cluster_of(sector, "garden hose").pk,
        now=NOW,
    )
    before = state(sector)

    with pytest.raises(UndoNotPossible) as refused:
        undo(first)

    assert refused.value.data == {"keywords_changed": 1}
    assert state(sector) == before
    undo(second)
    undo(first)
    assert cluster_of(sector, "desk lamp").name == "desk lamp"


def test_an_edit_is_not_undone_when_a_name_was_given_away(sector: Sector) -> None:
    edit = merge(sector, "grey sofa", "desk lamp")
    create_cluster(account=sector.account, sector_id=sector.pk, name="Desk Lamp")

    with pytest.raises(UndoNotPossible):
        undo(edit)


def test_keywords_deleted_since_stay_deleted(sector: Sector) -> None:
    edit = merge(sector, "grey sofa", "desk lamp")
    keyword(sector, "led desk lamp").soft_delete(now=NOW)

    undo(edit)

    assert texts_of(cluster_of(sector, "desk lamp")) == {*LAMPS} - {"led desk lamp"}
    assert keyword(sector, "led desk lamp").is_deleted


@pytest.mark.parametrize("count", [0, 501])
def test_a_merger_of_nothing_or_too_much_is_refused(sector: Sector, count: int) -> None:
    with pytest.raises(InvalidInput):
        edit_clusters.merge_clusters(
            account=sector.account,
            cluster_id=cluster_of(sector, "grey sofa").pk,
            other_ids=range(10_000, 10_000 + count),
            carry=lambda _replaced: {},
            now=NOW,
        )


def test_clusters_of_two_sectors_or_accounts_are_not_merged(sector: Sector) -> None:
    neighbour = make_planning.cluster(make.sector(sector.site, "Lamps"))
    stranger = make_planning.cluster(make_planning.sector())
    for other, error in ((neighbour, InvalidInput), (stranger, NotFound)):
        with pytest.raises(error):
            edit_clusters.merge_clusters(
                account=sector.account,
                cluster_id=cluster_of(sector, "grey sofa").pk,
                other_ids=[other.pk],
                carry=lambda _replaced: {},
                now=NOW,
            )


def test_a_locked_cluster_is_neither_merged_nor_split_nor_left(sector: Sector) -> None:
    lamps = cluster_of(sector, "desk lamp")
    flag_clusters(account=sector.account, cluster_ids=[lamps.pk], is_locked=True, now=NOW)
    before = state(sector)
    part = Part(ids(sector, ["led desk lamp"]))
    edits: list[Any] = [
        lambda: merge(sector, "grey sofa", "desk lamp"),
        lambda: split_cluster(account=sector.account, cluster_id=lamps.pk, parts=[part], now=NOW),
        lambda: move_keywords_to(
            account=sector.account,
            sector=sector,
            keyword_ids=part.keyword_ids,
            cluster_id=None,
            now=NOW,
        ),
        lambda: move_keywords_to(
            account=sector.account,
            sector=sector,
            keyword_ids=ids(sector, ["grey sofa"]),
            cluster_id=lamps.pk,
            now=NOW,
        ),
        lambda: gather_cluster(
            account=sector.account, sector=sector, name="x", keyword_ids=part.keyword_ids, now=NOW
        ),
    ]

    for edit in edits:
        with pytest.raises(ClusterLocked):
            edit()

    assert state(sector) == before


def test_a_split_makes_clusters_with_a_hub_and_leaves_one(sector: Sector) -> None:
    ideas(sector)
    sofas = cluster_of(sector, "grey sofa")
    parts = [Part(ids(sector, ["grey sofa", "grey sofas"]), "Classics"),
             Part(ids(sector, ["grey sofa bed"]))]  # fmt: skip

    edit = split_cluster(account=sector.account, cluster_id=sofas.pk, parts=parts, now=NOW)

    assert edit.summary == (
        "Split \u201cClassics\u201d, \u201cgrey sofa bed\u201d from \u201cgrey sofa\u201d"
    )
    classics, beds = cluster_of(sector, "grey sofa"), cluster_of(sector, "grey sofa bed")
    assert (classics.name, beds.name, classics.source) == ("Classics", "grey sofa bed", "person")
    assert texts_of(classics) == {"grey sofa", "grey sofas"}
    assert texts_of(sofas) == {"dark grey sofa"}
    for text in ("grey sofa", "grey sofa bed", "dark grey sofa"):
        row = keyword(sector, text)
        assert (row.role, row.is_pinned) == ("hub", True)
    assert_figures_are_right(sector.pk)


def test_no_rebuild_puts_a_split_together_again(sector: Sector) -> None:
    sofas = cluster_of(sector, "grey sofa")
    part = Part(ids(sector, ["grey sofas"]), "plural")
    split_cluster(account=sector.account, cluster_id=sofas.pk, parts=[part], now=NOW)

    rebuild(sector)

    assert texts_of(cluster_of(sector, "grey sofas")) == {"grey sofas"}
    assert texts_of(sofas) == {*SOFAS} - {"grey sofas"}


def test_a_split_is_undone_whole(sector: Sector) -> None:
    ideas(sector)
    before = state(sector)
    part = Part(ids(sector, ["led desk lamp", "desk lamp"]))
    edit = split_cluster(
        account=sector.account,
        cluster_id=cluster_of(sector, "desk lamp").pk,
        parts=[part],
        now=NOW,
    )

    undo(edit)

    assert state(sector) == before


def test_what_a_split_made_and_others_use_is_not_undone(sector: Sector) -> None:
    part = Part(ids(sector, ["led desk lamp"]))
    lamps = cluster_of(sector, "desk lamp")
    edit = split_cluster(account=sector.account, cluster_id=lamps.pk, parts=[part], now=NOW)
    make_planning.idea(cluster_of(sector, "led desk lamp"))

    with pytest.raises(UndoNotPossible):
        undo(edit)


@pytest.mark.parametrize(
    "parts",
    [[], [[]], [["desk lamp"], ["desk lamp"]], [["grey sofa"]], [LAMPS]],
)
def test_a_split_that_makes_no_sense_is_refused(sector: Sector, parts: list[list[str]]) -> None:
    before = state(sector)
    by_id = [Part(ids(sector, texts)) for texts in parts]

    with pytest.raises(InvalidInput):
        split_cluster(
            account=sector.account,
            cluster_id=cluster_of(sector, "desk lamp").pk,
            parts=by_id,
            now=NOW,
        )

    assert state(sector) == before


def test_a_part_cannot_take_the_name_of_another_cluster(sector: Sector) -> None:
    part = Part(ids(sector, ["led desk lamp"]), "GARDEN hose")
    hoses = cluster_of(sector, "garden hose")

    with pytest.raises(ClusterNameTaken) as refused:
        split_cluster(
            account=sector.account,
            cluster_id=cluster_of(sector, "desk lamp").pk,
            parts=[part],
            now=NOW,
        )

    assert refused.value.data["in_the_way"] == hoses.pk
