"""Writing tasks through the API: by hand, from ideas, changed, listed, and asked to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import ContentTaxonomy, Tasks
from igny8_core.business.content.services.edit_tasks import edit_writing_task
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.common.errors import InvalidInput
from tests import make
from tests.api.callers import api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def cluster(account: Account) -> Clusters:
    return make_planning.cluster(make_planning.sector(account), "sofas")


def category(cluster: Clusters, name: str = "sofas") -> ContentTaxonomy:
    made: ContentTaxonomy = ContentTaxonomy.unscoped.create(
        account=cluster.account,
        site=cluster.site,
        taxonomy_type="category",
        name=name,
        slug=name,
    )
    return made


def test_a_task_by_hand_takes_its_place_from_the_cluster(
    account: Account, cluster: Clusters
) -> None:
    answer = api(account).post(
        "writing-tasks/",
        {
            "cluster": cluster.pk,
            "title": "  Which   sofa? ",
            "keywords": ["sofa", " best  sofa", "sofa"],
            "taxonomy": category(cluster).pk,
            "role": "hub",
            "target_word_count": 900,
        },
    )

    found = answer.json()
    assert answer.status_code == 201
    assert (found["site"], found["sector"], found["cluster"]) == (
        cluster.site_id,
        cluster.sector_id,
        cluster.pk,
    )
    assert (found["title"], found["keywords"]) == ("Which sofa?", ["sofa", "best sofa"])
    assert (found["role"], found["status"], found["idea"], found["content"]) == (
        "hub",
        "queued",
        None,
        None,
    )
    task = Tasks.unscoped.get()
    assert (task.pk, task.keywords, task.target_word_count) == (found["id"], "sofa\nbest sofa", 900)


def test_without_a_length_it_is_what_the_model_can_carry(
    account: Account, cluster: Clusters
) -> None:
    answer = api(account).post("writing-tasks/", {"cluster": cluster.pk, "title": "Sofas"})

    assert answer.json()["target_word_count"] == 500


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "a\ud800b"}, "title"),
        ({"description": "x" * 5_001}, "description"),
        ({"role": "boss"}, "role"),
        ({"content_type": "poem"}, "content_type"),
        ({"content_structure": "sonnet"}, "content_structure"),
        ({"keywords": ["x" * 256]}, "keywords.0"),
        ({"keywords": ["x"] * 101}, "keywords"),
        ({"keywords": "sofa"}, "keywords"),
        ({"target_word_count": 49}, "target_word_count"),
        ({"target_word_count": 10_001}, "target_word_count"),
        ({"target_word_count": "500"}, "target_word_count"),
        ({"cluster": "1.5"}, "cluster"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    changes: dict[str, Any], field: str, account: Account, cluster: Clusters
) -> None:
    answer = api(account).post("writing-tasks/", {"cluster": cluster.pk, "title": "S"} | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not Tasks.unscoped.exists()


def test_ideas_are_accepted_all_or_none(account: Account, cluster: Clusters) -> None:
    ideas = [make_planning.idea(cluster) for _ in range(2)]
    theirs = make_planning.idea(make_planning.cluster(make_planning.sector()))
    ids, caller = [ideas[1].pk, ideas[0].pk], api(account)

    refused = caller.post("writing-tasks/from-ideas/", {"ideas": [*ids, theirs.pk]})
    made = caller.post("writing-tasks/from-ideas/", {"ideas": ids, "max_words": 400})
    again = caller.post("writing-tasks/from-ideas/", {"ideas": ids})

    assert refused.status_code == 404
    assert (made.status_code, [row["idea"] for row in made.json()]) == (201, ids)
    assert {row["target_word_count"] for row in made.json()} == {400}
    assert [row["id"] for row in again.json()] == [row["id"] for row in made.json()]
    assert {idea.status for idea in ContentIdeas.unscoped.filter(pk__in=ids)} == {"queued"}


def test_a_task_changes_while_it_waits(account: Account, cluster: Clusters) -> None:
    task, tag = make_content.writing_task(cluster), category(cluster)
    caller = api(account)
    path = f"writing-tasks/{task.pk}/"

    changed = caller.patch(path, {"title": "New", "taxonomy": tag.pk, "keywords": []})
    cleared = caller.patch(path, {"taxonomy": None})
    refused = caller.patch(path, {"target_word_count": 1})
    empty = caller.patch(path, {})

    assert changed.json()["title"] == "New"
    assert (changed.json()["taxonomy"], changed.json()["keywords"]) == (tag.pk, [])
    assert (cleared.json()["taxonomy"], cleared.json()["title"]) == (None, "New")
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["target_word_count"])
    assert (empty.status_code, empty.json()["title"]) == (200, "New")


def test_a_written_task_does_not_change(account: Account, cluster: Clusters) -> None:
    task = make_content.writing_task(cluster, status=TaskStatus.COMPLETED)

    answer = api(account).patch(f"writing-tasks/{task.pk}/", {"title": "New"})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["data"] == {"writing_task_id": task.pk, "status": "completed"}
    task.refresh_from_db()
    assert task.title == "Salon chairs: a short buying guide"


def test_a_taxonomy_of_another_site_does_not_fit(account: Account, cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)
    other = category(make_planning.cluster(make_planning.sector(account)))

    answer = api(account).patch(f"writing-tasks/{task.pk}/", {"taxonomy": other.pk})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["taxonomy"])
    assert "Taxonomy is of another site" in answer.json()["errors"]["taxonomy"][0]


def test_the_service_names_what_it_does_not_set(cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)

    with pytest.raises(InvalidInput) as refused:
        edit_writing_task(
            account=cluster.account, writing_task_id=task.pk, changes={"status": "completed"}
        )

    assert refused.value.data == {"status": ["is not editable"]}


def test_lists_are_narrowed_and_ordered(account: Account, cluster: Clusters) -> None:
    other = make_planning.cluster(make_planning.sector(account))
    idea = make_planning.idea(cluster)
    first = make_content.writing_task(cluster, title="Blue sofas", idea=idea)
    second = make_content.writing_task(other, title="A desk", status=TaskStatus.COMPLETED)
    gone = make_content.writing_task(cluster, title="Old sofas")
    gone.soft_delete(now=NOW)
    caller = api(account, Role.VIEWER)

    found = {
        "all": caller.ids("writing-tasks/"),
        "title": caller.ids("writing-tasks/", order="title"),
        "site": caller.ids("writing-tasks/", site=cluster.site_id),
        "sector": caller.ids("writing-tasks/", sector=other.sector_id),
        "cluster": caller.ids("writing-tasks/", cluster=cluster.pk),
        "idea": caller.ids("writing-tasks/", idea=idea.pk),
        "status": caller.ids("writing-tasks/", status="completed"),
        "q": caller.ids("writing-tasks/", q="SOFA"),
        "bin": caller.ids("writing-tasks/", deleted="true"),
    }

    assert found == {
        "all": [second.pk, first.pk],
        "title": [second.pk, first.pk],
        "site": [first.pk],
        "sector": [second.pk],
        "cluster": [first.pk],
        "idea": [first.pk],
        "status": [second.pk],
        "q": [first.pk],
        "bin": [gone.pk],
    }


def test_the_list_names_the_article_of_each_task(account: Account, cluster: Clusters) -> None:
    task = make_content.writing_task(cluster, status=TaskStatus.COMPLETED)
    article = make_content.article(cluster.sector, task=task)
    caller = api(account, Role.VIEWER)

    listed = caller.get("writing-tasks/").json()["results"][0]["content"]
    article.soft_delete(now=NOW)

    assert listed == article.pk
    assert caller.get(f"writing-tasks/{task.pk}/").json()["content"] is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"status": "done"}, 422),
        ({"q": "a\x00"}, 422),
        ({"q": "x" * 201}, 422),
        ({"clusters": "1"}, 422),
        ({"cluster": "99999999"}, 404),
    ],
)
def test_bad_filters_are_refused(query: dict[str, str], status: int, account: Account) -> None:
    assert api(account).get("writing-tasks/", **query).status_code == status


def test_who_may_do_what(account: Account, cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)
    path = f"/api/v1/accounts/{account.pk}/writing-tasks/{task.pk}/"
    viewer, stranger = api(account, Role.VIEWER), api(make.account(), Role.OWNER)
    elsewhere = stranger.client.get(path)

    assert Client().get(path).status_code == 401
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")
    assert stranger.get(f"writing-tasks/{task.pk}/").status_code == 404
    assert viewer.get(f"writing-tasks/{task.pk}/").status_code == 200
    assert viewer.patch(f"writing-tasks/{task.pk}/", {"title": "x"}).status_code == 403
    assert viewer.delete(f"writing-tasks/{task.pk}/").status_code == 403
    assert viewer.post(f"writing-tasks/{task.pk}/generate/").status_code == 403


def test_the_list_takes_the_same_queries_whatever_its_length(
    account: Account, cluster: Clusters
) -> None:
    caller = api(account, Role.VIEWER)
    caller.get("writing-tasks/")

    counts = []
    for _ in range(2):
        for _ in range(3):
            make_content.writing_task(cluster, idea=make_planning.idea(cluster))
        with CaptureQueriesContext(connection) as seen:
            assert caller.get("writing-tasks/", site=cluster.site_id).status_code == 200
        counts.append(len(seen))

    assert counts[0] == counts[1]


# --- asked to be written


def test_an_article_is_asked_for_once_and_nothing_is_charged_yet() -> None:
    account = make_billing.account_with(1_000)
    task = make_content.writing_task(make_content.cluster(account))
    caller = api(account)
    path = f"writing-tasks/{task.pk}/generate/"

    first, again = caller.post(path, key="one"), caller.post(path, key="one")
    other_key = caller.post(path, key="two")

    assert [answer.status_code for answer in (first, again, other_key)] == [202, 202, 202]
    assert first.json() == again.json() == other_key.json()
    item = WorkItem.unscoped.get()
    assert first.json()["id"] == item.pk
    assert (item.kind, item.related_id, item.status) == ("content.generate", task.pk, "ready")
    assert (item.work_class, item.priority, item.run_id) == ("interactive", 1, None)
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (1_000, 0)


def test_a_request_that_spends_carries_a_key(account: Account, cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)
    path = f"/api/v1/accounts/{account.pk}/writing-tasks/{task.pk}/generate/"

    answer = api(account).client.post(path, {}, content_type="application/json")

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["idempotency_key"])


def test_too_few_credits_are_said_before_anything_waits() -> None:
    account = make_billing.account_with(1)
    task = make_content.writing_task(make_content.cluster(account))

    answer = api(account).post(f"writing-tasks/{task.pk}/generate/")

    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credits")
    assert answer.json()["data"]["available"] == 1
    assert answer.json()["data"]["needed"] > 1
    assert not WorkItem.unscoped.exists()


def test_a_written_article_is_not_asked_for_again() -> None:
    account = make_billing.account_with(1_000)
    cluster = make_content.cluster(account)
    written = make_content.writing_task(cluster, status=TaskStatus.COMPLETED)
    waiting = make_content.writing_task(cluster)
    caller = api(account)

    one = caller.post(f"writing-tasks/{written.pk}/generate/")
    both = caller.post("writing-tasks/bulk-generate/", {"ids": [waiting.pk, written.pk]})

    assert (one.status_code, one.json()["code"]) == (409, "transition_not_allowed")
    assert (both.status_code, both.json()["data"]["writing_task_id"]) == (409, written.pk)
    assert not WorkItem.unscoped.exists()


def test_several_are_asked_for_together_or_none() -> None:
    account = make_billing.account_with(1_000)
    cluster = make_content.cluster(account)
    tasks = [make_content.writing_task(cluster).pk for _ in range(2)]
    theirs = make_content.writing_task(make_content.cluster(make.account()))
    caller = api(account)

    refused = caller.post("writing-tasks/bulk-generate/", {"ids": [*tasks, theirs.pk]})
    made = caller.post("writing-tasks/bulk-generate/", {"ids": [tasks[1], tasks[0], tasks[1]]})

    assert (refused.status_code, made.status_code) == (404, 202)
    assert [item["related_id"] for item in made.json()] == [tasks[1], tasks[0]]
    assert WorkItem.unscoped.count() == 2
