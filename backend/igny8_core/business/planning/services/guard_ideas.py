"""The guard against cannibalisation: ideas are judged, the verdict is kept, a person may overrule.

What is written and planned is the content domain's; it hands its pages in (``ExistingPages``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.db.models import F

from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.business.planning.services.overlap_guard import IDEA, PageText, judge_ideas
from igny8_core.business.planning.states import IdeaStatus
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import current_actor, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.planning.services.overlap_guard import Judgement

    ExistingPages = Callable[[], Sequence[PageText]]

log = structlog.get_logger(__name__)

MAX_REASON_LENGTH = 500
MAX_IDEAS_JUDGED = 5_000

UNJUDGED: dict[str, Any] = {
    "overlap": "", "overlap_reason": "", "overlap_matches": [], "overlap_checked_at": None,
}  # fmt: skip
"""The columns of a verdict, as they are before there is one."""


@tenant_atomic()
def check_ideas(
    *,
    account: Account,
    site: Site,
    pages: ExistingPages,
    idea_ids: Collection[int] | None = None,
    now: datetime,
) -> list[ContentIdeas]:
    """Compare new ideas with everything that the site has or plans, and keep the verdicts.

    Free of charge; the same rows give the same verdicts. ``content.services.guard_ideas`` calls it.

    :param pages: what is written and planned, read inside the block.
    :param idea_ids: of these; None: of all new ideas of the site. Ideas that are no longer new
        are passed over.
    :returns: the ideas that were judged, the most worth writing first.
    """
    ideas = _new_ideas(account=account, site=site)
    texts = idea_texts(account=account, ideas=ideas)
    wanted = {idea.pk for idea in ideas} & set(idea_ids if idea_ids is not None else texts)
    judged = judge_ideas(
        [texts[idea.pk] for idea in ideas],
        [*pages(), *_accepted(account=account, site=site)],
        language=site.language,
        free=[idea.pk for idea in ideas if idea.overridden_at is not None],
        known=texts.keys() - wanted,
        held_back=[idea.pk for idea in ideas if idea.is_blocked],
    )
    concerned = [idea for idea in ideas if idea.pk in wanted]
    for idea in concerned:
        keep_judgement(idea, judged[idea.pk], now=now)
    ContentIdeas.unscoped.bulk_update(concerned, list(UNJUDGED), batch_size=500)
    blocked = sum(idea.is_blocked for idea in concerned)
    log.info("planning.ideas_judged", site_id=site.pk, ideas=len(concerned), blocked=blocked)
    return concerned


def keep_judgement(idea: ContentIdeas, judgement: Judgement, *, now: datetime) -> None:
    """Write a verdict onto an idea in memory."""
    idea.overlap = judgement.verdict.value
    idea.overlap_reason = judgement.reason
    idea.overlap_matches = [match.stored() for match in judgement.matches]
    idea.overlap_checked_at = now


def _new_ideas(*, account: Account, site: Site) -> list[ContentIdeas]:
    """The most worth writing first; hubs before what supports them."""
    rows = ContentIdeas.objects.for_account(account).filter(
        site=site, deleted_at=None, status=IdeaStatus.NEW
    )
    order = (F("volume").desc(nulls_last=True), "role", "pk")
    return list(rows.order_by(*order)[:MAX_IDEAS_JUDGED])


def known_ideas(*, account: Account, site: Site) -> list[PageText]:
    """Ideas of the site that stand: accepted ones, and new ones that are not held back."""
    new = [idea for idea in _new_ideas(account=account, site=site) if not idea.is_blocked]
    texts = idea_texts(account=account, ideas=new)
    return [*_accepted(account=account, site=site), *texts.values()]


def _accepted(*, account: Account, site: Site) -> list[PageText]:
    """Ideas that are queued or written."""
    rows = ContentIdeas.objects.for_account(account).filter(site=site, deleted_at=None)
    ideas = list(rows.exclude(status=IdeaStatus.NEW).order_by("pk"))
    return list(idea_texts(account=account, ideas=ideas).values())


def idea_texts(*, account: Account, ideas: Iterable[ContentIdeas]) -> dict[int, PageText]:
    """Ideas as the guard sees them; one query for their keywords."""
    rows = list(ideas)
    keywords = selectors.idea_keywords(account=account, idea_ids=[idea.pk for idea in rows])
    return {
        idea.pk: PageText(
            kind=IDEA,
            pk=idea.pk,
            title=idea.title,
            keyword=idea.target_keyword,
            keywords=tuple(
                k.keyword for k in keywords[idea.pk] if k.keyword != idea.target_keyword
            ),
            cluster_id=idea.cluster_id,
            idea_id=idea.pk,
        )
        for idea in rows
    }


@tenant_atomic()
def override_overlap(*, account: Account, idea_id: int, reason: str, now: datetime) -> ContentIdeas:
    """Let an idea be written although it overlaps. The reason is kept with it.

    :raises NotFound: unknown, deleted or another account's.
    :raises InvalidInput: no reason, or one that is too long.
    :raises Conflict: the idea is not held back.
    """
    text = " ".join(reason.split())
    if not 1 <= len(text) <= MAX_REASON_LENGTH:
        raise InvalidInput(
            "Say why it should be written all the same.",
            reason=[f"between 1 and {MAX_REASON_LENGTH} characters"],
        )
    idea = _locked(account=account, idea_id=idea_id)
    if not idea.is_blocked and not idea.override_reason:
        raise Conflict("The idea is not held back.", idea_id=idea_id)
    return _write(
        idea, {"override_reason": text, "overridden_at": now, "overridden_by": current_actor()}, now
    )


@tenant_atomic()
def withdraw_override(*, account: Account, idea_id: int, now: datetime) -> ContentIdeas:
    """Let the verdict hold again. A repeat changes nothing.

    :raises NotFound: unknown, deleted or another account's.
    """
    idea = _locked(account=account, idea_id=idea_id)
    return _write(idea, {"override_reason": "", "overridden_at": None, "overridden_by": ""}, now)


def _locked(*, account: Account, idea_id: int) -> ContentIdeas:
    rows = ContentIdeas.objects.for_account(account).filter(pk=idea_id, deleted_at=None)
    found: ContentIdeas | None = rows.select_for_update().first()
    if found is None:
        raise NotFound("no such idea", idea_id=idea_id)
    return found


def _write(idea: ContentIdeas, values: Mapping[str, Any], now: datetime) -> ContentIdeas:
    for name, value in values.items():
        setattr(idea, name, value)
    idea.updated_at = now
    idea.save(update_fields=[*values, "updated_at"])
    return idea
