"""The topic map: each topic with its hub, the pages that support it, and what to write next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.business.planning.services.idea_places import keywords_by_cluster
from igny8_core.business.planning.services.idea_rules import page_groups
from igny8_core.business.planning.states import ClusterRole, IdeaStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import Clusters
    from igny8_core.business.planning.services.idea_rules import IdeaKeyword, PageGroup

MAX_TOPICS = 500


@dataclass(frozen=True)
class PlannedPage:
    """One article of a topic: what it targets, the idea that it has, where it stands.

    :ivar volume: sum of the known ones; ``volume_distinct`` counts close variants once.
    :ivar links_to: targets of the pages that it should link to: its hub, or the hub's pages.
    :ivar next_step: ``make an idea``, ``decide`` (held back by the guard), ``queue``, ``write``,
        ``done``.
    """

    page: int
    role: str
    target: str
    keywords: tuple[str, ...]
    variants: int
    volume: int | None
    volume_distinct: int | None
    idea_id: int | None = None
    title: str = ""
    structure: str = ""
    status: str = ""
    overlap: str = ""
    next_step: str = "make an idea"
    links_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """A cluster as a plan: the hub first, then its supporting pages, the largest first."""

    cluster_id: int
    name: str
    volume: int
    volume_distinct: int
    mapped_pages: int
    pages: tuple[PlannedPage, ...] = field(default_factory=tuple)

    @property
    def done(self) -> int:
        """How many of its pages are written."""
        return sum(page.next_step == "done" for page in self.pages)


@tenant_atomic()
def topic_map(
    *,
    account: Account,
    sector: Sector,
    cluster_ids: Collection[int] | None = None,
    limit: int = MAX_TOPICS,
) -> list[Topic]:
    """The sector's topics, the largest first, each as hub and supporting pages; three queries.

    :param limit: at most so many topics, and never more than 500.
    """
    rows = selectors.clusters(account=account, sector=sector).filter(is_disabled=False)
    if cluster_ids is not None:
        rows = rows.filter(pk__in=cluster_ids)
    clusters = list(rows[: min(limit, MAX_TOPICS)])
    ids = [cluster.pk for cluster in clusters]
    keywords = keywords_by_cluster(account=account, sector_id=sector.pk, cluster_ids=ids)
    ideas = {
        (idea.cluster_id, idea.page): idea
        for idea in ContentIdeas.objects.for_account(account).filter(
            cluster_id__in=ids, deleted_at=None, page__isnull=False
        )
    }
    return [_topic(cluster, keywords.get(cluster.pk, []), ideas) for cluster in clusters]


def _topic(
    cluster: Clusters,
    keywords: Sequence[IdeaKeyword],
    ideas: dict[tuple[int, int | None], ContentIdeas],
) -> Topic:
    groups = page_groups(keywords)
    hubs, others = groups[:1], groups[1:]
    others.sort(key=lambda group: (-(_volume(group.keywords) or 0), group.target.norm))
    pages = [
        _page(group, ideas.get((cluster.pk, group.page)), hubs, others)
        for group in (*hubs, *others)
    ]
    return Topic(
        cluster_id=cluster.pk,
        name=cluster.name,
        volume=cluster.volume,
        volume_distinct=cluster.volume_distinct,
        mapped_pages=cluster.mapped_pages,
        pages=tuple(pages),
    )


def _page(
    group: PageGroup,
    idea: ContentIdeas | None,
    hubs: Sequence[PageGroup],
    others: Sequence[PageGroup],
) -> PlannedPage:
    is_hub = group.role is ClusterRole.HUB
    links = [other.target.keyword for other in (others if is_hub else hubs)]
    distinct: dict[int, list[IdeaKeyword]] = {}
    for keyword in group.keywords:
        distinct.setdefault(keyword.variant or -keyword.pk, []).append(keyword)
    best = [max((k.volume or 0 for k in same), default=0) for same in distinct.values()]
    volume = _volume(group.keywords)
    return PlannedPage(
        page=group.page,
        role=group.role.value,
        target=group.target.keyword,
        keywords=tuple(keyword.keyword for keyword in group.keywords),
        variants=len(group.keywords) - len(distinct),
        volume=volume,
        volume_distinct=None if volume is None else sum(best),
        idea_id=idea.pk if idea else None,
        title=idea.title if idea else "",
        structure=idea.content_structure if idea else "",
        status=idea.status if idea else "",
        overlap=idea.overlap if idea else "",
        next_step=_next_step(idea),
        links_to=tuple(links),
    )


def _next_step(idea: ContentIdeas | None) -> str:
    if idea is None:
        return "make an idea"
    if idea.status == IdeaStatus.COMPLETED:
        return "done"
    if idea.status == IdeaStatus.QUEUED:
        return "write"
    return "decide" if idea.is_blocked else "queue"


def _volume(keywords: Sequence[IdeaKeyword]) -> int | None:
    known = [keyword.volume for keyword in keywords if keyword.volume is not None]
    return sum(known) if known else None
