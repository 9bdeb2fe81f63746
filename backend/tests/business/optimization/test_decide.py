"""What people decide about an optimisation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from igny8_core.business.billing.models import CreditReservation
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.decide import (
    accept_changes,
    discard_changes,
    undo_changes,
)
from igny8_core.common.errors import (
    Conflict,
    InvalidInput,
    TransitionNotAllowed,
)
from igny8_core.common.tenancy.context import tenant
from tests.business.optimization.spoilt import snapshot
from tests.make import optimization as make_optimization
from tests.make.content import NOW
from tests.make.optimization import MISSED, Reviser, optimize, say_more, task

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def article() -> Content:
    return make_optimization.article(make_optimization.cluster())


def decide(service: Any, row: OptimizationTask, **fields: Any) -> OptimizationTask:
    with tenant(row.account_id):
        result: OptimizationTask = service(
            account=row.account, optimization_task_id=row.pk, now=NOW, **fields
        )
        return result


def test_a_person_accepts_everything_and_takes_it_back(article: Content) -> None:
    before = snapshot(article)
    done = optimize(task(article))

    accepted = decide(accept_changes, done, user_id=7)
    between = snapshot(article)
    undone = decide(undo_changes, accepted, user_id=7)

    after = snapshot(article)
    assert (accepted.outcome, accepted.accepted_version) == ("accepted", 2)
    assert accepted.metadata["decided_by"] == 7
    assert MISSED in between["html"]
    assert undone.undone_at == NOW
    assert (after["version"], after["html"], after["blocks"]) == (
        3,
        before["html"],
        before["blocks"],
    )
    with pytest.raises(Conflict):
        decide(undo_changes, undone)


def test_a_person_takes_some_of_the_changes(article: Content) -> None:
    def rewrite(kind: str, text: str) -> str | None:
        return say_more(kind, text) or None

    done = optimize(task(article), Reviser(rewrite))
    ids = [change["id"] for change in done.metadata["changes"]]
    assert len(ids) >= 2

    accepted = decide(accept_changes, done, change_ids=ids[:1])

    article.refresh_from_db()
    assert accepted.metadata["accepted"] == ids[:1]
    assert article.html.count(MISSED) == 1
    assert accepted.html_after == article.html
    assert accepted.scores_after["word_count"] > accepted.scores_before["word_count"]


def test_what_a_person_cannot_decide(article: Content) -> None:
    done = optimize(task(article))

    for wrong in (["c99"], []):
        with pytest.raises(InvalidInput):
            decide(accept_changes, done, change_ids=wrong)
    with pytest.raises(TransitionNotAllowed):
        decide(undo_changes, done)
    discarded = decide(discard_changes, done)
    assert (discarded.outcome, discarded.metadata["reasons"]) == ("rejected", ["discarded"])
    for service in (accept_changes, discard_changes):
        with pytest.raises(TransitionNotAllowed):
            decide(service, discarded)
    assert snapshot(article)["version"] == 1


def test_a_decision_about_an_older_version_is_refused(article: Content) -> None:
    done = optimize(task(article))
    with tenant(article.account_id):
        edit_content(
            account=article.account,
            content_id=article.pk,
            version=1,
            changes=ContentChanges(title="Another title"),
            now=NOW,
        )
    before = snapshot(article)

    with pytest.raises(Conflict):
        decide(accept_changes, done)

    assert snapshot(article) == before
    assert OptimizationTask.unscoped.get().outcome == "needs_review"


def test_undoing_after_an_edit_is_refused(article: Content) -> None:
    done = optimize(task(article, is_automatic=True))
    Content.unscoped.filter(pk=article.pk).update(version=5)

    with pytest.raises(Conflict):
        decide(undo_changes, done)

    assert OptimizationTask.unscoped.get().undone_at is None


def test_everything_that_is_asked_is_in_the_prompt(article: Content) -> None:
    model = Reviser(say_more)
    optimize(task(article), model)

    asked = "\n".join(request.user for request in model.requests)
    assert "http" not in asked
    assert "[[1|barber school]]" in asked
    assert "249 eur" in asked
    assert MISSED in asked
    assert json.loads(json.dumps(asked)) == asked
    assert not CreditReservation.unscoped.filter(status="held").exists()
