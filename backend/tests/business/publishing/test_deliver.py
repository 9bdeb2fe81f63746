"""Delivery over our own port: what goes out, what may not, and what people change meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from igny8_core.auth.services import suspend_account
from igny8_core.business.content.errors import GatesFailed
from igny8_core.business.content.models import Content
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.integrations import (
    disconnect_integration,
    pause_sync,
    resume_sync,
)
from igny8_core.business.publishing.errors import ChangedAtSite, NotDeliverable, NotDue
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services import ask, deliver, hand_over
from igny8_core.business.publishing.services.claims import claim_record
from igny8_core.common.errors import (
    InvalidInput,
    NotFound,
    TransitionNotAllowed,
)
from tests.make import content as make_content
from tests.make import memory, tenancy
from tests.make import publishing as make
from tests.make.delivery import edit, item_of, publish, request, send
from tests.make.wordpress import give_terms, picture_bytes

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


# --- the good way


def test_an_article_goes_out_with_its_terms_and_pictures() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, html=f'{make.BODY}<p><a href="#content-1">x</a>.</p>')
    make.cover(content, picture_bytes(content.pk))
    give_terms(content, "category", "tag")

    record = publish(integration, content, clock)

    (post,) = store.live()
    assert (post.title, post.slug) == (content.title, content.slug)
    assert "#content-1" not in post.html
    assert post.html.endswith("<p><em>Written by the built-in demo model</em></p>")
    assert store.calls == [
        "term", "term", "picture", "find", "reserve", "read", "write",
    ]  # fmt: skip
    assert (record.status, record.stage, record.published_at) == ("published", "", clock())
    assert (item_of(content).state, item_of(content).sent_hashes) == ("linked", [])
    content.refresh_from_db()
    assert (content.status, content.external_url) == ("published", record.destination_url)


def test_links_lead_to_where_articles_are_at_the_site() -> None:
    integration, sector, clock, store = memory.memory_site()
    first = make.article(sector)
    publish(integration, first, clock)
    link = f'<p><a href="#content-{first.pk}">first</a>.</p>'
    second = make.article(sector, html=link)

    publish(integration, second, clock)

    address = item_of(first).external_url
    assert f'<a href="{address}">first</a>' in store.posts[item_of(second).external_id].html


def test_a_suffix_of_the_site_is_agreed_on() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    store.add("Theirs", slug=content.slug)

    first = publish(integration, content, clock)
    second = publish(integration, content, clock)

    assert (first.metadata["drift"], second.metadata["drift"]) == (["slug"], [])
    assert second.metadata["is_written"] is False
    assert item_of(content).metadata["slug"] == {
        "wanted": content.slug,
        "got": f"{content.slug}-2",
    }


def test_an_older_version_that_was_asked_for_goes_out_as_it_was() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    edit(content, "Second", clock)
    record = request(integration, content, clock)
    edit(content, "Third", clock)

    send(record, clock)

    assert [post.title for post in store.live()] == ["Second"]
    assert record.revision == 2


def test_a_newer_request_takes_the_place_of_one_that_waits() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    first = request(integration, content, clock)
    edit(content, "Second", clock)

    second = request(integration, content, clock)

    assert first.pk == second.pk
    send(second, clock)
    assert [post.title for post in store.live()] == ["Second"]


def test_a_scheduled_article_waits_for_its_time() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock, publish_at=clock() + timedelta(hours=1))

    with pytest.raises(NotDue):
        send(record, clock)
    clock.wait(hours=1)
    send(record, clock)

    assert len(store.live()) == 1


# --- what may not go out


def test_drafts_and_articles_of_other_sites_do_not_go_out() -> None:
    integration, sector, clock, _ = memory.memory_site()
    draft = make.article(sector, status="draft", approved_version=None, approved_at=None)
    other = make.article(make.sector(sector.account))

    with pytest.raises(NotDeliverable):
        request(integration, draft, clock)
    with pytest.raises(InvalidInput):
        request(integration, other, clock)
    with pytest.raises(InvalidInput):
        ask.request_publishing(
            account=sector.account, integration_id=integration.pk, content_ids=[], now=clock()
        )
    assert not PublishingRecord.objects.for_account(sector.account).exists()


def test_a_disconnected_site_takes_nothing() -> None:
    integration, sector, clock, _ = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    disconnect_integration(account=sector.account, integration_id=integration.pk)

    with pytest.raises(NotDeliverable):
        request(integration, make.article(sector), clock)
    with pytest.raises(NotDue):
        send(record, clock)


def test_a_paused_site_and_a_suspended_account_wait() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    pause_sync(account=sector.account, integration_id=integration.pk, now=clock())
    with pytest.raises(NotDue):
        send(record, clock)
    resume_sync(account=sector.account, integration_id=integration.pk, now=clock())
    suspend_account(account=sector.account, reason="unpaid", now=clock())
    sector.account.refresh_from_db()
    record.account.refresh_from_db()

    with pytest.raises(NotDue):
        send(record, clock)

    assert store.calls == []


def test_two_at_a_time_go_to_one_site() -> None:
    integration, sector, clock, _ = memory.memory_site()
    records = [request(integration, make.article(sector), clock) for _ in range(3)]
    for record in records[:2]:
        claim_record(account=sector.account, record_id=record.pk, external_type="post", now=clock())

    with pytest.raises(NotDue):
        send(records[2], clock)
    with pytest.raises(TransitionNotAllowed):
        send(records[0], clock)


# --- people at the site


@pytest.mark.parametrize(("policy", "title"), [("overwrite", "Ours"), ("ask", "Theirs")])
def test_a_conflict_is_settled_by_the_sites_policy(policy: str, title: str) -> None:
    integration, sector, clock, store = memory.memory_site(conflict_policy=policy)
    content = make.article(sector, title="Ours", slug="ours")
    publish(integration, content, clock)
    store.edit(item_of(content).external_id, title="Theirs")

    try:
        publish(integration, content, clock)
    except ChangedAtSite:
        assert item_of(content).metadata["conflict"]["title"] == "Theirs"

    assert [post.title for post in store.live()] == [title]


def test_a_person_overwrites_only_what_they_saw() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, title="Ours", slug="ours")
    publish(integration, content, clock)
    store.edit(item_of(content).external_id, title="Theirs")
    record = request(integration, content, clock)
    with pytest.raises(ChangedAtSite):
        send(record, clock)
    record.refresh_from_db()
    ask.retry_publishing(account=sector.account, record_id=record.pk, overwrite=True, now=clock())
    store.edit(item_of(content).external_id, title="Theirs again")
    with pytest.raises(ChangedAtSite):
        send(record, clock)
    record.refresh_from_db()

    ask.retry_publishing(account=sector.account, record_id=record.pk, overwrite=True, now=clock())
    send(record, clock)

    assert [post.title for post in store.live()] == ["Ours"]


def test_what_a_site_changes_is_drift_and_is_not_sent_again() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.change = lambda fields: (
        fields | ({"content": "<p>kept</p>"} if "content" in fields else {})
    )
    content = make.article(sector)

    first = publish(integration, content, clock)
    second = publish(integration, content, clock)

    assert (first.metadata["drift"], second.metadata["drift"]) == (["content"], ["content"])
    assert second.metadata["is_written"] is False


# --- what goes out by itself


@pytest.mark.parametrize(
    ("rule", "after_submit", "after_approval"),
    [("off", 0, 0), ("approved", 0, 1), ("submitted", 1, 1)],
)
def test_a_sites_rule_sends_by_itself(rule: str, after_submit: int, after_approval: int) -> None:
    _, sector, clock, _ = memory.memory_site(auto_publish=rule)
    account = sector.account
    draft = make_content.machine_article(sector)
    records = PublishingRecord.objects.for_account(account)

    hand_over.submit_content(account=account, content_id=draft.pk, now=clock())
    assert records.count() == after_submit
    hand_over.approve_content(account=account, content_id=draft.pk, version=1, now=clock())

    assert records.count() == after_approval


def test_several_are_approved_and_sent_together() -> None:
    _, sector, clock, _ = memory.memory_site(auto_publish="approved")
    account = sector.account
    rows = [make_content.fit_article(sector, status="review") for _ in range(2)]

    changed = hand_over.approve_contents(
        account=account, content_ids=[row.pk for row in rows], now=clock()
    )

    assert changed == 2
    assert PublishingRecord.objects.for_account(account).count() == 2


def test_what_a_hard_gate_stops_does_not_go_to_a_site() -> None:
    integration, sector, clock, _ = memory.memory_site()
    row = make.article(sector)
    Content.unscoped.filter(pk=row.pk).update(provenance={"origin": "model", "is_demo": True})

    with pytest.raises(GatesFailed) as refused:
        request(integration, row, clock)

    assert [text.partition(":")[0] for text in refused.value.texts] == ["demo_model"]
    assert not PublishingRecord.objects.for_account(sector.account).exists()


def test_another_accounts_rows_are_not_found() -> None:
    integration, sector, clock, _ = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    stranger = tenancy.account()

    with pytest.raises(NotFound):
        deliver.deliver(account=stranger, record_id=record.pk, clock=clock)
    with pytest.raises(NotFound):
        ask.request_publishing(
            account=stranger,
            integration_id=integration.pk,
            content_ids=[content.pk],
            now=clock(),
        )
    with pytest.raises(NotFound):
        items.locked_item(account=stranger, item_id=1)
