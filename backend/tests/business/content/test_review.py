from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import NotApproved, VersionConflict
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.editing import (
    ContentChanges,
    edit_content,
    save_version,
)
from igny8_core.business.content.services.review import (
    approve_content,
    mark_published,
    publish_approved,
    send_back,
    submit_for_review,
    take_down,
)
from igny8_core.business.content.states import ContentStatus, VersionReason
from igny8_core.common.errors import (
    DomainError,
    InvalidInput,
    NotFound,
    StaleState,
    TransitionNotAllowed,
)
from igny8_core.common.tenancy.context import tenant
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

STEPS: dict[str, Callable[[Content], Content]] = {
    "submit": lambda row: submit_for_review(account=row.account, content_id=row.pk, now=NOW),
    "approve": lambda row: approve_content(account=row.account, content_id=row.pk, now=NOW),
    "send_back": lambda row: send_back(
        account=row.account, content_id=row.pk, note="Too long.", now=NOW
    ),
    "publish": lambda row: mark_published(account=row.account, content_id=row.pk, now=NOW),
    "take_down": lambda row: take_down(account=row.account, content_id=row.pk, now=NOW),
}
ALLOWED = {
    ("draft", "submit"): "review",
    ("review", "approve"): "review",
    ("review", "send_back"): "draft",
    ("approved", "approve"): "review",
    ("approved", "send_back"): "draft",
    ("approved", "publish"): "published",
    ("published", "publish"): "published",
    ("published", "take_down"): "review",
}


def article(state: str = "draft", **fields: Any) -> Content:
    """An article in a state; ``approved`` is in review with its version accepted."""
    status = "review" if state == "approved" else state
    if state == "approved":
        fields |= {"approved_version": 1, "approved_at": NOW}
    return make_content.fit_article(make_planning.sector(), status=status, **fields)


@pytest.mark.parametrize(
    ("state", "step"), list(product(["draft", "review", "approved", "published"], STEPS))
)
def test_every_step_from_every_state(state: str, step: str) -> None:
    row = article(state)
    expected = ALLOWED.get((state, step))

    if expected is None:
        with pytest.raises(DomainError):
            STEPS[step](row)
        row.refresh_from_db()
        assert row.status == ("review" if state == "approved" else state)
    else:
        assert STEPS[step](row).status == expected


def test_what_has_no_text_is_not_ready() -> None:
    row = article(html="", slug="")

    with pytest.raises(InvalidInput) as refused:
        submit_for_review(account=row.account, content_id=row.pk, now=NOW)

    assert set(refused.value.data) == {"content_id", "html", "slug"}


def test_an_approval_is_of_the_version_that_was_read() -> None:
    row = article("review")

    with pytest.raises(VersionConflict):
        approve_content(account=row.account, content_id=row.pk, version=2, now=NOW)
    approved = approve_content(
        account=row.account, content_id=row.pk, version=1, user_id=7, now=NOW
    )

    assert (approved.approved_version, approved.approved_by_id) == (1, 7)
    assert approved.provenance["reviewed_by"] == 7


def test_an_edit_takes_the_approval_back() -> None:
    row = article("approved")
    edit_content(
        account=row.account,
        content_id=row.pk,
        version=1,
        changes=ContentChanges(title="Another title"),
        now=NOW,
    )

    with pytest.raises(NotApproved):
        mark_published(account=row.account, content_id=row.pk, now=NOW)

    assert publish_approved(account=row.account, site=row.site, now=NOW) == []


def test_a_reason_goes_with_what_is_sent_back_and_into_the_trail() -> None:
    row = article("review")

    sent = send_back(account=row.account, content_id=row.pk, note="Too long.", now=NOW)

    assert (sent.status, sent.review_note) == ("draft", "Too long.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source, target, reason FROM igny8_auth_statuschange WHERE row_id = %s", [row.pk]
        )
        assert cursor.fetchall() == [("review", "draft", "Too long.")]
    with pytest.raises(InvalidInput):
        send_back(account=row.account, content_id=row.pk, note=" ", now=NOW)


def test_publishing_takes_what_is_approved_and_nothing_else() -> None:
    sector = make_planning.sector()
    approved = {"status": ContentStatus.REVIEW, "approved_version": 1}
    ready = make_content.article(sector, **approved)
    make_content.article(sector, status=ContentStatus.REVIEW)
    make_content.article(sector, **approved, version=2)
    make_content.article(make_planning.sector(sector.account), **approved)
    make_content.article(sector, **approved, deleted_at=NOW)

    published = publish_approved(account=sector.account, site=sector.site, now=NOW)

    assert published == [ready.pk]
    ready.refresh_from_db()
    assert (ready.status, ready.published_at) == ("published", NOW)
    assert publish_approved(account=sector.account, site=sector.site, now=NOW) == []


def test_what_comes_back_keeps_its_first_date() -> None:
    row = article("published", published_at=NOW.replace(year=2025))
    take_down(account=row.account, content_id=row.pk, note="Wrong price.", now=NOW)
    approve_content(account=row.account, content_id=row.pk, now=NOW)

    again = mark_published(account=row.account, content_id=row.pk, now=NOW)

    assert again.published_at == NOW.replace(year=2025)


@pytest.mark.parametrize("step", list(STEPS))
def test_another_accounts_article_is_unknown(step: str) -> None:
    row = article("approved")
    row.account = make_planning.sector().account

    with pytest.raises(NotFound):
        STEPS[step](row)


def test_a_deleted_article_is_unknown() -> None:
    row = article("review", deleted_at=NOW)

    with pytest.raises(NotFound):
        approve_content(account=row.account, content_id=row.pk, now=NOW)


def test_the_loser_of_a_race_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    row = article("review")
    read = Content.unscoped.get(pk=row.pk)
    send_back(account=row.account, content_id=row.pk, note="First.", now=NOW)
    monkeypatch.setattr("igny8_core.business.content.selectors.content", lambda **_fields: read)

    with pytest.raises(VersionConflict):
        approve_content(account=row.account, content_id=row.pk, now=NOW)

    row.refresh_from_db()
    assert (row.status, row.approved_version) == ("draft", None)


def test_a_draft_cannot_be_published_at_all() -> None:
    row = article("draft", approved_version=1)

    with pytest.raises(TransitionNotAllowed):
        mark_published(account=row.account, content_id=row.pk, now=NOW)


def test_an_edit_that_meets_the_publication_is_asked_again() -> None:
    row = article("approved")
    read = selectors.content(account=row.account, content_id=row.pk)
    mark_published(account=row.account, content_id=row.pk, now=NOW)

    with tenant(row.account_id), pytest.raises(StaleState):
        save_version(
            row.account,
            read,
            version=read.version,
            columns={"html": "<h1>No gate has seen this</h1>"},
            reason=VersionReason.EDITED,
            user_id=None,
            now=NOW,
        )

    row.refresh_from_db()
    assert (row.status, row.version, row.html) == ("published", 1, read.html)
