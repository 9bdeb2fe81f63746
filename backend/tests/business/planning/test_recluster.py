"""A rebuild: a stored proposal, a diff, and a person who accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.business.content.models import Content
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.errors import NothingToRebuild, ProposalClosed
from igny8_core.business.planning.models import (
    ClusterBuild,
    ClusterEdit,
    Clusters,
    ContentIdeas,
    Keywords,
)
from igny8_core.business.planning.services import apply_changes, cluster_build
from igny8_core.business.planning.services.cluster_build import (
    pack_frequencies,
    pack_merges,
    unpack_frequencies,
    unpack_merges,
)
from igny8_core.business.planning.services.cluster_core import cluster_texts
from igny8_core.business.planning.services.cluster_keywords import ClusterRun, cluster_keywords
from igny8_core.business.planning.services.cluster_matching import match_groups, plurality
from igny8_core.business.planning.services.recluster import (
    GRANULARITIES,
    accept_proposal,
    discard_proposal,
    granularities,
)
from igny8_core.common.errors import (
    Conflict,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
)
from igny8_core.common.tenancy.context import acting
from tests import make
from tests.business.planning.edited import (
    HOSES,
    LAMPS,
    SOFAS,
    cluster_of,
    ideas,
    keyword,
    state,
    texts_of,
    undo,
)
from tests.business.planning.rebuilds import accept, changes, kinds, propose, three_topics
from tests.business.planning.test_cluster_keywords import Ledger
from tests.business.planning.test_figures import assert_figures_are_right
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    return three_topics()


@pytest.fixture
def mixed(sector: Sector) -> Sector:
    """The same, put together wrongly: half of the sofas with the lamps, one with the hoses."""
    lamps, hoses = cluster_of(sector, "desk lamp"), cluster_of(sector, "garden hose")
    rows = Keywords.unscoped.filter(sector=sector)
    rows.filter(keyword__in=["grey sofa", "grey sofas"]).update(cluster=lamps, page=7)
    rows.filter(keyword="grey sofa bed").update(cluster=hoses, page=7)
    return sector


def test_a_rebuild_of_what_is_right_changes_nothing(sector: Sector) -> None:
    before = state(sector)

    proposal = propose(sector)

    assert (proposal.status, proposal.changes_count) == ("open", 0)
    assert proposal.summary == {
        "kept": 3, "moved": 0, "merged": 0, "split": 0, "new": 0, "vanished": 0,
        "clusters_before": 3, "clusters_after": 3, "keywords": 10, "keywords_moved": 0,
    }  # fmt: skip
    assert accept(proposal) == proposal
    assert state(sector) == before


def test_a_proposal_writes_nothing_and_says_what_it_would_change(mixed: Sector) -> None:
    before = state(mixed)
    sofas = Clusters.unscoped.get(sector=mixed, name="grey sofa")

    proposal = propose(mixed)

    assert state(mixed) == before
    (back,) = [change for change in changes(proposal) if change.cluster_id == sofas.pk]
    assert (back.kind, back.keywords_before, back.keywords_count) == ("moved", 1, 4)
    assert back.moved_count == 3
    assert [source[1:] for source in back.sources] == [
        ["desk lamp", 2], ["grey sofa", 1], ["garden hose", 1],
    ]  # fmt: skip
    lamps = next(change for change in changes(proposal) if change.name == "desk lamp")
    assert (lamps.kind, lamps.keywords_before, lamps.keywords_count) == ("moved", 5, 3)
    assert lamps.targets == [[back.number, "grey sofa", 2]]
    assert proposal.summary["keywords_moved"] == 3


def test_accepting_everything_puts_it_right_keeps_ids_and_is_undone(mixed: Sector) -> None:
    before = state(mixed)
    pks = {row.name: row.pk for row in Clusters.unscoped.filter(sector=mixed)}
    ledger = Ledger()
    proposal = propose(mixed)

    done = accept(proposal, credits=ledger)

    assert (done.status, done.changes_applied) == ("applied", done.changes_count)
    assert {row.name: row.pk for row in Clusters.unscoped.filter(sector=mixed)} == pks
    for name, texts in (("grey sofa", SOFAS), ("desk lamp", LAMPS), ("garden hose", HOSES)):
        assert texts_of(Clusters.unscoped.get(sector=mixed, name=name)) == set(texts)
    assert ledger.calls == [("reserve", {"per_items": 3}), ("capture", {"per_items": 3})]
    assert_figures_are_right(mixed.pk)
    assert not propose(mixed).changes_count
    undo(ClusterEdit.unscoped.get(sector=mixed, kind="rebuild"))
    assert state(mixed)["clusters"] == before["clusters"]
    moved = {row[0]: row[1:3] for row in state(mixed)["keywords"]}
    assert moved == {row[0]: row[1:3] for row in before["keywords"]}


def test_changes_are_accepted_one_by_one(mixed: Sector) -> None:
    proposal = propose(mixed)
    sofas = Clusters.unscoped.get(sector=mixed, name="grey sofa")
    back = next(change for change in changes(proposal) if change.cluster_id == sofas.pk)

    first = accept(proposal, [back.number])

    assert texts_of(sofas) == set(SOFAS)
    assert (first.status, first.changes_applied) == ("open", 1)
    assert accept(proposal, [back.number]).changes_applied == 1
    last = accept(proposal)
    assert last.status == "applied"
    build = cluster_selectors.base_build(account=mixed.account, sector_id=mixed.pk)
    assert build == last.build
    with pytest.raises(NotFound):
        accept(proposal, [99])


def test_what_changed_meanwhile_makes_a_proposal_stale(mixed: Sector) -> None:
    proposal = propose(mixed)
    make_planning.keyword(mixed, "office chair")
    before, ledger = state(mixed), Ledger()

    with pytest.raises(StaleState):
        accept(proposal, credits=ledger)

    assert state(mixed) == before
    assert [call[0] for call in ledger.calls] == ["reserve", "release"]
    proposal.refresh_from_db()
    assert (proposal.status, proposal.changes_applied) == ("open", 0)


def test_without_credits_nothing_is_accepted(mixed: Sector) -> None:
    proposal, before = propose(mixed), state(mixed)

    class Empty(Ledger):
        def reserve(self, **_: Any) -> Any:
            raise InsufficientCredits("none", available=0)

    with pytest.raises(InsufficientCredits):
        accept(proposal, credits=Empty())

    assert state(mixed) == before


def test_a_new_proposal_replaces_an_open_one(mixed: Sector) -> None:
    first = propose(mixed)

    second = propose(mixed)

    first.refresh_from_db()
    assert (first.status, second.status) == ("discarded", "open")
    with pytest.raises(ProposalClosed):
        accept(first)
    shown = cluster_selectors.cluster_proposals(account=mixed.account, sector=mixed)
    assert list(shown) == [second, first]


def test_a_discarded_proposal_is_closed(mixed: Sector) -> None:
    proposal, before = propose(mixed), state(mixed)

    for actor in ("user:5", "user:6"):
        with acting(actor):
            closed = discard_proposal(account=mixed.account, proposal_id=proposal.pk, now=NOW)

    assert (closed.status, closed.decided_at, closed.decided_by) == ("discarded", NOW, "user:5")
    assert state(mixed) == before
    with pytest.raises(NotFound):
        discard_proposal(account=make.account(), proposal_id=proposal.pk, now=NOW)


def test_a_proposal_that_was_accepted_in_part_ends_as_applied(mixed: Sector) -> None:
    proposal = propose(mixed)
    accept(proposal, [changes(proposal)[0].number])

    closed = discard_proposal(account=mixed.account, proposal_id=proposal.pk, now=NOW)

    assert (closed.status, closed.changes_applied) == ("applied", 1)
    with pytest.raises(ProposalClosed):
        accept(closed)


def test_two_topics_that_are_one_are_merged_and_the_smaller_one_vanishes(sector: Sector) -> None:
    extra = make_planning.cluster(sector, "sofas too")
    for text in ("light grey sofa", "grey sofa covers"):
        make_planning.keyword(sector, text, cluster=extra, volume=1)
    proposal = propose(sector)
    assert kinds(proposal)["merged"] == ["grey sofa"]
    assert kinds(proposal)["vanished"] == ["sofas too"]
    gone = next(change for change in changes(proposal) if change.kind == "vanished")
    with pytest.raises(Conflict):
        accept(proposal, [gone.number])

    accept(proposal)

    extra.refresh_from_db()
    assert (extra.is_deleted, extra.keywords_count) == (True, 0)
    assert texts_of(cluster_of(sector, "grey sofa")) >= {*SOFAS, "light grey sofa"}
    undo(ClusterEdit.unscoped.get(sector=sector, kind="rebuild"))
    extra.refresh_from_db()
    assert (extra.is_deleted, extra.keywords_count) == (False, 2)


def test_what_vanishes_with_contents_stays_and_is_empty(sector: Sector) -> None:
    extra = make_planning.cluster(sector, "sofas too")
    make_planning.keyword(sector, "light grey sofa", cluster=extra)
    Content.unscoped.create(sector=cluster_of(sector, "grey sofa").sector, title="A", cluster=extra)
    Content.unscoped.create(sector=sector, title="B", cluster=cluster_of(sector, "grey sofa"))

    accept(propose(sector))

    extra.refresh_from_db()
    survivors = {extra.pk, cluster_of(sector, "grey sofa").pk}
    assert not Clusters.unscoped.filter(pk__in=survivors, deleted_at__isnull=False).exists()
    assert Clusters.unscoped.filter(pk__in=survivors, keywords_count=0).count() == 1


def test_clusters_with_contents_choose_first() -> None:
    pairs: list[tuple[int, int | None]] = [(0, 10), (0, 10), (0, 11), (1, 10), (1, 11), (1, None)]

    assert match_groups(pairs) == {0: 10, 1: 11}
    assert match_groups(pairs, first={11}) == {0: 11, 1: 10}
    assert match_groups(pairs, forced={1: 10}) == {1: 10, 0: 11}
    assert plurality([3, 1, 3, 1]) == 1


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 4))))
def test_each_old_group_lives_on_once(pairs: list[tuple[int, int | None]]) -> None:
    found = match_groups(pairs)

    assert len(set(found.values())) == len(found)
    assert match_groups(reversed(pairs)) == found
    overlaps = {(new, old) for new, old in pairs if old is not None}
    assert set(found.items()) <= overlaps
    left = {new for new, _ in pairs} - set(found)
    assert not {(n, o) for n, o in overlaps if n in left and o not in set(found.values())}


def test_a_finer_granularity_is_proposed_kept_by_later_runs_and_cut_from_the_merges(
    sector: Sector,
) -> None:
    cuts = granularities(account=sector.account, site=sector.site, sector=sector)
    assert [cut.topic_tau for cut in cuts] == list(GRANULARITIES)
    assert [cut.topics for cut in cuts] == sorted(cut.topics for cut in cuts)
    assert (cuts[0].topics, cuts[0].largest) == (3, 4)

    proposal = propose(sector, topic_tau=0.6)
    accept(proposal)

    live = Clusters.unscoped.filter(sector=sector, deleted_at=None)
    assert live.count() == cuts[-1].topics > 3
    base = cluster_selectors.base_build(account=sector.account, sector_id=sector.pk)
    assert base is not None
    assert base.topic_tau == 0.6
    assert "split" in kinds(proposal)
    assert not propose(sector).changes_count
    with pytest.raises(InvalidInput):
        propose(sector, topic_tau=0.7)


def test_without_a_fitting_base_no_granularity_is_shown(sector: Sector) -> None:
    ClusterBuild.unscoped.filter(sector=sector).update(clusterer_version=1)

    assert granularities(account=sector.account, site=sector.site, sector=sector) == []
    other = make_planning.sector()
    assert granularities(account=other.account, site=other.site, sector=other) == []


def test_a_sector_without_clusters_is_not_rebuilt() -> None:
    empty = make_planning.sector()
    make_planning.keyword(empty, "sofa")

    with pytest.raises(NothingToRebuild):
        propose(empty)


def test_ideas_follow_their_page_through_a_rebuild(mixed: Sector) -> None:
    ideas(mixed)
    lamps = Clusters.unscoped.get(sector=mixed, name="desk lamp")
    sofa_idea = ContentIdeas.unscoped.get(cluster=lamps, page=7)

    accept(propose(mixed))

    sofa_idea.refresh_from_db()
    target = keyword(mixed, "grey sofa")
    assert sofa_idea.cluster_id == target.cluster_id
    live = ContentIdeas.unscoped.filter(sector=mixed, deleted_at=None, page__isnull=False)
    places = list(live.values_list("cluster_id", "page"))
    assert len(set(places)) == len(places)
    assert_figures_are_right(mixed.pk)


def test_the_first_run_is_the_base_and_says_when_a_rebuild_is_due(sector: Sector) -> None:
    base = cluster_selectors.base_build(account=sector.account, sector_id=sector.pk)
    assert base is not None
    assert (base.keywords_count, base.topics_count, base.language) == (10, 3, "en")
    assert base.parameters["page_tau"] == 0.6
    assert base.applied_at == NOW

    def more(texts: list[str]) -> ClusterRun:
        make_planning.keywords(sector, texts)
        return cluster_keywords(
            account=sector.account,
            site=sector.site,
            sector=sector,
            clock=lambda: NOW,
            credits=None,
        )

    first = more(["office chair", "tax return", "green tea"])
    second = more(["black tea"])

    assert (first.added_share, first.is_rebuild_due) == (0.3, False)
    assert (second.added_share, second.is_rebuild_due) == (0.4, True)
    assert ClusterBuild.unscoped.filter(sector=sector).count() == 1
    accept(propose(sector))
    third = more(["white tea"])
    assert third.is_rebuild_due is False


def test_old_builds_lose_their_bulk(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_build, "BUILDS_KEPT", 2)
    for _ in range(3):
        propose(sector)

    builds = ClusterBuild.unscoped.filter(sector=sector).order_by("pk")

    assert [bool(build.merges) for build in builds] == [True, False, True, True]


def test_large_rebuilds_keep_no_undo(mixed: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_changes, "UNDOABLE_KEYWORDS", 1)

    accept(propose(mixed))

    assert not ClusterEdit.unscoped.filter(sector=mixed, kind="rebuild").exists()
    assert texts_of(cluster_of(mixed, "grey sofa")) == set(SOFAS)


def test_another_account_sees_no_proposal(mixed: Sector) -> None:
    proposal = propose(mixed)

    with pytest.raises(NotFound):
        accept_proposal(
            account=make.account(), proposal_id=proposal.pk, clock=lambda: NOW, credits=None
        )


def test_what_is_kept_of_a_clustering_comes_back_as_it_was() -> None:
    keywords = ["red shoe", "red leather shoe", "blue shoe", "car hire", "the red shoe"]
    found = cluster_texts(keywords)

    merges = unpack_merges(pack_merges([50, 10, 40, 20, 30], found))
    known = unpack_frequencies(pack_frequencies(found.frequencies))

    order = [1, 3, 4, 2, 0]
    assert merges.keyword_ids.tolist() == [10, 20, 30, 40, 50]
    assert merges.topics(0.4).tolist() == found.recut(0.4)[order].tolist()
    assert known == found.frequencies
