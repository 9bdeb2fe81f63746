"""One attempt at one item: claim, work, settle; every way it can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, transaction

from igny8_core.ai.errors import (
    CapReached,
    ProviderKeyRefused,
    ProviderQuotaSpent,
    RateLimited,
    WorkCancelled,
)
from igny8_core.ai.ports import Terms
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.errors import LeaseLost
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import items, runs, stages
from igny8_core.business.automation.services.charges import credits_charged
from igny8_core.business.automation.services.leases import HOLDS, Holds
from igny8_core.business.automation.services.run_caps import MonthCap, RunCap
from igny8_core.business.automation.states import ErrorClass, RunStatus, WorkItemStatus
from igny8_core.business.content.errors import IdeaOverlaps
from igny8_core.common import tracing
from igny8_core.common.errors import DomainError, InsufficientCredits, Scalar, Transient
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from igny8_core.ai.ports import CapPort
    from igny8_core.auth.models import Account
    from igny8_core.business.automation.models import AutomationRun
    from igny8_core.business.automation.services.items import Lease, Worker

log = structlog.get_logger(__name__)

SKIPPING = (IdeaOverlaps,)
"""Nothing failed and nothing is to be done: the item is skipped, the run goes on."""

PAUSING = (InsufficientCredits, CapReached, ProviderKeyRefused, ProviderQuotaSpent)
"""No retry helps before a person has acted: the run waits, a single item fails."""

CREDITS_DELAY_SECONDS = 60


@dataclass
class Fence:
    """The fence of one lease, as it is handed to a service; remembers what it saw committed."""

    lease: Lease
    is_settled: bool = field(default=False, init=False)

    def __call__(self) -> None:
        """First inside the transaction that stores the result.

        :raises LeaseLost: the item is no longer ours: nothing may be stored.
        """
        items.settle(self.lease)
        transaction.on_commit(self._remember)

    def _remember(self) -> None:
        self.is_settled = True


def run_item(
    *,
    account_id: int,
    item_id: int,
    worker: Worker,
    clock: Callable[[], datetime],
    holds: Holds = HOLDS,
) -> WorkItemStatus | None:
    """Do one item if it waits for a worker. A stale or doubled hint finds nothing to claim.

    Whatever the handler raises ends this attempt, not the worker.

    :returns: the item's status when this attempt ended it or gave it back; None when there was
        nothing to do, or the lease had been lost.
    """
    with acting(f"item:{item_id}"):
        return _attempt(account_id, item_id, worker, clock, holds)


def _attempt(
    account_id: int,
    item_id: int,
    worker: Worker,
    clock: Callable[[], datetime],
    holds: Holds,
) -> WorkItemStatus | None:
    with tenant(account_id):
        lease = items.claim(account_id=account_id, item_id=item_id, worker=worker)
        if lease is None:
            return None
        account = accounts.account(account_id)
    failpoint("automation.after_claim")
    with (
        structlog.contextvars.bound_contextvars(
            item_id=item_id, run_id=lease.run_id, request_id=tracing.request_of(lease.traceparent)
        ),
        tracing.span(f"item {lease.kind}", link=lease.traceparent, item_id=item_id),
    ):
        return _end(lease, account, clock, holds)


def _end(
    lease: Lease, account: Account, clock: Callable[[], datetime], holds: Holds
) -> WorkItemStatus | None:
    """Work on a claimed item, and write whatever comes of it."""
    try:
        kind = stages.kind(lease.kind)
        with holds.holding(lease, deadline_seconds=kind.deadline_seconds) as hold:
            terms = Terms(
                caps=_caps(account, lease.run_id),
                is_cancelled=lambda: hold.is_lost or hold.is_cancelled,
            )
            _perform(lease, account, kind, clock, terms)
    except LeaseLost:
        log.info("automation.item.fenced", token=lease.token)
        return None
    except Exception as exc:  # noqa: BLE001 - the edge: an item may fail, its worker goes on
        return _give_back(lease, account, exc, clock())
    return WorkItemStatus.DONE


def _caps(account: Account, run_id: int | None) -> tuple[CapPort, ...]:
    """Limits of the run, beside those of the account."""
    return () if run_id is None else (RunCap(account, run_id), MonthCap(account, run_id))


def _perform(
    lease: Lease,
    account: Account,
    kind: stages.Kind,
    clock: Callable[[], datetime],
    terms: Terms,
) -> None:
    fence = Fence(lease)
    result_id = kind.handler(
        stages.Work(
            account=account,
            item_id=lease.item_id,
            related_type=lease.related_type,
            related_id=lease.related_id,
            attempt=lease.attempt,
            token=lease.token,
            options=lease.options,
            fence=fence,
            clock=clock,
            terms=terms,
        )
    )
    failpoint("automation.after_work")
    if fence.is_settled and result_id is None and not kind.operation:
        return
    with tenant(lease.account_id):
        mine = WorkItem.objects.filter(pk=lease.item_id, lease_token=lease.token)
        if not fence.is_settled and not mine.filter(status=WorkItemStatus.DONE).exists():
            items.settle(lease)  # the service had nothing to store
        charged = 0
        if kind.operation:
            charged = credits_charged(
                account=account,
                operation=kind.operation,
                related_type=lease.related_type,
                after={lease.related_id: lease.usage_log_after},
            ).get(lease.related_id, 0)
        if result_id is not None or charged:
            mine.update(result_id=result_id, credits_charged=charged)


def _give_back(
    lease: Lease, account: Account, exc: Exception, now: datetime
) -> WorkItemStatus | None:
    """Decide by the error what becomes of the item, and write it."""
    is_skipped = isinstance(exc, SKIPPING)
    error_class = None if is_skipped else _classify(exc)
    message = exc.message if isinstance(exc, DomainError) else repr(exc)
    is_final = error_class is ErrorClass.PERMANENT
    is_counted, delay = True, 0.0
    if error_class is ErrorClass.CREDITS:
        is_final, is_counted, delay = lease.run_id is None, False, CREDITS_DELAY_SECONDS
    elif error_class is ErrorClass.RATE:  # or cancelled: an item of a run that ended ends too
        is_counted, delay = False, getattr(exc, "retry_after_seconds", 0.0)
    elif not is_final and not is_skipped:
        is_final = lease.attempt >= items.MAX_ATTEMPTS
        delay = items.backoff_seconds(attempt=lease.attempt, item_id=lease.item_id)
    if error_class is ErrorClass.UNEXPECTED:
        log.error("automation.item.error", kind=lease.kind, exc_info=exc)
    try:
        with tenant(lease.account_id):
            run = None
            if lease.run_id is not None:  # first, as those do who pause and cancel
                run = runs.locked_run(account=account, run_id=lease.run_id)
            status = items.give_back(
                lease,
                error_class=error_class,
                error=message,
                is_final=is_final,
                is_skipped=is_skipped,
                is_counted=is_counted or is_final,
                delay_seconds=delay,
            )
            if status is not None and run is not None:
                _tell_run(run, lease, exc, account=account, status=status, now=now)
    except DatabaseError as failure:  # the lease will run out, and the sweep takes it back
        log.warning("automation.item.left", error=type(failure).__name__)
        return None
    log.info(
        "automation.item.given_back",
        attempt=lease.attempt,
        status=status,
        error_class=str(error_class or ""),
        code=getattr(exc, "code", type(exc).__name__),
    )
    return WorkItemStatus(status) if status else None


def _tell_run(
    run: AutomationRun,
    lease: Lease,
    exc: Exception,
    *,
    account: Account,
    status: str,
    now: datetime,
) -> None:
    """Pause the run when only a person can help; say so when an item has failed for good."""
    code = str(getattr(exc, "code", type(exc).__name__))
    if status == WorkItemStatus.READY and isinstance(exc, PAUSING):
        if run.status == RunStatus.RUNNING:
            about = _about(exc)
            runs.pause_run(
                account=account,
                run_id=run.pk,
                reason=code,
                data=about,
                resume_at=_begins_anew(about),
                now=now,
            )
    elif isinstance(exc, SKIPPING) and status == WorkItemStatus.CANCELLED:
        skipped: dict[str, Scalar] = {"kind": lease.kind, "reason": code, **_about(exc)}
        runs.record_event(run, "item_skipped", skipped, item_id=lease.item_id)
    elif status == WorkItemStatus.FAILED:
        data: dict[str, Scalar] = {"kind": lease.kind, "error": code}
        runs.record_event(run, "item_failed", data, item_id=lease.item_id)


def _begins_anew(about: Mapping[str, Scalar]) -> datetime | None:
    """When the limit that was reached begins anew, if it says so."""
    moment = about.get("begins_anew_at")
    return datetime.fromisoformat(moment) if isinstance(moment, str) else None


def _about(exc: DomainError) -> dict[str, Scalar]:
    """What a refusal names, but for lists."""
    return {name: value for name, value in exc.data.items() if not isinstance(value, list)}


def _classify(exc: Exception) -> ErrorClass:
    if isinstance(exc, PAUSING):
        return ErrorClass.CREDITS
    if isinstance(exc, RateLimited | WorkCancelled):
        return ErrorClass.RATE
    if isinstance(exc, Transient):
        return ErrorClass.TRANSIENT
    if isinstance(exc, DomainError):
        return ErrorClass.PERMANENT
    return ErrorClass.UNEXPECTED
