"""How far a run is, what it cost so far against its limit, and when it may end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Avg, Count, F, Q, Sum

from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import AutomationStage, WorkItem
from igny8_core.business.automation.services.plans import PLANS
from igny8_core.business.automation.services.run_caps import credits_of_items
from igny8_core.business.automation.states import RunStatus, StageStatus, WorkItemStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.automation.models import AutomationRun

EARLIER_STAGES = 20
"""So many closed stages of the site tell how long an item of a stage takes."""


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage, whether the run has reached it or not.

    :ivar status: ``waiting``, ``running``, ``completed`` or, in a run that ended early,
        ``not_reached``.
    """

    number: int
    name: str
    status: str
    items: selectors.Progress
    credits_used: int


@dataclass(frozen=True, slots=True)
class RunProgress:
    """All that a page shows of a run while it goes on.

    :ivar version: another text means that something has changed.
    :ivar credits_held: set aside for items that run now.
    :ivar cap: most that the run may spend; None is no limit.
    :ivar eta_stage_seconds: until the items of the current stage that are known have ended; None
        when nothing of the stage has ended yet and no earlier run tells.
    :ivar eta_seconds: until the end, by the pace of this run and of earlier runs of the site;
        None as long as neither tells.
    """

    run: AutomationRun
    version: str
    stages: list[StageProgress]
    items: selectors.Progress
    credits_used: int
    credits_held: int
    cap: int | None
    eta_stage_seconds: float | None
    eta_seconds: float | None


@tenant_atomic()
def run_progress(*, account: Account, run_id: int, now: datetime) -> RunProgress:
    """The progress of a run, from its items as they are now; few queries, whatever their number.

    :raises NotFound: the account has no such run.
    """
    run = selectors.run(account=account, run_id=run_id)
    rows = {stage.number: stage for stage in selectors.stages(account=account, run_id=run.pk)}
    items = _items_by_stage(account, run.pk)
    stages = [
        StageProgress(
            number=number,
            name=plan.name,
            status=_status(run, rows.get(number)),
            items=selectors.Progress(**items[number][0]) if number in items else _NOTHING,
            credits_used=items[number][1] if number in items else 0,
        )
        for number, plan in PLANS.items()
    ]
    total = _added(stage.items for stage in stages)
    held = 0
    if total.running:
        of_run = WorkItem.objects.for_account(account).filter(run_id=run.pk)
        _, held = credits_of_items(account=account, items=of_run, after=run.usage_log_after)
    in_stage, in_all = _eta(account, run, rows.get(run.current_stage), stages, now)
    return RunProgress(
        run=run,
        version=f"{run.version}.{total.total - total.open}.{total.running}",
        stages=stages,
        items=total,
        credits_used=max(run.total_credits_used, sum(stage.credits_used for stage in stages)),
        credits_held=held,
        cap=run.config_snapshot.get("max_credits_per_run"),
        eta_stage_seconds=in_stage,
        eta_seconds=in_all,
    )


_NOTHING = selectors.Progress()


def _items_by_stage(account: Account, run_id: int) -> dict[int, tuple[dict[str, int], int]]:
    """By stage: how many items are in each status, and what they were charged."""
    rows = WorkItem.objects.for_account(account).filter(run_id=run_id).order_by()
    counts = {status.value: Count("pk", filter=Q(status=status)) for status in WorkItemStatus}
    found = rows.values("stage").annotate(**counts, credits=Sum("credits_charged"))
    return {int(row.pop("stage")): (row, int(row.pop("credits") or 0)) for row in map(dict, found)}


def _added(counts: Any) -> selectors.Progress:
    total = dict.fromkeys((status.value for status in WorkItemStatus), 0)
    for count in counts:
        for name in total:
            total[name] += getattr(count, name)
    return selectors.Progress(**total)


def _status(run: AutomationRun, stage: AutomationStage | None) -> str:
    if stage is not None:
        return str(stage.status)
    return "waiting" if run.ended_at is None else "not_reached"


def _eta(
    account: Account,
    run: AutomationRun,
    current: AutomationStage | None,
    stages: list[StageProgress],
    now: datetime,
) -> tuple[float | None, float | None]:
    """Seconds until the stage and the run end: items that are left, by the time an item took."""
    if run.status != RunStatus.RUNNING:
        return None, None
    pace = _seconds_by_stage(account, run)
    here = stages[run.current_stage - 1].items
    ended = here.total - here.open
    if current is not None and ended:
        pace[run.current_stage] = (now - current.started_at).total_seconds() / ended
    if here.open and run.current_stage not in pace:
        return None, None
    waits = max(0.0, (run.wake_at - now).total_seconds()) if run.wake_at else 0.0
    in_stage = waits + here.open * pace.get(run.current_stage, 0.0)
    later = [stage for stage in stages if stage.number > run.current_stage]
    if any(stage.number not in pace for stage in later):
        return round(in_stage, 1), None
    delay = run.config_snapshot.get("between_stage_delay_seconds") or 0
    # What reaches the later stages is about what the current one has in all.
    in_all = in_stage + sum(delay + here.total * pace[stage.number] for stage in later)
    return round(in_stage, 1), round(in_all, 1)


def _seconds_by_stage(account: Account, run: AutomationRun) -> dict[int, float]:
    """Of the site's stages that closed lately: seconds for each item that ended, by stage."""
    closed = AutomationStage.objects.for_account(account).filter(
        run__site_id=run.site_id, status=StageStatus.COMPLETED, done__gt=0
    )
    latest = closed.order_by("-pk").values("pk")[: EARLIER_STAGES * len(PLANS)]
    rows = AutomationStage.objects.for_account(account).filter(
        pk__in=list(latest.values_list("pk", flat=True))
    )
    found = (
        rows.order_by()
        .values_list("number")
        .annotate(
            items=Sum(F("done") + F("failed")),
            took=Avg(F("ended_at") - F("started_at")),
            n=Count("pk"),
        )
    )
    return {
        int(number): took.total_seconds() * n / items for number, items, took, n in found if items
    }
