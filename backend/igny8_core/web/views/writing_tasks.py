"""Writing tasks: what waits to be written, what is being written, what failed and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors as automation
from igny8_core.business.automation.services import requests
from igny8_core.business.billing import selectors as billing
from igny8_core.business.content import selectors
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services.generation import words_at_most
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning.services.idea_prices import writing_quotes
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.web.lists import heads, ids_of, one_of, page_number, page_of, text
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

CHANGED: Final = "tasks-changed"
MAX_AT_ONCE: Final = 100
COLUMNS: Final = (
    ("Title", "", ""),
    ("Cluster", "max-sm:hidden", ""),
    ("Words", "max-sm:hidden num", ""),
    ("Credits", "num", ""),
    ("State", "", ""),
    ("Since", "", ""),
    ("", "w-10", ""),
)
VIEWS: Final = {
    "queued": ("Waiting", TaskStatus.QUEUED),
    "completed": ("Written", TaskStatus.COMPLETED),
}
STATES: Final = {
    "ready": ("Waits its turn", "info"),
    "queued": ("Waits its turn", "info"),
    "running": ("Being written", "accent"),
    "failed": ("Failed", "bad"),
    "dead": ("Failed", "bad"),
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def writing_tasks(request: SectorRequest) -> HttpResponse:
    """The list, newest first, each with what its work item says."""
    view, q = one_of(request.GET, "view", VIEWS) or "queued", text(request.GET, "q")
    rows = selectors.writing_tasks(
        account=request.account, sector=request.sector, status=VIEWS[view][1], q=q
    )
    page = page_of(rows, page_number(request.GET))
    items = _items(request, [row.pk for row in page.rows])
    quote = writing_quotes(now=timezone.now())
    context = {
        "page": page,
        "rows": [_row(row, items.get(row.pk), quote) for row in page.rows],
        "heads": heads(COLUMNS, ""),
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "q": q,
        "query": request.GET.urlencode(),
        "may_edit": request.role.includes(Role.EDITOR),
        "is_busy": any(item.status in STATES and item.status not in {"failed", "dead"}
                       for item in items.values()),
    }  # fmt: skip
    return render_screen(request, "writing/tasks.html", part="table", context=context)


def _items(request: SectorRequest, ids: Sequence[int]) -> dict[int, Any]:
    """The last work item of each task."""
    rows = automation.items(account=request.account, kind="content.generate")
    return {item.related_id: item for item in rows.filter(related_id__in=ids).order_by("pk")}


def _row(task: Any, item: Any, quote: Any) -> dict[str, Any]:
    state, tone = STATES.get(item.status, ("", "")) if item else ("", "")
    if task.status == TaskStatus.COMPLETED:
        state, tone = "Written", "ok"
    elif not state:
        state, tone = ("Not stored", "bad") if task.last_error else ("Not asked for", "")
    return {
        "task": task,
        "credits": item.credits_charged if item and task.status == TaskStatus.COMPLETED
        else quote(words_at_most(task.target_word_count)),
        "state": state,
        "tone": tone,
        "error": (item.error if item and tone == "bad" else "") or task.last_error,
        "attempts": item.attempts if item else 0,
    }  # fmt: skip


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def write(request: SectorRequest) -> HttpResponse:
    """Have articles written: what it costs at most first, then the work."""
    given = request.POST.get("ids", "")
    chosen = _chosen(request, ids_of(given, limit=MAX_AT_ONCE))
    ids = [row.pk for row in chosen]
    if request.POST.get("confirmed") == "1":
        items = requests.request_articles(
            account=request.account, writing_task_ids=ids, now=timezone.now()
        )
        noun = "article is" if len(items) == 1 else "articles are"
        return done(request, f"{len(items)} {noun} queued.", to=_list(request), event=CHANGED)
    quote = writing_quotes(now=timezone.now())
    context = {
        "ids": given,
        "count": len(ids),
        "words": sum(row.target_word_count for row in chosen),
        "credits": sum(quote(words_at_most(row.target_word_count)) or 0 for row in chosen),
        "available": billing.credit_wallet(account=request.account).available,
    }
    return dialog(request, "writing/write_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete(request: SectorRequest) -> HttpResponse:
    """Writing tasks go into the bin; their ideas are new again."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    _chosen(request, ids)
    bins.delete_writing_tasks(account=request.account, ids=ids, now=timezone.now())
    address = reverse("task_restore", args=[request.site.pk, request.sector.pk])
    undo = {"label": "Undo", "url": address, "values": {"ids": ",".join(map(str, ids))}}
    noun = "writing task is" if len(ids) == 1 else "writing tasks are"
    said = f"{len(ids)} {noun} in the bin."
    return done(request, said, to=_list(request), event=CHANGED, undo=undo)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore(request: SectorRequest) -> HttpResponse:
    """Take writing tasks out of the bin."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if not ids:
        raise InvalidInput("There is nothing to take back.")
    bins.restore_writing_tasks(account=request.account, ids=ids, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


def _chosen(request: SectorRequest, ids: Sequence[int]) -> list[Any]:
    if not ids:
        raise InvalidInput("Choose writing tasks first.")
    rows = selectors.writing_tasks(account=request.account, sector=request.sector)
    found = list(rows.filter(pk__in=ids))
    if len(found) != len(ids):
        raise Conflict("Some of these writing tasks are gone.")
    return found


def _list(request: SectorRequest) -> str:
    return reverse("tasks", args=[request.site.pk, request.sector.pk])
