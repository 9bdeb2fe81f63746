"""Ideas that a person has, and what a person changes of ideas before they are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import (
    KEYWORD_LENGTH,
    ContentIdeaKeyword,
    ContentIdeas,
    Keywords,
)
from igny8_core.business.planning.services.guard_ideas import UNJUDGED
from igny8_core.business.planning.services.idea_places import refresh_volumes, retarget_ideas
from igny8_core.business.planning.services.idea_prices import writing_quotes
from igny8_core.business.planning.services.idea_rules import MAX_KEYWORD_WORDS, WORDS_PER_KEYWORD
from igny8_core.business.planning.services.idea_texts import MAX_TITLE_LENGTH
from igny8_core.business.planning.services.sector_locks import hold_cluster, lock_sector
from igny8_core.business.planning.states import (
    STRUCTURE_WORDS,
    ContentStructure,
    IdeaSource,
    IdeaStatus,
)
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.text_forms import display_form, is_readable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

MAX_KEYWORDS = 200
MAX_DESCRIPTION_LENGTH = 10_000
WORDS_MIN, WORDS_MAX = 50, 10_000

_JUDGED_BY = frozenset({"title", "target_keyword", "keyword_ids"})


class IdeaChanges(TypedDict, total=False):
    """What to set; what is not named stays, or follows from the cluster and the keywords.

    The first of ``keyword_ids`` is the idea's target. A keyword is served by one idea: new ideas
    lose those that are named here.
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
    """An idea of a person's, for a cluster; no run changes it.

    :param changes: at least ``title``.
    :raises NotFound: the cluster or a keyword is unknown, in the bin, or another account's.
    :raises InvalidInput: a keyword is in another sector, or there are too many; a text is empty,
        too long or unreadable; words out of bounds.
    :raises Conflict: an accepted idea serves one of the keywords.
    """
    sector_id = selectors.cluster(account=account, cluster_id=cluster_id).sector_id
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
        reason="Added by a person.",
        estimated_words=_usual_words(structure, len(keywords)),
    )
    _set(idea, changes, now=now)
    idea.save()
    return _serve(idea, keywords, now=now)


@tenant_atomic()
def update_idea(
    *, account: Account, idea_id: int, changes: IdeaChanges, now: datetime
) -> ContentIdeas:
    """Change an idea that nobody has accepted yet; no run changes it back.

    Its estimate in credits follows, and what it is about has to be compared with pages again.

    :raises NotFound: the idea or a keyword is unknown, in the bin, or another account's.
    :raises Conflict: the idea is accepted, then its writing task is what counts; or an accepted
        idea serves one of the keywords.
    :raises InvalidInput: a keyword is in another sector, or there are too many; a text is empty,
        too long or unreadable; words out of bounds.
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
    if "keyword_ids" not in changes:
        idea.save()
        return idea
    keywords = _keywords(account, idea.sector_id, changes["keyword_ids"])
    if keywords and "target_keyword" not in changes:
        idea.target_keyword = keywords[0].keyword
    idea.source = IdeaSource.PERSON  # runs leave its keywords alone
    idea.save()
    ContentIdeaKeyword.objects.for_account(account).filter(idea=idea).delete()
    return _serve(idea, keywords, now=now)


def settle_restored(*, account: Account, idea_ids: Collection[int], now: datetime) -> None:
    """After ideas came back from the bin, in the open block: they leave the keywords that others
    serve by now, and are compared with pages anew.
    """
    links = ContentIdeaKeyword.objects.for_account(account)
    others = links.filter(idea__deleted_at=None).exclude(idea_id__in=idea_ids)
    lost = links.filter(idea_id__in=idea_ids, keyword_id__in=others.values("keyword_id"))
    losing = set(lost.values_list("idea_id", flat=True))
    lost.delete()
    _give_targets(account, losing, now=now)
    refresh_volumes(account=account, idea_ids=losing, now=now)
    rows = ContentIdeas.objects.for_account(account).filter(pk__in=idea_ids)
    rows.update(**UNJUDGED, updated_at=now)


def _set(idea: ContentIdeas, changes: IdeaChanges, *, now: datetime) -> None:
    values: dict[str, Any] = {name: v for name, v in changes.items() if name != "keyword_ids"}
    if "title" in values:
        values["title"] = _line("title", values["title"], MAX_TITLE_LENGTH)
    if "target_keyword" in values:
        values["target_keyword"] = _line("target_keyword", values["target_keyword"], KEYWORD_LENGTH)
    if len(values.get("description", "")) > MAX_DESCRIPTION_LENGTH:
        raise InvalidInput(
            "description too long", description=[f"At most {MAX_DESCRIPTION_LENGTH:,} characters."]
        )
    if not WORDS_MIN <= values.get("estimated_words", WORDS_MIN) <= WORDS_MAX:
        raise InvalidInput(
            "words out of bounds", estimated_words=[f"Between {WORDS_MIN} and {WORDS_MAX:,}."]
        )
    if _JUDGED_BY & changes.keys():
        values |= UNJUDGED
    for name, value in values.items():
        setattr(idea, name, value)
    idea.estimated_credits = writing_quotes(now=now)(idea.estimated_words)


def _line(field: str, text: str, most: int) -> str:
    shown = display_form(text)
    if not shown or len(shown) > most or not is_readable(shown):
        raise InvalidInput(
            f"no usable {field}", **{field: [f"Between 1 and {most} readable characters."]}
        )
    return shown


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


def _serve(idea: ContentIdeas, keywords: Sequence[Keywords], *, now: datetime) -> ContentIdeas:
    """Link the keywords to this idea alone, the first one as its target."""
    account = idea.account
    pks = [keyword.pk for keyword in keywords]
    links = ContentIdeaKeyword.objects.for_account(account).filter(keyword_id__in=pks)
    others = links.exclude(idea=idea).filter(idea__deleted_at=None)
    if taken := others.exclude(idea__status=IdeaStatus.NEW).select_related("keyword").first():
        raise Conflict(
            f"\u201c{taken.keyword.keyword}\u201d is served by an article already.",
            keyword_id=taken.keyword_id,
            idea_id=taken.idea_id,
        )
    losing = set(others.values_list("idea_id", flat=True))
    others.delete()
    ContentIdeaKeyword.unscoped.bulk_create(
        ContentIdeaKeyword(
            account=account,
            site_id=idea.site_id,
            sector_id=idea.sector_id,
            idea=idea,
            keyword_id=pk,
            is_target=place == 0,
        )
        for place, pk in enumerate(pks)
    )
    _give_targets(account, losing, now=now)
    refresh_volumes(account=account, idea_ids={idea.pk, *losing}, now=now)
    idea.refresh_from_db(fields=["volume", "updated_at"])
    return idea


def _give_targets(account: Account, idea_ids: Collection[int], *, now: datetime) -> None:
    """Ideas that lost their target take the best keyword that they still serve."""
    links = ContentIdeaKeyword.objects.for_account(account).filter(idea_id__in=idea_ids)
    aimed = set(links.filter(is_target=True).values_list("idea_id", flat=True))
    targets: dict[int, int] = {}
    for idea_id, keywords in selectors.idea_keywords(account=account, idea_ids=idea_ids).items():
        if idea_id not in aimed and keywords:
            targets[idea_id] = keywords[0].pk
    retarget_ideas(account=account, targets=targets, now=now)


def _usual_words(structure: ContentStructure, keywords: int) -> int:
    more = min(WORDS_PER_KEYWORD * max(keywords - 1, 0), MAX_KEYWORD_WORDS)
    return STRUCTURE_WORDS[structure] + more
