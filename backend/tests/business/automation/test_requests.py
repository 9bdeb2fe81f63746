"""Work that a person asks for outside a run: asked for once, again when it failed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.ai.models import ProviderSetting
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import items
from igny8_core.business.automation.services.requests import request_articles, request_image
from igny8_core.business.automation.services.working import run_item
from igny8_core.business.automation.states import ErrorClass, WorkItemStatus
from igny8_core.business.content.models import Content, Images
from igny8_core.common.errors import InsufficientCredits
from igny8_core.common.tenancy.context import tenant
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make.automation import ME, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.content.models import Tasks

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def task() -> Tasks:
    return make_content.writing_task(make_content.cluster(make_billing.account_with(1_000)))


def ask(task: Tasks) -> WorkItem:
    (item,) = request_articles(account=task.account, writing_task_ids=[task.pk], now=NOW)
    return item


def end(item: WorkItem, *, is_final: bool = False) -> None:
    """As if a worker had done the item, or had failed for good."""
    lease = make_automation.claimed(item.account, item.pk)
    with tenant(item.account_id):
        if is_final:
            items.give_back(lease, error_class=ErrorClass.PERMANENT, error="x", is_final=True)
        else:
            items.settle(lease)


def test_one_that_failed_is_ready_again(task: Tasks) -> None:
    first = ask(task)
    end(first, is_final=True)

    again = ask(task)

    assert (again.pk, again.status, again.attempts, again.error) == (first.pk, "ready", 0, "")
    assert WorkItem.unscoped.count() == 1


def test_one_that_was_done_or_cancelled_is_followed_by_another(task: Tasks) -> None:
    first = ask(task)
    end(first)
    second = ask(task)
    items.cancel_items(account=task.account, item_ids=[second.pk])

    third = ask(task)

    assert len({first.pk, second.pk, third.pk}) == 3
    assert (third.status, third.idempotency_key) == (
        "ready",
        f"writing_task:{task.pk}:after{second.pk}",
    )


def test_what_a_run_is_at_is_not_asked_for_beside_it(task: Tasks) -> None:
    run = make_automation.run(task.account, site=task.site)
    fields: dict[str, Any] = {"kind": "content.generate", "related_type": "writing_task"}
    (of_run,) = make_automation.work_items(task.account, run=run, first=task.pk, **fields)

    waiting = ask(task)  # the run may be paused: it waits for nothing
    items.cancel_items(account=task.account, item_ids=[waiting.pk])
    make_automation.queued(of_run)

    assert waiting.pk != of_run
    assert ask(task).pk == of_run


def test_a_worker_does_what_was_asked_for(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    account = make_billing.account_with(1_000)
    cluster = make_content.cluster(account)
    image = make_content.image(make_content.article(cluster.sector, cluster=cluster))
    item = request_image(account=account, image_id=image.pk, now=NOW)
    make_automation.queued(item.pk)

    status = run_item(account_id=account.pk, item_id=item.pk, worker=ME, clock=lambda: NOW)

    item.refresh_from_db()
    image.refresh_from_db()
    assert (status, item.result_id) == (WorkItemStatus.DONE, image.pk)
    assert item.credits_charged > 0
    assert (image.status, Images.unscoped.count()) == ("generated", 1)
    assert (tmp_path / image.path).is_file()


def test_an_article_deleted_meanwhile_is_not_written(task: Tasks) -> None:
    item = ask(task)
    task.soft_delete(now=NOW)
    make_automation.queued(item.pk)

    status = run_item(account_id=task.account_id, item_id=item.pk, worker=ME, clock=lambda: NOW)

    assert (status, Content.unscoped.count()) == (WorkItemStatus.FAILED, 0)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_requests_at_once_one_item_is_made() -> None:
    task = make_content.writing_task(make_content.cluster(make_billing.account_with(1_000)))
    end(ask(task))
    start, made = threading.Barrier(4, timeout=30), []

    def run() -> None:
        start.wait()
        made.append(ask(task).pk)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(made), len(set(made)), WorkItem.unscoped.count()) == (4, 1, 2)


def test_with_a_key_of_its_own_an_account_needs_the_fee_alone() -> None:
    account = make_billing.account_with(2)
    task = make_content.writing_task(make_content.cluster(account))
    with pytest.raises(InsufficientCredits):
        ask(task)

    ProviderSetting.unscoped.create(account=account, provider="openai", model="gpt-4o-mini")

    assert ask(task).status == WorkItemStatus.READY
