"""One step of a run: book what ended, open the next batch, close the stage, end the run.

Re-entrant: any number of repeats, from any number of processes, is harmless.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Sum

from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import AccountStatus
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import (
    STAGES,
    AutomationRun,
    AutomationStage,
)
from igny8_core.business.automation.services import charges, items, runs
from igny8_core.business.automation.services.plans import PLANS
from igny8_core.business.automation.services.stages import KINDS
from igny8_core.business.automation.states import STAGE, RunStatus, StageStatus
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

STAGE_7_BATCH = 50
FAILURE_LIMIT_PERCENT = 50
FAILURE_LIMIT_LEAST = 10
"""A run fails when at least this many items of a stage have, and they are more than its config's
share of them."""

FAILURES_LISTED = 20


def advance_run(*, account_id: int, run_id: int, now: datetime) -> RunStatus | None:
    """Do what the run needs next; nothing when another process is at it.

    :returns: the run's status afterwards; None when somebody else holds it, or it is gone.
    """
    with acting(f"run:{run_id}"), tenant(account_id):
        account = accounts.account(account_id)
        rows = AutomationRun.objects.for_account(account)
        run = rows.select_for_update(skip_locked=True, of=("self",)).filter(pk=run_id).first()
        if run is None:
            return None
        if run.ended_at is not None:  # an item that came back while the run ended
            items.cancel_items(account=account, run_id=run.pk)
        _book(account, run)
        is_awake = accounts.site(account=account, site_id=run.site_id).is_active
        is_on = account.status == AccountStatus.ACTIVE and is_awake  # else it stands still
        while is_on and run.status == RunStatus.RUNNING and _step(account, run, now):
            failpoint("automation.in_advance")
        return RunStatus(run.status)


def _step(account: Account, run: AutomationRun, now: datetime) -> bool:
    """One thing; returns whether another may follow at once."""
    if run.wake_at is not None and run.wake_at > now:
        return False
    stage = _stage(run, now)
    progress = selectors.counts(selectors.items(account=account, run_id=run.pk, stage=stage.number))
    if progress.open:
        return False
    # Only now can nothing change any more: an item may have ended since the stage was booked.
    stage = _book(account, run) or stage
    if _too_many_failed(run, progress):
        _fail(run, stage, now)
        return False
    cap = run.config_snapshot.get("max_credits_per_run")
    is_paid = bool(KINDS[PLANS[stage.number].kind].operation)
    if is_paid and cap is not None and run.total_credits_used >= cap:
        runs.pause_run(
            account=account,
            run_id=run.pk,
            reason="run_cap_reached",
            data={"limit": cap, "spent": run.total_credits_used, "held": 0},
            now=now,
        )
        run.refresh_from_db()
        return False
    delay = run.config_snapshot.get("within_stage_delay_seconds") or 0
    if stage.batch and delay and stage.next_batch_at is None:
        stage.next_batch_at = now + timedelta(seconds=delay)
        stage.save(update_fields=["next_batch_at", "updated_at"])
        _sleep(run, stage.next_batch_at)
        return False
    if _open_batch(account, run, stage, now):
        return False
    _close(run, stage, now)
    return run.status == RunStatus.RUNNING


def _stage(run: AutomationRun, now: datetime) -> AutomationStage:
    rows = AutomationStage.objects.for_account(run.account)
    stage = rows.filter(run=run, number=run.current_stage).first()
    if stage is None:
        stage = AutomationStage(
            account_id=run.account_id, run=run, number=run.current_stage, started_at=now
        )
        stage.save()
        runs.record_event(run, "stage_started", {"stage": stage.number})
    return stage


def _open_batch(
    account: Account, run: AutomationRun, stage: AutomationStage, now: datetime
) -> bool:
    """Make the items of the next batch, in the transaction that moves the cursor."""
    plan = PLANS[stage.number]
    size = run.config_snapshot.get(f"stage_{stage.number}_batch_size") or STAGE_7_BATCH
    waiting = plan.waiting(account, run.site_id, stage.batch_cursor, size)
    if not waiting:
        return False
    stage.batch += 1
    stage.batch_cursor = waiting[-1]
    stage.next_batch_at = None
    stage.planned += len(waiting)
    stage.save(update_fields=["batch", "batch_cursor", "next_batch_at", "planned", "updated_at"])
    items.create_items(
        account=account,
        kind=plan.kind,
        related_type=plan.related_type,
        related_ids=waiting,
        work_class=plan.work_class,
        run=run,
        batch=stage.batch,
        now=now,
    )
    items.hint_dispatch()
    runs.count_up(run)
    return True


def _close(run: AutomationRun, stage: AutomationStage, now: datetime) -> None:
    """Write the stage's result and go to the next, or complete the run."""
    advance(stage, StageStatus.COMPLETED, table=STAGE, now=now, ended_at=now)
    results = run.stage_results | {str(stage.number): _summary(stage, now)}
    runs.record_event(run, "stage_completed", _result(stage))
    if stage.number == STAGES:
        runs.change_run(
            run,
            RunStatus.COMPLETED,
            code="run_completed",
            now=now,
            stage_results=results,
            ended_at=now,
        )
        return
    run.stage_results, run.current_stage = results, stage.number + 1
    run.save(update_fields=["stage_results", "current_stage", "updated_at"])
    runs.count_up(run)
    if delay := run.config_snapshot.get("between_stage_delay_seconds") or 0:
        _sleep(run, now + timedelta(seconds=delay))


