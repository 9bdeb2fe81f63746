"""From draft to published: who may say what, and when. Every step is one compare-and-set."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.errors import NotApproved, VersionConflict
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.comments import note_sent_back
from igny8_core.business.content.services.gate_verdicts import (
    note_submitted,
    passes_by_rule,
    passes_on_publishing,
    require_approvable,
)
from igny8_core.business.content.services.suggest_links import link_to_new
from igny8_core.business.content.states import CONTENT, ContentStatus
from igny8_core.common.errors import InvalidInput, NotFound, StaleState, TransitionNotAllowed
from igny8_core.common.soft_delete import LIVE, lock_rows
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import because, tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Site

NOTE_LENGTH = 2_000
LINKED_AT_ONCE = 20
"""New articles that older ones are linked to in one go."""

_LIVE: dict[str, Any] = {"deleted_at": None}
"""Nothing moves in the bin, not even what was read a moment before it went there."""

_NOT_APPROVED: dict[str, Any] = {
    "approved_version": None,
    "approved_at": None,
    "approved_by_id": None,
}


@tenant_atomic()
def submit_for_review(*, account: Account, content_id: int, now: datetime) -> Content:
    """Hand a draft over to the reviewers, with what its gates say of it.

    :raises InvalidInput: it has no text, no title or no slug; nothing was written.
    :raises TransitionNotAllowed: it is not a draft.
    """
    row = selectors.content(account=account, content_id=content_id)
    _must_be(row, ContentStatus.DRAFT, ContentStatus.REVIEW)
    _submit(row, now=now)
    note_submitted(account, row)
    return row


@tenant_atomic()
def submit_contents(*, account: Account, content_ids: Sequence[int], now: datetime) -> int:
    """Hand drafts over to the reviewers: all of them or none. What is in review already stays.

    :returns: how many were handed over.
    :raises NotFound: an article is unknown or deleted.
    :raises InvalidInput: one is not complete; ``content_id`` says which.
    :raises TransitionNotAllowed: one is published.
    """
    rows = _locked(account, content_ids, "title", "html", "slug")
    drafts = [row for row in rows if row.status != ContentStatus.REVIEW]
    for row in drafts:
        _must_be(row, ContentStatus.DRAFT, ContentStatus.REVIEW)
        _submit(row, now=now)
        note_submitted(account, selectors.content(account=account, content_id=row.pk))
    return len(drafts)


@tenant_atomic()
def approve_content(
    *,
    account: Account,
    content_id: int,
    version: int | None = None,
    user_id: int | None = None,
    reason: str = "",
    now: datetime,
) -> Content:
    """Say that an article in review may be published as it stands.

    Its gates judge it first, and what they said is kept. A later edit takes the approval back. A
    repeat changes nothing but the date.

    :param version: the one that was read; None approves what is stored.
    :param user_id: who reviewed it; None for a program.
    :param reason: why it may go out although soft gates failed, at most 1,000 characters.
    :raises VersionConflict: another version is stored.
    :raises NotApproved: it is not in review.
    :raises GatesFailed: a hard gate failed, or a soft one without a reason; nothing was written.
    """
    row = selectors.content(account=account, content_id=content_id)
    wanted = row.version if version is None else version
    _must_be_in_review(row, wanted)
    require_approvable(account, row, user_id=user_id, reason=reason)
    return _approve(account, row, wanted, user_id=user_id, now=now)


@tenant_atomic()
def approve_by_rule(*, account: Account, content_id: int, now: datetime) -> Content:
    """Approve an article in review without a person, if every one of its gates lets it pass.

    Else it stays in review, unapproved, with the verdict for whoever reviews it. Safe to repeat.

    :raises NotApproved: it is not in review.
    """
    row = selectors.content(account=account, content_id=content_id)
    _must_be_in_review(row, row.version)
    if not passes_by_rule(account, row, now=now):
        return row
    return _approve(account, row, row.version, user_id=None, now=now)


@tenant_atomic()
def approve_contents(
    *,
    account: Account,
    content_ids: Sequence[int],
    user_id: int | None = None,
    reason: str = "",
    now: datetime,
) -> int:
    """Approve the stored versions of articles in review: all of them or none.

    :param reason: why they may go out although soft gates failed.
    :returns: how many were not approved before.
    :raises NotFound: an article is unknown or deleted.
    :raises NotApproved: one is not in review; ``content_id`` says which.
    :raises GatesFailed: one does not pass its gates; ``content_id`` says which.
    """
    rows = _locked(account, content_ids, "approved_version")
    fresh = [row.pk for row in rows if row.approved_version != row.version]
    for content_id in fresh:
        row = selectors.content(account=account, content_id=content_id)
        _must_be_in_review(row, row.version)
        require_approvable(account, row, user_id=user_id, reason=reason)
        _approve(account, row, row.version, user_id=user_id, now=now)
    return len(fresh)


@tenant_atomic()
def send_back(
    *, account: Account, content_id: int, note: str, user_id: int | None = None, now: datetime
) -> Content:
    """Give an article in review back to its writer, with the reason, which is a comment too.

    :raises InvalidInput: no reason, or one of more than 2,000 characters.
    :raises TransitionNotAllowed: it is not in review.
    """
    _check_note(note)
    row = selectors.content(account=account, content_id=content_id)
    _send_back(row, note, user_id=user_id, now=now)
    return row


@tenant_atomic()
def send_contents_back(
    *,
    account: Account,
    content_ids: Sequence[int],
    note: str,
    user_id: int | None = None,
    now: datetime,
) -> int:
    """Give articles in review back to their writers: all of them or none. Drafts stay drafts.

    :returns: how many went back.
    :raises NotFound: an article is unknown or deleted.
    :raises InvalidInput: no reason, or one of more than 2,000 characters.
    :raises TransitionNotAllowed: one is published.
    """
    _check_note(note)
    rows = _locked(account, content_ids)
    reviewed = [row for row in rows if row.status != ContentStatus.DRAFT]
    for row in reviewed:
        _send_back(row, note, user_id=user_id, now=now)
    return len(reviewed)


@tenant_atomic()
def mark_published(*, account: Account, content_id: int, now: datetime) -> Content:
    """Note that an approved article is live. A repeat returns it as it is.

    An article that was taken down and comes back keeps its first date.

    :raises NotApproved: the stored version was not approved; nothing was written.
    """
    row = selectors.content(account=account, content_id=content_id)
    if row.status == ContentStatus.PUBLISHED:
        return row
    if row.approved_version != row.version:
        raise NotApproved("this version was not approved", version=row.version)
    advance(
        row,
        ContentStatus.PUBLISHED,
        table=CONTENT,
        now=now,
        expect=_LIVE | {"version": row.version, "approved_version": row.version},
        published_at=row.published_at or now,
        publish_at=None,
    )
    return row


def judge_approved(*, account: Account, site_id: int, now: datetime) -> dict[int, int]:
    """Ask the gates of what :func:`publish_approved` would publish, an article a transaction.

    One that a hard gate stops by now loses its approval and stays in review, with the verdict.

    :returns: the version of each article that passed.
    :raises NotFound: no such site.
    """
    with tenant(account.pk):
        site = identity.site(account=account, site_id=site_id)
        waiting = list(selectors.approved_content_ids(account=account, site=site, now=now))
    passed = {}
    for content_id in waiting:
        with suppress(NotFound), tenant(account.pk):
            row = selectors.content(account=account, content_id=content_id)
            if _may_go_live(account, row, now=now):
                passed[row.pk] = row.version
    return passed


@tenant_atomic()
def publish_approved(
    *, account: Account, site: Site, judged: Mapping[int, int] | None = None, now: datetime
) -> list[int]:
    """Publish every article of a site whose stored version was approved, and whose time has come.

    One that a hard gate stops by now loses its approval and stays in review, with the verdict.
    Where the site wants it (``links.automatic``), published articles that mention a new one link
    to it from now on.

    :param judged: the version of each article that :func:`judge_approved` has just let pass.
    :returns: their ids; an article that somebody changed or deleted meanwhile is left.
    """
    published = []
    for content_id in selectors.approved_content_ids(account=account, site=site, now=now):
        try:
            row = selectors.content(account=account, content_id=content_id)
            is_judged = (judged or {}).get(content_id) == row.version
            if not is_judged and not _may_go_live(account, row, now=now):
                continue
            mark_published(account=account, content_id=content_id, now=now)
        except (StaleState, NotApproved, NotFound):
            continue
        published.append(content_id)
    links = site.settings.get("links")
    if isinstance(links, dict) and links.get("automatic") is True:
        for content_id in published[:LINKED_AT_ONCE]:
            link_to_new(account=account, content_id=content_id, now=now)
    return published


@tenant_atomic()
def take_down(*, account: Account, content_id: int, note: str = "", now: datetime) -> Content:
    """Bring a published article back into review; the next deployment removes it from its site.

    :raises TransitionNotAllowed: it is not published.
    """
    row = selectors.content(account=account, content_id=content_id)
    _must_be(row, ContentStatus.PUBLISHED, ContentStatus.REVIEW)
    with because(note):
        advance(
            row,
            ContentStatus.REVIEW,
            table=CONTENT,
            now=now,
            expect=_LIVE,
            review_note=note,
            **_NOT_APPROVED,
        )
    return row


def sites_of(*, account: Account, content_ids: Sequence[int]) -> dict[int, list[int]]:
    """Articles by their site, in the open block."""
    rows = Content.objects.for_account(account).filter(pk__in=content_ids).order_by("pk")
    found: dict[int, list[int]] = {}
    for content_id, site_id in rows.values_list("pk", "site_id"):
        found.setdefault(site_id, []).append(content_id)
    return found


def _submit(row: Content, *, now: datetime) -> None:
    missing = [name for name in ("title", "html", "slug") if not getattr(row, name).strip()]
    if missing:
        problems = {name: ["is missing"] for name in missing}
        raise InvalidInput("not ready for review", content_id=row.pk, **problems)
    advance(
        row,
        ContentStatus.REVIEW,
        table=CONTENT,
        now=now,
        expect=_LIVE,
        review_note="",
        **_NOT_APPROVED,
    )


def _must_be_in_review(row: Content, version: int) -> None:
    if row.status != ContentStatus.REVIEW:
        raise NotApproved(
            "only what is in review can be approved", content_id=row.pk, status=row.status
        )
    if row.version != version:
        raise VersionConflict("another version is stored", version=row.version)


def _approve(
    account: Account, row: Content, version: int, *, user_id: int | None, now: datetime
) -> Content:
    """One compare-and-set; the gates were asked before."""
    provenance = row.provenance | ({"reviewed_by": user_id} if user_id is not None else {})
    changed = (
        Content.objects.for_account(account)
        .filter(LIVE, pk=row.pk, status=ContentStatus.REVIEW, version=version)
        .update(
            approved_version=version,
            approved_at=now,
            approved_by_id=user_id,
            provenance=provenance,
            updated_at=now,
        )
    )
    if not changed:
        stored = selectors.content(account=account, content_id=row.pk).version
        raise VersionConflict("another version is stored", version=stored)
    row.refresh_from_db()
    return row


def _may_go_live(account: Account, row: Content, *, now: datetime) -> bool:
    """Whether the gates let an approved article pass; else its approval is taken back."""
    if passes_on_publishing(account, row):
        return True
    Content.objects.for_account(account).filter(
        LIVE, pk=row.pk, status=ContentStatus.REVIEW, version=row.version
    ).update(**_NOT_APPROVED, updated_at=now)
    return False


def _send_back(row: Content, note: str, *, user_id: int | None, now: datetime) -> None:
    note_sent_back(row, note=note, user_id=user_id)
    with because(note):
        advance(
            row,
            ContentStatus.DRAFT,
            table=CONTENT,
            now=now,
            expect=_LIVE,
            review_note=note,
            **_NOT_APPROVED,
        )


def _check_note(note: str) -> None:
    if not note.strip() or len(note) > NOTE_LENGTH:
        raise InvalidInput("say why", note=[f"1 to {NOTE_LENGTH} characters"])


def _locked(account: Account, content_ids: Sequence[int], *columns: str) -> list[Content]:
    """Live articles, locked in the order of their keys; all of them or none."""
    always = ("account_id", "status", "version")
    rows = lock_rows(Content, account=account, ids=content_ids, columns=[*always, *columns])
    if deleted := [row.pk for row in rows if row.is_deleted]:
        raise NotFound("no such content", content_id=deleted[0])
    return rows


def _must_be(row: Content, source: ContentStatus, target: ContentStatus) -> None:
    """Two edges lead to review; each of them belongs to one step."""
    if row.status != source:
        raise TransitionNotAllowed(
            f"only what is {source.value} can take this step",
            content_id=row.pk,
            source=row.status,
            target=target.value,
        )
