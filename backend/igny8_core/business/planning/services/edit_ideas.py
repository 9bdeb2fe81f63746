"""Ideas that a person has, and what a person changes of ideas before they are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from igny8_core.business.planning.models import ContentIdeaKeyword, ContentIdeas, Keywords
from igny8_core.business.planning.selectors import cluster as cluster_of
from igny8_core.business.planning.services.cluster_counts import (
    hold_cluster,
    lock_sector,
    refresh_cluster_status,
)
from igny8_core.business.planning.services.idea_rules import MAX_KEYWORD_WORDS, WORDS_PER_KEYWORD
from igny8_core.business.planning.services.make_ideas import quoting
from igny8_core.business.planning.states import (
    STRUCTURE_WORDS,
    ContentStructure,
    IdeaSource,
    IdeaStatus,
)
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.text_forms import display_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

MAX_KEYWORDS = 200
WORDS_MIN, WORDS_MAX = 50, 10_000


class IdeaChanges(TypedDict, total=False):
    """What to set; what is not named stays, or follows from the cluster and the keywords.

    The first of ``keyword_ids`` is the idea's target.
    """

    title: str
    description: str
    content_type: str
    content_structure: str
    role: str
    intent: str
    target_keyword: str
    estimated_words: int
    keyword_ids: Sequence[int]


@tenant_atomic()
def create_idea(
    *, account: Account, cluster_id: int, changes: IdeaChanges, now: datetime
) -> ContentIdeas:
    """An idea of a person's, for a cluster.

    :param changes: at least ``title``.
    :raises NotFound: the cluster or a keyword is unknown, in the bin, or another account's.
    :raises InvalidInput: a keyword is in another sector, or there are too many.
    """
    sector_id = cluster_of(account=account, cluster_id=cluster_id).sector_id
    lock_sector(account=account, sector_id=sector_id)
    cluster = hold_cluster(account=account, cluster_id=cluster_id)
    keywords = _keywords(account, sector_id, changes.get("keyword_ids", ()))
    target = keywords[0].keyword if keywords else cluster.name
    structure = ContentStructure(changes.get("content_structure", ContentStructure.ARTICLE))
    idea = ContentIdeas(
        account=account,
        site_id=cluster.site_id,
        sector_id=sector_id,
        cluster=cluster,
        source=IdeaSource.PERSON,
        target_keyword=target,
        intent=cluster.intent,
        estimated_words=_usual_words(structure, len(keywords)),
    )
    _set(idea, changes, now=now)
    idea.volume = _volume(keywords)
    idea.save()
    _link(idea, keywords)
    refresh_cluster_status(account=account, cluster=cluster, now=now)
    return idea


@tenant_atomic()
def update_idea(
    *, account: Account, idea_id: int, changes: IdeaChanges, now: datetime
) -> ContentIdeas:
    """Change an idea that nobody has accepted yet.

    :raises NotFound: the idea or a keyword is unknown, in the bin, or another account's.
    :raises Conflict: the idea is accepted; its writing task is what counts now.
    :raises InvalidInput: a keyword is in another sector, or there are too many.
    """
    rows = ContentIdeas.objects.for_account(account).filter(pk=idea_id, deleted_at=None)
    sector_id = rows.values_list("sector_id", flat=True).first()
    if sector_id is not None:
        lock_sector(account=account, sector_id=sector_id)
    idea: ContentIdeas | None = rows.select_for_update(no_key=True).first()
    if idea is None:
        raise NotFound("no such idea", idea_id=idea_id)
    if idea.status != IdeaStatus.NEW:
        raise Conflict(
            "This idea is accepted. Change its writing task or its article instead.",
            status=idea.status,
        )
    if not changes:
        return idea
    _set(idea, changes, now=now)
    if "keyword_ids" in changes:
        keywords = _keywords(account, idea.sector_id, changes["keyword_ids"])
        idea.volume = _volume(keywords)
        ContentIdeaKeyword.objects.for_account(account).filter(idea=idea).delete()
        _link(idea, keywords)
        if keywords and "target_keyword" not in changes:
            idea.target_keyword = keywords[0].keyword
    idea.save()
    return idea


def _set(idea: ContentIdeas, changes: IdeaChanges, *, now: datetime) -> None:
    for name, value in changes.items():
        if name != "keyword_ids":
            setattr(idea, name, display_form(str(value)) if name == "title" else value)
    idea.estimated_credits = quoting(now)(idea.estimated_words)


def _keywords(account: Account, sector_id: int, ids: Sequence[int]) -> list[Keywords]:
    """The live keywords of these ids, in their order."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MAX_KEYWORDS:
        raise InvalidInput("too many keywords", keywords=[f"At most {MAX_KEYWORDS}."])
    rows = Keywords.objects.for_account(account).filter(pk__in=wanted, deleted_at=None)
    found: dict[int, Any] = {row.pk: row for row in rows.defer("attributes")}
    for pk in wanted:
        if pk not in found:
            raise NotFound("no such keyword", keyword_id=pk)
        if found[pk].sector_id != sector_id:
            raise InvalidInput("another sector", keywords=[f"The keyword {pk} is elsewhere."])
    return [found[pk] for pk in wanted]


def _link(idea: ContentIdeas, keywords: Sequence[Keywords]) -> None:
    ContentIdeaKeyword.unscoped.bulk_create(
        ContentIdeaKeyword(
            account_id=idea.account_id,
            site_id=idea.site_id,
            sector_id=idea.sector_id,
            idea=idea,
            keyword=keyword,
            is_target=place == 0,
        )
        for place, keyword in enumerate(keywords)
    )


def _volume(keywords: Sequence[Keywords]) -> int | None:
    known = [keyword.volume for keyword in keywords if keyword.volume is not None]
    return sum(known) if known else None


def _usual_words(structure: ContentStructure, keywords: int) -> int:
    more = min(WORDS_PER_KEYWORD * max(keywords - 1, 0), MAX_KEYWORD_WORDS)
    return STRUCTURE_WORDS[structure] + more
