"""A site's schedule, and its runs: started, watched, paused, ended."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services import configs, doorbell, runs, wording
from igny8_core.business.automation.services.progress import run_progress
from igny8_core.business.automation.services.run_estimates import estimate_run
from igny8_core.business.automation.states import Frequency, RunStatus, Weekday
from igny8_core.common.errors import DomainError, InvalidInput, NotFound
from igny8_core.web.forms.settings import time_zones
from igny8_core.web.lists import page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, go_to, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

FAILED_SHOWN: Final = 12
RUNS_ROWS: Final = 15
NUMBERS: Final = (
    *configs.BATCH_SIZES,
    "within_stage_delay_seconds",
    "between_stage_delay_seconds",
    "max_failure_percent",
)
WAITS: Final = frozenset(NUMBERS) - {"max_failure_percent"}
"""Fields of the part of the form that is folded up."""

CAPS: Final = ("max_credits_per_run", "max_credits_per_month")
STAGES: Final = {
    1: ("Cluster keywords", "Group new keywords by meaning", "clusterings"),
    2: ("Generate ideas", "An idea for each page that has none", "sectors"),
    3: ("Create tasks", "Queue the best ideas; what repeats a page is held back", "ideas"),
    4: ("Write content", "Each article is checked before it is kept", "articles"),
    5: ("Plan images", "What each picture is to show", "articles"),
    6: ("Create images", "Covers and pictures", "images"),
    7: ("Send to review", "Hand the drafts over to editors", "drafts"),
}
"""By number: a name, what it does, what it counts."""

WAITING: Final = {1: "keywords", 2: "clusters"}
"""What waits for stages whose items are whole sectors."""

TONES: Final = {
    RunStatus.RUNNING: "accent",
    RunStatus.PAUSED: "warn",
    RunStatus.COMPLETED: "ok",
    RunStatus.FAILED: "bad",
    RunStatus.CANCELLED: "",
}
WHY_PAUSED: Final = {
    "": "Somebody paused it. Items that were under way are finished and kept.",
    "run_cap_reached": "It reached the most that a run may spend. Raise the cap to go on.",
    "month_cap_reached": "The month's cap is reached. It goes on next month, or raise the cap.",
    "day_cap_reached": "The day's cap is reached. It goes on tomorrow.",
    "insufficient_credits": "There are not enough credits. It goes on when there are.",
    "credits_blocked": "New work is stopped for this account. Look at the credits.",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def automation(request: SectorRequest) -> HttpResponse:
    """When runs start by themselves, what the next one would do, and those there were."""
    return _page(request)


def _page(
    request: SectorRequest, *, error: DomainError | None = None, status: int = 200
) -> HttpResponse:
    account, site, now = request.account, request.site, timezone.now()
    config = selectors.config(account=account, site_id=site.pk)
    page = page_of(
        selectors.runs(account=account, site_id=site.pk),
        page_number(request.GET),
        page_rows=RUNS_ROWS,
    )
    context = {
        "config": config,
        "values": _values(request, config) if error is None else request.POST.dict(),
        "error": error,
        "wrong": {} if error is None else error.data,
        "is_batch_wrong": error is not None and not WAITS.isdisjoint(error.data),
        "in_words": wording.schedule_in_words(config) if config else "",
        "next_run": wording.next_run_in_words(config, now=now) if config else "",
        "active": selectors.active_run(account=account, site_id=site.pk),
        "page": page,
        "runs": [(run, TONES[RunStatus(run.status)]) for run in page.rows],
        "frequencies": [(one.value, one.label) for one in Frequency],
        "weekdays": [(str(one.value), one.label) for one in Weekday],
        "time_zones": time_zones(),
        "batches": [
            (f"stage_{n}_batch_size", f"{label}: {unit} a batch")
            for n, (label, _, unit) in STAGES.items()
            if n < len(STAGES)
        ],
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(
        request, "automation/automation.html", part="runs", context=context, status=status
    )


def _values(request: SectorRequest, config: Any) -> dict[str, Any]:
    """What the form shows: the site's config, or the one that it would get, as text."""
    shown = config or configs.proposed_config(account=request.account, site=request.site)
    values = {name: getattr(shown, name) for name in configs.EDITABLE}
    return {
        name: value if name == "is_enabled" else "" if value is None else str(value)
        for name, value in values.items()
    } | {"scheduled_time": f"{shown.scheduled_time:%H:%M}"}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def estimate(request: SectorRequest) -> HttpResponse:
    """What a run that starts now would do and cost; the page asks for it when it is there."""
    context = {"estimate": _estimate(request)}
    return render_screen(request, "automation/estimate_page.html", part="card", context=context)


