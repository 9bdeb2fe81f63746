"""What a person makes of a cluster and its keywords, and that runs respect it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.errors import (
    ClusterNameTaken,
)
from igny8_core.business.planning.models import ClusterEdit, Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services import cluster_edits
from igny8_core.business.planning.services.bin_clusters import delete_clusters
from igny8_core.business.planning.services.edit_clusters import (
    gather_cluster,
    move_keywords_to,
)
from igny8_core.business.planning.services.manual_clusters import update_cluster
from igny8_core.business.planning.services.mark_clusters import (
    flag_clusters,
    pin_keywords,
    set_page_role,
    set_target_keyword,
)
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.business.planning.edited import (
    HOSES,
    LAMPS,
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


def test_a_moved_keyword_joins_a_page_that_reads_alike_or_makes_one(sector: Sector) -> None:
    lamps = cluster_of(sector, "desk lamp")
    alike = make_planning.keyword(sector, "desk lamps", volume=2)
    other = make_planning.keyword(sector, "office chair", volume=1)

    edit = move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=[alike.pk, other.pk],
        cluster_id=lamps.pk,
        now=NOW,
    )

    assert edit.summary == "Moved 2 keywords to \u201cdesk lamp\u201d"
    lamp, moved = keyword(sector, "desk lamp"), keyword(sector, "desk lamps")
    assert (moved.cluster_id, moved.page, moved.role) == (lamps.pk, lamp.page, lamp.role)
    assert moved.page_place > lamp.page_place
    assert keyword(sector, "office chair").role == "supporting"
    assert moved.variant == lamp.variant is not None
    assert (moved.is_pinned, lamp.is_pinned) == (True, False)
    assert_figures_are_right(sector.pk)


def test_runs_leave_a_moved_keyword_where_it_was_put(sector: Sector) -> None:
    hoses = cluster_of(sector, "garden hose")
    moved = ids(sector, ["grey sofa bed"])
    move_keywords_to(
        account=sector.account, sector=sector, keyword_ids=moved, cluster_id=hoses.pk, now=NOW
    )

    cluster(sector)
    rebuild(sector)

    assert texts_of(hoses) >= {*HOSES, "grey sofa bed"}


def test_a_keyword_that_was_taken_out_stays_out(sector: Sector) -> None:
    moved = ids(sector, ["grey sofa bed"])
    move_keywords_to(
        account=sector.account, sector=sector, keyword_ids=moved, cluster_id=None, now=NOW
    )

    cluster(sector)
    rebuild(sector)

    row = keyword(sector, "grey sofa bed")
    assert (row.cluster, row.status, row.page, row.is_pinned) == (None, "new", None, True)
    pin_keywords(account=sector.account, sector=sector, keyword_ids=moved, is_pinned=False, now=NOW)
    cluster(sector)
    assert keyword(sector, "grey sofa bed").cluster == cluster_of(sector, "grey sofa")


def test_the_hub_that_is_moved_away_has_a_successor(sector: Sector) -> None:
    hub = next(
        k for k in Keywords.unscoped.filter(cluster=cluster_of(sector, "desk lamp"), role="hub")
    )

    move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=[hub.pk],
        cluster_id=cluster_of(sector, "garden hose").pk,
        now=NOW,
    )

    left = Keywords.unscoped.filter(cluster__name="desk lamp", deleted_at=None)
    assert left.filter(role="hub").exists()
    assert hub.keyword not in set(left.values_list("keyword", flat=True))


def test_a_cluster_left_empty_goes_into_the_bin_unless_something_stands_for_it(
    sector: Sector,
) -> None:
    lamps, hoses = cluster_of(sector, "desk lamp"), cluster_of(sector, "garden hose")
    make_planning.idea(hoses, source="person")
    target = cluster_of(sector, "grey sofa")

    for texts in (LAMPS, HOSES):
        move_keywords_to(
            account=sector.account,
            sector=sector,
            keyword_ids=ids(sector, texts),
            cluster_id=target.pk,
            now=NOW,
        )

    lamps.refresh_from_db()
    hoses.refresh_from_db()
    assert (lamps.is_deleted, hoses.is_deleted, hoses.keywords_count) == (True, False, 0)
    assert_figures_are_right(sector.pk)


def test_ideas_follow_a_page_and_keywords_leave_and_join_ideas(sector: Sector) -> None:
    made = {idea.target_keyword: idea for idea in ideas(sector)}
    reel = made["expandable garden hose"]
    target = cluster_of(sector, "grey sofa")

    edit = move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=ids(sector, ["expandable garden hose"]),
        cluster_id=target.pk,
        now=NOW,
    )

    reel.refresh_from_db()
    assert reel.cluster_id == target.pk
    assert reel.page == keyword(sector, "expandable garden hose").page
    undo(edit)
    reel.refresh_from_db()
    assert reel.cluster_id == cluster_of(sector, "garden hose").pk


def test_moving_where_it_is_already_pins_and_nothing_else(sector: Sector) -> None:
    sofas = cluster_of(sector, "grey sofa")

    move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=ids(sector, ["grey sofas"]),
        cluster_id=sofas.pk,
        now=NOW,
    )

    row = keyword(sector, "grey sofas")
    assert (row.cluster_id, row.is_pinned) == (sofas.pk, True)


def test_unknown_keywords_and_too_many_are_refused(sector: Sector) -> None:
    foreign = make_planning.keyword(make_planning.sector())
    sofas = cluster_of(sector, "grey sofa")
    for keyword_ids, error in (([foreign.pk], NotFound), ([], InvalidInput)):
        with pytest.raises(error):
            move_keywords_to(
                account=sector.account,
                sector=sector,
                keyword_ids=keyword_ids,
                cluster_id=sofas.pk,
                now=NOW,
            )
    with pytest.raises(InvalidInput):
        gather_cluster(
            account=sector.account,
            sector=sector,
            name="x",
            keyword_ids=range(20_001),
            now=NOW,
        )


def test_a_cluster_of_ones_own_keeps_its_keywords_and_is_undone(sector: Sector) -> None:
    before = state(sector)
    chosen = ids(sector, ["grey sofa bed", "garden hose"])

    made = gather_cluster(
        account=sector.account, sector=sector, name="  My   topic ", keyword_ids=chosen, now=NOW
    )
    rebuild(sector)

    assert (made.name, made.source, made.keywords_count) == ("My topic", "person", 2)
    assert texts_of(made) >= {"grey sofa bed", "garden hose"}
    edits = list(cluster_selectors.cluster_edits(account=sector.account, sector=sector))
    for edit in edits:
        undo(edit)
    assert state(sector) == before


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\x00b"])
def test_a_name_has_to_be_readable(sector: Sector, name: str) -> None:
    with pytest.raises(InvalidInput):
        gather_cluster(
            account=sector.account,
            sector=sector,
            name=name,
            keyword_ids=ids(sector, LAMPS),
            now=NOW,
        )


def test_a_deleted_clusters_keywords_are_placed_again(sector: Sector) -> None:
    lamps = cluster_of(sector, "desk lamp")

    delete_clusters(account=sector.account, ids=[lamps.pk], now=NOW)

    assert keyword(sector, "desk lamp").cluster is None
    cluster(sector)
    assert cluster_of(sector, "desk lamp").pk != lamps.pk


def rename(cluster: Clusters, name: str) -> Clusters:
    return update_cluster(
        account=cluster.account, cluster_id=cluster.pk, changes={"name": name}, now=NOW
    )


def test_a_name_given_by_a_person_outlives_every_run(sector: Sector) -> None:
    lamps = cluster_of(sector, "desk lamp")

    renamed = rename(lamps, "Lighting")
    make_planning.keyword(sector, "desk lamp cheap", volume=9_000)
    cluster(sector)
    rebuild(sector)

    lamps.refresh_from_db()
    assert (renamed.name, lamps.name, lamps.is_named) == ("Lighting", "Lighting", True)
    assert ClusterEdit.unscoped.filter(kind="rename").count() == 1
    rename(lamps, "Lighting")
    assert ClusterEdit.unscoped.filter(kind="rename").count() == 1
    with pytest.raises(ClusterNameTaken):
        rename(lamps, "GREY sofa")


def test_flags_are_set_and_undone(sector: Sector) -> None:
    pks = [cluster_of(sector, text).pk for text in ("grey sofa", "desk lamp")]

    edit = flag_clusters(
        account=sector.account, cluster_ids=pks, is_locked=True, is_disabled=True, now=NOW
    )

    assert edit.summary == "Locked and disabled 2 clusters"
    flags = Clusters.unscoped.filter(pk__in=pks).values_list("is_locked", "is_disabled")
    assert list(flags) == [(True, True)] * 2
    undo(edit)
    assert list(flags.all()) == [(False, False)] * 2
    with pytest.raises(InvalidInput):
        flag_clusters(account=sector.account, cluster_ids=pks, now=NOW)


def test_a_locked_cluster_keeps_its_pages_and_takes_none_in_a_run(sector: Sector) -> None:
    sofas = cluster_of(sector, "grey sofa")
    flag_clusters(account=sector.account, cluster_ids=[sofas.pk], is_locked=True, now=NOW)
    before = [row for row in state(sector)["keywords"] if row[1] == sofas.pk]
    make_planning.keyword(sector, "cheap grey sofas", volume=5)

    cluster(sector)

    assert [row for row in state(sector)["keywords"] if row[1] == sofas.pk] == before
    assert cluster_of(sector, "cheap grey sofas") != sofas


def test_a_page_is_made_the_hub_and_the_old_one_supports_it(sector: Sector) -> None:
    hoses = cluster_of(sector, "garden hose")
    reel = keyword(sector, "expandable garden hose")
    assert (reel.role, reel.page) != ("hub", None)

    edit = set_page_role(
        account=sector.account,
        cluster_id=hoses.pk,
        page=reel.page or 0,
        role=ClusterRole.HUB,
        now=NOW,
    )

    assert edit.summary == "Made \u201cexpandable garden hose\u201d hub in \u201cgarden hose\u201d"
    assert keyword(sector, "expandable garden hose").role == "hub"
    assert keyword(sector, "garden hose").role == "supporting"
    figures = selectors.cluster_figures(account=sector.account, cluster_ids=[hoses.pk])
    assert figures[hoses.pk].hub_keyword == "expandable garden hose"
    with pytest.raises(InvalidInput):
        set_page_role(
            account=sector.account,
            cluster_id=hoses.pk,
            page=reel.page or 0,
            role=ClusterRole.SUPPORTING,
            now=NOW,
        )
    with pytest.raises(NotFound):
        set_page_role(
            account=sector.account, cluster_id=hoses.pk, page=99, role=ClusterRole.HUB, now=NOW
        )


def test_an_attribute_page_is_served_by_the_hub(sector: Sector) -> None:
    ideas(sector)
    hoses, reel = cluster_of(sector, "garden hose"), keyword(sector, "expandable garden hose")

    edit = set_page_role(
        account=sector.account,
        cluster_id=hoses.pk,
        page=reel.page or 0,
        role=ClusterRole.ATTRIBUTE,
        now=NOW,
    )

    live = ContentIdeas.unscoped.filter(cluster=hoses, deleted_at=None)
    assert not live.filter(page=reel.page).exists()
    hub = live.get(page=keyword(sector, "garden hose").page)
    assert "expandable garden hose" in {k.keyword for k in hub.keywords.all()}
    undo(edit)
    assert live.filter(page=reel.page).exists()


def test_the_target_of_a_page_can_be_chosen(sector: Sector) -> None:
    make_planning.keyword(sector, "office chair")
    chosen = keyword(sector, "grey sofas")

    set_target_keyword(account=sector.account, keyword_id=chosen.pk, now=NOW)

    assert keyword(sector, "grey sofas").page_place == 0
    assert keyword(sector, "grey sofa").page_place == 1
    with pytest.raises(InvalidInput):
        set_target_keyword(
            account=sector.account, keyword_id=keyword(sector, "office chair").pk, now=NOW
        )


def test_pins_are_set_undone_and_counted(sector: Sector) -> None:
    chosen = ids(sector, LAMPS)

    edit = pin_keywords(
        account=sector.account, sector=sector, keyword_ids=chosen, is_pinned=True, now=NOW
    )

    assert edit.summary == "Pinned 3 keywords"
    assert Keywords.unscoped.filter(sector=sector, is_pinned=True).count() == 3
    undo(edit)
    assert not Keywords.unscoped.filter(sector=sector, is_pinned=True).exists()
    with pytest.raises(InvalidInput):
        pin_keywords(account=sector.account, sector=sector, keyword_ids=[], is_pinned=True, now=NOW)


def test_another_accounts_edit_is_unknown_and_old_ones_are_forgotten(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = merge(sector, "grey sofa", "desk lamp")
    with pytest.raises(NotFound):
        cluster_selectors.cluster_edit(account=make.account(), edit_id=edit.pk)

    monkeypatch.setattr(cluster_edits, "EDITS_KEPT", 2)
    lamps = cluster_of(sector, "desk lamp")
    for name in ("a", "b", "c"):
        rename(lamps, name)

    kept = cluster_selectors.cluster_edits(account=sector.account, sector=sector)
    assert [row.summary for row in kept] == [
        "Renamed \u201cb\u201d to \u201cc\u201d",
        "Renamed \u201ca\u201d to \u201cb\u201d",
    ]
