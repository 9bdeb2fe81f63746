"""Clusters by their addresses: figures, names, the bin, runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.planning.models import Clusters, Keywords
from tests import make
from tests.api.planning.asking import Asker
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def test_a_cluster_shows_what_its_keywords_say_together(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas", description="To sit on", intent="commercial")
    options: dict[str, Any] = {"cluster": cluster, "intent_source": "rules"}
    make_planning.keyword(sector, "sofa", difficulty=10, intent="commercial", role="hub", **options)
    make_planning.keyword(sector, "grey sofa", difficulty=21, page=1, **options)
    make_planning.keyword(sector, "old sofa", difficulty=90, is_disabled=True, **options)

    answer = Asker(sector.account, Role.VIEWER).get(f"clusters/{cluster.pk}/")

    assert answer.status_code == 200
    assert {
        "id": cluster.pk,
        "site": sector.site_id,
        "sector": sector.pk,
        "name": "Sofas",
        "description": "To sit on",
        "status": "new",
        "source": "clustering",
        "intent": "commercial",
        "is_disabled": False,
        "is_locked": False,
        "deleted_at": None,
        "figures": {
            "difficulty": 15.5,
            "intents": {"commercial": 1, "unknown": 1},
            "pages": 2,
            "hub_keyword": "sofa",
        },
    }.items() <= answer.json().items()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abc"),
        ({"status": "mapped"}, "b"),
        ({"source": "person"}, "a"),
        ({"intent": "commercial"}, "c"),
        ({"is_disabled": "true"}, "b"),
        ({"is_locked": "true"}, "c"),
        ({"is_locked": "false", "is_disabled": "false"}, "a"),
        ({"q": "SOFA"}, "bc"),
    ],
)
def test_filters_narrow_the_list_down(sector: Sector, query: Any, expected: str) -> None:
    rows = [
        make_planning.cluster(sector, "Beds", source="person"),
        make_planning.cluster(sector, "Old sofas", status="mapped", is_disabled=True),
        make_planning.cluster(sector, "Sofas", intent="commercial", is_locked=True),
    ]

    found = Asker(sector.account).ids("clusters/", **query)

    assert found == [rows["abc".index(letter)].pk for letter in expected]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("id", "abc"), ("name", "cab"), ("-name", "bac"), ("volume", "bca"), ("-volume", "acb")],
)
def test_orders_within_a_sector(sector: Sector, order: str, expected: str) -> None:
    rows = [make_planning.cluster(sector, name) for name in ("beds", "Chairs", "Armchairs")]
    for row, volume in zip(rows, (30, 10, 20), strict=True):
        make_planning.keyword(sector, cluster=row, volume=volume)
    elsewhere = make.sector(sector.site, "Beds")
    make_planning.cluster(elsewhere)

    found = Asker(sector.account).ids("clusters/", sector=sector.pk, order=order)

    assert found == [rows["abc".index(letter)].pk for letter in expected]


# --- making and changing


def test_a_cluster_is_made_by_hand(sector: Sector) -> None:
    body = {"sector": sector.pk, "name": " Corner  sofas ", "description": "d", "intent": None}

    answer = Asker(sector.account).post("clusters/", body)

    assert answer.status_code == 201, answer.content
    assert {
        "name": "Corner sofas",
        "description": "d",
        "source": "person",
        "status": "new",
        "keywords_count": 0,
    }.items() <= answer.json().items()
    assert answer.json()["figures"] == {
        "difficulty": None,
        "intents": {},
        "pages": 0,
        "hub_keyword": "",
    }
    assert Clusters.unscoped.get().name_norm == "corner sofas"


def test_a_taken_name_is_refused_and_one_in_the_bin_is_free(sector: Sector) -> None:
    taken, gone = make_planning.cluster(sector, "Sofas"), make_planning.cluster(sector, "Beds")
    gone.soft_delete(now=NOW)
    asker = Asker(sector.account)

    refused = asker.post("clusters/", {"sector": sector.pk, "name": "sOfAs"})
    made = asker.post("clusters/", {"sector": sector.pk, "name": "Beds"})
    renamed = asker.patch(f"clusters/{made.json()['id']}/", {"name": "SOFAS"})

    assert (refused.status_code, refused.json()["code"]) == (409, "cluster_name_taken")
    assert refused.json()["errors"] == {"name": [f"The cluster {taken.pk} has the same name."]}
    assert (made.status_code, renamed.status_code) == (201, 409)
    assert renamed.json()["data"] == {"in_the_way": taken.pk}


def test_a_cluster_is_renamed_described_disabled_and_locked(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    asker, url = Asker(sector.account), f"clusters/{cluster.pk}/"

    same = asker.patch(url, {"name": "SOFAS"}).json()
    changed = asker.patch(
        url,
        {
            "name": "Beds",
            "description": "To lie on",
            "intent": "informational",
            "is_disabled": True,
            "is_locked": True,
        },
    ).json()

    assert same["name"] == "SOFAS"
    assert {
        "name": "Beds",
        "description": "To lie on",
        "intent": "informational",
        "is_disabled": True,
        "is_locked": True,
    }.items() <= changed.items()
    cluster.refresh_from_db()
    assert cluster.name_norm == "beds"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\u00ad"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "so\u202efa"}, "name"),
        ({"description": "x" * 5_001}, "description"),
        ({"intent": "curious"}, "intent"),
        ({"is_locked": "yes"}, "is_locked"),
        ({"is_disabled": None}, "is_disabled"),
    ],
)
def test_what_cannot_be_is_refused_by_field(sector: Sector, changes: Any, field: str) -> None:
    cluster = make_planning.cluster(sector, "Sofas")

    answer = Asker(sector.account).patch(f"clusters/{cluster.pk}/", changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    cluster.refresh_from_db()
    assert cluster.name == "Sofas"


def test_a_cluster_in_the_bin_cannot_be_changed(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    cluster.soft_delete(now=NOW)

    assert Asker(sector.account).patch(f"clusters/{cluster.pk}/", {}).status_code == 404


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_who_make_the_same_cluster_one_does() -> None:
    sector = make_planning.sector()
    askers = [Asker(sector.account) for _ in range(3)]
    start = Barrier(len(askers))

    def add(asker: Asker) -> Any:
        start.wait(timeout=30)
        try:
            return asker.post("clusters/", {"sector": sector.pk, "name": "Sofas"})
        finally:
            connection.close()

    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(add, askers))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert Clusters.unscoped.count() == 1


# --- the bin


def test_clusters_go_into_the_bin_with_what_hangs_on_them_and_come_back(sector: Sector) -> None:
    clusters = [make_planning.cluster(sector) for _ in range(2)]
    keyword = make_planning.keyword(sector, cluster=clusters[0])
    ids, asker = [row.pk for row in clusters], Asker(sector.account)

    one = asker.delete(f"clusters/{ids[0]}/")
    freed = Keywords.unscoped.get(pk=keyword.pk).cluster_id
    many = asker.post("clusters/bulk-delete/", {"ids": ids})
    in_bin = asker.ids("clusters/", deleted="true")
    back = asker.post(f"clusters/{ids[0]}/restore/")
    rest = asker.post("clusters/bulk-restore/", {"ids": ids})

    assert (one.status_code, many.json(), in_bin) == (204, {"changed": 1}, ids)
    assert (back.status_code, rest.json()) == (204, {"changed": 1})
    assert (freed, Keywords.unscoped.get(pk=keyword.pk).cluster_id) == (None, ids[0])


def test_a_cluster_in_use_says_what_stands_on_it(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    make_content.writing_task(cluster)
    make_content.article(sector, cluster=cluster)

    answer = Asker(sector.account).delete(f"clusters/{cluster.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (409, "still_needed")
    assert answer.json()["errors"] == {
        "ids": [f"“Sofas” ({cluster.pk}): 1 article, 1 writing task."]
    }
    assert answer.json()["data"] == {"contents": 1, "writing_tasks": 1}


# --- clustering


def test_clustering_is_asked_for_once_and_answers_with_the_work_that_waits() -> None:
    account = make_billing.account_with(100)
    sector = make_planning.sector(account)
    make_planning.keywords(sector, ["sofa", "bed"])
    asker, body = Asker(account), {"sector": sector.pk}

    first = asker.post("clusters/run/", body, key="a")
    again = asker.post("clusters/run/", body, key="a")
    other = asker.post("clusters/run/", body, key="b")

    item = WorkItem.unscoped.get()
    assert first.status_code == 202, first.content
    assert {
        "id": item.pk,
        "kind": "planning.cluster",
        "status": "ready",
        "related_type": "sector",
        "related_id": sector.pk,
    }.items() <= first.json().items()
    assert (again.json(), other.json()["id"]) == (first.json(), item.pk)
    assert (item.work_class, item.run_id) == ("planning_heavy", None)


def test_work_that_ended_is_asked_for_anew_and_work_that_failed_goes_on() -> None:
    account = make_billing.account_with(100)
    sector = make_planning.sector(account)
    make_planning.keyword(sector)
    asker = Asker(account)
    found: list[int] = []

    for status in (None, WorkItemStatus.DONE, WorkItemStatus.FAILED):
        if status is not None:
            WorkItem.unscoped.filter(pk=found[-1]).update(status=status, ended_at=NOW)
        answer = asker.post("clusters/run/", {"sector": sector.pk}, key=f"key-{len(found)}")
        found.append(answer.json()["id"])

    assert found[0] != found[1] == found[2]
    assert WorkItem.unscoped.get(pk=found[2]).status == WorkItemStatus.READY


def test_a_run_needs_keywords_credits_a_key_and_an_editor() -> None:
    account = make_billing.account_with(100)
    sector, poor = make_planning.sector(account), make_planning.sector()
    body = {"sector": sector.pk}
    make_planning.keyword(sector, is_pinned=True)
    make_planning.keyword(sector, is_disabled=True)
    make_planning.keyword(poor)

    nothing = Asker(account).post("clusters/run/", body, key="a")
    no_key = Asker(account).post("clusters/run/", body)
    viewer = Asker(account, Role.VIEWER).post("clusters/run/", body, key="a")
    no_credits = Asker(poor.account).post("clusters/run/", {"sector": poor.pk}, key="a")

    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_do")
    assert (no_key.status_code, list(no_key.json()["errors"])) == (422, ["idempotency_key"])
    assert (viewer.status_code, viewer.json()["code"]) == (403, "refused")
    assert (no_credits.status_code, no_credits.json()["code"]) == (402, "insufficient_credits")
    assert no_credits.json()["data"] == {"available": 0, "needed": 1}
    assert not WorkItem.unscoped.exists()
