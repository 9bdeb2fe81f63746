from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from igny8_core.ai.states import ProviderKind
from igny8_core.business.content.models import Tasks
from igny8_core.business.content.services import writing_tasks
from igny8_core.business.content.services.writing_tasks import create_writing_tasks, words_limit
from igny8_core.business.planning.models import ContentIdeaKeyword
from igny8_core.business.planning.services.queue_ideas import complete_idea
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

pytestmark = pytest.mark.django_db


def test_an_idea_becomes_a_task_with_its_keywords() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    keywords = make_planning.keywords(cluster.sector, ["sofa", "corner sofa"], cluster=cluster)
    idea = make_planning.idea(
        cluster,
        title="Sofas",
        target_keyword="corner sofa",
        content_structure="guide",
        role="hub",
        estimated_words=1_800,
    )
    for keyword in keywords:
        ContentIdeaKeyword.unscoped.create(
            idea=idea, keyword=keyword, is_target=keyword.keyword == "corner sofa"
        )

    (task,) = create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)

    idea.refresh_from_db()
    assert idea.status == "queued"
    assert (task.title, task.cluster_id, task.idea_id) == ("Sofas", cluster.pk, idea.pk)
    assert (task.content_structure, task.role, task.status) == ("guide", "hub", "queued")
    assert task.keywords.split("\n") == ["corner sofa", "sofa"]
    assert task.target_word_count == 1_800


def test_a_repeat_returns_the_same_tasks_also_when_they_are_written() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    ideas = [make_planning.idea(cluster).pk for _ in range(3)]
    account = cluster.account
    first = create_writing_tasks(account=account, idea_ids=ideas[:2], now=NOW)
    complete_idea(account=account, idea_id=ideas[0], now=NOW)

    again = create_writing_tasks(account=account, idea_ids=[*ideas[::-1], ideas[0]], now=NOW)

    assert [task.idea_id for task in again] == ideas[::-1]
    assert [task.pk for task in again[1:]] == [task.pk for task in first[::-1]]


def test_all_ideas_or_none() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    foreign = make_planning.idea(make_planning.cluster(make_planning.sector()))
    idea = make_planning.idea(cluster)

    with pytest.raises(NotFound):
        create_writing_tasks(account=cluster.account, idea_ids=[idea.pk, foreign.pk], now=NOW)

    idea.refresh_from_db()
    assert idea.status == "new"
    assert Tasks.unscoped.count() == 0


def test_an_idea_that_is_written_and_whose_task_is_gone_is_refused() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(cluster)
    (task,) = create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)
    complete_idea(account=cluster.account, idea_id=idea.pk, now=NOW)
    task.soft_delete(now=NOW)

    with pytest.raises(TransitionNotAllowed):
        create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)


@pytest.mark.parametrize(
    ("is_demo", "estimated", "asked", "target"),
    [
        (True, 1_800, None, 520),
        (True, 300, None, 300),
        (False, 1_800, None, 1_800),
        (False, 1_800, 700, 700),
        (False, 10, None, 50),
        (False, 20_000, None, 10_000),
    ],
)
def test_a_task_asks_for_what_its_model_can_carry(
    *,
    is_demo: bool,
    estimated: int,
    asked: int | None,
    target: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_content.writer(is_demo=is_demo)
    monkeypatch.setattr(writing_tasks, "text_provider", lambda _account: model)
    cluster = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(cluster, estimated_words=estimated)

    (task,) = create_writing_tasks(
        account=cluster.account, idea_ids=[idea.pk], max_words=asked, now=NOW
    )

    assert task.target_word_count == target


def test_without_any_model_there_is_no_limit_yet() -> None:
    assert words_limit(account=make.account()) == 10_000
    assert ProviderKind.LOCAL.value == "local"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_task() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(cluster)
    start = threading.Barrier(2, timeout=30)
    made: list[Any] = []

    def accept() -> None:
        start.wait()
        try:
            made.extend(create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW))
        finally:
            connection.close()

    workers = [threading.Thread(target=accept) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(made) == 2
    assert made[0].pk == made[1].pk
    with tenant(cluster.account_id):
        assert Tasks.objects.for_account(cluster.account).count() == 1
