"""Keywords -> clusters of a sector: read, compute outside any transaction, save in one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connection

from igny8_core.ai.ports import Usage
from igny8_core.business.planning.models import Clusters
from igny8_core.business.planning.services.cluster_counts import lock_sector, recount_clusters
from igny8_core.business.planning.services.cluster_inputs import Inputs, read_inputs
from igny8_core.business.planning.services.cluster_plan import CLUSTERER_VERSION, Plan, make_plan
from igny8_core.business.planning.services.keyword_intents import brand_words
from igny8_core.business.planning.services.paid_work import released_on_error
from igny8_core.business.planning.states import ClusterSource, KeywordStatus
from igny8_core.common.errors import StaleState
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Account, Sector, Site

log = structlog.get_logger(__name__)

OPERATION = "clustering"
HOLD_TTL = timedelta(minutes=15)
CLUSTERS_PER_INSERT = 1_000
KEY_STATE_DIGITS = 32
USAGE = Usage(provider="local", model="wordllama")

_CREATE_PLACED = """
CREATE TEMP TABLE placed (
    id bigint PRIMARY KEY, cluster_id bigint, page int, page_place int, role text,
    intent text, intent_source text, intent_confidence float8) ON COMMIT DROP
"""
_COPY_PLACED = """
COPY placed (id, cluster_id, page, page_place, role, intent, intent_source, intent_confidence)
FROM STDIN
"""
_UPDATE = """
UPDATE planning_keywords k
   SET cluster_id = p.cluster_id, page = p.page, page_place = p.page_place, role = p.role,
       intent = p.intent, intent_source = p.intent_source,
       intent_confidence = p.intent_confidence, status = %(mapped)s, updated_at = %(now)s
  FROM placed p
 WHERE k.id = p.id AND k.account_id = %(account)s AND k.sector_id = %(sector)s
   AND k.cluster_id IS NULL AND k.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """What a run did.

    :ivar keywords: keywords that got a cluster.
    :ivar clusters_created: new clusters among those they went into.
    :ivar credits: charged; 0 when nothing changed or nobody counts.
    """

    keywords: int
    clusters_created: int
    clusters_joined: int
    credits: int


def cluster_keywords(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
) -> ClusterRun:
    """Give every keyword without a cluster its place.

    The first run of a sector clusters the whole list. Later ones hold new keywords against the
    clusters that are there; what fits nowhere makes new ones. No placed keyword moves, locked and
    disabled clusters take none. Safe to repeat: a run that finds nothing to do charges nothing.

    :raises InsufficientCredits: nothing was written.
    :raises StaleState: keywords or clusters changed while it computed; nothing was written or
        charged. Repeat.
    """
    inputs = _read(account=account, sector=sector)
    count = len(inputs.unplaced)
    if not count:
        return ClusterRun(0, 0, 0, 0)
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
        plan = make_plan(
            inputs,
            language=site.language,
            brands=brand_words(name=site.name, domain=site.domain),
        )
        run = _save(
            account=account,
            sector=sector,
            inputs=inputs,
            plan=plan,
            credits=credits,
            hold=hold,
            now=clock(),
        )
    log.info("planning.clustered", sector_id=sector.pk, keywords=run.keywords, credits=run.credits)
    return run


@tenant_atomic(durable=True)
def _read(*, account: Account, sector: Sector) -> Inputs:
    return read_inputs(account=account, sector_id=sector.pk)


@tenant_atomic(durable=True)
def _save(
    *,
    account: Account,
    sector: Sector,
    inputs: Inputs,
    plan: Plan,
    credits: CreditPort | None,  # noqa: A002
    hold: Hold | None,
    now: datetime,
) -> ClusterRun:
    """Everything or nothing, and the charge with it, as the last statement."""
    lock_sector(account=account, sector_id=sector.pk)
    live = Clusters.objects.for_account(account).filter(sector=sector, deleted_at=None)
    len(live.select_for_update().order_by("pk").values_list("pk"))
    if read_inputs(account=account, sector_id=sector.pk).fingerprint != inputs.fingerprint:
        raise StaleState("keywords or clusters changed while they were clustered")
    created = _insert_clusters(account=account, sector=sector, plan=plan)
    joined = sorted({p.cluster for p in plan.placements if not p.is_new_cluster})
    _update_keywords(sector=sector, plan=plan, created=created, now=now)
    recount_clusters(account=account, sector_id=sector.pk, cluster_ids=joined, now=now)
    charged = 0
    if credits is not None and hold is not None:
        charged = credits.capture(
            hold, quantities={"per_items": len(plan.placements)}, usage=USAGE, now=now
        )
    return ClusterRun(len(plan.placements), len(created), len(joined), charged)


def _insert_clusters(*, account: Account, sector: Sector, plan: Plan) -> list[Clusters]:
    rows = [
        Clusters(
            account=account,
            site_id=sector.site_id,
            sector=sector,
            name=cluster.name,
            name_norm=cluster.name.casefold()[:255],
            source=ClusterSource.CLUSTERING,
            intent=cluster.intent,
            keywords_count=cluster.keywords_count,
            volume=cluster.volume,
            clusterer_version=CLUSTERER_VERSION,
        )
        for cluster in plan.clusters
    ]
    return Clusters.unscoped.bulk_create(rows, batch_size=CLUSTERS_PER_INSERT)


def _update_keywords(
    *, sector: Sector, plan: Plan, created: Sequence[Clusters], now: datetime
) -> None:
    """One set-based update for all keywords; those that changed meanwhile stop it."""
    rows: list[tuple[Any, ...]] = [
        (
            p.keyword_id,
            created[p.cluster].pk if p.is_new_cluster else p.cluster,
            p.page,
            p.page_place,
            p.role,
            p.intent.intent,
            p.intent.source,
            p.intent.confidence,
        )
        for p in sorted(plan.placements, key=lambda p: p.keyword_id)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CREATE_PLACED)
        with cursor.copy(_COPY_PLACED) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE placed")
        values: dict[str, Any] = {
            "account": sector.account_id,
            "sector": sector.pk,
            "mapped": KeywordStatus.MAPPED.value,
            "now": now,
        }
        cursor.execute(_UPDATE, values)
        if cursor.rowcount != len(rows):
            raise StaleState("keywords changed while they were clustered")
        cursor.execute("DROP TABLE placed")
