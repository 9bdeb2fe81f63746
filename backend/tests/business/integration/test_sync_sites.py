"""What a connected site has, brought over by our own port: echoes, conflicts, losses, leases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.models import Content
from igny8_core.business.content.services.bin import delete_contents
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.integration import tasks
from igny8_core.business.integration.errors import SyncLost, SyncNotPossible
from igny8_core.business.integration.models import ExternalItem, SiteIntegration, SyncEvent
from igny8_core.business.integration.services import conflicts, sync
from igny8_core.business.integration.services.integrations import change_integration, pause_sync
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import ask, deliver
from igny8_core.business.publishing.services.reconcile import reconcile_records
from igny8_core.clients.destinations import AuthRefused, PermissionMissing
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.common.errors import TransitionNotAllowed
from tests.make import memory
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


def run(integration: SiteIntegration, clock: make.Clock, *, is_full: bool = True) -> dict[str, int]:
    return sync.sync_integration(
        account=integration.account, integration_id=integration.pk, is_full=is_full, clock=clock
    )


def published(integration: SiteIntegration, sector: Sector, clock: make.Clock) -> Content:
    content = make.article(sector)
    (record,) = ask.request_publishing(
        account=sector.account,
        integration_id=integration.pk,
        content_ids=[content.pk],
        now=clock(),
    )
    deliver.deliver(account=sector.account, record_id=record.pk, clock=clock)
    content.refresh_from_db()
    return content


def item_of(content: Content) -> ExternalItem:
    found: ExternalItem = ExternalItem.objects.for_account(content.account).get(content=content)
    return found


def test_new_posts_become_content_with_status_terms_and_picture() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.terms["category", "news"] = "7"
    picture = {"id": 3, "url": "https://site.test/a.jpg", "width": 800, "height": 600}
    store.add("First", terms=(("category", "7"),), picture=picture)
    store.add("Second", "pending")
    store.add("Third", "private")

    counts = run(integration, clock)

    rows = {row.title: row for row in Content.objects.for_account(sector.account)}
    assert counts == {"terms": 1, "created": 3}
    assert {title: row.status for title, row in rows.items()} == {
        "First": "published",
        "Second": "review",
        "Third": "draft",
    }
    assert [t.slug for t in rows["First"].taxonomies.all()] == ["news"]
    assert rows["First"].external_metadata["picture"]["url"] == picture["url"]


def test_a_second_pass_asks_for_nothing_twice() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.add("First")
    run(integration, clock)
    store.calls.clear()

    assert run(integration, clock) == {"terms": 0}
    assert "fetch" not in store.calls
    assert Content.objects.for_account(sector.account).count() == 1


def test_edits_there_are_versions_and_their_picture_may_go() -> None:
    integration, sector, clock, store = memory.memory_site()
    picture = {"id": 3, "url": "https://site.test/a.jpg", "width": 800, "height": 600}
    post = store.add("First", picture=picture)
    run(integration, clock)
    store.edit(post.id, title="Second", html="<p>New</p>", status="draft", picture={})

    assert run(integration, clock)["updated"] == 1

    row = Content.objects.for_account(sector.account).get()
    assert (row.title, row.html, row.version, row.status) == ("Second", "<p>New</p>", 2, "draft")
    assert row.external_metadata["picture"]["url"] == ""


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (["draft", "publish"], "published"),
        (["publish", "draft"], "draft"),
        (["publish", "pending", "private"], "draft"),
        (["draft", "pending", "publish", "future"], "review"),
    ],
)
def test_the_status_there_is_followed(steps: list[str], status: str) -> None:
    integration, sector, clock, store = memory.memory_site()
    post = store.add("First", steps[0])
    run(integration, clock)
    for step in steps[1:]:
        store.edit(post.id, status=step)
        assert run(integration, clock)["status"] == 1

    row = Content.objects.for_account(sector.account).get()
    assert (row.status, row.version) == (status, 1)


def test_our_own_articles_and_reservations_are_recognised() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = published(integration, sector, clock)
    store.reserve("igny8-" + "0" * 32, "post")

    counts = run(integration, clock)

    assert counts == {"terms": 0, "reserved": 1}
    assert Content.objects.for_account(sector.account).get() == content


def test_an_edit_of_ours_there_comes_back_with_its_links() -> None:
    integration, sector, clock, store = memory.memory_site()
    first = published(integration, sector, clock)
    content = published(integration, sector, clock)
    link = f'<p><a href="{item_of(first).external_url}">first</a></p>'
    line = "\n<p><em>Written by the built&#8211;in demo model</em></p>"
    store.edit(item_of(content).external_id, html=f"{link}{line}")

    assert run(integration, clock)["updated"] == 1

    content.refresh_from_db()
    assert content.html == f'<p><a href="#content-{first.pk}">first</a></p>'
    assert (content.version, content.status) == (2, "published")


def test_a_last_line_in_italics_is_a_part_of_the_text() -> None:
    integration, sector, clock, store = memory.memory_site()
    text = "<p>Oil it.</p>\n<p><em>We wish you joy.</em></p>"
    endless = "<!-- " * 200_000  # each would be followed to the end
    store.edit(store.add("Care").id, html=f"{text}{endless}")

    assert run(integration, clock)["created"] == 1

    row = Content.objects.for_account(sector.account).get()
    assert row.html == text


@pytest.mark.parametrize(
    ("policy", "count", "state"),
    [("ask", "conflicts", "conflict"), ("skip", "kept", "linked"), ("overwrite", "kept", "linked")],
)
def test_changes_on_both_sides_follow_the_policy(policy: str, count: str, state: str) -> None:
    integration, sector, clock, store = memory.memory_site(conflict_policy=policy)
    content = published(integration, sector, clock)
    _edit_here(content, "Ours", clock)
    store.edit(item_of(content).external_id, title="Theirs")

    assert run(integration, clock)[count] == 1

    content.refresh_from_db()
    assert (content.title, item_of(content).state) == ("Ours", state)


def _edit_here(content: Content, title: str, clock: make.Clock) -> None:
    edit_content(
        account=content.account,
        content_id=content.pk,
        version=content.version,
        changes=ContentChanges(title=title),
        now=clock(),
    )


def test_theirs_is_kept_when_a_person_says_so() -> None:
    integration, sector, clock, store = memory.memory_site()
    content = published(integration, sector, clock)
    _edit_here(content, "Ours", clock)
    store.edit(item_of(content).external_id, title="Theirs")
    run(integration, clock)
    item = item_of(content)

    conflicts.keep_theirs(account=sector.account, item_id=item.pk, now=clock())
    run(integration, clock)

    content.refresh_from_db()
    assert (content.title, item_of(content).state) == ("Theirs", "linked")
    with pytest.raises(TransitionNotAllowed):
        conflicts.keep_theirs(account=sector.account, item_id=item.pk, now=clock())


def test_gone_twice_is_gone_and_comes_back_when_it_does() -> None:
    integration, sector, clock, store = memory.memory_site()
    theirs, content = store.add("Theirs"), published(integration, sector, clock)
    run(integration, clock)
    kept = dict(store.posts)
    store.posts.clear()

    assert "gone" not in run(integration, clock)
    assert run(integration, clock)["gone"] == 2
    reconcile_records(account=sector.account, integration_id=integration.pk, now=clock())

    imported = Content.objects.for_account(sector.account).get(external_id=theirs.id)
    assert imported.deleted_at is not None
    content.refresh_from_db()
    assert (content.status, content.review_note) == ("review", "At its site it is deleted.")
    assert not PublishingRecord.objects.for_account(sector.account).filter(LIVE).exists()

    store.posts.update(kept)
    store.edit(theirs.id, title="Back")
    run(integration, clock)
    assert set(
        ExternalItem.objects.for_account(sector.account).values_list("state", flat=True)
    ) == {"linked"}


def test_what_was_deleted_here_is_not_brought_back() -> None:
    integration, sector, clock, store = memory.memory_site()
    post = store.add("First", "draft")
    run(integration, clock)
    row = Content.objects.for_account(sector.account).get()
    delete_contents(account=sector.account, ids=[row.pk], now=clock())
    store.edit(post.id, title="Second")

    assert run(integration, clock)["unchanged"] == 1
    assert Content.objects.for_account(sector.account).filter(deleted_at=None).count() == 0


def test_a_site_that_hides_posts_is_not_swept() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.add("First")
    store.hidden = 3

    with pytest.raises(PermissionMissing) as refused:
        run(integration, clock)

    assert refused.value.data["capability"] == "edit_others_posts"
    assert not Content.objects.for_account(sector.account).exists()


@pytest.mark.parametrize(
    ("error", "status"),
    [(OutcomeUnknown("cut"), "idle"), (AuthRefused("who?"), "auth_failed")],
)
def test_a_failed_pass_keeps_what_it_took_over(error: Exception, status: str) -> None:
    integration, sector, clock, store = memory.memory_site()
    for number in range(60):
        store.add(f"Post {number}")
    fetches = iter([None, error])
    store.fail = lambda name: next(fetches) if name == "fetch" else None

    with pytest.raises(type(error)):
        run(integration, clock)

    integration.refresh_from_db()
    assert (integration.sync_status, integration.lease_expires_at) == (status, None)
    assert Content.objects.for_account(sector.account).count() == 50
    event = SyncEvent.objects.for_account(sector.account).latest("pk")
    assert (event.success, event.details["created"]) == (False, 50)


def test_a_bug_ends_the_pass_and_frees_the_site() -> None:
    integration, _, clock, store = memory.memory_site()
    store.fail = lambda name: RuntimeError("a bug") if name == "list" else None

    with pytest.raises(RuntimeError):
        run(integration, clock)

    integration.refresh_from_db()
    assert integration.sync_status == "idle"


def test_one_pass_at_a_time_and_a_dead_workers_lease_is_given_back() -> None:
    integration, sector, clock, store = memory.memory_site()

    def steal(name: str) -> Any:
        if name == "list":
            with pytest.raises(SyncLost):
                run(integration, clock)
            SiteIntegration.objects.for_account(sector.account).update(lease_token=99)
        return None

    store.add("First")
    store.fail = steal
    with pytest.raises(SyncLost):
        run(integration, clock)
    integration.refresh_from_db()
    assert integration.sync_status == "syncing"

    clock.wait(minutes=6)
    sync.start_due_syncs(now=clock())

    integration.refresh_from_db()
    assert integration.sync_status == "idle"


def test_a_stopped_site_is_not_brought_over() -> None:
    integration, sector, clock, _ = memory.memory_site()
    pause_sync(account=sector.account, integration_id=integration.pk, now=clock())

    with pytest.raises(SyncNotPossible):
        run(integration, clock)
    with pytest.raises(SyncNotPossible):
        sync.request_sync(account=sector.account, integration_id=integration.pk)


def test_due_sites_get_hints_and_a_whole_sweep_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    integration, sector, clock, store = memory.memory_site()
    store.add("First")
    sent: list[bool] = []

    def take(_task: str, *, is_full: bool, **_other: Any) -> bool:
        sent.append(is_full)
        return True

    monkeypatch.setattr("igny8_core.business.integration.services.sync.publish", take)
    assert sync.start_due_syncs(now=clock()) == 0
    change_integration(
        account=sector.account, integration_id=integration.pk, is_sync_enabled=True, now=clock()
    )
    sync.start_due_syncs(now=clock())
    run(integration, clock)
    assert sync.start_due_syncs(now=clock()) == 0
    clock.wait(minutes=16)
    sync.start_due_syncs(now=clock())
    run(integration, clock, is_full=False)
    clock.wait(days=1)
    sync.start_due_syncs(now=clock())

    assert sent == [True, False, True]


def test_a_quick_pass_asks_for_changes_alone() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.add("First")
    run(integration, clock)
    store.add("Second")
    store.calls.clear()

    counts = run(integration, clock, is_full=False)

    assert counts["created"] == 1
    assert "terms" not in store.calls
    assert Content.objects.for_account(sector.account).count() == 2


def test_one_item_is_looked_at_when_a_message_says_so() -> None:
    integration, sector, clock, store = memory.memory_site()
    post = store.add("First")
    ask_for = {
        "account": sector.account,
        "integration_id": integration.pk,
        "external_type": "post",
        "external_id": post.id,
        "clock": clock,
    }

    assert sync.refresh_item(**ask_for) == {"created": 1}
    del store.posts[post.id]
    assert sync.refresh_item(**ask_for) == {"gone": 1}

    row = Content.objects.for_account(sector.account).get()
    assert row.deleted_at is not None


def test_an_article_of_an_earlier_file_is_linked() -> None:
    integration, sector, clock, store = memory.memory_site()
    post = store.add("First")
    known = make.article(
        sector, source="wordpress", external_id=post.id, external_type="post", sync_status="synced"
    )

    assert run(integration, clock)["linked"] == 1

    assert item_of(known).external_id == post.id
    assert Content.objects.for_account(sector.account).count() == 1


def test_a_task_takes_hints_that_are_stale() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.add("First")

    for _ in range(2):
        tasks.run_sync.run(account_id=sector.account_id, integration_id=integration.pk)
    pause_sync(account=sector.account, integration_id=integration.pk, now=clock())
    tasks.run_sync.run(account_id=sector.account_id, integration_id=integration.pk)

    assert Content.objects.for_account(sector.account).count() == 1
    integration.refresh_from_db()
    assert integration.last_sync_at is not None
    assert integration.last_sync_at - clock() > timedelta(0)
