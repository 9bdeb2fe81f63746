"""Clusters -> ideas worth writing: drafted by rules, held against what there is, worded by rules
or a model, stored and charged in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from igny8_core.ai import engine
from igny8_core.ai.errors import NoTextModel, UnknownPrice
from igny8_core.ai.ports import Usage
from igny8_core.business.planning.models import Clusters, ContentIdeaKeyword, ContentIdeas
from igny8_core.business.planning.services.guard_ideas import keep_judgement, known_ideas
from igny8_core.business.planning.services.idea_places import (
    keywords_by_cluster,
    reconcile_ideas,
    stale_links,
)
from igny8_core.business.planning.services.idea_prices import writing_quotes
from igny8_core.business.planning.services.idea_rules import IdeaDraft, draft_idea, page_groups
from igny8_core.business.planning.services.idea_wording import Wording, word_ideas
from igny8_core.business.planning.services.overlap_guard import IDEA, PageText, judge_ideas
from igny8_core.business.planning.services.paid_work import released_on_error
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import BLOCKING_VERDICTS, IdeaSource
from igny8_core.common.errors import InvalidInput, StaleState
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from igny8_core.ai.engine import Finish
    from igny8_core.ai.ports import CreditPort, Hold, TextProvider
    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.guard_ideas import ExistingPages
    from igny8_core.business.planning.services.idea_rules import IdeaKeyword, PageGroup
    from igny8_core.business.planning.services.overlap_guard import Judgement

log = structlog.get_logger(__name__)

OPERATION = "idea"
RELATED_TYPE = "sector"
HOLD_TTL = timedelta(minutes=15)
MAX_IDEAS_PER_RUN = 5_000
ROWS_PER_INSERT = 1_000
KEY_STATE_DIGITS = 32
USAGE = Usage(provider="rules", model="ideas")
_VERSION = 2


def no_pages() -> Sequence[PageText]:
    """A site about which nothing is known."""
    return ()


@dataclass(frozen=True)
class _Request:
    """What was asked for."""

    account: Account
    site: Site
    sector: Sector
    cluster_ids: Collection[int] | None
    most: int


@dataclass(frozen=True)
class _Work:
    """What a run would write.

    :ivar judgements: by the place of the draft.
    :ivar stale: links of new ideas that no longer fit the pages.
    """

    drafts: list[IdeaDraft] = field(default_factory=list)
    judgements: dict[int, Judgement] = field(default_factory=dict)
    stale: int = 0
    clusters: dict[int, Clusters] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """A digest of what would be written."""
        drafts = [(d.cluster_id, d.page, d.title, d.keyword_ids) for d in self.drafts]
        return fingerprint(_VERSION, drafts=drafts, stale=self.stale)

    @property
    def paid(self) -> list[int]:
        """Places of the drafts that cost: what the guard holds back is free."""
        return [
            at
            for at in range(len(self.drafts))
            if at not in self.judgements or self.judgements[at].verdict not in BLOCKING_VERDICTS
        ]


def make_ideas(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    cluster_ids: Collection[int] | None = None,
    limit: int | None = None,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
    pages: ExistingPages = no_pages,
    providers: Sequence[TextProvider] | None = None,
) -> list[ContentIdeas]:
    """An idea for every page of the sector's clusters that has none yet.

    Each is compared with what the site has and plans; what is covered already is kept with the
    verdict and costs nothing. Keywords that came to or left a page join or leave its idea while
    that is new, free of charge. An idea that a person deleted is not made again. Safe to repeat:
    what is there is not made twice.

    :param cluster_ids: of these clusters only.
    :param limit: at most so many ideas, of the largest clusters first.
    :param pages: what the site has; ``content.services.guard_ideas`` gives it.
    :param providers: models that word titles and angles; rules where they fail, or without them.
    :returns: the new ideas, the ones held back too.
    :raises InsufficientCredits: nothing was written.
    :raises StaleState: the clusters changed meanwhile; nothing was written or charged. Repeat.
    """
    if limit is not None and limit < 1:
        raise InvalidInput("at least one idea", limit=limit)
    most = min(limit or MAX_IDEAS_PER_RUN, MAX_IDEAS_PER_RUN)
    request = _Request(account, site, sector, cluster_ids, most)
    work = _look(account=account, request=request, pages=pages)
    if not work.drafts and not work.stale:
        return []
    if credits is not None and providers and work.paid:
        try:
            return _with_model(request, work, providers, credits=credits, clock=clock)
        except (NoTextModel, UnknownPrice) as exc:  # nothing is held: rules do it
            log.info("planning.ideas.without_model", code=exc.code)
    return _with_rules(request, work, credits=credits, clock=clock)


def _key(request: _Request, work: _Work) -> str:
    return f"ideas:{request.sector.pk}:{work.state[:KEY_STATE_DIGITS]}"


def _with_rules(
    request: _Request,
    work: _Work,
    *,
    credits: CreditPort | None,  # noqa: A002
    clock: Callable[[], datetime],
) -> list[ContentIdeas]:
    hold: Hold | None = None
    if credits is not None and work.paid:
        hold = credits.reserve(
            operation=OPERATION,
            quantities={"per_items": len(work.paid)},
            idempotency_key=_key(request, work),
            related_type=RELATED_TYPE,
            related_id=request.sector.pk,
            ttl=HOLD_TTL,
            now=clock(),
        )

    def finish(*, quantities: Mapping[str, int]) -> int:
        if credits is None or hold is None:
            return 0
        return credits.capture(hold, quantities=quantities, usage=USAGE, now=clock())

    with released_on_error(credits, hold, clock=clock):
        return _save(
            account=request.account, request=request, work=work, wordings={}, finish=finish,
            now=clock(),
        )  # fmt: skip


def _with_model(
    request: _Request,
    work: _Work,
    providers: Sequence[TextProvider],
    *,
    credits: CreditPort,  # noqa: A002
    clock: Callable[[], datetime],
) -> list[ContentIdeas]:
    paid = work.paid
    topics = {pk: cluster.name for pk, cluster in work.clusters.items()}

    def ask(session: engine.Session) -> dict[int, Wording]:
        found = word_ideas(
            session,
            [work.drafts[at] for at in paid],
            language=request.site.language,
            site_name=request.site.name,
            topics=topics,
        )
        return {paid[at]: wording for at, wording in found.items()}

    return engine.run(
        account=request.account,
        credits=credits,
        operation=OPERATION,
        quantities={"per_items": len(paid)},
        idempotency_key=_key(request, work),
        related_type=RELATED_TYPE,
        related_id=request.sector.pk,
        lease_token=0,
        providers=providers,
        work=ask,
        save=lambda wordings, finish: _save(
            account=request.account, request=request, work=work, wordings=wordings, finish=finish,
            now=clock(),
        ),
        clock=clock,
        ttl=HOLD_TTL,
    )  # fmt: skip


@tenant_atomic(durable=True)
def _look(*, account: Account, request: _Request, pages: ExistingPages) -> _Work:
    work = _work(request)
    if not work.drafts:
        return work
    texts = [
        PageText(
            kind=IDEA,
            pk=at,
            title=draft.title,
            keyword=draft.target_keyword,
            keywords=draft.keywords[1:],
            cluster_id=draft.cluster_id,
        )
        for at, draft in enumerate(work.drafts)
    ]
    known = [*pages(), *known_ideas(account=account, site=request.site)]
    judged = judge_ideas(texts, known, language=request.site.language)
    return replace(work, judgements=judged)


def _work(request: _Request) -> _Work:
    """What is missing, in an open block; then rules."""
    account, sector = request.account, request.sector
    live = Clusters.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False
    )
    if request.cluster_ids is not None:
        live = live.filter(pk__in=request.cluster_ids)
    clusters = {row.pk: row for row in live.order_by("-volume", "-keywords_count", "name_norm")}
    keywords = keywords_by_cluster(account=account, sector_id=sector.pk)
    places = set(
        ContentIdeas.objects.for_account(account)
        .filter(sector=sector)
        .values_list("cluster_id", "page")
    )
    links = ContentIdeaKeyword.objects.for_account(account).filter(
        sector=sector, idea__deleted_at=None
    )
    served = set(links.values_list("keyword_id", flat=True))
    work = _Work(
        clusters=clusters,
        stale=stale_links(account=account, sector=sector, keywords=keywords, clusters=clusters),
    )
    for cluster_id, cluster in clusters.items():
        groups = page_groups(keywords.get(cluster_id, []))
        for group in groups:
            if len(work.drafts) >= request.most:
                break
            if (cluster_id, group.page) in places or group.target.pk in served:
                continue
            work.drafts.append(_draft(group, groups, cluster, served, request.site.language))
    return work


def _draft(
    group: PageGroup,
    groups: Sequence[PageGroup],
    cluster: Clusters,
    served: set[int],
    language: str,
) -> IdeaDraft:
    """Without the keywords that another idea serves."""
    own: tuple[IdeaKeyword, ...] = tuple(k for k in group.keywords if k.pk not in served)
    return draft_idea(
        replace(group, keywords=own),
        cluster_id=cluster.pk,
        cluster_name=cluster.name,
        siblings=[other for other in groups if other is not group],
        language=language,
    )


@tenant_atomic(durable=True)
def _save(
    *,
    account: Account,
    request: _Request,
    work: _Work,
    wordings: dict[int, Wording],
    finish: Finish,
    now: datetime,
) -> list[ContentIdeas]:
    """Everything or nothing, and the charge with it, as the last statement."""
    sector = request.sector
    lock_sector(account=account, sector_id=sector.pk)
    again = _work(request)
    if again.state != work.state:
        raise StaleState("clusters changed while their ideas were made")
    ideas = _insert(request, work, wordings, now=now)
    if work.stale:
        reconcile_ideas(account=account, sector=sector, cluster_ids=again.clusters, now=now)
    if work.paid:
        finish(quantities={"per_items": len(work.paid)})
    log.info("planning.ideas_made", sector_id=sector.pk, ideas=len(ideas), paid=len(work.paid))
    return ideas


def _insert(
    request: _Request, work: _Work, wordings: dict[int, Wording], *, now: datetime
) -> list[ContentIdeas]:
    sector = request.sector
    scope = {"account": request.account, "site_id": sector.site_id, "sector": sector}
    quote = writing_quotes(now=now)
    rows = []
    for at, draft in enumerate(work.drafts):
        worded = wordings.get(at)
        idea = ContentIdeas(
            **scope,
            cluster=work.clusters[draft.cluster_id],
            page=draft.page,
            role=draft.role,
            title=worded.title if worded else draft.title,
            description=(worded.angle if worded else "") or draft.description,
            content_type=draft.content_type,
            content_structure=draft.content_structure,
            target_keyword=draft.target_keyword,
            intent=draft.intent,
            volume=draft.volume,
            estimated_words=draft.estimated_words,
            estimated_credits=quote(draft.estimated_words),
            reason=draft.reason,
            outline=draft.outline,
            source=IdeaSource.MODEL if worded else IdeaSource.RULES,
            provenance=worded.provenance if worded else {},
        )
        if at in work.judgements:
            keep_judgement(idea, work.judgements[at], now=now)
        rows.append(idea)
    ideas = ContentIdeas.unscoped.bulk_create(rows, batch_size=ROWS_PER_INSERT)
    ContentIdeaKeyword.unscoped.bulk_create(
        (
            ContentIdeaKeyword(**scope, idea=idea, keyword_id=pk, is_target=place == 0)
            for idea, draft in zip(ideas, work.drafts, strict=True)
            for place, pk in enumerate(draft.keyword_ids)
        ),
        batch_size=ROWS_PER_INSERT,
    )
    return ideas
