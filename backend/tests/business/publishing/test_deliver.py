"""Delivery over our own port: what each failure leads to, and that nothing is doubled or lost."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.services import suspend_account
from igny8_core.business.content.services.bin import delete_contents
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.integration.models import ExternalItem, SiteIntegration, SyncEvent
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.integrations import (
    change_integration,
    disconnect_integration,
    pause_sync,
    resume_sync,
)
from igny8_core.business.publishing import tasks
from igny8_core.business.publishing.errors import ChangedAtSite, NotDeliverable, NotDue
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import ask, deliver, due, hand_over
from igny8_core.business.publishing.services.claims import claim_record, renew
from igny8_core.clients.destinations import (
    AuthRefused,
    PermissionMissing,
    RemoteGone,
    RemoteStale,
    SiteBlocked,
    SiteBusy,
    SiteRefused,
)
from igny8_core.clients.guarded_http import NotSent, OutcomeUnknown
from igny8_core.common.errors import (
    DomainError,
    InvalidInput,
    NotFound,
    Transient,
    TransitionNotAllowed,
)
from tests.make import memory, tenancy
from tests.make import publishing as make
from tests.make.wordpress import give_terms, picture_bytes

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


def request(
    integration: SiteIntegration, content: Content, clock: make.Clock, **options: Any
) -> PublishingRecord:
    (record,) = ask.request_publishing(
        account=content.account,
        integration_id=integration.pk,
        content_ids=[content.pk],
        now=clock(),
        **options,
    )
    return record


def send(record: PublishingRecord, clock: make.Clock) -> PublishingRecord:
    return deliver.deliver(account=record.account, record_id=record.pk, clock=clock)


def publish(
    integration: SiteIntegration, content: Content, clock: make.Clock, **options: Any
) -> PublishingRecord:
    return send(request(integration, content, clock, **options), clock)


def edit(content: Content, title: str, clock: make.Clock) -> None:
    content.refresh_from_db()
    edit_content(
        account=content.account,
        content_id=content.pk,
        version=content.version,
        changes=ContentChanges(title=title),
        now=clock(),
    )


def once(name: str, verdict: Any) -> Any:
    """A failure of the first request of a name."""
    verdicts = {name: [verdict]}
    return lambda called: (verdicts.get(called) or [None]).pop() if verdicts.get(called) else None


def item_of(content: Content) -> ExternalItem:
    found: ExternalItem = ExternalItem.objects.for_account(content.account).get(content=content)
    return found


# --- the good way


def test_an_article_goes_out_with_its_terms_and_pictures() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, html=f'{make.BODY}<p><a href="#content-1">x</a></p>')
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
    link = f'<p><a href="#content-{first.pk}">first</a></p>'
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


# --- what goes wrong


@pytest.mark.parametrize(
    ("error", "status", "code", "wait"),
    [
        (NotSent("no connection"), "pending", "not_sent", 60),
        (OutcomeUnknown("cut"), "pending", "outcome_unknown", 60),
        (OutcomeUnknown("500", retry_after_seconds=300.0), "pending", "outcome_unknown", 300),
        (SiteBusy("later", retry_after_seconds=90.0), "pending", "site_busy", 90),
        (SiteBlocked("firewall"), "pending", "site_blocked", 60),
        (AuthRefused("who?"), "pending", "auth_refused", 60),
        (Transient("two met"), "pending", "transient", 60),
        (PermissionMissing("no", capability="rest_cannot_edit"), "failed", "permission_missing", 0),
        (SiteRefused("never", reason="rest_invalid_param"), "failed", "site_refused", 0),
        (RemoteStale("newer"), "failed", "superseded", 0),
        (RemoteGone("gone"), "failed", "remote_gone", 0),
        (RuntimeError("a bug"), "failed", "unexpected", 0),
    ],
)
def test_each_failure_has_its_end(error: Exception, status: str, code: str, wait: int) -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    store.fail = once("write", error)

    with pytest.raises(type(error)):
        send(record, clock)

    record.refresh_from_db()
    assert (record.status, record.error_code) == (status, code)
    expected = clock() + timedelta(seconds=wait) if wait else None
    assert (record.next_attempt_at, record.lease_expires_at) == (expected, None)
    event = SyncEvent.objects.for_account(sector.account).latest("pk")
    assert (event.success, event.event_type) == (False, "publish")


def test_waits_grow_and_end() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    store.fail = lambda _name: NotSent("no connection")
    waits = []
    for _ in range(12):
        with pytest.raises(NotSent):
            send(record, clock)
        record.refresh_from_db()
        if record.next_attempt_at is None:
            break
        waits.append(int((record.next_attempt_at - clock()).total_seconds() / 60))
        clock.now = record.next_attempt_at

    assert waits == [1, 5, 15, *[60] * 8]
    assert (record.status, record.error_code) == ("failed", "not_sent")


def test_a_firewall_is_given_up_on_after_two_tries() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    store.fail = lambda _name: SiteBlocked("firewall")
    for _ in range(2):
        with pytest.raises(SiteBlocked):
            send(record, clock)
        clock.wait(minutes=1)

    record.refresh_from_db()
    assert (record.status, record.error_code) == ("failed", "site_blocked")


def test_a_refused_sign_in_stops_the_site_until_there_are_new_credentials() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    store.fail = once("read", AuthRefused("who?"))
    with pytest.raises(AuthRefused):
        send(record, clock)
    clock.wait(hours=1)
    with pytest.raises(NotDue):
        send(record, clock)
    integration.refresh_from_db()
    assert integration.sync_status == "auth_failed"

    change_integration(
        account=sector.account,
        integration_id=integration.pk,
        credentials={"username": "editor", "application_password": "new password, long enough"},
        now=clock(),
    )
    record.refresh_from_db()
    send(record, clock)

    assert len(store.live()) == 1


def test_five_outcomes_in_a_row_that_are_none_pause_the_site() -> None:
    integration, sector, clock, store = memory.memory_site()
    record = request(integration, make.article(sector), clock)
    store.fail = lambda name: OutcomeUnknown("cut") if name == "write" else None
    for _ in range(5):
        with pytest.raises(OutcomeUnknown):
            send(record, clock)
        clock.wait(hours=1)

    integration.refresh_from_db()
    assert (integration.sync_status, integration.failures) == ("paused", 5)
    assert "5 times in a row" in integration.sync_error
    with pytest.raises(NotDue):
        send(record, clock)
    store.fail = lambda _name: None
    resume_sync(account=sector.account, integration_id=integration.pk, now=clock())
    send(record, clock)
    integration.refresh_from_db()
    assert integration.failures == 0


def test_a_picture_that_the_site_does_not_take_is_left_out() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    make.cover(content, picture_bytes(content.pk))
    store.fail = once("picture", SiteRefused("no such type", reason="rest_upload_sideload_error"))

    record = publish(integration, content, clock)

    assert record.metadata["drift"] == [f"picture {content.pk}.webp"]
    assert len(store.live()) == 1


# --- unknown outcomes, late writes, dead workers


@pytest.mark.parametrize("name", ["reserve", "write"])
@pytest.mark.parametrize("verdict", ["lost", "late"])
def test_whatever_a_lost_request_did_there_is_one_post(name: str, verdict: str) -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    store.fail = once(name, verdict)
    with pytest.raises(OutcomeUnknown):
        send(record, clock)
    clock.wait(minutes=2)
    send(record, clock)
    store.arrive()
    clock.wait(minutes=11)

    assert due.start_checks(now=clock()) == 1
    (check,) = PublishingRecord.objects.for_account(sector.account).filter(status="pending")
    send(check, clock)

    assert [post.title for post in store.live()] == [content.title]
    assert store.reservations() == []
    assert item_of(content).verify_at is None
    live = PublishingRecord.objects.for_account(sector.account).filter(LIVE)
    assert live.count() == 1


def test_an_older_write_that_comes_late_is_repaired() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    publish(integration, content, clock)
    edit(content, "Second", clock)
    store.fail = once("write", "late")
    with pytest.raises(OutcomeUnknown):
        publish(integration, content, clock)
    edit(content, "Third", clock)
    publish(integration, content, clock)
    store.arrive()
    assert [post.title for post in store.live()] == ["Second"]
    clock.wait(minutes=11)
    due.start_checks(now=clock())
    (check,) = PublishingRecord.objects.for_account(sector.account).filter(status="pending")

    send(check, clock)

    assert [post.title for post in store.live()] == ["Third"]
    check.refresh_from_db()
    assert (check.status, check.metadata["is_written"]) == ("published", True)


def test_a_check_leaves_what_people_wrote_meanwhile_alone() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    store.fail = once("write", "lost")
    record = request(integration, content, clock)
    with pytest.raises(OutcomeUnknown):
        send(record, clock)
    clock.wait(minutes=2)
    send(record, clock)
    store.edit(item_of(content).external_id, title="Theirs")
    clock.wait(minutes=11)
    due.start_checks(now=clock())
    (check,) = PublishingRecord.objects.for_account(sector.account).filter(status="pending")

    send(check, clock)

    assert [post.title for post in store.live()] == ["Theirs"]
    assert not PublishingRecord.objects.for_account(sector.account).filter(pk=check.pk).exists()


def test_a_check_of_something_deleted_is_over() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    store.fail = once("write", "lost")
    record = request(integration, content, clock)
    with pytest.raises(OutcomeUnknown):
        send(record, clock)
    clock.wait(minutes=2)
    send(record, clock)
    store.posts.clear()
    clock.wait(minutes=11)
    due.start_checks(now=clock())
    (check,) = PublishingRecord.objects.for_account(sector.account).filter(status="pending")

    with pytest.raises(RemoteGone):
        send(check, clock)

    assert item_of(content).state == "gone"
    assert not PublishingRecord.objects.for_account(sector.account).filter(pk=check.pk).exists()


def test_a_dead_workers_record_is_handed_on() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector)
    record = request(integration, content, clock)
    claim = claim_record(
        account=sector.account, record_id=record.pk, external_type="post", now=clock()
    )
    assert due.release_expired(now=clock()) == 0
    clock.wait(minutes=3)

    assert due.release_expired(now=clock()) == 1

    with pytest.raises(Transient):
        renew(claim, now=clock())
    record.refresh_from_db()
    assert (record.status, record.error_code) == ("pending", "worker_lost")
    assert item_of(content).outcome_unknown_at == clock()
    send(record, clock)
    assert len(store.live()) == 1


def test_a_dead_workers_record_gives_way_to_a_newer_one() -> None:
    integration, sector, clock, _ = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    record = request(integration, content, clock)
    claim_record(account=sector.account, record_id=record.pk, external_type="post", now=clock())
    edit(content, "Second", clock)
    newer = request(integration, content, clock)
    clock.wait(minutes=3)

    due.release_expired(now=clock())

    record.refresh_from_db()
    assert (record.status, record.error_code) == ("failed", "superseded")
    send(newer, clock)


def test_a_failed_attempt_gives_way_to_a_newer_request() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    record = request(integration, content, clock)

    def ask_meanwhile(name: str) -> Any:
        if name != "write":
            return None
        store.fail = lambda _name: None
        edit(content, "Second", clock)
        request(integration, content, clock)
        return NotSent("no connection")

    store.fail = ask_meanwhile
    with pytest.raises(NotSent):
        send(record, clock)

    record.refresh_from_db()
    assert (record.status, record.error_code) == ("failed", "superseded")


def test_hints_go_out_for_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    integration, sector, clock, _ = memory.memory_site()
    now = request(integration, make.article(sector), clock)
    request(integration, make.article(sector), clock, publish_at=clock() + timedelta(hours=1))
    sent: list[int] = []

    def take(_task: str, *, record_id: int, **_other: Any) -> bool:
        sent.append(record_id)
        return True

    monkeypatch.setattr("igny8_core.business.publishing.services.due.publish", take)

    assert due.send_due(now=clock()) == 1
    assert sent == [now.pk]


@pytest.mark.parametrize("seed", range(12))
def test_any_run_of_bad_luck_ends_with_one_newest_post(seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - repeatable
    integration, sector, clock, store = memory.memory_site()
    content = make.article(sector, status="published", published_at=make.FIRST_DAY)
    verdicts = [None, None, None, "lost", "late", OutcomeUnknown("500"), NotSent("none")]
    store.fail = lambda _name: luck.choice(verdicts)
    for number in range(4):
        edit(content, f"Edition {number}", clock)
        request(integration, content, clock)
        _try_all(sector.account, clock, luck.randint(0, 3))
        if luck.random() < 0.5:
            store.arrive()
    store.fail = lambda _name: None
    _try_all(sector.account, clock, 10)
    store.arrive()
    for _ in range(3):
        clock.wait(minutes=11)
        due.start_checks(now=clock())
        _try_all(sector.account, clock, 3)

    assert [post.title for post in store.live()] == ["Edition 3"]
    assert store.reservations() == []


def _try_all(account: Account, clock: make.Clock, rounds: int) -> None:
    for _ in range(rounds):
        SiteIntegration.objects.for_account(account).update(failures=0)
        for record in PublishingRecord.objects.for_account(account).filter(status="pending"):
            try:
                send(record, clock)
            except DomainError:
                continue
        clock.wait(hours=1)


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


# --- what goes out by itself


@pytest.mark.parametrize(
    ("rule", "after_submit", "after_approval"),
    [("off", 0, 0), ("approved", 0, 1), ("submitted", 1, 1)],
)
def test_a_sites_rule_sends_by_itself(rule: str, after_submit: int, after_approval: int) -> None:
    _, sector, clock, _ = memory.memory_site(auto_publish=rule)
    account = sector.account
    draft = make.article(sector, status="draft", approved_version=None, approved_at=None)
    records = PublishingRecord.objects.for_account(account)

    hand_over.submit_content(account=account, content_id=draft.pk, now=clock())
    assert records.count() == after_submit
    hand_over.approve_content(account=account, content_id=draft.pk, version=1, now=clock())

    assert records.count() == after_approval


def test_several_are_approved_and_sent_together() -> None:
    _, sector, clock, _ = memory.memory_site(auto_publish="approved")
    account = sector.account
    rows = [make.article(sector, approved_version=None) for _ in range(2)]

    changed = hand_over.approve_contents(
        account=account, content_ids=[row.pk for row in rows], now=clock()
    )

    assert changed == 2
    assert PublishingRecord.objects.for_account(account).count() == 2


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