def _fail(run: AutomationRun, stage: AutomationStage, now: datetime) -> None:
    """Too much went wrong: go on and the rest would too."""
    advance(stage, StageStatus.COMPLETED, table=STAGE, now=now, ended_at=now)
    runs.change_run(
        run,
        RunStatus.FAILED,
        code="run_failed",
        now=now,
        stage_results=run.stage_results | {str(stage.number): _summary(stage, now)},
        error_message=f"{stage.failed} of {stage.planned} items of stage {stage.number} failed",
        ended_at=now,
    )


def _too_many_failed(run: AutomationRun, progress: selectors.Progress) -> bool:
    failed = progress.failed + progress.dead
    percent = run.config_snapshot.get("max_failure_percent") or FAILURE_LIMIT_PERCENT
    return failed >= FAILURE_LIMIT_LEAST and 100 * failed > percent * progress.total


def _book(account: Account, run: AutomationRun) -> AutomationStage | None:
    """Count the items of the current stage; those of the stages before it have ended and are
    counted. Counters are read from the items: no settle has to wait for a shared row.

    :returns: the stage; None when the run has not begun one.
    """
    stages = AutomationStage.objects.for_account(account).filter(run=run)
    stage: AutomationStage | None = stages.filter(number=run.current_stage).first()
    if stage is None:
        return None
    charges.book_charges(account=account, run_id=run.pk, stage=stage.number)
    rows = selectors.items(account=account, run_id=run.pk, stage=stage.number)
    progress = selectors.counts(rows)
    found = {
        "done": progress.done,
        "failed": progress.failed + progress.dead,
        "skipped": progress.cancelled,
        "credits_used": rows.aggregate(total=Sum("credits_charged"))["total"] or 0,
    }
    if any(getattr(stage, name) != value for name, value in found.items()):
        for name, value in found.items():
            setattr(stage, name, value)
        stage.save(update_fields=[*found, "updated_at"])
        run.total_credits_used = stages.aggregate(total=Sum("credits_used"))["total"] or 0
        runs.count_up(run, "total_credits_used")
    return stage


def _sleep(run: AutomationRun, until: datetime) -> None:
    run.wake_at = until
    run.save(update_fields=["wake_at", "updated_at"])


def _result(stage: AutomationStage) -> dict[str, int]:
    return {
        "stage": stage.number,
        "planned": stage.planned,
        "done": stage.done,
        "failed": stage.failed,
        "skipped": stage.skipped,
        "credits_used": stage.credits_used,
        "batches": stage.batch,
    }


def _summary(stage: AutomationStage, now: datetime) -> dict[str, Any]:
    """What is kept of a closed stage: its counts, its times and its first failures."""
    failed = selectors.failed_items(
        account=stage.account, run_id=stage.run_id, stage=stage.number
    ).values("pk", "kind", "related_type", "related_id", "status", "error")
    return _result(stage) | {
        "name": PLANS[stage.number].name,
        "started_at": stage.started_at.isoformat(),
        "ended_at": now.isoformat(),
        "seconds": round((now - stage.started_at).total_seconds(), 1),
        "failures": [
            {("item" if name == "pk" else name): value for name, value in row.items()}
            for row in failed[:FAILURES_LISTED]
        ],
    }
