"""Models over the wire, through their real SDKs: a good one and hostile ones; a worker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.requests import request_optimization
from igny8_core.business.automation.services.working import run_item
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.content.models import Content
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.common.errors import Conflict
from igny8_core.common.tenancy.context import tenant
from tests.ai.doors import text_at
from tests.fakes.ai_server import AiServer
from tests.make import automation as make_automation
from tests.make import optimization as make_optimization
from tests.make.automation import ME, NOW
from tests.make.optimization import MISSED, Reviser, optimize, say_more, task

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@dataclass
class RevisingServer(AiServer):
    """Answers each question about passages with a function of them, or with one fixed answer."""

    rewrite: Callable[[str, str], str | None] | None = None
    fixed: str = ""

    def next_step(self) -> str:
        if self.rewrite is None:
            return self.fixed
        return Reviser(self.rewrite)._answer(user_of(self.requests[-1].body))


def user_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_good_model_is_accepted_and_paid_once(wire: str) -> None:
    article = make_optimization.article(make_optimization.cluster())

    with RevisingServer(rewrite=say_more) as server:
        done = optimize(task(article, is_automatic=True), text_at(server.url, wire))

    article.refresh_from_db()
    assert done.outcome == "accepted", done.metadata
    assert MISSED in article.html
    assert done.metadata["source"]["prompt"] == "content_revision/v1"
    assert done.credits_used > 0


HOSTILE = {
    "no passages": '{"passages": [], "added": []}',
    "unknown passages": '{"passages": [{"id": "p99", "text": "Hello there."}], "added": []}',
    "a script": json.dumps(
        {
            "passages": [{"id": "p0", "text": "<script>fetch('//evil.test')</script>Salon chair."}],
            "added": [{"after": "p0", "kind": "paragraph", "text": "<img src=x onerror=a()>."}],
        }
    ),
    "addresses": json.dumps(
        {
            "passages": [],
            "added": [
                {"after": "p0", "kind": "paragraph", "text": f"Buy at https://evil.test/{n}."}
                for n in range(20)
            ],
        }
    ),
    "a flood": json.dumps(
        {
            "passages": [],
            "added": [
                {
                    "after": "p0",
                    "kind": "paragraph",
                    "text": f"A hydraulic base and a salon chair number. {'word ' * 300}ends here.",
                }
            ],
        }
    ),
    "marks of others": json.dumps(
        {"passages": [{"id": "p0", "text": "A salon [[7|chair]] is a long decision."}], "added": []}
    ),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_model_leaves_everything_as_it_was(name: str) -> None:
    article = make_optimization.article(make_optimization.cluster())
    before = (article.html, article.blocks, article.version)

    with RevisingServer(fixed=HOSTILE[name]) as server:
        done = optimize(task(article, is_automatic=True), text_at(server.url))

    article.refresh_from_db()
    assert done.outcome == "rejected", done.metadata
    assert (article.html, article.blocks, article.version) == before
    assert done.credits_used == 0
    account = accounts.account(article.account_id)
    assert (account.credits, account.credits_held) == (1_000, 0)


def test_a_worker_does_what_was_asked_for() -> None:
    article = make_optimization.article(
        make_optimization.cluster(), meta_title="Choosing", meta_description="Short."
    )
    with tenant(article.account_id):
        made = request_optimization(
            account=accounts.account(article.account_id),
            content_id=article.pk,
            is_automatic=True,
            is_by_rules=True,
            now=NOW,
        )
    item = WorkItem.unscoped.get()
    make_automation.queued(item.pk)

    status = run_item(account_id=article.account_id, item_id=item.pk, worker=ME, clock=lambda: NOW)

    item.refresh_from_db()
    row = OptimizationTask.unscoped.get(pk=made)
    assert (status, item.result_id) == (WorkItemStatus.DONE, made)
    assert (row.status, row.outcome) == ("completed", "accepted")
    assert Content.unscoped.get(pk=article.pk).version == 2
    assert item.credits_charged == 0


@pytest.mark.parametrize("status", ["pending", "running"])
def test_what_nobody_works_on_any_more_can_be_asked_for_again(status: str) -> None:
    article = make_optimization.article(make_optimization.cluster())
    account = accounts.account(article.account_id)
    wanted: dict[str, Any] = {"account": account, "content_id": article.pk, "now": NOW}
    with tenant(article.account_id):
        first = request_optimization(**wanted, is_by_rules=True)
        with pytest.raises(Conflict):  # it waits for a worker
            request_optimization(**wanted)
        WorkItem.unscoped.update(
            status=WorkItemStatus.FAILED, error="away", error_class="transient"
        )
        OptimizationTask.unscoped.update(status=status)

        again = request_optimization(**wanted)

    assert again == first
    assert OptimizationTask.unscoped.get().is_by_rules is False
    assert WorkItem.unscoped.get().status == WorkItemStatus.READY
