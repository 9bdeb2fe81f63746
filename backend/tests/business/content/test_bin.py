"""Writing tasks, articles and images: into the bin, out of it, and what stands in the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.content.models import (
    Content,
    Images,
    Tasks,
)
from igny8_core.business.content.services.generation import generate_content
from igny8_core.business.content.services.images import generate_image
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.content.states import (
    ContentStatus,
    ImageStatus,
    TaskStatus,
)
from igny8_core.business.planning.services.queue_ideas import complete_idea
from igny8_core.business.planning.states import IdeaStatus
from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.soft_delete import PlaceTaken
from tests.api.callers import api
from tests.business.content.bins import (
    DELETE,
    PATHS,
    RESTORE,
    accepted,
    delete,
    deleting,
    live,
    restore,
    row_of,
    status,
)
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def cluster() -> Clusters:
    return make_planning.cluster(make_planning.sector(), "sofas")


# --- alike for all three


@pytest.mark.parametrize("model", [Tasks, Content, Images])
def test_rows_go_and_come_back_and_only_changes_count(model: Any, cluster: Clusters) -> None:
    one, two, three = rows = [row_of(model, cluster) for _ in range(3)]

    counts = [delete(one, two), delete(one, two, three), restore(one), restore(one, two, three)]

    assert counts == [2, 1, 1, 2]
    assert live(*rows) == [True] * 3


@pytest.mark.parametrize("model", [Tasks, Content, Images])
def test_with_an_unknown_id_nothing_changes(model: Any, cluster: Clusters) -> None:
    mine, gone = row_of(model, cluster), row_of(model, cluster)
    theirs = row_of(model, make_planning.cluster(make_planning.sector()))
    delete(gone)

    for service in (DELETE[model], RESTORE[model]):
        for unknown in (theirs.pk, theirs.pk + 1_000):
            with pytest.raises(NotFound):
                service(account=cluster.account, ids=[mine.pk, gone.pk, unknown], now=NOW)

    assert live(mine, gone, theirs) == [True, False, True]


@pytest.mark.parametrize("model", [Tasks, Content, Images])
def test_the_api_deletes_restores_and_shows_the_bin(model: Any, cluster: Clusters) -> None:
    one, two = row_of(model, cluster), row_of(model, cluster)
    editor, path = api(cluster.account), PATHS[model]

    deleted = editor.delete(f"{path}/{one.pk}/")
    shown = editor.get(f"{path}/{one.pk}/").status_code
    bulk = editor.post(f"{path}/bulk-delete/", {"ids": [one.pk, two.pk, two.pk]})
    in_bin = editor.ids(f"{path}/", deleted="true")
    restored = editor.post(f"{path}/{one.pk}/restore/")
    back = editor.post(f"{path}/bulk-restore/", {"ids": [one.pk, two.pk]})

    assert (deleted.status_code, shown, bulk.json()) == (204, 404, {"changed": 1})
    assert in_bin == [two.pk, one.pk]
    assert (restored.status_code, back.json()) == (204, {"changed": 1})
    assert live(one, two) == [True, True]


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_who_delete_at_once_one_counts() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    rows = [make_content.article(cluster.sector) for _ in range(5)]
    start, counts = threading.Barrier(3, timeout=30), []

    def run() -> None:
        start.wait()
        counts.append(delete(*rows))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == [0, 0, 5]


# --- writing tasks and their ideas


def test_the_idea_of_a_deleted_task_is_new_again(cluster: Clusters) -> None:
    idea, task = accepted(cluster)

    delete(task)
    free = status(idea)
    restore(task)

    assert (free, status(idea)) == ("new", "queued")


def test_the_idea_of_a_written_task_stays_written(cluster: Clusters) -> None:
    idea, task = accepted(cluster)
    Tasks.unscoped.filter(pk=task.pk).update(status=TaskStatus.COMPLETED)
    complete_idea(account=cluster.account, idea_id=idea.pk, now=NOW)
    article = make_content.article(cluster.sector, task=task)

    delete(task)
    after = status(idea)
    restore(task)

    assert (after, status(idea), live(article)) == ("completed", "completed", [True])


def test_a_task_whose_idea_was_accepted_again_cannot_come_back(cluster: Clusters) -> None:
    idea, task = accepted(cluster)
    other, second = accepted(cluster)
    delete(task, second)
    (again,) = create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)

    with pytest.raises(PlaceTaken) as refused:
        restore(second, task)

    assert refused.value.data == {
        "row_id": task.pk,
        "in_the_way": again.pk,
        "idea": [f"The writing task {again.pk} has the same idea."],
    }
    assert live(task, second, again) == [False, False, True]
    assert status(other) == "new"


def test_a_task_whose_idea_was_written_otherwise_cannot_come_back(cluster: Clusters) -> None:
    idea, task = accepted(cluster)
    delete(task)
    (again,) = create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)
    complete_idea(account=cluster.account, idea_id=idea.pk, now=NOW)
    Tasks.unscoped.filter(pk=again.pk).update(status=TaskStatus.COMPLETED)

    with pytest.raises(Conflict) as refused:
        restore(task)

    assert refused.value.data["idea_id"] == idea.pk
    assert live(task) == [False]


def test_a_task_waits_for_its_idea_and_its_cluster(cluster: Clusters) -> None:
    idea, task = accepted(cluster)
    delete(task)
    idea.soft_delete(now=NOW)
    with pytest.raises(Conflict) as without_idea:
        restore(task)
    cluster.soft_delete(now=NOW)

    answer = api(cluster.account).post(f"writing-tasks/{task.pk}/restore/")

    assert without_idea.value.data["idea_id"] == idea.pk
    assert (answer.status_code, answer.json()["data"]) == (
        409,
        {"row_id": task.pk, "cluster_id": cluster.pk},
    )
    assert answer.json()["errors"] == {"cluster": [f"The cluster {cluster.pk} is in the bin."]}
    assert live(task) == [False]


def test_a_task_whose_idea_lies_in_the_bin_is_deleted_all_the_same(cluster: Clusters) -> None:
    idea, task = accepted(cluster)
    idea.soft_delete(now=NOW)

    assert delete(task) == 1
    assert status(idea) == IdeaStatus.QUEUED


def test_a_task_deleted_while_it_is_written_gets_no_article() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))

    with pytest.raises(NotFound, match="deleted meanwhile"):
        generate_content(
            account=account,
            writing_task_id=task.pk,
            fence=lambda: None,
            clock=deleting(task),
            providers=[make_content.writer()],
        )

    account.refresh_from_db()
    assert (Content.unscoped.count(), account.credits, account.credits_held) == (0, 1_000, 0)


# --- images


def test_an_image_whose_place_is_taken_cannot_come_back(cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    old = make_content.image(article)
    delete(old)
    new = make_content.image(article)

    with pytest.raises(PlaceTaken) as refused:
        restore(old)

    assert refused.value.data == {
        "row_id": old.pk,
        "in_the_way": new.pk,
        "position": [f"The image {new.pk} has the same position."],
    }


def test_an_image_waits_for_what_it_hangs_on(cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    task = make_content.writing_task(cluster)
    of_article = make_content.image(article)
    of_task = Images.unscoped.create(task=task, alt="x")
    of_both = Images.unscoped.create(content=article, task=task, alt="x", position=1)
    delete(of_article, of_task, of_both)
    delete(task)

    with pytest.raises(Conflict) as without_task:
        restore(of_task)
    back = restore(of_both)
    delete(article)
    with pytest.raises(Conflict) as without_article:
        restore(of_article)

    assert without_task.value.data == {"writing_task_id": task.pk}
    assert without_article.value.data == {"article_id": article.pk}
    assert back == 1


def test_an_image_deleted_while_it_is_made_stays_as_it_was(tmp_path: Any, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    account = make_billing.account_with(100)
    article = make_content.article(make_planning.sector(account))
    image = make_content.image(article)

    with pytest.raises(NotFound, match="deleted meanwhile"):
        generate_image(
            account=account,
            image_id=image.pk,
            fence=lambda: None,
            clock=deleting(image),
        )

    image.refresh_from_db()
    account.refresh_from_db()
    assert (image.status, image.path) == (ImageStatus.PENDING, "")
    assert (account.credits, account.credits_held) == (100, 0)


def test_the_database_keeps_a_published_article_out_of_the_bin(cluster: Clusters) -> None:
    from tests.business.content.test_models import refused

    shown = make_content.article(cluster.sector, status=ContentStatus.PUBLISHED)
    gone = make_content.article(cluster.sector, deleted_at=NOW)

    assert refused("content_content", shown.pk, deleted_at=NOW) == "content_published_is_live"
    published = {"status": "published", "published_at": NOW}
    assert refused("content_content", gone.pk, **published) == "content_published_is_live"
