"""The board of ideas: new ones to decide, queued ones, and what became an article."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors as billing
from igny8_core.business.content import selectors as content
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services.guard_ideas import check_ideas
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning import selectors
from igny8_core.business.planning.services import bin_ideas, guard_ideas
from igny8_core.business.planning.services.idea_prices import writing_quotes
from igny8_core.business.planning.states import IdeaStatus, OverlapVerdict
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.web.lists import ids_of, page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

CHANGED: Final = "ideas-changed"
COLUMN_ROWS: Final = 24
MAX_AT_ONCE: Final = 100
COLUMNS: Final = (
    (IdeaStatus.NEW, "New", "Accept the good ones; drag them or use their menu."),
    (IdeaStatus.QUEUED, "Queued", "Each has its writing task."),
    (IdeaStatus.COMPLETED, "Completed", "Their article is there."),
)
TONES: Final = {
    OverlapVerdict.DIFFERENTIATE.value: "info",
    OverlapVerdict.MERGE.value: "warn",
    OverlapVerdict.SKIP.value: "warn",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def ideas(request: SectorRequest) -> HttpResponse:
    """Three columns, the largest volumes first; of one column alone with ``?status=``."""
    asked: dict[str, Any] = {"q": text(request.GET, "q"), "cluster": whole(request.GET, "cluster")}
    cluster = None
    if asked["cluster"]:
        cluster = selectors.cluster(account=request.account, cluster_id=asked["cluster"])
    alone = text(request.GET, "status")
    number = page_number(request.GET) if alone in IdeaStatus.values else 1
    quote = writing_quotes(now=timezone.now())
    columns: list[dict[str, Any]] = []
    whole_board = selectors.ideas(account=request.account, sector=request.sector, **asked)
    totals = dict(whole_board.order_by().values_list("status").annotate(Count("pk")))
    for status, label, hint in COLUMNS:
        if alone in IdeaStatus.values and status != alone:
            continue
        rows = selectors.ideas(
            account=request.account, sector=request.sector, status=status, **asked
        )
        page = page_of(rows, number, page_rows=COLUMN_ROWS, total=totals.get(status, 0))
        cards = [(row, quote(row.estimated_words), TONES.get(row.overlap, "")) for row in page.rows]
        columns.append({"status": status, "label": label, "hint": hint, "page": page,
                        "cards": cards})  # fmt: skip
    context = {
        "columns": columns,
        "alone": alone if alone in IdeaStatus.values else "",
        "q": asked["q"],
        "cluster": cluster,
        "query": request.GET.urlencode(),
        "may_edit": request.role.includes(Role.EDITOR),
        "is_empty": not any(column["page"].total for column in columns)
        and not asked["q"] and cluster is None,
    }  # fmt: skip
    return render_screen(request, "planning/ideas.html", part="board", context=context)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def idea(request: SectorRequest, idea_id: int) -> HttpResponse:
    """One idea: why, what it would hold, what it overlaps with."""
    found = selectors.idea(account=request.account, idea_id=idea_id)
    keywords = selectors.idea_keywords(account=request.account, idea_ids=[found.pk])
    context = {
        "idea": found,
        "keywords": keywords[found.pk],
        "credits": writing_quotes(now=timezone.now())(found.estimated_words),
        "tone": TONES.get(found.overlap, ""),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return dialog(request, "planning/idea_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def accept(request: SectorRequest) -> HttpResponse:
    """Ideas become writing tasks. The words cost when they are written; that is said first."""
    given = request.POST.get("ids", "")
    ids = ids_of(given, limit=MAX_AT_ONCE)
    chosen = _chosen(request, ids)
    if request.POST.get("confirmed") == "1":
        made = create_writing_tasks(account=request.account, idea_ids=ids, now=timezone.now())
        noun = "writing task is" if len(made) == 1 else "writing tasks are"
        return done(request, f"{len(made)} {noun} queued.", to=_list(request), event=CHANGED)
    check_ideas(account=request.account, site=request.site, idea_ids=ids, now=timezone.now())
    chosen = _chosen(request, ids)
    free = [row for row in chosen if not row.is_blocked]
    quote = writing_quotes(now=timezone.now())
    context = {
        "ids": ",".join(str(row.pk) for row in free),
        "free": free,
        "blocked": [row for row in chosen if row.is_blocked],
        "credits": sum(quote(row.estimated_words) or 0 for row in free),
        "words": sum(row.estimated_words for row in free),
        "available": billing.credit_wallet(account=request.account).available,
    }
    return dialog(request, "planning/accept_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def take_back(request: SectorRequest) -> HttpResponse:
    """The writing task of a queued idea goes into the bin; the idea is new again."""
    (idea_id,) = ids_of(request.POST.get("ids", ""), limit=1) or (0,)
    tasks = content.writing_tasks(
        account=request.account, sector=request.sector, status=TaskStatus.QUEUED, idea=idea_id
    )
    ids = list(tasks.values_list("pk", flat=True))
    if not ids:
        raise Conflict("The idea has no writing task that waits.")
    bins.delete_writing_tasks(account=request.account, ids=ids, now=timezone.now())
    return done(request, "The idea is new again.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def override(request: SectorRequest, idea_id: int) -> HttpResponse:
    """Have an idea written although it overlaps; the reason is kept with it."""
    guard_ideas.override_overlap(
        account=request.account,
        idea_id=idea_id,
        reason=request.POST.get("reason", ""),
        now=timezone.now(),
    )
    return done(request, "It may be accepted now.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete(request: SectorRequest) -> HttpResponse:
    """Ideas that nobody wants go into the bin."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    _chosen(request, ids)
    bin_ideas.delete_ideas(account=request.account, ids=ids, now=timezone.now())
    address = reverse("idea_restore", args=[request.site.pk, request.sector.pk])
    undo = {"label": "Undo", "url": address, "values": {"ids": ",".join(map(str, ids))}}
    said = "1 idea is in the bin." if len(ids) == 1 else f"{len(ids)} ideas are in the bin."
    return done(request, said, to=_list(request), event=CHANGED, undo=undo)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore(request: SectorRequest) -> HttpResponse:
    """Take ideas out of the bin."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if not ids:
        raise InvalidInput("There is nothing to take back.")
    bin_ideas.restore_ideas(account=request.account, ids=ids, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


def _chosen(request: SectorRequest, ids: tuple[int, ...]) -> list[Any]:
    if not ids:
        raise InvalidInput("Choose ideas first.")
    rows = selectors.ideas(account=request.account, sector=request.sector, pk__in=ids)
    found = list(rows)
    if len(found) != len(ids):
        raise Conflict("Some of these ideas are gone.")
    return found


def _list(request: SectorRequest) -> str:
    return reverse("ideas", args=[request.site.pk, request.sector.pk])
