"""Ideas on their way to the writer. The content domain makes the writing tasks and calls these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.planning.models import ContentIdeas
from igny8_core.business.planning.states import IDEA, IdeaStatus
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from igny8_core.auth.models import Account

MAX_IDEAS_AT_ONCE = 500


@tenant_atomic()
def queue_ideas(
    *, account: Account, idea_ids: Collection[int], now: datetime
) -> list[ContentIdeas]:
    """Mark ideas as accepted for writing: all of them or none.

    Safe to repeat: ideas that are queued already stay so and are returned too.

    :returns: the ideas with their clusters and sectors loaded, in the order of ``idea_ids``.
    :raises NotFound: an idea is unknown, deleted or another account's.
    :raises TransitionNotAllowed: an idea is written already.
    :raises InvalidInput: more than :data:`MAX_IDEAS_AT_ONCE`.
    """
    if len(idea_ids) > MAX_IDEAS_AT_ONCE:
        raise InvalidInput(f"at most {MAX_IDEAS_AT_ONCE} ideas at once", limit=MAX_IDEAS_AT_ONCE)
    found = _locked(account=account, idea_ids=idea_ids)
    for idea in found.values():
        if idea.status != IdeaStatus.QUEUED:
            advance(idea, IdeaStatus.QUEUED, table=IDEA, now=now, queued_at=now)
    return [found[idea_id] for idea_id in dict.fromkeys(idea_ids)]


@tenant_atomic()
def queue_idea(*, account: Account, idea_id: int, now: datetime) -> ContentIdeas:
    """:func:`queue_ideas` for one."""
    (idea,) = queue_ideas(account=account, idea_ids=[idea_id], now=now)
    return idea


@tenant_atomic()
def complete_idea(*, account: Account, idea_id: int, now: datetime) -> ContentIdeas:
    """Say that the content of an idea is written. A repeat changes nothing.

    :raises NotFound: no such idea of this account.
    :raises TransitionNotAllowed: the idea was not queued.
    """
    idea = _locked(account=account, idea_ids=[idea_id])[idea_id]
    if idea.status != IdeaStatus.COMPLETED:
        advance(idea, IdeaStatus.COMPLETED, table=IDEA, now=now, completed_at=now)
    return idea


@tenant_atomic()
def release_idea(*, account: Account, idea_id: int, now: datetime) -> ContentIdeas:
    """Take an idea back: its writing task was removed before it was written. Repeatable.

    :raises NotFound: no such idea of this account.
    :raises TransitionNotAllowed: the idea is written already.
    """
    idea = _locked(account=account, idea_ids=[idea_id])[idea_id]
    if idea.status != IdeaStatus.NEW:
        advance(idea, IdeaStatus.NEW, table=IDEA, now=now, queued_at=None)
    return idea


@tenant_atomic()
def release_ideas(*, account: Account, idea_ids: Collection[int], now: datetime) -> int:
    """Take back those of the ideas that are queued; deleted and written ones stay as they are.

    :returns: how many are new again.
    """
    rows = ContentIdeas.objects.for_account(account).filter(
        pk__in=idea_ids, deleted_at=None, status=IdeaStatus.QUEUED
    )
    queued = list(rows.select_for_update().order_by("pk"))
    for idea in queued:
        advance(idea, IdeaStatus.NEW, table=IDEA, now=now, queued_at=None)
    return len(queued)


def _locked(*, account: Account, idea_ids: Collection[int]) -> dict[int, ContentIdeas]:
    """The live ideas by id, locked in the order of their keys."""
    rows = ContentIdeas.objects.for_account(account).filter(pk__in=idea_ids, deleted_at=None)
    locked = rows.select_for_update(of=("self",)).select_related("cluster", "sector__site")
    found = {idea.pk: idea for idea in locked.order_by("pk")}
    if missing := sorted(set(idea_ids) - set(found)):
        raise NotFound("no such idea", idea_id=missing[0])
    return found
