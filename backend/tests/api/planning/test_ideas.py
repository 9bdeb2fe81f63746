"""Ideas by their addresses: noting, changing, the bin, making them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.planning.models import Clusters, ContentIdeaKeyword, ContentIdeas
from tests import make
from tests.api.planning.asking import Asker
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

QUEUED: dict[str, Any] = {"status": "queued", "queued_at": NOW}


@pytest.fixture
def sector() -> Sector:
    make_billing.prices()
    return make_planning.sector()


def test_an_idea_shows_the_keywords_that_it_serves(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    idea = make_planning.idea(cluster, title="All sofas", page=2, volume=30, outline=[{"h": "One"}])
    one, two, gone = (make_planning.keyword(sector, text) for text in ("sofa", "bed", "gone"))
    gone.soft_delete(now=NOW)
    for row in (one, two, gone):
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=row, is_target=row == two)

    answer = Asker(sector.account, Role.VIEWER).get(f"ideas/{idea.pk}/")

    assert answer.status_code == 200
    assert {
        "id": idea.pk,
        "cluster": cluster.pk,
        "cluster_name": "Sofas",
        "page": 2,
        "title": "All sofas",
        "status": "new",
        "content_type": "post",
        "content_structure": "article",
        "volume": 30,
        "estimated_words": 1200,
        "source": "rules",
        "outline": [{"h": "One"}],
    }.items() <= answer.json().items()
    assert [row["keyword"] for row in answer.json()["keywords"]] == ["bed", "sofa"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abc"),
        ({"status": "queued"}, "b"),
        ({"status": "new"}, "ac"),
        ({"source": "person"}, "c"),
        ({"content_type": "page"}, "a"),
        ({"content_structure": "guide"}, "b"),
        ({"intent": "commercial"}, "c"),
        ({"q": "SOFA"}, "ab"),
    ],
)
def test_filters_narrow_the_list_down(sector: Sector, query: Any, expected: str) -> None:
    cluster = make_planning.cluster(sector)
    rows = [
        make_planning.idea(cluster, title="Sofas", content_type="page"),
        make_planning.idea(cluster, title="More sofas", content_structure="guide", **QUEUED),
        make_planning.idea(cluster, title="Beds", source="person", intent="commercial"),
    ]

    found = Asker(sector.account).ids("ideas/", **query)

    assert found == [rows["abc".index(letter)].pk for letter in expected]


def test_ideas_are_listed_by_cluster_and_by_volume(sector: Sector) -> None:
    one, two = make_planning.cluster(sector), make_planning.cluster(sector)
    rows = [
        make_planning.idea(cluster, volume=volume)
        for cluster, volume in ((one, 5), (one, None), (two, 50), (one, 5))
    ]
    asker = Asker(sector.account)

    found = {
        "-volume": asker.ids("ideas/", sector=sector.pk, order="-volume"),
        "volume": asker.ids("ideas/", sector=sector.pk, order="volume"),
        "cluster": asker.ids("ideas/", cluster=one.pk),
    }

    places = {"-volume": (2, 0, 3, 1), "volume": (3, 0, 2, 1), "cluster": (0, 1, 3)}
    assert found == {name: [rows[place].pk for place in at] for name, at in places.items()}


# --- noting


def test_an_idea_is_noted_with_what_follows_from_its_keywords(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas", intent="commercial")
    rows = [
        make_planning.keyword(sector, text, volume=volume)
        for text, volume in (("sofa", 100), ("bed", None), ("couch", 20))
    ]
    body = {
        "cluster": cluster.pk,
        "title": "  Which  sofa? ",
        "content_structure": "guide",
        "keywords": [rows[2].pk, rows[0].pk, rows[1].pk, rows[2].pk],
    }

    answer = Asker(sector.account).post("ideas/", body)

    assert answer.status_code == 201, answer.content
    assert {
        "title": "Which sofa?",
        "target_keyword": "couch",
        "intent": "commercial",
        "volume": 120,
        "estimated_words": 1920,
        "source": "person",
        "status": "new",
        "page": None,
    }.items() <= answer.json().items()
    assert answer.json()["estimated_credits"] > 0
    assert [row["id"] for row in answer.json()["keywords"]] == [
        rows[2].pk,
        rows[0].pk,
        rows[1].pk,
    ]
    cluster.refresh_from_db()
    assert cluster.status == "mapped"


def test_an_idea_without_keywords_is_about_its_cluster(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")

    answer = Asker(sector.account).post("ideas/", {"cluster": cluster.pk, "title": "t"})

    assert (answer.json()["target_keyword"], answer.json()["volume"]) == ("Sofas", None)


def test_an_idea_needs_a_live_cluster_and_keywords_of_its_sector(sector: Sector) -> None:
    cluster, gone = make_planning.cluster(sector), make_planning.cluster(sector)
    gone.soft_delete(now=NOW)
    elsewhere = make_planning.keyword(make.sector(sector.site, "Beds"))
    deleted = make_planning.keyword(sector)
    deleted.soft_delete(now=NOW)
    asker, body = Asker(sector.account), {"cluster": cluster.pk, "title": "t"}

    answers = [
        asker.post("ideas/", body | {"cluster": gone.pk}),
        asker.post("ideas/", body | {"keywords": [deleted.pk]}),
        asker.post("ideas/", body | {"keywords": [elsewhere.pk]}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 422]
    assert answers[2].json()["errors"] == {
        "keywords": [f"The keyword {elsewhere.pk} is elsewhere."]
    }
    assert not ContentIdeas.unscoped.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"description": "x" * 5_001}, "description"),
        ({"content_type": "song"}, "content_type"),
        ({"content_structure": None}, "content_structure"),
        ({"role": "king"}, "role"),
        ({"intent": "curious"}, "intent"),
        ({"target_keyword": ""}, "target_keyword"),
        ({"estimated_words": 49}, "estimated_words"),
        ({"estimated_words": 10_001}, "estimated_words"),
        ({"keywords": ["one"]}, "keywords.0"),
        ({"keywords": list(range(1, 202))}, "keywords"),
        ({"cluster": "one"}, "cluster"),
    ],
)
def test_what_cannot_be_is_refused_by_field(sector: Sector, changes: Any, field: str) -> None:
    body = {"cluster": make_planning.cluster(sector).pk, "title": "t"} | changes

    answer = Asker(sector.account).post("ideas/", body)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not ContentIdeas.unscoped.exists()


# --- changing


def test_a_new_idea_is_changed_and_its_keywords_replaced(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    idea = make_planning.idea(cluster, volume=7)
    old, new = make_planning.keyword(sector), make_planning.keyword(sector, "bed", volume=40)
    ContentIdeaKeyword.unscoped.create(idea=idea, keyword=old, is_target=True)
    asker, url = Asker(sector.account), f"ideas/{idea.pk}/"

    worded = asker.patch(url, {"title": "New title", "estimated_words": 3_000}).json()
    served = asker.patch(url, {"keywords": [new.pk]}).json()
    nothing = asker.patch(url, {}).json()

    assert (worded["title"], worded["estimated_words"], worded["volume"]) == ("New title", 3000, 7)
    assert worded["estimated_credits"] > 0
    assert (served["target_keyword"], served["volume"]) == ("bed", 40)
    assert [row["id"] for row in served["keywords"]] == [new.pk]
    assert nothing == served


def test_an_accepted_idea_is_not_changed_any_more(sector: Sector) -> None:
    idea = make_planning.idea(make_planning.cluster(sector), title="Sofas", **QUEUED)

    answer = Asker(sector.account).patch(f"ideas/{idea.pk}/", {"title": "Beds"})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["data"] == {"status": "queued"}
    idea.refresh_from_db()
    assert idea.title == "Sofas"


# --- the bin


def test_ideas_go_into_the_bin_and_come_back(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    ids = [make_planning.idea(cluster).pk for _ in range(3)]
    asker = Asker(sector.account)

    one = asker.delete(f"ideas/{ids[0]}/")
    many = asker.post("ideas/bulk-delete/", {"ids": ids})
    in_bin = asker.ids("ideas/", deleted="true")
    back = asker.post(f"ideas/{ids[1]}/restore/")
    rest = asker.post("ideas/bulk-restore/", {"ids": ids})

    assert (one.status_code, many.json(), in_bin) == (204, {"changed": 2}, ids)
    assert (back.status_code, rest.json()) == (204, {"changed": 2})
    assert asker.ids("ideas/") == ids


def test_a_queued_idea_says_what_to_delete_first(sector: Sector) -> None:
    idea = make_planning.idea(make_planning.cluster(sector), **QUEUED)

    answer = Asker(sector.account).delete(f"ideas/{idea.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (409, "still_needed")
    assert answer.json()["errors"] == {"ids": [f"The idea {idea.pk} is queued."]}
    assert answer.json()["data"] == {"ideas_queued": 1}


# --- making them


def test_ideas_are_asked_for_and_the_answer_is_the_work_that_waits() -> None:
    account = make_billing.account_with(100)
    sector = make_planning.sector(account)
    make_planning.cluster(sector)
    asker, body = Asker(account), {"sector": sector.pk}

    first = asker.post("ideas/make/", body, key="a")
    again = asker.post("ideas/make/", body, key="b")

    item = WorkItem.unscoped.get()
    assert (first.status_code, first.json()["id"], again.json()["id"]) == (202, item.pk, item.pk)
    assert (item.kind, item.work_class, item.related_id) == ("planning.ideas", "ai_text", sector.pk)


def test_ideas_need_a_cluster_and_credits(sector: Sector) -> None:
    rich = make_planning.sector(make_billing.account_with(100))
    make_planning.cluster(rich, is_disabled=True)
    make_planning.cluster(sector)

    nothing = Asker(rich.account).post("ideas/make/", {"sector": rich.pk}, key="a")
    no_credits = Asker(sector.account).post("ideas/make/", {"sector": sector.pk}, key="a")

    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_do")
    assert (no_credits.status_code, no_credits.json()["data"]) == (
        402,
        {"available": 0, "needed": 1},
    )
    assert Clusters.unscoped.count() == 2
    assert not WorkItem.unscoped.exists()
