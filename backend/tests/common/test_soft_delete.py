"""The bin, alike for every model: into it, out of it, what stands on a row, and the purge."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models import Q

from igny8_core.business.content.models import Content, ContentClusterMap, Images, Tasks
from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    ContentIdeas,
    Keywords,
)
from igny8_core.common import soft_delete
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import (
    Bin,
    PlaceTaken,
    lock_rows,
    move_to_bin,
    purge,
    purge_bins,
    standing_on,
    stranded_rows,
    take_out_of_bin,
)
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

DAY = timedelta(days=1)
LATER = NOW + timedelta(days=31)
EVERY_BIN = [Bin(model) for model in (Images, Content, Tasks, ContentIdeas, Keywords, Clusters)]


def live(model: Any) -> set[int]:
    return set(model.unscoped.filter(deleted_at=None).values_list("pk", flat=True))


def kept(model: Any, rows: Iterable[Any]) -> list[bool]:
    found = set(model.unscoped.values_list("pk", flat=True))
    return [row.pk in found for row in rows]


def purged(account: Account, model: Any, **options: Any) -> int:
    with tenant(account.pk):
        return purge(Bin(model), account=account, before=LATER, **options)


# --- into the bin and out of it


def test_rows_are_found_in_the_order_of_their_keys_live_or_not() -> None:
    sector = make_planning.sector()
    one, two, three = (make_planning.cluster(sector) for _ in range(3))
    two.soft_delete(now=NOW)

    with tenant(sector.account_id):
        found = lock_rows(Clusters, account=sector.account, ids=[two.pk, one.pk])

    assert [(row.pk, row.deleted_at) for row in found] == [(one.pk, None), (two.pk, NOW)]
    assert three.pk not in {row.pk for row in found}


@pytest.mark.parametrize("is_foreign", [True, False])
def test_an_id_that_is_not_ours_is_not_found(is_foreign: bool) -> None:  # noqa: FBT001
    sector = make_planning.sector()
    mine, theirs = make_planning.cluster(sector), make_planning.cluster(make_planning.sector())
    other = theirs.pk if is_foreign else theirs.pk + 1_000

    with tenant(sector.account_id), pytest.raises(NotFound) as refused:
        lock_rows(Clusters, account=sector.account, ids=[mine.pk, other], columns=["name"])

    assert (refused.value.message, refused.value.data) == ("no such cluster", {"id": other})


def test_a_row_keeps_the_time_when_it_first_went() -> None:
    sector = make_planning.sector()
    one, two = make_planning.cluster(sector), make_planning.cluster(sector)
    one.soft_delete(now=NOW)
    later = NOW + DAY

    with tenant(sector.account_id):
        ids = [one.pk, two.pk]
        gone = move_to_bin(Clusters, account=sector.account, ids=ids, now=later)
        again = move_to_bin(Clusters, account=sector.account, ids=ids, now=later + DAY)

    assert (gone, again) == (1, 0)
    rows = Clusters.unscoped.filter(pk__in=ids).order_by("pk")
    assert list(rows.values_list("deleted_at", flat=True)) == [NOW, later]
    assert rows[1].updated_at == later


def test_rows_come_back_and_live_ones_do_not_count() -> None:
    sector = make_planning.sector()
    one, two = make_planning.cluster(sector), make_planning.cluster(sector)
    one.soft_delete(now=NOW)

    with tenant(sector.account_id):
        back = take_out_of_bin(Clusters, account=sector.account, ids=[one.pk, two.pk], now=NOW)

    one.refresh_from_db()
    assert (back, one.deleted_at, one.is_deleted, one.updated_at) == (1, None, False, NOW)


def test_a_live_row_in_the_way_is_named() -> None:
    sector = make_planning.sector()
    free, gone = make_planning.cluster(sector), make_planning.cluster(sector, "Sofas")
    free.soft_delete(now=NOW)
    gone.soft_delete(now=NOW)
    new = make_planning.cluster(sector, "sofas")
    ids = [free.pk, gone.pk]

    with tenant(sector.account_id), pytest.raises(PlaceTaken) as refused:
        take_out_of_bin(
            Clusters, account=sector.account, ids=ids, now=NOW, names={"name_norm": "name"}
        )

    assert refused.value.data == {
        "row_id": gone.pk,
        "in_the_way": new.pk,
        "name": [f"The cluster {new.pk} has the same name."],
    }
    assert live(Clusters) == {new.pk}


def test_two_rows_of_one_place_cannot_both_come_back() -> None:
    sector = make_planning.sector()
    one = make_planning.cluster(sector, "Sofas")
    one.soft_delete(now=NOW)
    two = make_planning.cluster(sector, "Sofas")
    two.soft_delete(now=NOW)

    with tenant(sector.account_id), pytest.raises(PlaceTaken) as refused:
        take_out_of_bin(Clusters, account=sector.account, ids=[one.pk, two.pk], now=NOW)

    assert refused.value.data["in_the_way"] == one.pk
    assert refused.value.data["row_id"] == two.pk
    assert live(Clusters) == set()


def test_a_place_counts_only_where_its_condition_holds() -> None:
    """Ideas without a page have no place; articles without an address neither."""
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    ideas = [make_planning.idea(cluster) for _ in range(2)]
    articles = [make_content.article(sector, slug="") for _ in range(2)]
    rows: list[Any] = [*ideas, *articles]
    for row in rows:
        row.soft_delete(now=NOW)
    make_planning.idea(cluster)
    make_content.article(sector, slug="")

    with tenant(sector.account_id):
        options = {"account": sector.account, "now": NOW}
        back = [
            take_out_of_bin(ContentIdeas, ids=[row.pk for row in ideas], **options),
            take_out_of_bin(Content, ids=[row.pk for row in articles], **options),
        ]

    assert back == [2, 2]


# --- what stands on a row


def test_live_rows_of_every_domain_that_point_at_a_row_are_counted() -> None:
    sector = make_planning.sector()
    cluster, other = make_planning.cluster(sector), make_planning.cluster(sector)
    make_planning.keyword(sector, cluster=cluster)
    make_planning.idea(cluster)
    make_content.writing_task(cluster)
    make_content.writing_task(cluster).soft_delete(now=NOW)
    make_content.article(sector, cluster=cluster)
    make_content.article(sector, cluster=other)

    with tenant(sector.account_id):
        account = sector.account
        found = standing_on(Clusters, account=account, ids=[cluster.pk])
        some = standing_on(
            Clusters, account=account, ids=[cluster.pk], besides=[Keywords, ContentIdeas]
        )

    assert some == {cluster.pk: {"content.Tasks": 1, "content.Content": 1}}
    more = {"planning.Keywords": 1, "planning.ContentIdeas": 1}
    assert found == {cluster.pk: some[cluster.pk] | more}


def test_a_live_row_on_a_deleted_one_is_found() -> None:
    sector = make_planning.sector()
    gone, there = make_planning.cluster(sector), make_planning.cluster(sector)
    task, keyword = make_content.writing_task(gone), make_planning.keyword(sector, cluster=gone)
    make_planning.idea(there)
    make_content.writing_task(gone).soft_delete(now=NOW)
    make_content.article(sector, cluster=gone)
    assert stranded_rows() == []

    gone.soft_delete(now=NOW)

    assert sorted(stranded_rows()) == [
        f"content.Tasks {task.pk} stands on the deleted planning.Clusters {gone.pk}",
        f"planning.Keywords {keyword.pk} stands on the deleted planning.Clusters {gone.pk}",
    ]


# --- the end


def test_a_purge_takes_what_is_old_oldest_first_and_bounded() -> None:
    sector = make_planning.sector()
    rows = [make_planning.cluster(sector) for _ in range(4)]
    for row, days in zip(rows, (3, 1, 2, 40), strict=True):
        row.soft_delete(now=NOW + timedelta(days=days))

    gone = purged(sector.account, Clusters, limit=2)

    assert (gone, kept(Clusters, rows)) == (2, [True, False, False, True])
    assert (purged(sector.account, Clusters), purged(sector.account, Clusters)) == (1, 0)


def test_what_something_needs_stays() -> None:
    sector = make_planning.sector()
    clusters = [make_planning.cluster(sector) for _ in range(5)]
    with_task, with_deleted_task, with_article, with_deleted_article, free = clusters
    make_content.writing_task(with_task)
    make_content.writing_task(with_deleted_task).soft_delete(now=LATER)
    make_content.article(sector, cluster=with_article)
    deleted = make_content.article(sector, cluster=with_deleted_article)
    deleted.soft_delete(now=LATER)
    article = make_content.article(sector, cluster=with_article)
    ContentClusterMap.unscoped.create(content=article, cluster=free)
    for cluster in clusters:
        cluster.soft_delete(now=NOW)

    gone = purged(sector.account, Clusters)

    assert (gone, kept(Clusters, clusters)) == (2, [True, True, True, False, False])
    deleted.refresh_from_db()
    assert deleted.cluster_id is None
    assert not ContentClusterMap.unscoped.exists()


def test_a_part_goes_with_its_row_and_a_link_with_either_end() -> None:
    sector = make_planning.sector()
    idea = make_planning.idea(make_planning.cluster(sector))
    one, two = make_planning.keyword(sector), make_planning.keyword(sector)
    for keyword in (one, two):
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=keyword)
    one.soft_delete(now=NOW)

    assert purged(sector.account, Keywords) == 1

    assert list(ContentIdeaKeyword.unscoped.values_list("keyword_id", flat=True)) == [two.pk]
    assert live(ContentIdeas) == {idea.pk}


def test_a_domain_may_keep_more_and_is_told_before_rows_go() -> None:
    sector = make_planning.sector()
    rows = [make_planning.cluster(sector, f"{name} sofas") for name in ("old", "rare", "red")]
    for row in rows:
        row.soft_delete(now=NOW)
    told: list[tuple[int, list[int]]] = []
    bin_ = Bin(
        Clusters,
        keep=Q(name__startswith="rare"),
        before_delete=lambda account, ids: told.append((account.pk, list(ids))),
    )

    with tenant(sector.account_id):
        gone = purge(bin_, account=sector.account, before=LATER)

    assert (gone, kept(Clusters, rows)) == (2, [False, True, False])
    assert told == [(sector.account_id, [rows[0].pk, rows[2].pk])]


def test_each_account_has_its_own_days() -> None:
    accounts = [make.account(retention_days=days) for days in (1, 10, 30)]
    rows = [make_planning.cluster(make_planning.sector(account)) for account in accounts]
    for row in rows:
        row.soft_delete(now=NOW)

    first = purge_bins([Bin(Clusters)], now=NOW + timedelta(days=1, seconds=1))
    after_first = kept(Clusters, rows)
    second = purge_bins([Bin(Clusters)], now=NOW + timedelta(days=10, seconds=1))

    assert (first, after_first) == ({"planning.Clusters": 1}, [False, True, True])
    assert (second, kept(Clusters, rows)) == ({"planning.Clusters": 1}, [False, False, True])
    assert purge_bins([Bin(Clusters)], now=NOW + timedelta(days=10, seconds=1)) == {}


def test_a_whole_pipeline_goes_in_order_and_live_rows_stay_as_they_are() -> None:
    sector, numbers = make_planning.sector(), count()

    def pipeline() -> list[Any]:
        cluster = make_planning.cluster(sector)
        keyword = make_planning.keyword(sector, f"sofa {next(numbers)}", cluster=cluster)
        idea = make_planning.idea(cluster)
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=keyword)
        task = make_content.writing_task(cluster, idea=idea)
        content = make_content.article(sector, cluster=cluster, task=task)
        ContentClusterMap.unscoped.create(content=content, cluster=cluster)
        return [cluster, keyword, idea, task, content, make_content.image(content)]

    stays, goes = pipeline(), pipeline()
    for row in goes:
        row.soft_delete(now=NOW)
    before = [type(row).unscoped.filter(pk=row.pk).values().get() for row in stays]

    counts = purge_bins(EVERY_BIN, now=LATER)

    assert counts == {
        "content.Images": 1,
        "content.Content": 1,
        "content.Tasks": 1,
        "planning.ContentIdeas": 1,
        "planning.Keywords": 1,
        "planning.Clusters": 1,
    }
    after = [type(row).unscoped.filter(pk=row.pk).values().get() for row in stays]
    assert after == before
    assert [kept(type(row), [row]) for row in goes] == [[False]] * 6
    assert ContentIdeaKeyword.unscoped.count() == ContentClusterMap.unscoped.count() == 1


def test_more_than_a_batch_goes_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_delete, "PURGE_ROWS", 3)
    monkeypatch.setattr(soft_delete, "PURGE_BATCHES", 2)
    sector = make_planning.sector()
    rows = [make_planning.cluster(sector) for _ in range(8)]
    for row in rows:
        row.soft_delete(now=NOW)

    counts = purge_bins([Bin(Clusters)], now=LATER)
    rest = purge_bins([Bin(Clusters)], now=LATER)

    assert (counts, rest) == ({"planning.Clusters": 6}, {"planning.Clusters": 2})


def test_a_row_that_is_needed_after_all_stays_and_the_run_goes_on() -> None:
    sector = make_planning.sector()
    cluster, keyword = make_planning.cluster(sector), make_planning.keyword(sector)
    cluster.soft_delete(now=NOW)
    keyword.soft_delete(now=NOW)

    def need_it(account: Any, ids: Any) -> None:
        Tasks.unscoped.create(account_id=account.pk, sector=sector, cluster_id=ids[0], title="t")

    counts = purge_bins([Bin(Clusters, before_delete=need_it), Bin(Keywords)], now=LATER)

    assert counts == {"planning.Keywords": 1}
    assert kept(Clusters, [cluster]) == [True]
    assert not Tasks.unscoped.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_locked_row_is_left_and_a_row_that_comes_to_be_needed_stays() -> None:
    sector = make_planning.sector()
    held, needed, free = rows = [make_planning.cluster(sector) for _ in range(3)]
    for row in rows:
        row.soft_delete(now=NOW)
    done: list[dict[str, int]] = []

    def run() -> None:
        done.append(purge_bins([Bin(Clusters)], now=LATER))
        connection.close()

    with tenant(sector.account_id):
        lock_rows(Clusters, account=sector.account, ids=[held.pk])
        Tasks.objects.for_account(sector.account).create(
            account=sector.account, sector=sector, cluster=needed, title="t"
        )
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    assert done == [{"planning.Clusters": 1}]
    assert kept(Clusters, [held, needed, free]) == [True, True, False]
