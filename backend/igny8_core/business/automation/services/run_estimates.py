"""What a run of a site would do and cost, before it is started. Nothing is reserved or promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services.plans import PLANS
from igny8_core.business.billing.services import estimates
from igny8_core.business.content import selectors as content
from igny8_core.business.content.states import ContentStatus, ImageStatus, TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterStatus
from igny8_core.common.aggregates import together
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector, Site

KEYWORDS_PER_CLUSTER = 6
"""Of a site that has no clusters yet."""

WORDS = 500
"""Of an article whose writing task does not exist yet."""


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage.

    :ivar waiting: rows that wait for it now.
    :ivar expected: with those that the stages before it would hand on, as far as can be told.
    :ivar credits: what the expected rows would cost at today's prices.
    """

    number: int
    name: str
    waiting: int
    expected: int
    credits: int


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """All stages.

    :ivar credits: of all stages; the real figure depends on what clustering finds.
    :ivar cap: most that the run may spend; None is no limit.
    :ivar available: credits that are free now.
    :ivar stops: why the run would pause before its end, as a code; empty when nothing is known
        to stop it.
    """

    stages: list[StageEstimate]
    credits: int
    cap: int | None
    month_cap: int | None
    day_cap: int | None
    available: int
    stops: str


@tenant_atomic()
def estimate_run(*, account: Account, site_id: int, now: datetime) -> RunEstimate:
    """Count what waits, follow it through the stages, and price it.

    :raises NotFound: the account has no such site.
    :raises PriceMissing: an operation has no active price.
    """
    rows = accounts.account_sectors(account=account, is_active=True).filter(site_id=site_id)
    sectors = list(rows.select_related("site"))
    site = sectors[0].site if sectors else accounts.site(account=account, site_id=site_id)
    waiting = _waiting(account, site, sectors)
    keywords = [waiting[f"keywords_{sector.pk}"] for sector in sectors]
    counts = _counts(waiting, sum(keywords))
    works = [estimates.Work("clustering", {"per_items": count}) for count in keywords if count]
    stage_of = [1] * len(works)
    if counts[2][1]:
        works.append(estimates.Work("idea", {"per_items": counts[2][1]}))
        stage_of.append(2)
    for words, count in _articles(waiting["words"] or [], extra=counts[4][1] - counts[4][0]):
        works.append(estimates.Work("content", {"per_words": words}, min(count, _MOST)))
        stage_of.append(4)
    if counts[6][1]:
        works.append(estimates.Work("image", {"per_images": 1}, min(counts[6][1], _MOST)))
        stage_of.append(6)
    credits_of = dict.fromkeys(PLANS, 0)
    if works:
        priced = estimates.estimate(account=account, works=works[: estimates.WORKS_MAX], now=now)
        available = priced.available
        for number, work in zip(stage_of, priced.works, strict=False):
            credits_of[number] += work.credits
    else:
        available = accounts.account(account.pk).credits_available
    stages = [
        StageEstimate(number, plan.name, *counts[number], credits_of[number])
        for number, plan in PLANS.items()
    ]
    total = sum(credits_of.values())
    config = selectors.config(account=account, site_id=site.pk)
    cap = config.max_credits_per_run if config else None
    month_cap = config.max_credits_per_month if config else None
    return RunEstimate(
        stages=stages,
        credits=total,
        cap=cap,
        month_cap=month_cap,
        day_cap=account.max_credits_per_day,
        available=available,
        stops=_stops(
            total,
            insufficient_credits=available,
            run_cap_reached=cap,
            month_cap_reached=month_cap,
            day_cap_reached=account.max_credits_per_day,
        ),
    )


_MOST = estimates.RUNS_MAX


def _stops(total: int, **limits: int | None) -> str:
    """The lowest limit that the total passes."""
    passed = {code: limit for code, limit in limits.items() if limit is not None and limit < total}
    return min(passed, key=lambda code: passed[code]) if passed else ""


def _waiting(account: Account, site: Site, sectors: Sequence[Sector]) -> dict[str, Any]:
    """How many rows wait for each stage, by name; keywords and ideas by sector. One query.

    ``words`` are those of each writing task that waits.
    """
    scope: dict[str, Any] = {"account": account, "site": site}
    number = Count("pk")
    parts: list[tuple[QuerySet[Any], dict[str, Any]]] = [
        (planning.keywords(**scope), {"all_keywords": number}),
        (planning.clusters(**scope), {"all_clusters": number}),
        (planning.clusters(**scope, status=ClusterStatus.NEW), {"clusters": number}),
        (
            content.writing_tasks(**scope, status=TaskStatus.QUEUED),
            {"tasks": number, "words": ArrayAgg("target_word_count")},
        ),
        (content.contents(**scope, status=ContentStatus.DRAFT), {"drafts": number}),
        (content.images(**scope, status=ImageStatus.PENDING), {"images": number}),
    ]
    for row in sectors:
        new = planning.unclustered_keywords(account=account, sector=row)
        ideas = planning.open_ideas(account=account, sector=row)
        parts += [(new, {f"keywords_{row.pk}": number}), (ideas, {f"ideas_{row.pk}": number})]
    return together(*parts)


def _counts(waiting: Mapping[str, Any], keywords: int) -> dict[int, tuple[int, int]]:
    """By stage: how many rows wait, and how many are expected."""
    placed, placed_in = waiting["all_keywords"] - keywords, waiting["all_clusters"]
    per_cluster = placed / placed_in if placed_in and placed > 0 else 0
    new_clusters = round(keywords / max(per_cluster, KEYWORDS_PER_CLUSTER)) if keywords else 0
    clusters, tasks, drafts, images = (
        waiting[name] for name in ("clusters", "tasks", "drafts", "images")
    )
    expected_ideas = clusters + max(new_clusters, int(bool(keywords)))
    ideas = sum(n for name, n in waiting.items() if name.startswith("ideas_"))
    tasks_expected = tasks + ideas + expected_ideas
    return {
        1: (keywords, keywords),
        2: (clusters, expected_ideas),
        3: (ideas, ideas + expected_ideas),
        4: (tasks, tasks_expected),
        5: (drafts, drafts + tasks_expected),
        6: (images, images + tasks_expected),
        7: (drafts, drafts + tasks_expected),
    }


def _articles(words: Sequence[int], *, extra: int) -> list[tuple[int, int]]:
    """Articles by their number of words: of the tasks that wait, and of those still to come."""
    found = Counter(words)
    if extra > 0:
        found[WORDS] += extra
    return sorted(found.items())
