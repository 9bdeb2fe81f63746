"""Optimisations through the API."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.states import OPEN, OptimizationStatus
from tests import make
from tests.api.callers import Api, api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import optimization as make_optimization
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def article() -> Content:
    return make_content.article(make_planning.sector(make_content.rich_account()))


@pytest.fixture
def editor(article: Content) -> Api:
    return api(article.account)


def optimization(content: Content, status: OptimizationStatus) -> OptimizationTask:
    fields: dict[str, Any] = {
        OptimizationStatus.FAILED: {"error": "Why.", "completed_at": NOW, "started_at": NOW},
        OptimizationStatus.COMPLETED: {"html_after": "<p>x</p>", "completed_at": NOW},
    }.get(status, {})
    made: OptimizationTask = OptimizationTask.unscoped.create(
        content=content, status=status, **fields
    )
    return made


def test_an_optimisation_is_asked_for_once_at_a_time(editor: Api, article: Content) -> None:
    first = editor.post("optimization-tasks/", {"content": article.pk})

    again = editor.post("optimization-tasks/", {"content": article.pk})

    assert first.status_code == 201
    assert (first.json()["status"], first.json()["content"]) == ("pending", article.pk)
    assert (again.status_code, again.json()["data"]) == (
        409,
        {"optimization_task_id": first.json()["id"]},
    )
    assert OptimizationTask.unscoped.get().account_id == article.account_id


@pytest.mark.parametrize("status", list(OptimizationStatus))
def test_what_has_ended_is_in_nobodys_way(
    status: OptimizationStatus, editor: Api, article: Content
) -> None:
    before = optimization(article, status)

    answer = editor.post("optimization-tasks/", {"content": article.pk})

    assert answer.status_code == 201
    is_taken_up = answer.json()["id"] == before.pk  # no item of it waits or runs
    assert is_taken_up == (status in OPEN)


@pytest.mark.parametrize("status", list(OptimizationStatus))
def test_only_what_has_failed_is_asked_for_again(
    status: OptimizationStatus, editor: Api, article: Content
) -> None:
    row = optimization(article, status)

    answer = editor.post(f"optimization-tasks/{row.pk}/retry/")

    row.refresh_from_db()
    is_again = status == OptimizationStatus.FAILED
    assert answer.status_code == (200 if is_again else 409)
    assert row.status == ("pending" if is_again else status)
    assert (row.error, row.started_at, row.completed_at) == ("", None, None) or not is_again


def test_a_failed_one_waits_for_the_open_one(editor: Api, article: Content) -> None:
    failed = optimization(article, OptimizationStatus.FAILED)
    running = optimization(article, OptimizationStatus.RUNNING)

    answer = editor.post(f"optimization-tasks/{failed.pk}/retry/")

    assert (answer.status_code, answer.json()["data"]) == (
        409,
        {"optimization_task_id": running.pk},
    )


def test_lists_have_no_texts_and_hide_those_of_deleted_articles(
    editor: Api, article: Content
) -> None:
    done = optimization(article, OptimizationStatus.COMPLETED)
    other = make_content.article(article.sector)
    waiting = optimization(other, OptimizationStatus.PENDING)
    hidden = optimization(
        make_content.article(article.sector, deleted_at=NOW), OptimizationStatus.PENDING
    )

    (listed,) = editor.get("optimization-tasks/", content=article.pk).json()["results"]
    shown = editor.get(f"optimization-tasks/{done.pk}/").json()

    assert editor.ids("optimization-tasks/") == [waiting.pk, done.pk]
    assert editor.ids("optimization-tasks/", status="pending") == [waiting.pk]
    assert "html_after" not in listed
    assert shown["html_after"] == "<p>x</p>"
    assert editor.get(f"optimization-tasks/{hidden.pk}/").status_code == 404
    assert editor.post(f"optimization-tasks/{hidden.pk}/retry/").status_code == 404


def test_who_may_do_what(editor: Api, article: Content) -> None:
    row = optimization(article, OptimizationStatus.FAILED)
    viewer, stranger = api(article.account, Role.VIEWER), api(make.account(), Role.OWNER)
    path = f"optimization-tasks/{row.pk}/"

    assert viewer.get(path).status_code == 200
    assert viewer.post(f"{path}retry/").status_code == 403
    assert viewer.post("optimization-tasks/", {"content": article.pk}).status_code == 403
    assert stranger.get(path).status_code == 404
    assert stranger.post("optimization-tasks/", {"content": article.pk}).status_code == 404
    assert editor.get(path).status_code == 200


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_requests_at_once_one_is_made() -> None:
    article = make_content.article(make_planning.sector(make_content.rich_account()))
    callers = [api(article.account) for _ in range(3)]
    start = threading.Barrier(len(callers), timeout=30)
    answers: list[int] = []

    def ask(caller: Api) -> None:
        start.wait()
        answer = caller.post("optimization-tasks/", {"content": article.pk})
        answers.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=ask, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201, 409, 409]
    assert OptimizationTask.unscoped.count() == 1


def test_the_list_takes_the_same_queries_whatever_its_length(editor: Api, article: Content) -> None:
    editor.get("optimization-tasks/")

    counts = []
    for number in range(2):
        for _ in range(3):
            optimization(make_content.article(article.sector), OptimizationStatus.PENDING)
        with CaptureQueriesContext(connection) as seen:
            assert len(editor.ids("optimization-tasks/")) == 3 * (number + 1)
        counts.append(len(seen))

    assert counts[0] == counts[1]


def test_asking_makes_work_for_a_worker(editor: Api, article: Content) -> None:
    made = editor.post("optimization-tasks/", {"content": article.pk, "is_automatic": True}).json()

    (item,) = WorkItem.unscoped.all()
    assert (item.kind, item.related_type, item.related_id) == (
        "content.optimize",
        "optimization_task",
        made["id"],
    )
    assert (made["is_automatic"], made["is_by_rules"], made["outcome"]) == (True, False, "")


def test_rules_cost_nothing_and_the_rest_needs_credits() -> None:
    make_billing.prices()
    poor = make_content.article(make_planning.sector(make.account()))
    editor = api(poor.account)

    refused = editor.post("optimization-tasks/", {"content": poor.pk})
    allowed = editor.post("optimization-tasks/", {"content": poor.pk, "is_by_rules": True})

    assert (refused.status_code, allowed.status_code) == (402, 201)
    assert OptimizationTask.unscoped.get().is_by_rules


def proposal() -> tuple[Api, OptimizationTask]:
    article = make_optimization.article(make_optimization.cluster())
    row = make_optimization.optimize(make_optimization.task(article))
    return api(article.account), row


def test_a_proposal_shows_every_change_with_its_difference() -> None:
    editor, row = proposal()

    shown = editor.get(f"optimization-tasks/{row.pk}/").json()
    (listed,) = editor.get("optimization-tasks/", outcome="needs_review").json()["results"]

    assert listed["score_after"] > listed["score_before"]
    assert listed["score_before"] == shown["scores_before"]["score"]
    change = next(c for c in shown["changes"] if c["by"] == "model")
    assert "<ins>" in change["diff_html"]
    assert "".join(p["text"] for p in change["diff"] if p["op"] != "insert") == change["before"]
    assert "".join(p["text"] for p in change["diff"] if p["op"] != "delete") == change["after"]
    assert shown["metadata"]["outcome"] == shown["outcome"] == "needs_review"
    assert shown["html_before"] != shown["html_after"]


def test_changes_are_accepted_discarded_and_undone() -> None:
    editor, row = proposal()
    address = f"optimization-tasks/{row.pk}/"

    unknown = editor.post(f"{address}accept/", {"changes": ["c99"]})
    accepted = editor.post(f"{address}accept/", {"changes": ["c1"]})
    late = editor.post(f"{address}discard/")
    undone = editor.post(f"{address}undo/")
    again = editor.post(f"{address}undo/")

    assert unknown.status_code == 422
    assert (accepted.status_code, accepted.json()["outcome"]) == (200, "accepted")
    assert (late.status_code, undone.status_code, again.status_code) == (409, 200, 409)
    assert editor.get(f"contents/{row.content_id}/").json()["version"] == 3
    assert undone.json()["undone_at"]


def test_decisions_are_of_editors_of_the_account() -> None:
    _, row = proposal()
    viewer, stranger = api(row.account, Role.VIEWER), api(make.account(), Role.OWNER)

    for name in ("accept", "discard", "undo"):
        address = f"optimization-tasks/{row.pk}/{name}/"
        assert viewer.post(address).status_code == 403
        assert stranger.post(address).status_code == 404


def test_a_proposal_is_discarded() -> None:
    editor, row = proposal()

    discarded = editor.post(f"optimization-tasks/{row.pk}/discard/")

    assert (discarded.status_code, discarded.json()["outcome"]) == (200, "rejected")
    assert editor.get(f"contents/{row.content_id}/").json()["version"] == 1
