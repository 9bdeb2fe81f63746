"""Articles that are hidden, were deleted at the site, or are tried again."""

from __future__ import annotations

import pytest

from igny8_core.business.content.services.bin import delete_contents
from igny8_core.business.publishing import tasks
from igny8_core.business.publishing.errors import NotDeliverable
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import ask
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.common.errors import (
    NotFound,
    TransitionNotAllowed,
)
from tests.make import memory
from tests.make import publishing as make
from tests.make.delivery import item_of, once, publish, request, send

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


# --- hidden, deleted, again


def test_hidden_articles_are_drafts_there() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    publish(integration, content, clock)
    args = {"integration_id": integration.pk, "content_id": content.pk}

    record = ask.request_withdrawal(account=sector.account, **args)
    send(record, clock)

    assert (store.live(), len(store.posts)) == ([], 1)
    assert not PublishingRecord.objects.for_account(sector.account).filter(LIVE).exists()
    never = make.article(sector)
    with pytest.raises(NotFound):
        ask.request_withdrawal(
            account=sector.account, integration_id=integration.pk, content_id=never.pk
        )


def test_hiding_what_was_deleted_there_is_done() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    publish(integration, content, clock)
    store.posts.clear()
    args = {"integration_id": integration.pk, "content_id": content.pk}

    for _ in range(2):
        record = ask.request_withdrawal(account=sector.account, **args)
        assert send(record, clock).status == "published"

    assert item_of(content).state == "gone"


def test_hiding_what_may_have_been_made_looks_for_it() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    store.fail = once("reserve", "lost")
    with pytest.raises(OutcomeUnknown):
        send(record, clock)
    clock.wait(minutes=5)

    send(
        ask.request_withdrawal(
            account=sector.account, integration_id=integration.pk, content_id=content.pk
        ),
        clock,
    )

    assert store.live() == []
    assert item_of(content).external_id == "1"


def test_an_article_that_was_deleted_here_does_not_go_out() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    delete_contents(account=sector.account, ids=[content.pk], now=clock())

    with pytest.raises(NotFound):
        send(record, clock)

    record.refresh_from_db()
    assert (record.status, store.live()) == ("failed", [])


def test_only_failed_records_of_sites_outside_are_tried_again() -> None:
    integration, sector, clock, _ = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    account = sector.account

    with pytest.raises(TransitionNotAllowed):
        ask.retry_publishing(account=account, record_id=record.pk, now=clock())
    with pytest.raises(NotFound):
        ask.retry_publishing(account=account, record_id=10**9, now=clock())
    own = make.record(make.article(sector), destination="sites")
    with pytest.raises(NotDeliverable):
        ask.retry_publishing(account=account, record_id=own.pk, now=clock())


def test_a_check_is_not_asked_for_while_something_is_on_its_way() -> None:
    integration, sector, clock, _ = memory.memory_site()
    content = make.article(sector)
    args = {"integration_id": integration.pk, "content_id": content.pk}

    assert ask.ask_for_check(account=sector.account, **args) is False
    request(integration, content, clock)
    assert ask.ask_for_check(account=sector.account, **args) is False


def test_a_task_takes_hints_that_are_stale() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)

    for _ in range(2):
        tasks.deliver.run(account_id=sector.account_id, record_id=record.pk)
    tasks.reconcile.run(account_id=sector.account_id, integration_id=integration.pk)

    assert len(store.live()) == 1
