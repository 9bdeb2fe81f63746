"""The bin of the planner, two at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.content.models import Tasks
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.planning.models import Clusters
from igny8_core.business.planning.services.bin_clusters import delete_clusters, restore_clusters
from igny8_core.business.planning.services.sector_locks import hold_cluster
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.common.soft_delete import StillNeeded
from igny8_core.common.tenancy.context import tenant
from tests.business.planning.bins import counts, live
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def raced(*works: Callable[[], Any]) -> list[Any]:
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait(timeout=30)
        try:
            return work()
        except DomainError as exc:
            return type(exc)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_deletions_at_once_one_changes_the_rows() -> None:
    sector = make_planning.sector()
    clusters = [make_planning.cluster(sector) for _ in range(3)]
    make_planning.keywords(sector, ["sofa", "bed"], cluster=clusters[0])
    ids = [row.pk for row in clusters]
    account = sector.account

    found = raced(
        lambda: delete_clusters(account=account, ids=ids, now=NOW),
        lambda: delete_clusters(account=account, ids=ids[::-1], now=NOW),
    )

    assert sorted(found) == [0, 3]
    restore_clusters(account=account, ids=ids, now=NOW + timedelta(days=1))
    assert counts(clusters[0]) == (2, 0)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_an_idea_is_accepted_or_goes_with_its_cluster_never_both() -> None:
    account = make_content.rich_account()
    sector = make_planning.sector(account)
    for _ in range(5):
        cluster = make_planning.cluster(sector)
        idea = make_planning.idea(cluster)

        accepted, gone = raced(
            lambda idea=idea: len(  # type: ignore[misc]  # bound in the loop
                create_writing_tasks(account=account, idea_ids=[idea.pk], now=NOW)
            ),
            lambda cluster=cluster: delete_clusters(  # type: ignore[misc]
                account=account, ids=[cluster.pk], now=NOW
            ),
        )

        assert (accepted, gone) in [(1, StillNeeded), (NotFound, 1)]
        tasks = Tasks.unscoped.filter(cluster=cluster, deleted_at=None)
        assert tasks.count() == (1 if accepted == 1 else 0)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_held_cluster_cannot_be_deleted_under_what_is_put_on_it() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    account, is_held, may_end = sector.account, Event(), Event()
    refused: list[Any] = []

    def put_a_task() -> None:
        with tenant(account.pk):
            held = hold_cluster(account=account, cluster_id=cluster.pk)
            is_held.set()
            may_end.wait(timeout=30)
            Tasks.objects.for_account(account).create(
                account=account, sector=sector, cluster=held, title="By hand"
            )
        connection.close()

    def delete() -> None:
        is_held.wait(timeout=30)
        try:
            delete_clusters(account=account, ids=[cluster.pk], now=NOW)
        except StillNeeded as exc:
            refused.append(exc.data["writing_tasks"])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        works = [pool.submit(put_a_task), pool.submit(delete)]
        is_held.wait(timeout=30)
        may_end.set()
        for work in works:
            work.result(timeout=30)

    assert refused == [1]
    assert live(Clusters) == {cluster.pk}


def test_a_deleted_cluster_cannot_be_held() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    delete_clusters(account=sector.account, ids=[cluster.pk], now=NOW)

    with tenant(sector.account_id), pytest.raises(NotFound):
        hold_cluster(account=sector.account, cluster_id=cluster.pk)
