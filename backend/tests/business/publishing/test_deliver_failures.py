"""Delivery over our own port: what each failure leads to, and that nothing is doubled or lost."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from igny8_core.business.integration.models import SyncEvent
from igny8_core.business.integration.services.integrations import (
    change_integration,
    resume_sync,
)
from igny8_core.business.publishing.errors import NotDue
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import due
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
    Transient,
)
from tests.make import memory
from tests.make import publishing as make
from tests.make.delivery import edit, item_of, once, publish, request, send, send_all
from tests.make.wordpress import picture_bytes

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


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
        send_all(sector.account, clock, luck.randint(0, 3))
        if luck.random() < 0.5:
            store.arrive()
    store.fail = lambda _name: None
    send_all(sector.account, clock, 10)
    store.arrive()
    for _ in range(3):
        clock.wait(minutes=11)
        due.start_checks(now=clock())
        send_all(sector.account, clock, 3)

    assert [post.title for post in store.live()] == ["Edition 3"]
    assert store.reservations() == []
