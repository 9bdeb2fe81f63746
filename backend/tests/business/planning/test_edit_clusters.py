"""What a person makes of clusters, and that runs respect it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.errors import (
    ClusterLocked,
    ClusterNameTaken,
    UndoNotPossible,
)
from igny8_core.business.planning.models import ClusterEdit, Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services import cluster_edits, edit_clusters
from igny8_core.business.planning.services.bin_clusters import delete_clusters
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.edit_clusters import (
    Part,
    gather_cluster,
    move_keywords_to,
    split_cluster,
)
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.manual_clusters import create_cluster, update_cluster
from igny8_core.business.planning.services.mark_clusters import (
    flag_clusters,
    pin_keywords,
    set_page_role,
    set_target_keyword,
)
from igny8_core.business.planning.services.queue_ideas import queue_ideas
from igny8_core.business.planning.services.recluster import accept_proposal, propose_rebuild
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.business.planning.test_figures import assert_figures_are_right
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

SOFAS = ["grey sofa", "grey sofas", "grey sofa bed", "dark grey sofa"]
LAMPS = ["desk lamp", "led desk lamp", "desk lamp for office"]
HOSES = ["garden hose", "garden hose reel", "expandable garden hose"]


@pytest.fixture
def sector() -> Sector:
    """Three topics, clustered."""
    made = make_planning.sector()
    for at, text in enumerate([*SOFAS, *LAMPS, *HOSES]):
        make_planning.keyword(made, text, volume=900 - 10 * at)
    cluster(made)
    return made


def cluster(sector: Sector) -> None:
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )


def rebuild(sector: Sector) -> None:
    """Propose and accept everything."""
    found = propose_rebuild(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW
    )
    accept_proposal(account=sector.account, proposal_id=found.pk, clock=lambda: NOW, credits=None)


def ideas(sector: Sector) -> list[ContentIdeas]:
    return make_ideas(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )


def keyword(sector: Sector, text: str) -> Keywords:
    return Keywords.unscoped.select_related("cluster").get(sector=sector, keyword=text)


def cluster_of(sector: Sector, text: str) -> Clusters:
    found: Clusters | None = keyword(sector, text).cluster
    assert found is not None
    return found


def ids(sector: Sector, texts: Iterable[str]) -> list[int]:
    return [keyword(sector, text).pk for text in texts]


def texts_of(cluster: Clusters) -> set[str]:
    rows = Keywords.unscoped.filter(cluster=cluster, deleted_at=None)
    return set(rows.values_list("keyword", flat=True))


def merge(sector: Sector, into: str, *others: str, **fields: Any) -> ClusterEdit:
    return edit_clusters.merge_clusters(
        account=sector.account,
        cluster_id=cluster_of(sector, into).pk,
        other_ids=[cluster_of(sector, text).pk for text in others],
        carry=lambda _replaced: {},
        now=NOW,
        **fields,
    )


def undo(edit: ClusterEdit) -> ClusterEdit:
    return cluster_edits.undo_edit(
        account=edit.account, edit_id=edit.pk, carry_back=lambda _carried: None, now=NOW
    )


def state(sector: Sector) -> dict[str, list[tuple[object, ...]]]:
    """Everything that an edit can change."""
    keywords = Keywords.unscoped.filter(sector=sector).order_by("keyword_norm")
    clusters = Clusters.unscoped.filter(sector=sector, deleted_at=None).order_by("pk")
    ideas = ContentIdeas.unscoped.filter(sector=sector, deleted_at=None).order_by("pk")
    return {
        "keywords": list(
            keywords.values_list(
                "keyword", "cluster_id", "page", "page_place", "role", "is_pinned", "status"
            )
        ),
        "clusters": list(
            clusters.values_list(
                "pk", "name", "is_named", "is_locked", "is_disabled", "keywords_count", "volume",
                "status",
            )
        ),
        "ideas": list(ideas.values_list("pk", "cluster_id", "page", "target_keyword", "volume")),
    }  # fmt: skip


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
