"""Accepted ideas become writing tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.ai.errors import NoTextModel
from igny8_core.ai.registry import text_provider
from igny8_core.business.content.models import Tasks
from igny8_core.business.content.services.brief import DEMO_MAX_WORDS
from igny8_core.business.content.services.guard_ideas import refuse_overlaps
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.queue_ideas import MAX_IDEAS_AT_ONCE, queue_ideas
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

WORDS_MIN, WORDS_MAX = 50, 10_000


def create_writing_tasks(
    *,
    account: Account,
    idea_ids: Sequence[int],
    max_words: int | None = None,
    now: datetime,
) -> list[Tasks]:
    """Accept ideas: one writing task for each, all of them or none.

    New ideas are compared with everything that the site has first; one that would repeat a page is
    refused, unless a person has said why it should be written. Safe to repeat: an idea that has its
    task keeps it, written or not.

    :param max_words: upper limit of an article; by default what the account's model can carry.
    :returns: the tasks in the order of ``idea_ids``.
    :raises NotFound: an idea is unknown, deleted or another account's.
    :raises IdeaOverlaps: an idea is held back; its verdict is kept, and no task was made.
    :raises TransitionNotAllowed: an idea is written already and its task is deleted.
    :raises InvalidInput: too many at once.
    """
    if len(idea_ids) <= MAX_IDEAS_AT_ONCE:
        refuse_overlaps(account=account, idea_ids=idea_ids, now=now)
    return _create_all(account=account, idea_ids=idea_ids, max_words=max_words, now=now)


@tenant_atomic()
def _create_all(
    *, account: Account, idea_ids: Sequence[int], max_words: int | None, now: datetime
) -> list[Tasks]:
    wanted = list(dict.fromkeys(idea_ids))
    known = _tasks_of(account, wanted)
    missing = [idea_id for idea_id in wanted if idea_id not in known]
    if missing:
        accepted = queue_ideas(account=account, idea_ids=missing, now=now)  # locks them
        known |= _tasks_of(account, missing)
        keywords = planning.idea_keywords(account=account, idea_ids=missing)
        limit = max_words or words_limit(account=account)
        for idea in accepted:
            if idea.pk not in known:
                known[idea.pk] = _create(idea, keywords[idea.pk], limit)
    return [known[idea_id] for idea_id in wanted]


def words_limit(*, account: Account) -> int:
    """The longest article that the account's first model should be asked for."""
    try:
        is_demo = text_provider(account).capabilities.is_demo
    except NoTextModel:
        return WORDS_MAX
    return DEMO_MAX_WORDS if is_demo else WORDS_MAX


def _tasks_of(account: Account, idea_ids: Collection[int]) -> dict[int, Tasks]:
    rows = Tasks.objects.for_account(account).filter(LIVE, idea_id__in=idea_ids)
    return {task.idea_id: task for task in rows if task.idea_id is not None}


def _create(idea: Any, keywords: Collection[Any], limit: int) -> Tasks:
    texts = dict.fromkeys([idea.target_keyword, *(keyword.keyword for keyword in keywords)])
    task = Tasks(
        account_id=idea.account_id,
        site=idea.sector.site,
        sector=idea.sector,
        cluster=idea.cluster,
        idea=idea,
        title=idea.title,
        description=idea.description,
        content_type=idea.content_type,
        content_structure=idea.content_structure,
        role=idea.role,
        keywords="\n".join(text for text in texts if text),
        target_word_count=max(WORDS_MIN, min(idea.estimated_words, limit, WORDS_MAX)),
    )
    task.save()
    return task
