"""One step of a run: book what ended, open the next batch, close the stage, end the run.

Re-entrant: any number of repeats, from any number of processes, is harmless.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

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
from igny8_core.business.automation.states import STAGE, RunStatus, StageStatus
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

STAGE_7_BATCH = 50
FAILURE_LIMIT_SHARE = 0.5
FAILURE_LIMIT_LEAST = 10
"""A run fails when at least this many of its items have, and they are more than the share."""


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
        is_on = account.status == AccountStatus.ACTIVE  # else it stands still until it is again
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
    if _too_many_failed(progress):
        _fail(run, stage, now)
        return False
    cap = run.config_snapshot.get("max_credits_per_run")
    if cap is not None and run.total_credits_used >= cap:
        runs.pause_run(account=account, run_id=run.pk, reason="run_cap_reached", now=now)
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
    _changed(run)
    return True


def _close(run: AutomationRun, stage: AutomationStage, now: datetime) -> None:
    """Write the stage's result and go to the next, or complete the run."""
    advance(stage, StageStatus.COMPLETED, table=STAGE, now=now, ended_at=now)
    results = run.stage_results | {str(stage.number): _result(stage)}
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
    _changed(run)
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
        stage_results=run.stage_results | {str(stage.number): _result(stage)},
        error_message=f"{stage.failed} of {stage.planned} items of stage {stage.number} failed",
        ended_at=now,
    )


def _too_many_failed(progress: selectors.Progress) -> bool:
    failed = progress.failed + progress.dead
    return failed >= FAILURE_LIMIT_LEAST and failed > FAILURE_LIMIT_SHARE * progress.total


def _book(account: Account, run: AutomationRun) -> None:
    """Counters are read from the items: no settle has to wait for a shared row."""
    total = 0
    for stage in AutomationStage.objects.for_account(account).filter(run=run).order_by("number"):
        if stage.number == run.current_stage:
            charges.book_charges(account=account, run_id=run.pk, stage=stage.number)
        rows = selectors.items(account=account, run_id=run.pk, stage=stage.number)
        progress = selectors.counts(rows)
        credits_used = rows.aggregate(total=Sum("credits_charged"))["total"] or 0
        found = {
            "done": progress.done,
            "failed": progress.failed + progress.dead,
            "skipped": progress.cancelled,
            "credits_used": credits_used,
        }
        total += credits_used
        if any(getattr(stage, name) != value for name, value in found.items()):
            for name, value in found.items():
                setattr(stage, name, value)
            stage.save(update_fields=[*found, "updated_at"])
            _changed(run)
    if total != run.total_credits_used:
        run.total_credits_used = total
        run.save(update_fields=["total_credits_used", "updated_at"])


def _sleep(run: AutomationRun, until: datetime) -> None:
    run.wake_at = until
    run.save(update_fields=["wake_at", "updated_at"])


def _changed(run: AutomationRun) -> None:
    run.version += 1
    run.save(update_fields=["version", "updated_at"])


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
