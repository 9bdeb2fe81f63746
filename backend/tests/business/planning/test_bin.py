"""What deleting and restoring does to the rows around."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.models import StatusChange
from igny8_core.business.content.models import Content
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.bin_clusters import delete_clusters, restore_clusters
from igny8_core.business.planning.services.bin_ideas import delete_ideas, restore_ideas
from igny8_core.business.planning.services.bin_keywords import delete_keywords, restore_keywords
from igny8_core.business.planning.services.retention import purge_planning
from igny8_core.business.planning.states import ClusterRole, IdeaStatus, KeywordStatus
from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.soft_delete import PlaceTaken, StillNeeded
from tests import make
from tests.business.planning.bins import counts, live
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

LATER = NOW + timedelta(days=1)
Row = Clusters | ContentIdeas | Keywords


def place(keyword: Keywords) -> tuple[Any, ...]:
    keyword.refresh_from_db()
    return (
        keyword.cluster_id,
        keyword.page,
        keyword.page_place,
        keyword.role,
        keyword.is_pinned,
        keyword.status,
    )


FREE = (None, None, 0, "", False, KeywordStatus.NEW)


def queued(cluster: Clusters, **fields: Any) -> ContentIdeas:
    return make_planning.idea(cluster, queued_at=NOW, **{"status": IdeaStatus.QUEUED} | fields)


def completed(cluster: Clusters, **fields: Any) -> ContentIdeas:
    return queued(cluster, completed_at=NOW, status=IdeaStatus.COMPLETED, **fields)


# --- keywords


def test_a_deleted_keyword_leaves_the_counts_of_its_cluster_and_returns_to_it() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    one = make_planning.keyword(sector, cluster=cluster, volume=100, page=2, page_place=1)
    make_planning.keyword(sector, cluster=cluster, volume=30)
    before = place(one)
    options: dict[str, Any] = {"account": sector.account, "ids": [one.pk], "now": LATER}

    gone, again = delete_keywords(**options), delete_keywords(**options)
    without = counts(cluster)
    back, twice = restore_keywords(**options), restore_keywords(**options)

    assert (gone, again, back, twice) == (1, 0, 1, 0)
    assert (without, counts(cluster)) == ((1, 30), (2, 130))
    assert place(one) == before


def test_a_keyword_whose_cluster_is_deleted_comes_back_as_new() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    row = make_planning.keyword(sector, cluster=cluster, page=1, is_pinned=True)
    account = sector.account
    delete_keywords(account=account, ids=[row.pk], now=NOW)
    delete_clusters(account=account, ids=[cluster.pk], now=NOW)

    restore_keywords(account=account, ids=[row.pk], now=LATER)
    restore_clusters(account=account, ids=[cluster.pk], now=LATER)

    assert place(row) == FREE
    assert counts(cluster) == (0, 0)
    trail = StatusChange.unscoped.filter(label="planning.Keywords", row_id=row.pk)
    assert [(t.source, t.target, t.reason) for t in trail] == [
        ("mapped", "new", "restored; its cluster is deleted")
    ]


def test_keywords_come_back_all_or_none_and_the_one_in_the_way_is_named() -> None:
    sector = make_planning.sector()
    one, two = make_planning.keyword(sector, "sofa"), make_planning.keyword(sector, "bed")
    ids, account = [one.pk, two.pk], sector.account
    delete_keywords(account=account, ids=ids, now=NOW)
    new = make_planning.keyword(sector, "Bed")

    with pytest.raises(PlaceTaken) as refused:
        restore_keywords(account=account, ids=ids, now=LATER)

    assert refused.value.data == {
        "row_id": two.pk,
        "in_the_way": new.pk,
        "keyword": [f"The keyword {new.pk} has the same keyword."],
    }
    assert live(Keywords) == {new.pk}


def test_keywords_of_several_sectors_go_at_once() -> None:
    account = make.account()
    sectors = [make_planning.sector(account) for _ in range(2)]
    clusters = [make_planning.cluster(sector) for sector in sectors]
    rows = [make_planning.keyword(c.sector, cluster=c, volume=5) for c in clusters]

    changed = delete_keywords(account=account, ids=[row.pk for row in rows], now=NOW)

    assert (changed, [counts(cluster) for cluster in clusters]) == (2, [(0, 0), (0, 0)])


# --- clusters


def test_a_deleted_cluster_frees_its_keywords_and_takes_new_ideas_along() -> None:
    sector = make_planning.sector()
    cluster, other = make_planning.cluster(sector), make_planning.cluster(sector)
    keywords = make_planning.keywords(sector, ["sofa", "bed"], cluster=cluster, volume=7)
    idea, earlier = make_planning.idea(cluster, page=0), make_planning.idea(cluster, page=1)
    kept = make_planning.idea(other, page=0)
    account = sector.account
    delete_ideas(account=account, ids=[earlier.pk], now=NOW)

    changed = delete_clusters(account=account, ids=[cluster.pk], now=LATER)

    assert changed == 1
    assert [place(row) for row in keywords] == [FREE, FREE]
    assert (live(Clusters), live(ContentIdeas)) == ({other.pk}, {kept.pk})
    assert counts(cluster) == (0, 0)
    idea.refresh_from_db()
    assert (idea.deleted_at, cluster.deleted_at, cluster.status) == (LATER, LATER, "new")
    trail = StatusChange.unscoped.filter(label="planning.Keywords")
    assert [(t.row_id, t.target, t.reason) for t in trail.order_by("row_id")] == [
        (row.pk, "new", "cluster deleted") for row in keywords
    ]


def test_a_restored_cluster_gets_back_exactly_what_went_and_is_still_free() -> None:
    sector = make_planning.sector()
    cluster, other = make_planning.cluster(sector), make_planning.cluster(sector)
    texts = ("stays", "pinned", "moved", "deleted", "taken out")
    rows = {
        text: make_planning.keyword(sector, text, cluster=cluster, volume=10, page=place)
        for place, text in enumerate(texts)
    }
    rows["stays"].role = ClusterRole.HUB
    rows["pinned"].is_pinned = True
    for row in rows.values():
        row.save()
    idea, earlier = make_planning.idea(cluster, page=0), make_planning.idea(cluster, page=1)
    account = sector.account
    delete_ideas(account=account, ids=[earlier.pk], now=NOW)
    before = {text: place(row) for text, row in rows.items()}
    delete_clusters(account=account, ids=[cluster.pk], now=NOW)
    Keywords.unscoped.filter(pk=rows["moved"].pk).update(cluster=other, status="mapped")
    Keywords.unscoped.filter(pk=rows["taken out"].pk).update(is_pinned=True)
    delete_keywords(account=account, ids=[rows["deleted"].pk], now=LATER)

    changed = restore_clusters(account=account, ids=[cluster.pk], now=LATER)

    assert changed == 1
    after = {text: place(row) for text, row in rows.items()}
    assert {text: after[text] == before[text] for text in texts} == {
        "stays": True,
        "pinned": True,
        "moved": False,
        "deleted": False,
        "taken out": False,
    }
    assert (after["moved"][0], after["deleted"][0], after["taken out"][0]) == (other.pk, None, None)
    assert counts(cluster) == (2, 20)
    assert (live(ContentIdeas), cluster.status, cluster.taken_along) == ({idea.pk}, "mapped", {})
    restore_keywords(account=account, ids=[rows["deleted"].pk], now=LATER)
    assert place(rows["deleted"]) == FREE


def test_a_cluster_in_use_stays_and_says_what_stands_on_it() -> None:
    sector = make_planning.sector()
    used, planned = make_planning.cluster(sector, "Sofas"), make_planning.cluster(sector, "Beds")
    free = make_planning.cluster(sector)
    keyword = make_planning.keyword(sector, cluster=used)
    queued(used)
    completed(used)
    make_planning.idea(free)
    for _ in range(2):
        make_content.writing_task(used)
    make_content.writing_task(used).soft_delete(now=NOW)
    make_content.article(sector, cluster=used)
    make_content.article(sector, cluster=free).soft_delete(now=NOW)
    make_content.writing_task(planned)
    ids = [free.pk, used.pk, planned.pk]

    with pytest.raises(StillNeeded) as refused:
        delete_clusters(account=sector.account, ids=ids, now=NOW)

    assert refused.value.data == {
        "ids": [
            f"“Sofas” ({used.pk}): 1 article, 2 writing tasks, 1 written idea, 1 queued idea.",
            f"“Beds” ({planned.pk}): 1 writing task.",
        ],
        "ideas_queued": 1,
        "ideas_completed": 1,
        "writing_tasks": 3,
        "contents": 1,
    }
    assert live(Clusters) == set(ids)
    assert place(keyword)[0] == used.pk
    delete_clusters(account=sector.account, ids=[free.pk], now=NOW)
    assert live(Clusters) == {used.pk, planned.pk}


def test_a_deleted_cluster_cannot_come_back_to_a_taken_name() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, "Sofas")
    keyword = make_planning.keyword(sector, cluster=cluster)
    delete_clusters(account=sector.account, ids=[cluster.pk], now=NOW)
    new = make_planning.cluster(sector, "sofas")

    with pytest.raises(PlaceTaken) as refused:
        restore_clusters(account=sector.account, ids=[cluster.pk], now=LATER)

    assert refused.value.data["name"] == [f"The cluster {new.pk} has the same name."]
    assert (live(Clusters), place(keyword)) == ({new.pk}, FREE)


def test_a_repeat_changes_nothing() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    keyword = make_planning.keyword(sector, cluster=cluster)
    options: dict[str, Any] = {"account": sector.account, "ids": [cluster.pk]}

    gone = [delete_clusters(**options, now=now) for now in (NOW, LATER)]
    back = [restore_clusters(**options, now=LATER) for _ in range(2)]

    assert (gone, back, place(keyword)[0]) == ([1, 0], [1, 0], cluster.pk)


def test_thousands_of_keywords_are_freed_and_returned_by_a_constant_number_of_queries() -> None:
    sector = make_planning.sector()
    few, many = make_planning.cluster(sector), make_planning.cluster(sector)
    make_planning.keywords(sector, ["one"], cluster=few)
    make_planning.keywords(sector, [f"sofa {n}" for n in range(300)], cluster=many)
    spent = []

    for cluster in (few, many):
        options: dict[str, Any] = {"account": sector.account, "ids": [cluster.pk], "now": NOW}
        with CaptureQueriesContext(connection) as queries:
            delete_clusters(**options)
            restore_clusters(**options)
        spent.append(len(queries))

    assert spent[0] == spent[1]
    assert Keywords.unscoped.filter(cluster=many).count() == 300


# --- ideas


def test_an_idea_goes_and_returns_and_its_cluster_is_mapped_by_the_live_ones() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, status="mapped")
    other = make_planning.cluster(sector, status="mapped")
    Content.unscoped.create(sector=sector, cluster=other, title="Sofas")
    one, two = make_planning.idea(cluster, page=0), completed(cluster, page=1)
    three = make_planning.idea(other)
    statuses = []

    def note() -> None:
        rows = Clusters.unscoped.order_by("pk")
        statuses.append(list(rows.values_list("status", flat=True)))

    for ids in ([one.pk, three.pk], [two.pk]):
        delete_ideas(account=sector.account, ids=ids, now=NOW)
        note()
    back = restore_ideas(account=sector.account, ids=[one.pk, two.pk], now=LATER)
    note()

    assert statuses == [["mapped", "mapped"], ["new", "mapped"], ["mapped", "mapped"]]
    assert (back, live(ContentIdeas)) == (2, {one.pk, two.pk})


def test_a_queued_idea_stays_until_its_task_is_deleted() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    idea, new = queued(cluster), make_planning.idea(cluster)

    with pytest.raises(StillNeeded) as refused:
        delete_ideas(account=sector.account, ids=[new.pk, idea.pk], now=NOW)

    assert refused.value.data == {"ids": [f"The idea {idea.pk} is queued."], "ideas_queued": 1}
    assert "Delete their tasks first" in refused.value.message
    assert live(ContentIdeas) == {idea.pk, new.pk}


def test_an_idea_whose_cluster_is_in_the_bin_waits_for_it() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, "Sofas")
    idea = make_planning.idea(cluster)
    delete_clusters(account=sector.account, ids=[cluster.pk], now=NOW)

    with pytest.raises(Conflict) as refused:
        restore_ideas(account=sector.account, ids=[idea.pk], now=LATER)

    assert refused.value.data == {
        "cluster": [f"The cluster {cluster.pk} is in the bin."],
        "row_id": idea.pk,
        "cluster_id": cluster.pk,
    }
    assert live(ContentIdeas) == set()


def test_a_repeat_of_an_idea_changes_nothing() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(cluster)
    options: dict[str, Any] = {"account": cluster.account, "ids": [idea.pk]}

    gone = [delete_ideas(**options, now=now) for now in (NOW, LATER)]
    idea.refresh_from_db()
    back = [restore_ideas(**options, now=LATER) for _ in range(2)]

    assert (gone, idea.deleted_at, back) == ([1, 0], NOW, [1, 0])


def test_an_idea_cannot_come_back_to_a_taken_page() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    idea = make_planning.idea(cluster, page=3)
    delete_ideas(account=sector.account, ids=[idea.pk], now=NOW)
    new = make_planning.idea(cluster, page=3)

    with pytest.raises(PlaceTaken) as refused:
        restore_ideas(account=sector.account, ids=[idea.pk], now=LATER)

    assert refused.value.data == {
        "row_id": idea.pk,
        "in_the_way": new.pk,
        "page": [f"The idea {new.pk} has the same page."],
    }


# --- whoever asks for rows that are not there


@pytest.mark.parametrize(
    ("service", "build"),
    [
        (delete_keywords, make_planning.keyword),
        (restore_keywords, make_planning.keyword),
        (delete_clusters, make_planning.cluster),
        (restore_clusters, make_planning.cluster),
        (delete_ideas, lambda sector: make_planning.idea(make_planning.cluster(sector))),
        (restore_ideas, lambda sector: make_planning.idea(make_planning.cluster(sector))),
    ],
)
def test_another_accounts_row_is_not_found_and_nothing_is_changed(
    service: Callable[..., int], build: Callable[[Sector], Row]
) -> None:
    sector = make_planning.sector()
    mine, theirs = build(sector), build(make_planning.sector())
    is_restore = service.__name__.startswith("restore")
    type(mine).unscoped.update(deleted_at=NOW if is_restore else None)

    for other in (theirs.pk, theirs.pk + 1_000):
        with pytest.raises(NotFound):
            service(account=sector.account, ids=[mine.pk, other], now=LATER)

    assert live(type(mine)) == (set() if is_restore else {mine.pk, theirs.pk})


# --- the end


def test_old_planner_rows_go_for_good_and_what_lives_keeps_its_counts() -> None:
    sector = make_planning.sector(make.account(retention_days=30))
    cluster, gone = make_planning.cluster(sector), make_planning.cluster(sector)
    kept = make_planning.keyword(sector, "kept", cluster=cluster, volume=4)
    old = make_planning.keyword(sector, "old", cluster=cluster, volume=9)
    freed = make_planning.keyword(sector, "freed", cluster=gone)
    idea = make_planning.idea(gone)
    account = sector.account
    delete_keywords(account=account, ids=[old.pk], now=NOW)
    delete_clusters(account=account, ids=[gone.pk], now=NOW)

    early = purge_planning(now=NOW + timedelta(days=30))
    late = purge_planning(now=NOW + timedelta(days=30, seconds=1))

    assert early == {}
    assert late == {
        "planning.ContentIdeas": 1,
        "planning.Keywords": 1,
        "planning.Clusters": 1,
    }
    assert not ContentIdeas.unscoped.filter(pk=idea.pk).exists()
    assert set(Keywords.unscoped.values_list("pk", flat=True)) == {kept.pk, freed.pk}
    assert counts(cluster) == (1, 4)
