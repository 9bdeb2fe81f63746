"""Keywords -> clusters of a sector: read, compute outside any transaction, save in one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from igny8_core.ai.ports import Usage
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.models import Clusters
from igny8_core.business.planning.services.cluster_build import (
    REBUILD_SHARE,
    added_share,
    run_settings,
    save_build,
)
from igny8_core.business.planning.services.cluster_inputs import Inputs, read_inputs
from igny8_core.business.planning.services.cluster_links import SHARE
from igny8_core.business.planning.services.cluster_moves import Move, move_keywords
from igny8_core.business.planning.services.cluster_plan import CLUSTERER_VERSION, Plan, make_plan
from igny8_core.business.planning.services.page_rows import settle_hubs
from igny8_core.business.planning.services.paid_work import released_on_error
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import ClusterSource
from igny8_core.common.errors import StaleState
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.models import ClusterBuild

log = structlog.get_logger(__name__)

OPERATION = "clustering"
HOLD_TTL = timedelta(minutes=15)
CLUSTERS_PER_INSERT = 1_000
KEY_STATE_DIGITS = 32
USAGE = Usage(provider="local", model="wordllama")


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """What a run did.

    :ivar keywords: keywords that got a cluster or a page of theirs.
    :ivar clusters_created: new clusters among those they went into.
    :ivar credits: charged; 0 when nothing changed or nobody counts.
    :ivar added_share: keywords placed since the base, as a share of it.
    :ivar is_rebuild_due: past 30 % a rebuild is worth looking at; see ``recluster``.
    """

    keywords: int
    clusters_created: int
    clusters_joined: int
    credits: int
    added_share: float = 0.0
    is_rebuild_due: bool = False


def cluster_keywords(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
    serp_share: float | None = SHARE,
) -> ClusterRun:
    """Give every keyword without a cluster its place, and every one without a page its page.

    The first run of a sector clusters the whole list. Later ones hold new keywords against the
    clusters that are there; what fits nowhere makes new ones. No placed keyword moves, locked and
    disabled clusters take none. Safe to repeat: a run that finds nothing to do charges nothing.

    :param serp_share: share of the imported results that links two keywords, 0.2 to 0.9; None
        leaves results and the tool's parent keywords out.
    :raises InvalidInput: such a share, or more keywords than a run takes.
    :raises InsufficientCredits: nothing was written.
    :raises StaleState: keywords or clusters changed while it computed; nothing was written or
        charged. Repeat.
    """
    inputs, build = _read(account=account, sector=sector)
    count = len(inputs.unplaced) + len(inputs.unpaged)
    if not count:
        return ClusterRun(0, 0, 0, 0)
    settings = run_settings(site=site, build=build, serp_share=serp_share)
    hold: Hold | None = None
    if credits is not None:
        hold = credits.reserve(
            operation=OPERATION,
            quantities={"per_items": count},
            idempotency_key=f"cluster:{sector.pk}:{inputs.state[:KEY_STATE_DIGITS]}",
            related_type="sector",
            related_id=sector.pk,
            ttl=HOLD_TTL,
            now=clock(),
        )
    with released_on_error(credits, hold, clock=clock):
        plan = make_plan(inputs, settings)
        run = _save(
            account=account,
            sector=sector,
            inputs=inputs,
            plan=plan,
            serp_share=serp_share,
            charge=(credits, hold),
            now=clock(),
        )
    log.info("planning.clustered", sector_id=sector.pk, keywords=run.keywords, credits=run.credits)
    return run


@tenant_atomic(durable=True)
def _read(*, account: Account, sector: Sector) -> tuple[Inputs, ClusterBuild | None]:
    inputs = read_inputs(account=account, sector_id=sector.pk)
    return inputs, cluster_selectors.base_build(account=account, sector_id=sector.pk)


@tenant_atomic(durable=True)
def _save(
    *,
    account: Account,
    sector: Sector,
    inputs: Inputs,
    plan: Plan,
    serp_share: float | None,
    charge: tuple[CreditPort | None, Hold | None],
    now: datetime,
) -> ClusterRun:
    """Everything or nothing, and the charge with it, as the last statement."""
    check_unchanged(account=account, sector_id=sector.pk, fingerprint=inputs.fingerprint)
    created = insert_clusters(
        account=account, sector=sector, clusters=[(c.name, c.intent) for c in plan.clusters]
    )
    move_keywords(sector=sector, moves=_moves(plan, created), now=now, only_unplaced=True)
    if plan.clustering is not None:
        save_build(
            account=account,
            sector=sector,
            keyword_ids=[k.pk for k in inputs.unplaced],
            found=plan.clustering,
            input_fingerprint=inputs.fingerprint,
            serp_share=serp_share,
            applied_at=now,
        )
    joined = {p.cluster for p in plan.placements if not p.is_new_cluster}
    settle_hubs(account=account, sector=sector, cluster_ids=joined, now=now)
    build = cluster_selectors.base_build(account=account, sector_id=sector.pk)
    share = added_share(account=account, sector_id=sector.pk, build=build)
    charged = 0
    credits, hold = charge  # noqa: A001 - the word of the domain
    if credits is not None and hold is not None:
        charged = credits.capture(
            hold, quantities={"per_items": len(plan.placements)}, usage=USAGE, now=now
        )
    return ClusterRun(
        keywords=len(plan.placements),
        clusters_created=len(created),
        clusters_joined=len(joined),
        credits=charged,
        added_share=round(share, 4),
        is_rebuild_due=share > REBUILD_SHARE,
    )


def check_unchanged(*, account: Account, sector_id: int, fingerprint: str) -> Inputs:
    """Lock the sector and its clusters, and read what is there now.

    :raises StaleState: it is not what was computed on.
    """
    lock_sector(account=account, sector_id=sector_id)
    live = Clusters.objects.for_account(account).filter(sector_id=sector_id, deleted_at=None)
    len(live.select_for_update().order_by("pk").values_list("pk"))
    inputs = read_inputs(account=account, sector_id=sector_id)
    if inputs.fingerprint != fingerprint:
        raise StaleState("keywords or clusters changed meanwhile")
    return inputs


def insert_clusters(
    *, account: Account, sector: Sector, clusters: Sequence[tuple[str, str]]
) -> list[Clusters]:
    """New clusters of (name, intent), in this order, without keywords."""
    rows = [
        Clusters(
            account=account,
            site_id=sector.site_id,
            sector=sector,
            name=name,
            name_norm=name.casefold()[:255],
            source=ClusterSource.CLUSTERING,
            intent=intent,
            clusterer_version=CLUSTERER_VERSION,
        )
        for name, intent in clusters
    ]
    return Clusters.unscoped.bulk_create(rows, batch_size=CLUSTERS_PER_INSERT)


def _moves(plan: Plan, created: Sequence[Clusters]) -> list[Move]:
    return [
        Move(
            keyword_id=p.keyword_id,
            cluster_id=created[p.cluster].pk if p.is_new_cluster else p.cluster,
            page=p.page,
            page_place=p.page_place,
            role=p.role,
            intent=(p.intent.intent, p.intent.source, p.intent.confidence),
            variant=p.variant,
        )
        for p in plan.placements
    ]
