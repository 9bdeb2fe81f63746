"""Clusters -> ideas worth writing: drafted by rules, stored and charged in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from igny8_core.ai.ports import Usage
from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.services.prices import price
from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    ContentIdeas,
    Keywords,
)
from igny8_core.business.planning.services.cluster_counts import lock_sector
from igny8_core.business.planning.services.idea_rules import (
    IdeaDraft,
    IdeaKeyword,
    draft_idea,
    page_groups,
)
from igny8_core.business.planning.services.paid_work import released_on_error
from igny8_core.business.planning.states import CLUSTER, ClusterStatus, IdeaSource, IdeaStatus
from igny8_core.common.errors import InvalidInput, StaleState
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Account, Sector, Site

log = structlog.get_logger(__name__)

OPERATION = "idea"
HOLD_TTL = timedelta(minutes=5)
MAX_IDEAS_PER_RUN = 5_000
ROWS_PER_INSERT = 1_000
KEY_STATE_DIGITS = 32
USAGE = Usage(provider="rules", model="ideas")
_VERSION = 1


@dataclass(frozen=True)
class _Work:
    """What a run would write.

    :ivar joining: (idea, keyword) of keywords that came to a page whose idea is still new.
    """

    drafts: list[IdeaDraft] = field(default_factory=list)
    joining: list[tuple[int, int]] = field(default_factory=list)
    clusters: dict[int, Clusters] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """A digest of what would be written."""
        drafts = [(d.cluster_id, d.page, d.title, d.keyword_ids) for d in self.drafts]
        return fingerprint(_VERSION, drafts=drafts, joining=self.joining)


def make_ideas(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None = None,
    limit: int | None = None,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
) -> list[ContentIdeas]:
    """An idea for every page of the sector's clusters that has none yet.

    Keywords that came later to a page whose idea is still new join it, free of charge. An idea
    that a person deleted is not made again. Safe to repeat: what is there is not made twice.

    :param cluster_ids: of these clusters only.
    :param limit: at most so many ideas, of the largest clusters first.
    :returns: the new ideas.
    :raises InsufficientCredits: nothing was written.
    :raises StaleState: the clusters changed meanwhile; nothing was written or charged. Repeat.
    """
    if limit is not None and limit < 1:
        raise InvalidInput("at least one idea", limit=limit)
    most = min(limit or MAX_IDEAS_PER_RUN, MAX_IDEAS_PER_RUN)
    work = _look(account=account, site=site, sector=sector, cluster_ids=cluster_ids, most=most)
    if not work.drafts and not work.joining:
        return []
    hold: Hold | None = None
    if credits is not None and work.drafts:
        hold = credits.reserve(
            operation=OPERATION,
            quantities={"per_items": len(work.drafts)},
            idempotency_key=f"ideas:{sector.pk}:{work.state[:KEY_STATE_DIGITS]}",
            related_type="sector",
            related_id=sector.pk,
            ttl=HOLD_TTL,
            now=clock(),
        )
    with released_on_error(credits, hold, clock=clock):
        ideas = _save(
            account=account,
            site=site,
            sector=sector,
            cluster_ids=cluster_ids,
            most=most,
            state=work.state,
            credits=credits,
            hold=hold,
            now=clock(),
        )
    log.info("planning.ideas_made", sector_id=sector.pk, ideas=len(ideas))
    return ideas


@tenant_atomic(durable=True)
def _look(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None,
    most: int,
) -> _Work:
    return _work(account, site, sector, cluster_ids, most=most)


def _work(
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None,
    *,
    most: int,
) -> _Work:
    """What is missing, in an open block: four queries, then rules."""
    live = Clusters.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False
    )
    if cluster_ids is not None:
        live = live.filter(pk__in=cluster_ids)
    clusters = {row.pk: row for row in live.order_by("-volume", "-keywords_count", "name_norm")}
    keywords = _keywords(account, sector, clusters)
    known = ContentIdeas.objects.for_account(account).filter(sector=sector)
    ideas = {(row.cluster_id, row.page): row for row in known.order_by("-deleted_at", "pk")}
    links = ContentIdeaKeyword.objects.for_account(account).filter(
        sector=sector, idea__deleted_at=None
    )
    served = set(links.values_list("keyword_id", flat=True))
    work = _Work(clusters=clusters)
    for cluster_id, cluster in clusters.items():
        groups = page_groups(keywords.get(cluster_id, []))
        for group in groups:
            idea = ideas.get((cluster_id, group.page))
            if idea is None:
                if len(work.drafts) < most:
                    work.drafts.append(
                        draft_idea(
                            group,
                            cluster_id=cluster_id,
                            cluster_name=cluster.name,
                            siblings=[other for other in groups if other is not group],
                            language=site.language,
                        )
                    )
            elif idea.deleted_at is None and idea.status == IdeaStatus.NEW:
                work.joining.extend(
                    (idea.pk, keyword.pk) for keyword in group.keywords if keyword.pk not in served
                )
    return work


def _keywords(
    account: Account, sector: Sector, clusters: Collection[int]
) -> dict[int, list[IdeaKeyword]]:
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False, cluster__isnull=False
    )
    found: dict[int, list[IdeaKeyword]] = {}
    columns = (
        "cluster_id", "pk", "keyword", "keyword_norm", "volume", "difficulty", "intent",
        "intent_source", "page", "page_place", "role",
    )  # fmt: skip
    for cluster_id, *values in rows.values_list(*columns).iterator():
        if cluster_id in clusters:
            found.setdefault(cluster_id, []).append(IdeaKeyword(*values))
    return found


@tenant_atomic(durable=True)
def _save(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None,
    most: int,
    state: str,
    credits: CreditPort | None,  # noqa: A002
    hold: Hold | None,
    now: datetime,
) -> list[ContentIdeas]:
    """Everything or nothing, and the charge with it, as the last statement."""
    lock_sector(account=account, sector_id=sector.pk)
    work = _work(account, site, sector, cluster_ids, most=most)
    if work.state != state:
        raise StaleState("clusters changed while their ideas were made")
    ideas = _insert(account, sector, work, now=now)
    for cluster_id in {draft.cluster_id for draft in work.drafts}:
        cluster = work.clusters[cluster_id]
        if cluster.status == ClusterStatus.NEW:
            advance(cluster, ClusterStatus.MAPPED, table=CLUSTER, now=now)
    if credits is not None and hold is not None:
        credits.capture(hold, quantities={"per_items": len(ideas)}, usage=USAGE, now=now)
    return ideas


def _insert(account: Account, sector: Sector, work: _Work, *, now: datetime) -> list[ContentIdeas]:
    scope = {"account": account, "site_id": sector.site_id, "sector": sector}
    quote = quoting(now)
    rows = [
        ContentIdeas(
            **scope,
            cluster=work.clusters[draft.cluster_id],
            page=draft.page,
            role=draft.role,
            title=draft.title,
            description=draft.description,
            content_type=draft.content_type,
            content_structure=draft.content_structure,
            target_keyword=draft.target_keyword,
            intent=draft.intent,
            volume=draft.volume,
            estimated_words=draft.estimated_words,
            estimated_credits=quote(draft.estimated_words),
            reason=draft.reason,
            outline=draft.outline,
            source=IdeaSource.RULES,
        )
        for draft in work.drafts
    ]
    ideas = ContentIdeas.unscoped.bulk_create(rows, batch_size=ROWS_PER_INSERT)
    links = [
        ContentIdeaKeyword(**scope, idea=idea, keyword_id=pk, is_target=place == 0)
        for idea, draft in zip(ideas, work.drafts, strict=True)
        for place, pk in enumerate(draft.keyword_ids)
    ]
    links += [
        ContentIdeaKeyword(**scope, idea_id=idea_id, keyword_id=pk) for idea_id, pk in work.joining
    ]
    ContentIdeaKeyword.unscoped.bulk_create(links, batch_size=ROWS_PER_INSERT)
    return ideas


def quoting(now: datetime) -> Callable[[int], int | None]:
    """What writing costs now, by words; None while writing has no price."""
    try:
        writing = price(operation="content", now=now)
    except PriceMissing:
        return lambda _words: None
    return lambda words: writing.credits({"per_words": words})
