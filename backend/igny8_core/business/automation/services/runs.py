"""Runs: started, paused, resumed, cancelled. Each answers at once and may be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict

from igny8_core.auth import selectors as accounts
from igny8_core.auth.errors import SiteInactive
from igny8_core.business.automation import selectors
from igny8_core.business.automation.errors import RunActive, RunEnded
from igny8_core.business.automation.models import AutomationConfig, AutomationRun
from igny8_core.business.automation.services import doorbell, items, telling
from igny8_core.business.automation.states import (
    ACTIVE_RUN,
    RUN,
    Desired,
    RunStatus,
    Trigger,
    WorkItemStatus,
)
from igny8_core.business.billing import selectors as billing
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.common.errors import Scalar

RESUMING = ("day_cap_reached", "month_cap_reached")
"""Reasons of a pause that pass by themselves: the limit begins anew, or somebody raises it."""

SNAPSHOT_FIELDS = (
    *(f"stage_{number}_batch_size" for number in range(1, 7)),
    "within_stage_delay_seconds",
    "between_stage_delay_seconds",
    "max_credits_per_run",
    "max_failure_percent",
)


@tenant_atomic()
def start_run(
    *,
    account: Account,
    site_id: int,
    trigger: Trigger = Trigger.MANUAL,
    scheduled_for: datetime | None = None,
    now: datetime,
) -> AutomationRun:
    """Begin the seven stages for a site, with its config as it is now.

    :param scheduled_for: the slot that the run stands for; a slot gets one run.
    :raises NotFound: the account has no such site.
    :raises RunActive: the site's earlier run has not ended, or the slot has had its run; nothing
        was written.
    :raises SiteInactive: the site is at rest; nothing was written.
    """
    site = accounts.site(account=account, site_id=site_id)
    if not site.is_active:
        raise SiteInactive("the site is at rest", site_id=site.pk)
    config = AutomationConfig.objects.for_account(account).filter(site=site).first()
    run = AutomationRun(
        account=account,
        site=site,
        config=config,
        trigger=trigger,
        scheduled_for=scheduled_for,
        config_snapshot=_snapshot(config),
        usage_log_after=billing.newest_usage_log(account=account),
        started_at=now,
    )
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError as exc:
        active = AutomationRun.objects.for_account(account).filter(site=site)
        found = active.filter(status__in=ACTIVE_RUN).values_list("pk", flat=True).first()
        raise RunActive("the site has a run that has not ended", run_id=found) from exc
    record_event(run, "run_started", {"trigger": str(trigger)})
    items.hint_run(account_id=account.pk, run_id=run.pk)
    return run


@tenant_atomic()
def pause_run(
    *,
    account: Account,
    run_id: int,
    reason: str = "",
    data: Mapping[str, Scalar] | None = None,
    resume_at: datetime | None = None,
    now: datetime,
) -> AutomationRun:
    """Stop beginning items; those that run go on to their end. A paused run stays as it is, but
    one that would go on by itself does not when a person pauses it.

    :param reason: an error code; empty when a person asked.
    :param data: what the limit was that was reached, and what of it is used.
    :param resume_at: when that limit begins anew, and the run goes on by itself.
    :raises NotFound: the account has no such run.
    :raises TransitionNotAllowed: the run has ended; nothing was written.
    """
    run = locked_run(account=account, run_id=run_id)
    if run.status == RunStatus.PAUSED:
        if not reason and run.pause_reason in RESUMING:
            run.pause_reason, run.pause_data, run.resume_at = "", {}, None
            count_up(run, "pause_reason", "pause_data", "resume_at")
            record_event(run, "run_paused", {"reason": ""})
        return run
    change_run(
        run,
        RunStatus.PAUSED,
        code="run_paused",
        now=now,
        data={"reason": reason, **(data or {})},
        desired=Desired.PAUSE,
        pause_reason=reason,
        pause_data=dict(data or {}),
        resume_at=resume_at,
        paused_at=now,
    )
    items.unqueue(account=account, run_id=run.pk)
    return run


@tenant_atomic()
def resume_run(
    *, account: Account, run_id: int, max_credits: int | None = None, now: datetime
) -> AutomationRun:
    """Go on where the run was paused. A running run stays as it is.

    :param max_credits: the run's new cap; without it a run that reached its cap pauses again.
    :raises NotFound: the account has no such run.
    :raises TransitionNotAllowed: the run has ended; nothing was written.
    """
    run = locked_run(account=account, run_id=run_id)
    if run.status == RunStatus.RUNNING:
        return run
    snapshot = run.config_snapshot
    if max_credits is not None:
        snapshot = snapshot | {"max_credits_per_run": max_credits}
    change_run(
        run,
        RunStatus.RUNNING,
        code="run_resumed",
        now=now,
        config_snapshot=snapshot,
        desired=Desired.RUN,
        pause_reason="",
        pause_data={},
        resume_at=None,
        wake_at=None,
    )
    items.unblock(account=account, run_id=run.pk)
    items.hint_run(account_id=account.pk, run_id=run.pk)
    return run


@tenant_atomic()
def cancel_run(*, account: Account, run_id: int, now: datetime) -> AutomationRun:
    """End the run: what has not begun is cancelled; what runs is told with the next heartbeat.

    Work that asks models ends between two calls, or in the middle of one, and is not charged;
    what ends before that is kept. A cancelled run stays as it is.

    :raises NotFound: the account has no such run.
    :raises TransitionNotAllowed: the run has ended otherwise; nothing was written.
    """
    run = locked_run(account=account, run_id=run_id)
    if run.status == RunStatus.CANCELLED:
        return run
    change_run(
        run,
        RunStatus.CANCELLED,
        code="run_cancelled",
        now=now,
        desired=Desired.CANCEL,
        cancelled_at=now,
        ended_at=now,
        resume_at=None,
        wake_at=None,
    )
    items.cancel_items(account=account, run_id=run.pk)
    items.hint_run(account_id=account.pk, run_id=run.pk)  # to book what still ends
    return run


@tenant_atomic()
def retry_run(*, account: Account, run_id: int) -> int:
    """Make what failed in the run's current stage ready again; a paused run keeps it waiting.

    Earlier stages are closed: what failed there is found anew by the next run.

    :returns: how many items are ready again.
    :raises NotFound: the account has no such run.
    :raises RunEnded: nothing was written.
    """
    run = locked_run(account=account, run_id=run_id)
    if run.ended_at is not None:
        raise RunEnded("the run has ended", run_id=run.pk)
    failed = selectors.items(
        account=account,
        run_id=run.pk,
        stage=run.current_stage,
        statuses=(WorkItemStatus.FAILED, WorkItemStatus.DEAD),
    )
    ready = items.retry_items(account=account, item_ids=list(failed.values_list("pk", flat=True)))
    if ready:
        count_up(run)
        record_event(run, "items_retried", {"stage": run.current_stage, "items": len(ready)})
    return len(ready)


def locked_run(*, account: Account, run_id: int) -> AutomationRun:
    """The run, locked until the transaction ends.

    :raises NotFound: the account has no such run.
    """
    rows = AutomationRun.objects.for_account(account).select_for_update(of=("self",))
    run: AutomationRun | None = rows.filter(pk=run_id).first()
    if run is None:
        raise NotFound("no such run", run_id=run_id)
    return run


def change_run(
    run: AutomationRun,
    to: RunStatus,
    *,
    code: str,
    now: datetime,
    data: Mapping[str, Scalar] | None = None,
    **columns: Any,
) -> None:
    """Move a locked run along an edge, count its version up and record the event."""
    advance(run, to, table=RUN, now=now, version=run.version + 1, **columns)
    doorbell.ring(run.pk, run.version)
    record_event(run, code, data)


def count_up(run: AutomationRun, *columns: str) -> None:
    """Save columns of a locked run, and its next version: pages that show it look again."""
    run.version += 1
    run.save(update_fields=[*columns, "version", "updated_at"])
    doorbell.ring(run.pk, run.version)


def record_event(
    run: AutomationRun,
    code: str,
    data: Mapping[str, Scalar] | None = None,
    *,
    item_id: int | None = None,
) -> None:
    """Append to the run's history, and to what the account's addresses are told."""
    telling.record(account_id=run.account_id, run_id=run.pk, item_id=item_id, code=code, data=data)


def _snapshot(config: AutomationConfig | None) -> dict[str, int | None]:
    """What the run goes by, whatever becomes of the config: the defaults when there is none."""
    return model_to_dict(config or AutomationConfig(), fields=SNAPSHOT_FIELDS)
