"""Articles: the list, and the acts on many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services import review, schedule_content
from igny8_core.business.content.states import ContentSource, ContentStatus
from igny8_core.business.publishing.services import hand_over
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.web.lists import heads, ids_of, one_of, page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen
from igny8_core.web.times import field_value, moment_of, tomorrow_morning, zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

CHANGED: Final = "contents-changed"
MAX_AT_ONCE: Final = 200
COLUMNS: Final = (
    ("Title", "", ""),
    ("Cluster", "max-sm:hidden", ""),
    ("Words", "max-sm:hidden num", ""),
    ("Score", "num", ""),
    ("Status", "", ""),
    ("From", "", ""),
    ("Elsewhere", "", ""),
    ("Updated", "", ""),
)
VIEWS: Final = {
    "all": ("All", None),
    "draft": ("Drafts", ContentStatus.DRAFT),
    "review": ("In review", ContentStatus.REVIEW),
    "published": ("Published", ContentStatus.PUBLISHED),
}
DISTANCES: Final = {
    0: "All at once",
    60: "An hour apart",
    24 * 60: "A day apart",
    7 * 24 * 60: "A week apart",
}
"""Minutes from one article to the next."""

ACTS: Final = {
    "submit": "handed over for review",
    "approve": "approved",
    "send_back": "sent back",
    "schedule": "scheduled",
    "delete": "in the bin",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def contents(request: SectorRequest) -> HttpResponse:
    """The list, newest first."""
    view, q = one_of(request.GET, "view", VIEWS) or "all", text(request.GET, "q")
    source = one_of(request.GET, "source", ContentSource.values)
    more: dict[str, Any] = {"source": source} if source else {}
    rows = selectors.contents(
        account=request.account,
        sector=request.sector,
        status=VIEWS[view][1],
        q=q,
        **more,
    )
    page = page_of(rows, page_number(request.GET))
    context = {
        "page": page,
        "heads": heads(COLUMNS, ""),
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "q": q,
        "source": source,
        "sources": [("igny8", "Written here"), ("wordpress", "WordPress")],
        "query": request.GET.urlencode(),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "writing/contents.html", part="table", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def bulk(request: SectorRequest) -> HttpResponse:
    """Hand over, approve, send back or delete articles: asked first, all of them or none."""
    action, given = text(request.POST, "action"), request.POST.get("ids", "")
    ids = ids_of(given, limit=MAX_AT_ONCE)
    if action not in ACTS or not ids:
        raise InvalidInput("Choose articles and what to do with them.")
    rows = selectors.contents(account=request.account, sector=request.sector)
    chosen = list(rows.filter(pk__in=ids))
    if len(chosen) != len(ids):
        raise Conflict("Some of these articles are gone.")
    if request.POST.get("confirmed") != "1" and action == "schedule":
        chosen.sort(key=lambda row: ids.index(row.pk))  # as they get their times
        return _schedule_dialog(request, chosen, given)
    if request.POST.get("confirmed") != "1":
        context = {"action": action, "rows": chosen, "ids": given}
        return dialog(request, "writing/content_bulk_dialog.html", context=context)
    changed, undo = _act(request, action, ids)
    noun = "article is" if changed == 1 else "articles are"
    said = f"{changed} {noun} {ACTS[action]}."
    return done(request, said, to=_list(request), event=CHANGED, undo=undo)


def _schedule_dialog(request: SectorRequest, chosen: list[Any], given: str) -> HttpResponse:
    """When the first of them goes live, and how long after it each of the others."""
    context = {
        "rows": chosen,
        "ids": given,
        "field": field_value(tomorrow_morning(request.site), request.site),
        "zone": zone_of(request.site).key,
        "distances": list(DISTANCES.items()),
    }
    return dialog(request, "writing/content_schedule_dialog.html", context=context)


def _act(
    request: SectorRequest, action: str, ids: Sequence[int]
) -> tuple[int, dict[str, Any] | None]:
    account, now = request.account, timezone.now()
    if action == "submit":
        return review.submit_contents(account=account, content_ids=ids, now=now), None
    if action == "approve":
        changed = hand_over.approve_contents(
            account=account,
            content_ids=ids,
            user_id=request.user.pk,
            reason=request.POST.get("reason", ""),
            now=now,
        )
        return changed, None
    if action == "schedule":
        changed = schedule_content.schedule_contents(
            account=account,
            content_ids=ids,
            publish_at=moment_of(request.POST.get("publish_at", ""), request.site),
            every_minutes=min(whole(request.POST, "every") or 0, max(DISTANCES)),
            now=now,
        )
        return changed, None
    if action == "send_back":
        note = request.POST.get("note", "")
        return review.send_contents_back(account=account, content_ids=ids, note=note, now=now), None
    changed = bins.delete_contents(account=account, ids=ids, now=now)
    address = reverse("content_restore", args=[request.site.pk, request.sector.pk])
    undo = {"label": "Undo", "url": address, "values": {"ids": ",".join(map(str, ids))}}
    return changed, undo


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore(request: SectorRequest) -> HttpResponse:
    """Take articles out of the bin, with all that hangs on them."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if not ids:
        raise InvalidInput("There is nothing to take back.")
    bins.restore_contents(account=request.account, ids=ids, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


def _list(request: SectorRequest) -> str:
    return reverse("contents", args=[request.site.pk, request.sector.pk])
