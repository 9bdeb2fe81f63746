"""Writing tasks, articles and their review, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import Content, ContentVersion, Tasks
from igny8_core.business.content.states import ContentStatus, TaskStatus
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.web.screens import HTMX, address, client_of, text_of, undo_of

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def task(sector: Sector, title: str = "Sofas", **fields: Any) -> Tasks:
    return make_content.writing_task(make_planning.cluster(sector), title=title, **fields)


def test_tasks_say_what_they_cost_and_where_they_stand(sector: Sector) -> None:
    task(sector, "Plain")
    failed = task(sector, "Broken", last_error="The model answered nothing usable.")
    task(sector, "Done", status=TaskStatus.COMPLETED)
    client, url = client_of(sector), address(sector, "tasks")

    waiting, written = text_of(client.get(url)), text_of(client.get(f"{url}?view=completed"))

    assert "Not asked for" in waiting
    assert failed.last_error in waiting
    assert "0 credits charged" in waiting
    assert ("Done" in waiting, "Done" in written, "Plain" in written) == (False, True, False)


def test_articles_are_asked_for_after_their_price(sector: Sector) -> None:
    row = task(sector)
    client, url = client_of(sector), address(sector, "task_write")

    asked = text_of(client.post(url, {"ids": str(row.pk)}, headers=HTMX))
    before = WorkItem.unscoped.count()
    done = client.post(url, {"ids": str(row.pk), "confirmed": "1"}, headers=HTMX)
    listed = client.get(address(sector, "tasks")).content.decode()

    assert "Write 1 article?" in asked
    assert "of 100 available" in asked
    assert (before, done.status_code, WorkItem.unscoped.count()) == (0, 204, 1)
    assert "Waits its turn" in listed
    assert "every 4s" in listed


def test_an_article_that_cannot_be_paid_is_not_queued(sector: Sector) -> None:
    row = task(sector, target_word_count=10_000)
    poor = make_planning.sector(make_billing.account_with(1))
    row = task(poor, target_word_count=9_000)

    answer = client_of(poor).post(
        address(poor, "task_write"), {"ids": str(row.pk), "confirmed": "1"}, headers=HTMX
    )

    assert (answer.status_code, WorkItem.unscoped.count()) == (402, 0)
    assert "1 credit available" in text_of(answer)


def test_tasks_go_into_the_bin_and_back(sector: Sector) -> None:
    row = task(sector)
    client = client_of(sector)

    gone = client.post(address(sector, "task_delete"), {"ids": str(row.pk)}, headers=HTMX)
    there = Tasks.unscoped.filter(deleted_at=None).count()
    undo = undo_of(gone)
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert (there, Tasks.unscoped.filter(deleted_at=None).count()) == (0, 1)


@pytest.mark.parametrize(
    ("name", "ids", "status"),
    [
        ("task_write", "", 422),
        ("task_delete", "99999999", 409),
        ("task_restore", "", 422),
        ("content_bulk", "", 422),
        ("content_restore", "", 422),
    ],
)
def test_what_is_not_there_is_not_worked_on(
    name: str, ids: str, status: int, sector: Sector
) -> None:
    answer = client_of(sector).post(address(sector, name), {"ids": ids}, headers=HTMX)

    assert answer.status_code == status


def test_articles_are_listed_by_status_and_source(sector: Sector) -> None:
    make_content.article(sector, title="A draft")
    make_content.article(sector, title="A review", status=ContentStatus.REVIEW)
    make_content.article(sector, title="From there", source="wordpress")
    client, url = client_of(sector, Role.VIEWER), address(sector, "contents")

    found = {
        query: [
            title
            for title in ("A draft", "A review", "From there")
            if title in text_of(client.get(f"{url}?{query}"))
        ]
        for query in ("", "view=review", "source=wordpress", "q=draft", "view=published")
    }

    assert found == {
        "": ["A draft", "A review", "From there"],
        "view=review": ["A review"],
        "source=wordpress": ["From there"],
        "q=draft": ["A draft"],
        "view=published": [],
    }


def test_articles_are_handed_over_approved_and_sent_back_together(sector: Sector) -> None:
    rows = [make_content.fit_article(sector) for _ in range(2)]
    client, url = client_of(sector), address(sector, "content_bulk")
    data = {"ids": ",".join(str(row.pk) for row in rows), "confirmed": "1"}

    def states() -> set[str]:
        return set(Content.unscoped.values_list("status", flat=True))

    client.post(url, data | {"action": "submit"}, headers=HTMX)
    handed = states()
    client.post(url, data | {"action": "approve"}, headers=HTMX)
    approved = Content.unscoped.filter(approved_version=1).count()
    refused = client.post(url, data | {"action": "send_back", "note": ""}, headers=HTMX)
    client.post(url, data | {"action": "send_back", "note": "Shorter."}, headers=HTMX)

    assert (handed, approved, refused.status_code) == ({"review"}, 2, 422)
    assert states() == {"draft"}


def test_an_act_on_articles_is_asked_first(sector: Sector) -> None:
    row = make_content.article(sector, title="A draft")

    asked = client_of(sector).post(
        address(sector, "content_bulk"), {"ids": str(row.pk), "action": "delete"}, headers=HTMX
    )

    assert "Delete 1 article?" in text_of(asked)
    assert Content.unscoped.filter(deleted_at=None).count() == 1


def test_articles_go_into_the_bin_and_back(sector: Sector) -> None:
    row = make_content.article(sector)
    client = client_of(sector)
    data = {"ids": str(row.pk), "action": "delete", "confirmed": "1"}

    gone = client.post(address(sector, "content_bulk"), data, headers=HTMX)
    there = Content.unscoped.filter(deleted_at=None).count()
    undo = undo_of(gone)
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert (there, Content.unscoped.filter(deleted_at=None).count()) == (0, 1)


def edit(sector: Sector, row: Content, client: Client | None = None, **data: str) -> Any:
    url = address(sector, "content_save", content_id=row.pk)
    return (client or client_of(sector)).post(url, {"version": str(row.version)} | data)


def test_an_article_is_edited_as_its_next_version(sector: Sector) -> None:
    row = make_content.article(sector, title="Old")

    saved = edit(
        sector, row, title="New", meta_title="For machines", is_touched="1",
        html="<p>Another text.</p>",
    )  # fmt: skip

    row.refresh_from_db()
    assert saved.status_code == 303
    assert (row.version, row.title, row.meta_title) == (2, "New", "For machines")
    assert "Another text." in row.html


def test_a_text_that_was_not_touched_keeps_its_blocks(sector: Sector) -> None:
    row = make_content.article(sector)
    blocks = row.blocks

    edit(sector, row, title="New", html="<p>What an editor made of it.</p>")

    row.refresh_from_db()
    assert (row.title, row.blocks) == ("New", blocks)


def test_who_saves_an_older_version_keeps_the_text_and_is_told(sector: Sector) -> None:
    row = make_content.article(sector, title="Old")
    edit(sector, row, title="Theirs")

    answer = edit(sector, row, title="Mine", is_touched="1", html="<p>My text.</p>")

    row.refresh_from_db()
    assert (answer.status_code, row.title) == (409, "Theirs")
    assert "Somebody saved version 2" in text_of(answer)
    assert "&lt;p&gt;My text.&lt;/p&gt;" in answer.content.decode()


def test_what_is_wrong_is_said_beside_the_text(sector: Sector) -> None:
    row = make_content.article(sector)

    answer = edit(sector, row, title=" ")

    row.refresh_from_db()
    assert (answer.status_code, row.version) == (422, 1)


def test_hostile_html_is_cleaned_before_it_is_shown(sector: Sector) -> None:
    row = make_content.article(sector, status=ContentStatus.PUBLISHED)
    Content.unscoped.filter(pk=row.pk).update(html='<p onclick="x()">Hi<script>y()</script></p>')

    page = client_of(sector).get(address(sector, "content", content_id=row.pk)).content.decode()

    assert "onclick" not in page
    assert "y()" not in page


def test_a_text_with_a_table_is_edited_as_html(sector: Sector) -> None:
    row = make_content.article(sector)
    Content.unscoped.filter(pk=row.pk).update(html="<table><tr><td>1</td></tr></table>")

    page = client_of(sector).get(address(sector, "content", content_id=row.pk)).content.decode()

    assert "so that nothing of it is lost" in page
    assert "data-lazy-island-value" not in page


def test_the_way_through_review(sector: Sector) -> None:
    row = make_content.fit_article(sector)
    client = client_of(sector)

    def act(name: str, **data: str) -> int:
        url = address(sector, name, content_id=row.pk)
        status = client.post(url, data).status_code
        row.refresh_from_db()
        return status

    steps = [
        (act("content_submit"), row.status),
        (act("content_send_back", note="Shorter."), row.status),
        (act("content_submit"), row.status),
        (act("content_approve", version="1"), row.approved_version),
        (act("content_approve", version="7"), row.approved_version),
    ]

    assert steps == [(303, "review"), (303, "draft"), (303, "review"), (303, 1), (409, 1)]


def test_what_the_gates_refuse_is_shown_and_soft_ones_take_a_reason(sector: Sector) -> None:
    client = client_of(sector)
    short = make_content.fit_article(sector, word_count=299)
    unread = make_content.fit_article(sector, html="<h2>One</h2><p>Text.</p><h3></h3>", blocks=[])

    def act(row: Content, name: str, **data: str) -> tuple[int, str]:
        answer = client.post(address(sector, name, content_id=row.pk), data)
        return answer.status_code, answer.content.decode()

    for row in (short, unread):
        act(row, "content_submit")
    page = client.get(address(sector, "content", content_id=short.pk)).content.decode()
    refused = act(short, "content_approve", version="1")
    stopped = act(unread, "content_approve", version="1", reason="I like it.")
    passed = act(short, "content_approve", version="1", reason="A glossary entry is short.")
    after = client.get(address(sector, "content", content_id=short.pk)).content.decode()

    assert "Needs a reason" in page
    assert "299 words" in page
    assert refused[0] == 422
    assert "Approve with this reason" in refused[1]
    assert stopped[0] == 422
    assert "headings: an empty heading" in stopped[1]
    assert "This cannot be overridden" in stopped[1]
    assert passed[0] == 303
    assert "Approved all the same" in after
    assert "A glossary entry is short." in after
    short.refresh_from_db()
    unread.refresh_from_db()
    assert (short.approved_version, unread.approved_version) == (1, None)


def test_a_published_article_is_taken_down_after_a_question(sector: Sector) -> None:
    row = make_content.article(sector, status=ContentStatus.PUBLISHED)
    client, url = client_of(sector), address(sector, "content_take_down", content_id=row.pk)

    asked = client.post(url, headers=HTMX)
    client.post(url, {"confirmed": "1"})

    row.refresh_from_db()
    assert "until then visitors still see it" in text_of(asked)
    assert row.status == ContentStatus.REVIEW


def test_an_older_version_is_read_and_brought_back(sector: Sector) -> None:
    row = make_content.article(sector, title="First")
    client = client_of(sector)
    edit(sector, row, client, title="Second")
    old = ContentVersion.unscoped.order_by("version").first()
    assert old is not None
    of = {"content_id": row.pk, "version_id": old.pk}

    shown = client.get(address(sector, "content_version", **of), headers=HTMX)
    back = client.post(address(sector, "content_version_restore", **of))

    row.refresh_from_db()
    assert f"Version {old.version}: {old.title}" in text_of(shown)
    assert (back.status_code, row.version) == (303, 3)


def test_viewers_read_and_change_nothing(sector: Sector) -> None:
    row = make_content.article(sector)
    viewer = client_of(sector, Role.VIEWER)

    page = html.fromstring(viewer.get(address(sector, "content", content_id=row.pk)).content)
    refused = edit(sector, row, viewer, title="New")

    assert page.xpath("//main//form[@method='post']") == []
    assert refused.status_code == 403


def test_a_slug_that_is_none_is_said_in_the_dialog(sector: Sector) -> None:
    answer = client_of(sector).post(
        address(sector, "taxonomy_save"), {"name": "Sofas", "slug": "a b!"}, headers=HTMX
    )

    assert answer.status_code == 422
    assert "slug" in answer.content.decode()
