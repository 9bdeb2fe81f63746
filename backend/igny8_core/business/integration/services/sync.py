"""Bring over what a connected site has: a light sweep, then what changed, one lease at a time.

Safe to repeat and to break off: what was taken over is known by its fingerprint, so the next pass
goes on where this one ended.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from django.db.models import F, Q

from igny8_core.auth import selectors as accounts
from igny8_core.business.content.services import synced_posts
from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import SyncLost, SyncNotPossible
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.adapters import connected
from igny8_core.business.integration.services.events import record_event, without_secrets
from igny8_core.business.integration.services.import_item import Importer
from igny8_core.business.integration.states import (
    SYNC,
    EventAction,
    EventType,
    ItemState,
    SyncStatus,
)
from igny8_core.clients.destinations import AuthRefused, PermissionMissing
from igny8_core.common.errors import DomainError
from igny8_core.common.queue import enqueue_on_commit, publish
from igny8_core.common.rounds import Round
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from igny8_core.auth.models import Account, Sector
    from igny8_core.clients.sources import Glimpse, Source, SourceItem, Sweep

log = structlog.get_logger(__name__)

RUN_SYNC, RECONCILE, QUEUE = "integration.run_sync", "publishing.reconcile", "publish"
LEASE: Final = timedelta(minutes=5)
FAST_EVERY: Final = timedelta(minutes=15)
FULL_EVERY: Final = timedelta(days=1)
BATCH: Final = 50
MISSING_MAX: Final = 2
SAME_MOMENT: Final = timedelta(seconds=2)
SWEEP_LIMIT: Final = 100


@dataclass
class Pass:
    """One pass over a site.

    :ivar is_full: every item is looked at; only then something can be missing.
    :ivar seen: ids by type.
    """

    account: Account
    integration: SiteIntegration
    sector: Sector
    token: int
    is_full: bool
    started_at: datetime
    seen: dict[str, set[str]] = field(default_factory=dict)
    last_seen: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)


@tenant_atomic()
def request_sync(*, account: Account, integration_id: int, is_full: bool = True) -> SiteIntegration:
    """Let a worker bring over what changed at the site.

    :raises NotFound: the account has no such connection.
    :raises SyncNotPossible: it is off, paused or refused.
    """
    row = selectors.integration(account=account, integration_id=integration_id)
    _check_possible(row)
    enqueue_on_commit(
        RUN_SYNC, queue=QUEUE, account_id=account.pk, integration_id=row.pk, is_full=is_full
    )
    return row


def sync_integration(
    *,
    account: Account,
    integration_id: int,
    is_full: bool = True,
    clock: Callable[[], datetime],
) -> dict[str, int]:
    """One pass: terms, a light list, what changed, what is gone. Returns counts by what happened.

    :raises NotFound: the account has no such connection.
    :raises SyncNotPossible: it is off, paused or refused, or it cannot be imported from.
    :raises SyncLost: another worker is at it.
    :raises DomainError: the site failed; what was taken over stays.
    """
    work = _claim(account=account, integration_id=integration_id, is_full=is_full, now=clock())
    started = time.monotonic()
    try:
        with connected(work.integration) as site:
            if not hasattr(site, "sweep_items"):
                raise SyncNotPossible(
                    "Nothing is imported from this platform.", integration_id=integration_id
                )
            _run(work, cast("Source", site), clock)
    except DomainError as exc:
        _settle(account=account, work=work, error=exc, now=clock(), ms=_ms(started))
        raise
    except BaseException:
        _settle(
            account=account, work=work, error=None, now=clock(), ms=_ms(started), is_broken=True
        )
        raise
    _settle(account=account, work=work, error=None, now=clock(), ms=_ms(started))
    return work.counts


def refresh_item(
    *,
    account: Account,
    integration_id: int,
    external_type: str,
    external_id: str,
    clock: Callable[[], datetime],
) -> dict[str, int]:
    """Look at one item of a site, as a webhook asks for; counts of what happened.

    :raises DomainError: the site failed.
    """
    with tenant(account.pk, read_only=True):
        row = selectors.integration(account=account, integration_id=integration_id)
        sector = _sector(account, row)
        _check_possible(row)
    work = Pass(account, row, sector, row.lease_token, is_full=False, started_at=clock())
    with connected(row) as site:
        source = cast("Source", site)
        found = source.fetch_items(external_type, [external_id])
        if found:
            _take_batch(work, found, clock(), fenced=False)
        else:
            _note_missing(work, external_type, {external_id}, clock(), at_once=True)
    return work.counts


def start_due_syncs(*, now: datetime, limit: int = SWEEP_LIMIT) -> int:
    """Send a hint for each connection whose next pass is due; give back leases of dead workers."""
    rows = SiteIntegration.objects.across_accounts(reason="syncs that are due")
    lost = rows.filter(sync_status=SyncStatus.SYNCING, lease_expires_at__lte=now)
    releasing = Round("start_due_syncs")
    for account_id, integration_id in lost.values_list("account_id", "pk")[:limit]:
        ids = {"account_id": account_id, "integration_id": integration_id}
        releasing.attempt(_release, **ids, now=now)
    due = (
        rows.filter(is_active=True, is_sync_enabled=True, sync_status=SyncStatus.IDLE)
        .filter(Q(last_sync_at=None) | Q(last_sync_at__lte=now - FAST_EVERY))
        .order_by(F("last_sync_at").asc(nulls_first=True), "pk")
    )
    sent = 0
    for account_id, integration_id, state in due.values_list("account_id", "pk", "sync_state")[
        :limit
    ]:
        full_at = _time(state.get("full_at"))
        is_full = full_at is None or full_at <= now - FULL_EVERY
        if not publish(
            RUN_SYNC,
            queue=QUEUE,
            account_id=account_id,
            integration_id=integration_id,
            is_full=is_full,
        ):
            break
        sent += 1
    releasing.end()
    return sent


@tenant_atomic(durable=True)
def _claim(*, account: Account, integration_id: int, is_full: bool, now: datetime) -> Pass:
    row = selectors.lock_integration(account=account, integration_id=integration_id)
    if row.sync_status == SyncStatus.SYNCING:
        raise SyncLost("Another worker brings this site over.", integration_id=row.pk)
    _check_possible(row)
    advance(
        row,
        SyncStatus.SYNCING,
        table=SYNC,
        now=now,
        field="sync_status",
        lease_token=row.lease_token + 1,
        lease_expires_at=now + LEASE,
    )
    return Pass(account, row, _sector(account, row), row.lease_token, is_full, now)


def _check_possible(row: SiteIntegration) -> None:
    is_stopped = row.sync_status in {SyncStatus.PAUSED, SyncStatus.AUTH_FAILED}
    if is_stopped or not row.is_active or not row.credentials:
        raise SyncNotPossible(
            "The site's queue stands.", integration_id=row.pk, status=row.sync_status
        )


def _sector(account: Account, row: SiteIntegration) -> Sector:
    """Where new articles of the site go: its first sector."""
    first = accounts.sectors(account=account, site=row.site).order_by("pk").first()
    if first is None:
        raise SyncNotPossible("The site has no sector.", site_id=row.site_id)
    return first


def _run(work: Pass, source: Source, clock: Callable[[], datetime]) -> None:
    if work.is_full:
        terms = list(source.source_terms())
        with _step(work, clock()):
            counts = synced_posts.save_site_terms(
                account=work.account, site_id=work.integration.site_id, terms=terms
            )
        work.counts["terms"] = counts["created"] + counts["updated"]
    since = _time(work.integration.sync_state.get("last_seen"))
    for external_type in source.external_types:
        if work.is_full or since is None:
            sweep = source.sweep_items(external_type)
            work.is_full = True
        else:
            sweep = source.changed_items(external_type, since)
        _check_sight(sweep)
        _remember(work, external_type, sweep)
        changed = _changed(work, external_type, sweep.glimpses)
        for start in range(0, len(changed), BATCH):
            found = source.fetch_items(external_type, changed[start : start + BATCH])
            _take_batch(work, found, clock())
        if work.is_full:
            _note_missing(work, external_type, work.seen[external_type], clock())


def _check_sight(sweep: Sweep) -> None:
    """:raises PermissionMissing: the site counts more than it shows us."""
    if len(sweep.glimpses) < sweep.total:
        raise PermissionMissing(
            "The account at the site may not see all of its posts.",
            capability="edit_others_posts",
            seen=len(sweep.glimpses),
            total=sweep.total,
        )


def _remember(work: Pass, external_type: str, sweep: Sweep) -> None:
    work.seen[external_type] = {glimpse.external_id for glimpse in sweep.glimpses}
    newest = max((g.modified_at for g in sweep.glimpses if g.modified_at), default=None)
    limits = [at for at in (sweep.seen_at, newest) if at is not None]
    seen = min(limits) if limits else None
    if seen is not None:
        work.last_seen = max(filter(None, (work.last_seen, seen)))


def _changed(work: Pass, external_type: str, glimpses: Sequence[Glimpse]) -> list[str]:
    """Ids of items that are new, or do not look as they did.

    A site counts in seconds: what was noted in the second of its change is looked at once more.
    """
    with tenant(work.account.pk, read_only=True):
        rows = ExternalItem.objects.for_account(work.account).filter(
            integration=work.integration, external_type=external_type
        )
        rows = rows.exclude(state=ItemState.GONE)  # what is seen again has come back
        known = {
            external_id: (modified_at, status)
            for external_id, modified_at, status, noted_at in rows.values_list(
                "external_id", "remote_modified_at", "site_status", "updated_at"
            )
            if modified_at is None or noted_at - modified_at >= SAME_MOMENT
        }
    return [
        glimpse.external_id
        for glimpse in glimpses
        if known.get(glimpse.external_id) != (glimpse.modified_at, glimpse.site_status)
    ]


def _take_batch(
    work: Pass, found: Sequence[SourceItem], now: datetime, *, fenced: bool = True
) -> None:
    with _step(work, now) if fenced else tenant(work.account.pk, durable=True):
        names = synced_posts.term_names(account=work.account, site_id=work.integration.site_id)
        importer = Importer(
            account=work.account, integration=work.integration, sector=work.sector, terms=names
        )
        for item in found:
            importer.take(item, now=now)
        _reconcile(work)
    for name, count in importer.counts.items():
        work.counts[name] = work.counts.get(name, 0) + count


def _note_missing(
    work: Pass, external_type: str, ids: set[str], now: datetime, *, at_once: bool = False
) -> None:
    """Items that a whole sweep did not see twice in a row are gone.

    :param ids: what was seen; with ``at_once`` what the site says is gone.
    """
    rows = ExternalItem.objects.for_account(work.account)
    with tenant(work.account.pk, durable=True):
        known = rows.filter(
            integration=work.integration,
            external_type=external_type,
            state__in=[ItemState.LINKED, ItemState.CONFLICT],
        )
        lost = known.filter(external_id__in=ids) if at_once else known.exclude(external_id__in=ids)
        for item in lost.select_for_update().order_by("pk"):
            item.missing_count += 1
            item.save(update_fields=["missing_count", "updated_at"])
            if item.missing_count < MISSING_MAX and not at_once:
                continue
            items.note_gone(item, now=now)
            work.counts["gone"] = work.counts.get("gone", 0) + 1
            if item.content_id is not None:
                synced_posts.bin_imported(
                    account=work.account,
                    content_id=item.content_id,
                    note="It was deleted at the site.",
                    now=now,
                )
        _reconcile(work)


def _reconcile(work: Pass) -> None:
    """Whoever publishes looks whether what it calls live still is."""
    enqueue_on_commit(
        RECONCILE, queue=QUEUE, account_id=work.account.pk, integration_id=work.integration.pk
    )


@contextmanager
def _step(work: Pass, now: datetime) -> Iterator[None]:
    """A committed step of a pass, which extends its lease.

    :raises SyncLost: another worker has it; nothing of the step is kept.
    """
    with tenant(work.account.pk, durable=True):
        rows = SiteIntegration.objects.for_account(work.account).filter(
            pk=work.integration.pk, sync_status=SyncStatus.SYNCING, lease_token=work.token
        )
        if rows.update(lease_expires_at=now + LEASE) != 1:
            raise SyncLost("The lease is over.", integration_id=work.integration.pk)
        yield


@tenant_atomic(durable=True)
def _settle(
    *,
    account: Account,
    work: Pass,
    error: DomainError | None,
    now: datetime,
    ms: int,
    is_broken: bool = False,
) -> None:
    row = selectors.lock_integration(account=account, integration_id=work.integration.pk)
    if row.sync_status != SyncStatus.SYNCING or row.lease_token != work.token:
        return
    columns: dict[str, Any] = {"lease_expires_at": None, "last_sync_at": now}
    to = SyncStatus.AUTH_FAILED if isinstance(error, AuthRefused) else SyncStatus.IDLE
    columns["sync_error"] = "" if error is None else without_secrets(error.message)[:500]
    if error is None and not is_broken:
        state = dict(row.sync_state)
        if work.last_seen is not None:
            state["last_seen"] = work.last_seen.isoformat()
        if work.is_full:
            state["full_at"] = work.started_at.isoformat()
        columns["sync_state"] = state | {"counts": work.counts}
    advance(row, to, table=SYNC, now=now, field="sync_status", **columns)
    record_event(
        account=account,
        integration=row,
        event_type=EventType.SYNC,
        action=EventAction.READ,
        error=error,
        details={"is_full": work.is_full, "is_broken": is_broken, **work.counts},
        duration_ms=ms,
    )


def _release(account_id: int, integration_id: int, now: datetime) -> None:
    with tenant(account_id):
        rows = SiteIntegration.objects.filter(
            pk=integration_id, sync_status=SyncStatus.SYNCING, lease_expires_at__lte=now
        )
        row = rows.select_for_update(no_key=True).first()
        if row is not None:
            advance(
                row,
                SyncStatus.IDLE,
                table=SYNC,
                now=now,
                field="sync_status",
                lease_expires_at=None,
                sync_error="The worker that brought this site over has gone.",
            )
            log.warning("integration.sync.expired", integration_id=integration_id)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
