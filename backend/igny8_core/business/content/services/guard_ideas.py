"""Ideas against everything that the site has: the guard with the writer's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.ai.errors import NoTextModel
from igny8_core.ai.registry import text_providers
from igny8_core.business.content.errors import IdeaOverlaps
from igny8_core.business.content.models import Content, Tasks
from igny8_core.business.content.services.imported_pages import imported_pages
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services import guard_ideas, make_ideas
from igny8_core.business.planning.services.overlap_guard import CONTENT, TASK, PageText
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, TextProvider
    from igny8_core.auth.models import Account, Sector, Site

MAX_PAGES_COMPARED = 50_000
"""The newest of a site; beyond that its oldest pages are not looked at."""


def existing_pages(*, account: Account, site_id: int) -> list[PageText]:
    """What a site has: articles, pages that were imported, writing tasks; in the account's block.

    A task of an idea is left out: the idea stands for it; so is a page of an article.
    """
    contents = Content.objects.for_account(account).filter(LIVE, site_id=site_id)
    found = [
        PageText(
            kind=CONTENT,
            pk=pk,
            title=title,
            keyword=keyword,
            keywords=tuple(str(text) for text in others or ()),
            slug=slug,
            url=url,
            cluster_id=cluster_id,
            idea_id=idea_id,
        )
        for pk, title, keyword, others, slug, url, cluster_id, idea_id in contents.order_by(
            "-pk"
        ).values_list(
            "pk", "title", "primary_keyword", "secondary_keywords", "slug", "external_url",
            "cluster_id", "task__idea_id",
        )[:MAX_PAGES_COMPARED]
    ]  # fmt: skip
    addresses = [page.url for page in found if page.url]
    found += imported_pages(account=account, site_id=site_id, known=addresses)
    written = Content.objects.for_account(account).filter(site_id=site_id, task__isnull=False)
    tasks = Tasks.objects.for_account(account).filter(LIVE, site_id=site_id, idea=None)
    planned = tasks.exclude(pk__in=written.values("task_id")).order_by("-pk")
    for pk, title, keywords, cluster_id in planned.values_list(
        "pk", "title", "keywords", "cluster_id"
    )[:MAX_PAGES_COMPARED]:
        first, *others = [line.strip() for line in keywords.splitlines() if line.strip()] or [""]
        found.append(
            PageText(
                kind=TASK,
                pk=pk,
                title=title,
                keyword=first,
                keywords=tuple(others),
                cluster_id=cluster_id,
            )
        )
    return found


def check_ideas(
    *, account: Account, site: Site, idea_ids: Collection[int] | None = None, now: datetime
) -> list[Any]:
    """Judge new ideas of a site, or some of them, and keep the verdicts; free of charge.

    :returns: those that were judged, the most worth writing first.
    """
    return guard_ideas.check_ideas(
        account=account,
        site=site,
        pages=lambda: existing_pages(account=account, site_id=site.pk),
        idea_ids=idea_ids,
        now=now,
    )


def refuse_overlaps(*, account: Account, idea_ids: Collection[int], now: datetime) -> None:
    """Judge new ideas, and refuse if one would repeat what there is; the verdicts are kept.

    :raises IdeaOverlaps: about the first one that is held back.
    """
    for site, ids in planning.sites_of_ideas(account=account, idea_ids=idea_ids):
        judged = check_ideas(account=account, site=site, idea_ids=ids, now=now)
        blocked = [idea for idea in judged if idea.is_blocked]
        if blocked:
            first = blocked[0]
            raise IdeaOverlaps(
                first.overlap_reason,
                idea_id=first.pk,
                verdict=str(first.overlap),
                held_back=len(blocked),
            )


def wording_models(account: Account) -> list[TextProvider]:
    """The models that word an account's ideas: its own, else the operator's.

    The built-in demo model is none of them: rules word ideas better than it does.
    """
    try:
        found = text_providers(account)
    except NoTextModel:
        return []
    return [model for model in found if not model.capabilities.is_demo]


def make_guarded_ideas(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None = None,
    limit: int | None = None,
    by_rules: bool = False,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
    providers: Sequence[TextProvider] | None = None,
) -> list[Any]:
    """Make ideas, each compared with the site's pages first; what is covered costs nothing.

    :param by_rules: worded by rules, whatever model the account has.
    :param providers: instead of the account's own models.
    :raises DomainError: as ``planning.services.make_ideas.make_ideas``.
    """
    if by_rules:
        providers = ()
    elif providers is None:
        providers = wording_models(account)
    return make_ideas.make_ideas(
        account=account,
        site=site,
        sector=sector,
        cluster_ids=cluster_ids,
        limit=limit,
        clock=clock,
        credits=credits,
        pages=lambda: existing_pages(account=account, site_id=site.pk),
        providers=providers,
    )
