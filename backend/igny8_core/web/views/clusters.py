"""The clusters of a sector: list, topic map, one of them, and what people do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation.services import requests
from igny8_core.business.billing.services.estimates import Work, estimate
from igny8_core.business.content.services.carry_clusters import merge_clusters, undo_cluster_edit
from igny8_core.business.planning import list_selectors, selectors
from igny8_core.business.planning.services import bin_clusters, manual_clusters, mark_clusters
from igny8_core.business.planning.services.topic_map import topic_map
from igny8_core.business.planning.states import Intent
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.web.lists import heads, ids_of, one_of, page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, done, go_to, render_screen, screen
from igny8_core.web.templatetags.ui import kd_band, short
from igny8_core.web.views.cluster_changes import rebuild_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

CHANGED: Final = "clusters-changed"
COLUMNS: Final = (
    ("Cluster", "", ""),
    ("Keywords", "num", ""),
    ("Volume", "num", ""),
    ("Difficulty", "", ""),
    ("Intents", "", ""),
    ("Pages", "num", ""),
    ("Coverage", "", ""),
)
MAX_AT_ONCE: Final = 200
BIGGEST: Final = 12
VIEWS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "all": ("All clusters", {}),
    "gap": ("Gaps", {"mapped_pages": 0, "is_disabled": False}),
    "covered": ("Covered", {"mapped_pages__gt": 0}),
    "locked": ("Locked", {"is_locked": True}),
    "disabled": ("Disabled", {"is_disabled": True}),
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def clusters(request: SectorRequest) -> HttpResponse:
    """The list; it carries the facts of the map for keyboard and screen reader."""
    account, sector = request.account, request.sector
    view, q = one_of(request.GET, "view", VIEWS) or "all", text(request.GET, "q")
    intent = one_of(request.GET, "intent", Intent.values)
    rows = selectors.clusters(account=account, sector=sector, q=q, intent=intent)
    page = page_of(rows.filter(**VIEWS[view][1]), page_number(request.GET))
    figures = selectors.cluster_figures(account=account, cluster_ids=[row.pk for row in page.rows])
    context = {
        "page": page,
        "rows": [(row, figures[row.pk], _mix(figures[row.pk].intents)) for row in page.rows],
        "heads": heads(COLUMNS, ""),
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "q": q,
        "intent": intent,
        "intents": [(one.value, one.label) for one in Intent],
        "query": request.GET.urlencode(),
        "may_edit": request.role.includes(Role.EDITOR),
        **rebuild_state(request),
    }
    return render_screen(request, "planning/clusters.html", part="table", context=context)


def _mix(intents: dict[str, int]) -> list[tuple[str, int]]:
    """(intent, percent) of the known ones, the largest first."""
    known = {intent: n for intent, n in intents.items() if intent in Intent.values}
    total = sum(known.values())
    shares = sorted(known.items(), key=lambda one: -one[1])
    return [(intent, round(n * 100 / total)) for intent, n in shares]


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def cluster_map(request: SectorRequest) -> HttpResponse:
    """Every cluster as a circle, every keyword as a dot in it."""
    found = list_selectors.map_clusters(account=request.account, sector=request.sector)
    children = [
        {
            "name": one.cluster.name,
            "url": _address(request, one.cluster.pk),
            "tip": f"{one.cluster.name} · {one.cluster.keywords_count:,} keywords · "
            f"{one.cluster.volume:,} searches a month",
            "sub": f"{short(one.cluster.volume)}/mo",
            "covered": one.cluster.mapped_pages > 0,
            "children": [_dot(*keyword) for keyword in one.keywords],
        }
        for one in found
        if one.keywords
    ]
    context = {
        "topics": {"name": request.sector.name, "children": children},
        "biggest": [one.cluster for one in found[:BIGGEST]],
        "count": len(found),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "planning/cluster_map.html", context=context)


def _dot(keyword: str, volume: int | None, difficulty: float | None) -> dict[str, Any]:
    said = "unknown" if volume is None else f"{volume:,}"
    hard = "unknown" if difficulty is None else f"{difficulty:.0f}"
    return {
        "name": keyword,
        "tip": f"{keyword} · {said} searches a month · difficulty {hard}",
        "volume": max(volume or 0, 10),
        "band": kd_band(difficulty) if difficulty is not None else 0,
    }


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def cluster(request: SectorRequest, cluster_id: int) -> HttpResponse:
    """One cluster as a plan: its hub, the pages that support it, what comes next."""
    found = _found(request, cluster_id)
    figures = selectors.cluster_figures(account=request.account, cluster_ids=[found.pk])
    topics = topic_map(account=request.account, sector=request.sector, cluster_ids=[found.pk])
    context = {
        "cluster": found,
        "figures": figures[found.pk],
        "mix": _mix(figures[found.pk].intents),
        "pages": topics[0].pages if topics else (),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "planning/cluster.html", part="body", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def change_cluster(request: SectorRequest, cluster_id: int) -> HttpResponse:
    """Another name or description; later runs keep a name that a person gave."""
    found = _found(request, cluster_id)
    changes: manual_clusters.ClusterChanges = {
        "name": text(request.POST, "name"),
        "description": request.POST.get("description", "").strip(),
    }
    manual_clusters.update_cluster(
        account=request.account, cluster_id=found.pk, changes=changes, now=timezone.now()
    )
    return go_to(request, _address(request, found.pk), "Saved.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def bulk(request: SectorRequest) -> HttpResponse:
    """Merge, lock, disable or delete clusters: asked first, and each can be undone."""
    action, ids = (
        text(request.POST, "action"),
        ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE),
    )
    if action not in WORDS or not ids:
        raise InvalidInput("Choose clusters and what to do with them.")
    rows = selectors.clusters(account=request.account, sector=request.sector, pk__in=ids)
    chosen = list(rows)
    if len(chosen) != len(ids):
        raise Conflict("Some of these clusters are gone.")
    if action == "merge" and len(chosen) == 1:
        raise InvalidInput("Merging takes two clusters or more.")
    if request.POST.get("confirmed") != "1":
        context = {"action": action, "rows": chosen, "ids": request.POST.get("ids", "")}
        return dialog(request, "planning/cluster_bulk_dialog.html", context=context)
    return _act(request, action, [row.pk for row in chosen])


WORDS: Final = {
    "merge": "merged",
    "lock": "locked",
    "unlock": "unlocked",
    "disable": "disabled",
    "enable": "back in use",
    "delete": "in the bin",
}
FLAGS: Final[dict[str, dict[str, bool]]] = {
    "lock": {"is_locked": True},
    "unlock": {"is_locked": False},
    "disable": {"is_disabled": True},
    "enable": {"is_disabled": False},
}


def _act(request: SectorRequest, action: str, ids: Sequence[int]) -> HttpResponse:
    account, now = request.account, timezone.now()
    undo: dict[str, Any] = {"label": "Undo"}
    if action == "delete":
        bin_clusters.delete_clusters(account=account, ids=ids, now=now)
        undo |= {
            "url": reverse("cluster_restore", args=[request.site.pk, request.sector.pk]),
            "values": {"ids": ",".join(map(str, ids))},
        }
    else:
        if action == "merge":
            into = whole(request.POST, "into") or ids[0]
            if into not in ids:
                raise InvalidInput("Choose one of these clusters.")
            others = [pk for pk in ids if pk != into]
            edit = merge_clusters(
                account=account,
                cluster_id=into,
                other_ids=others,
                name=text(request.POST, "name"),
                now=now,
            )
        else:
            edit = mark_clusters.flag_clusters(
                account=account,
                cluster_ids=ids,
                is_locked=FLAGS[action].get("is_locked"),
                is_disabled=FLAGS[action].get("is_disabled"),
                now=now,
            )
        undo |= {
            "url": reverse("cluster_undo", args=[request.site.pk, request.sector.pk, edit.pk]),
            "values": {},
        }
    noun = "cluster is" if len(ids) == 1 else "clusters are"
    said = f"{len(ids):,} {noun} {WORDS[action]}."
    return done(request, said, to=_list(request), event=CHANGED, undo=undo)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def undo_edit(request: SectorRequest, edit_id: int) -> HttpResponse:
    """Take back a merger, a lock …, unless something of it was changed since."""
    undo_cluster_edit(account=request.account, edit_id=edit_id, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore(request: SectorRequest) -> HttpResponse:
    """Take clusters out of the bin, with what the deletion took along."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if not ids:
        raise InvalidInput("There is nothing to take back.")
    bin_clusters.restore_clusters(account=request.account, ids=ids, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def make_ideas(request: SectorRequest) -> HttpResponse:
    """Have ideas made for some clusters, or for all: what it costs first, then the work."""
    account, sector, now = request.account, request.sector, timezone.now()
    given = request.POST.get("ids", "")
    ids = ids_of(given, limit=MAX_AT_ONCE)
    if request.POST.get("confirmed") == "1":
        requests.request_ideas(account=account, sector=sector, cluster_ids=ids, now=now)
        said = "Ideas are being made. They appear on the board when they are done."
        return done(request, said, to=_list(request), event=CHANGED)
    rows = selectors.clusters(account=account, sector=sector, is_disabled=False)
    chosen = list((rows.filter(pk__in=ids) if ids else rows)[:MAX_AT_ONCE])
    topics = topic_map(account=account, sector=sector, cluster_ids=[row.pk for row in chosen])
    missing = sum(page.next_step == "make an idea" for topic in topics for page in topic.pages)
    if not missing:
        raise Conflict("Every page of these clusters has its idea already.")
    works = [Work("idea", {"per_items": missing})]
    context = {
        "count": missing,
        "clusters": len(chosen),
        "ids": given,
        "price": estimate(account=account, works=works, now=now),
    }
    return dialog(request, "planning/ideas_dialog.html", context=context)


def _found(request: SectorRequest, cluster_id: int) -> Any:
    found = selectors.cluster(account=request.account, cluster_id=cluster_id)
    if found.sector_id != request.sector.pk:
        raise Conflict("This cluster is in another sector now.")
    return found


def _list(request: SectorRequest) -> str:
    return reverse("clusters", args=[request.site.pk, request.sector.pk])


def _address(request: SectorRequest, cluster_id: int) -> str:
    return reverse("cluster", args=[request.site.pk, request.sector.pk, cluster_id])