def _estimate(request: SectorRequest) -> dict[str, Any] | None:
    """What a run would do now; None while there are no prices."""
    try:
        found = estimate_run(account=request.account, site_id=request.site.pk, now=timezone.now())
    except DomainError:
        return None
    stages = [
        {
            "name": STAGES[one.number][0],
            "unit": WAITING.get(one.number, STAGES[one.number][2]),
            "stage": one,
        }
        for one in found.stages
    ]
    return {"whole": found, "stages": stages, "is_empty": not any(s.expected for s in found.stages)}


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save(request: SectorRequest) -> HttpResponse:
    """Change when runs start, how big their batches are, and what they may cost."""
    try:
        configs.save_config(
            account=request.account,
            site_id=request.site.pk,
            now=timezone.now(),
            **_columns(request.POST),
        )
    except InvalidInput as exc:
        return _page(request, error=exc, status=exc.http_status)
    return go_to(request, _list(request), "Saved. A run that is on keeps its settings.")


def _columns(data: QueryDict) -> dict[str, Any]:
    found: dict[str, Any] = {
        "is_enabled": data.get("is_enabled") == "1",
        "frequency": text(data, "frequency"),
        "timezone": text(data, "timezone"),
        "weekday": whole(data, "weekday"),
    }
    try:
        at = time.fromisoformat(text(data, "scheduled_time"))
        found["scheduled_time"] = at.replace(tzinfo=None)  # the zone is a field of its own
    except ValueError as exc:
        wrong = ["Type hours and minutes, such as 06:00."]
        raise InvalidInput("The schedule does not go together.", scheduled_time=wrong) from exc
    numbers = {name: whole(data, name) for name in (*NUMBERS, *CAPS, "day_of_month")}
    strange = {name: ["Type a number."] for name, number in numbers.items()
             if number is None and text(data, name)}  # fmt: skip
    if strange:
        raise InvalidInput("The schedule does not go together.", **strange)
    may_be_none = {*CAPS, "day_of_month"}
    return found | {
        name: number
        for name, number in numbers.items()
        if number is not None or name in may_be_none
    }


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def start(request: SectorRequest) -> HttpResponse:
    """Start a run now: what it would do and cost first."""
    if request.POST.get("confirmed") != "1":
        config = selectors.config(account=request.account, site_id=request.site.pk)
        context = {"estimate": _estimate(request), "config": config}
        return dialog(request, "automation/start_dialog.html", context=context)
    run = runs.start_run(account=request.account, site_id=request.site.pk, now=timezone.now())
    return go_to(request, _address(request, run.pk))


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def run(request: SectorRequest, run_id: int) -> HttpResponse:
    """One run, live: the page asks for this part again whenever its bell rings."""
    return _run(request, run_id)


def _run(request: SectorRequest, run_id: int) -> HttpResponse:
    account, now = request.account, timezone.now()
    progress = run_progress(account=account, run_id=run_id, now=now)
    found = _of_site(request, progress.run)
    is_open = found.ended_at is None
    failed = list(selectors.failed_items(account=account, run_id=run_id)[:FAILED_SHOWN])
    total = progress.items.total
    done = total - progress.items.open
    config = selectors.config(account=account, site_id=request.site.pk)
    context = {
        "run": found,
        "version": progress.version,
        "is_open": is_open,
        "tone": TONES[RunStatus(found.status)],
        "stages": [_stage(one, found) for one in progress.stages],
        "stage": STAGES[found.current_stage][0],
        "progress": progress,
        "percent": _percent(progress),
        "done": done,
        "elapsed": (found.ended_at or now) - found.started_at,
        "why": WHY_PAUSED.get(found.pause_reason, found.pause_reason.replace("_", " ")),
        "curve": _curve(progress),
        "projected": _projected(progress),
        "left": None if progress.cap is None else max(0, progress.cap - progress.credits_used),
        "balance": account.credits_available,
        "failed": failed,
        "stream": doorbell.stream_address(account_id=account.pk, run_id=run_id, now=now)
        if is_open
        else "",
        "in_words": wording.schedule_in_words(config) if config else "",
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "automation/run.html", part="live", context=context)


def _stage(one: Any, run: Any) -> dict[str, Any]:
    name, text_, unit = STAGES[one.number]
    state = {"completed": "done", "running": "active"}.get(one.status, "waiting")
    if state == "active" and run.status != RunStatus.RUNNING:
        state = "paused" if run.ended_at is None else "failed"
    items = one.items
    return {
        "number": one.number,
        "name": name,
        "text": text_,
        "unit": unit,
        "state": state,
        "total": items.total,
        "done": items.done,
        "running": items.running,
        "failed": items.failed + items.dead,
        "credits": one.credits_used,
        "status": one.status,
    }


def _percent(progress: Any) -> int:
    """By stages, each as far as its items are."""
    if progress.run.status == RunStatus.COMPLETED:
        return 100
    parts = 0.0
    for stage in progress.stages:
        if stage.status == "completed":
            parts += 1
        elif stage.items.total:
            parts += (stage.items.total - stage.items.open) / stage.items.total
    return round(parts * 100 / len(progress.stages))


def _curve(progress: Any) -> list[tuple[float, int]]:
    """Credits over the run: after each stage that has begun."""
    points, spent, reached = [(0.0, 0)], 0, [s for s in progress.stages if s.items.total]
    share = _percent(progress) / 100
    for n, stage in enumerate(reached, start=1):
        spent += stage.credits_used
        points.append((share * n / len(reached), spent))
    return points if len(points) > 1 else [(0.0, 0), (max(share, 0.01), progress.credits_used)]


def _projected(progress: Any) -> int:
    """At the pace so far; what is spent while nothing can be told."""
    share = _percent(progress) / 100
    used: int = progress.credits_used
    return round(used / share) if 0 < share < 1 and progress.run.ended_at is None else used


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def pause(request: SectorRequest, run_id: int) -> HttpResponse:
    """After the items that are under way."""
    _found(request, run_id)
    runs.pause_run(account=request.account, run_id=run_id, now=timezone.now())
    return _after(request, run_id)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def resume(request: SectorRequest, run_id: int) -> HttpResponse:
    """Go on, with a higher cap if one is given."""
    _found(request, run_id)
    runs.resume_run(
        account=request.account,
        run_id=run_id,
        max_credits=whole(request.POST, "max_credits"),
        now=timezone.now(),
    )
    return _after(request, run_id)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def cancel(request: SectorRequest, run_id: int) -> HttpResponse:
    """End it: what is made is kept."""
    _found(request, run_id)
    runs.cancel_run(account=request.account, run_id=run_id, now=timezone.now())
    return _after(request, run_id)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def retry(request: SectorRequest, run_id: int) -> HttpResponse:
    """Try what failed in the current stage again."""
    _found(request, run_id)
    runs.retry_run(account=request.account, run_id=run_id)
    return _after(request, run_id)


def _after(request: SectorRequest, run_id: int) -> HttpResponse:
    """The run as it is now: the fragment for htmx, else its page."""
    if request.htmx:
        return _run(request, run_id)
    return go_to(request, _address(request, run_id))


def _found(request: SectorRequest, run_id: int) -> Any:
    return _of_site(request, selectors.run(account=request.account, run_id=run_id))


def _of_site(request: SectorRequest, found: Any) -> Any:
    if found.site_id != request.site.pk:
        raise NotFound("no such run", run_id=found.pk)
    return found


def _list(request: SectorRequest) -> str:
    return reverse("automation", args=[request.site.pk, request.sector.pk])


def _address(request: SectorRequest, run_id: int) -> str:
    return reverse("run", args=[request.site.pk, request.sector.pk, run_id])
