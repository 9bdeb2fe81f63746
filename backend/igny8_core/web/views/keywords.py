"""The keywords of a sector: the list, one of them, acts on many, views, exports."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation.services import requests
from igny8_core.business.billing.services.estimates import Work, estimate
from igny8_core.business.planning import list_selectors, selectors
from igny8_core.business.planning.services import (
    bulk_keywords,
    edit_keywords,
    sample_keywords,
    saved_views,
)
from igny8_core.business.planning.services.export_rows import export_keywords
from igny8_core.business.planning.services.keyword_merge import effective_trend
from igny8_core.business.planning.states import FigureKind, Intent
from igny8_core.common.errors import Conflict, DomainError, InvalidInput
from igny8_core.web.downloads import download
from igny8_core.web.forms.planning import (
    INTENTS,
    VIEWS,
    address_of,
    keyword_query,
    keyword_target,
)
from igny8_core.web.lists import Page, heads, page_number, text, whole
from igny8_core.web.screens import (
    SectorRequest,
    dialog,
    done,
    go_to,
    render_screen,
    screen,
)

if TYPE_CHECKING:
    from django.http import HttpResponse, HttpResponseBase

    from igny8_core.business.planning.services.bulk_keywords import BulkResult, Target
    from igny8_core.web.forms.planning import KeywordQuery

COLUMNS: Final = (
    ("Keyword", "", "keyword"),
    ("Intent", "max-sm:hidden", ""),
    ("Volume", "num", "-volume"),
    ("Trend", "", ""),
    ("Difficulty", "", "difficulty"),
    ("CPC", "num", ""),
    ("Cluster", "", ""),
    ("Status", "", ""),
    ("", "w-10", ""),
)
CHANGED: Final = "keywords-changed"
COUNTED_FOR_SECONDS: Final = 15
KINDS: Final = {
    FigureKind.TYPED: "typed by a person",
    FigureKind.RANGE: "a range of the tool",
    FigureKind.IMPRESSIONS: "impressions, not searches",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def keywords(request: SectorRequest) -> HttpResponse:
    """The list, narrowed down and ordered as the address says."""
    asked = keyword_query(request.GET)
    page = selectors.keyword_page(
        account=request.account,
        sector=request.sector,
        filters=asked.filters,
        number=page_number(request.GET),
    )
    query = request.GET.copy()
    query.pop("page", None)
    cluster = None
    if asked.filters.cluster_id:
        cluster = selectors.cluster(account=request.account, cluster_id=asked.filters.cluster_id)
    context: dict[str, Any] = {
        "page": Page(page.rows, page.number, page.total, page.page_rows),
        "volume": page.volume,
        "rows": [_row(keyword) for keyword in page.rows],
        "heads": heads(COLUMNS, asked.filters.sort),
        "asked": asked,
        "filters": asked.filters,
        "cluster": cluster,
        "intents": INTENTS,
        "views": _views(request, asked),
        "query": query.urlencode(),
        "may_edit": request.role.includes(Role.EDITOR),
        "is_new": not page.total and not asked.is_narrowed and asked.view == "all",
        # Asked only by what shows them: the whole page, and an empty list.
        "samples": partial(
            sample_keywords.sample_import, account=request.account, sector=request.sector
        ),
        "offers_samples": partial(
            sample_keywords.offers_samples, account=request.account, site=request.site
        ),
        "sector": request.sector,
    }
    return render_screen(request, "planning/keywords.html", part="table", context=context)


def _row(keyword: Any) -> dict[str, Any]:
    trend = effective_trend(keyword.attributes.get("sources", []))
    return {
        "keyword": keyword,
        "trend": None if trend is None else trend.get("trend"),
        "kind": KINDS.get(FigureKind(keyword.volume_kind), ""),
    }


def _views(request: SectorRequest, asked: KeywordQuery) -> list[dict[str, Any]]:
    key = f"keyword-views:{request.account.pk}:{request.sector.pk}"
    counts = cache.get(key)
    if counts is None:
        counts = list_selectors.keyword_view_counts(account=request.account, sector=request.sector)
        cache.set(key, counts, COUNTED_FOR_SECONDS)
    found = [
        {
            "label": label,
            "count": counts[view],
            "query": f"?view={view}{more}",
            "is_current": view == asked.view and asked.saved is None,
        }
        for view, (label, more) in VIEWS.items()
    ]
    own = saved_views.saved_views(account=request.account, user=request.user, kind="keywords")
    found += [
        {
            "label": view.name,
            "query": f"?{address_of(view.filters, view.sort, view.pk)}",
            "is_current": view.pk == asked.saved,
            "saved": view,
            "is_own": view.owner_id == request.user.pk,
        }
        for view in own
    ]
    return found


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def keyword(request: SectorRequest, keyword_id: int) -> HttpResponse:
    """One keyword with where its figures come from."""
    found = selectors.keyword(account=request.account, keyword_id=keyword_id)
    return _keyword(request, found)


def _keyword(
    request: SectorRequest, found: Any, *, error: DomainError | None = None
) -> HttpResponse:
    context = {
        "keyword": found,
        "sources": found.attributes.get("sources", []),
        "trend": (effective_trend(found.attributes.get("sources", [])) or {}).get("trend"),
        "may_edit": request.role.includes(Role.EDITOR),
        "intents": [(intent.value, intent.label) for intent in Intent],
        "error": error,
    }
    status = 200 if error is None else error.http_status
    return dialog(request, "planning/keyword_dialog.html", context=context, status=status)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def change_keyword(request: SectorRequest, keyword_id: int) -> HttpResponse:
    """Figures and intent that a person knows better; empty takes them back."""
    found = selectors.keyword(account=request.account, keyword_id=keyword_id)
    changes: edit_keywords.KeywordChanges = {}
    if "intent" in request.POST:
        changes["intent"] = text(request.POST, "intent")
    try:
        for name in ("volume", "difficulty"):
            given = text(request.POST, name)
            if name in request.POST and given != text(request.POST, f"{name}_was"):
                if given and whole(request.POST, name) is None:
                    raise InvalidInput("Type a whole number.", **{name: ["Type a whole number."]})
                changes[name] = whole(request.POST, name)
        edit_keywords.update_keywords(
            account=request.account, ids=[keyword_id], changes=changes, now=timezone.now()
        )
    except InvalidInput as exc:
        return _keyword(request, found, error=exc)
    return done(request, f"“{found.keyword}” is saved.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def add_keyword(request: SectorRequest) -> HttpResponse:
    """One keyword by hand."""
    row = edit_keywords.add_keyword(
        account=request.account,
        sector_id=request.sector.pk,
        keyword=text(request.POST, "keyword"),
        now=timezone.now(),
    )
    _forget_counts(request)
    return done(request, f"“{row.keyword}” is added.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def bulk(request: SectorRequest) -> HttpResponse:
    """Asked first, with a count; then done, if as many keywords still match."""
    action = text(request.POST, "action")
    if action not in ACTS:
        raise InvalidInput("There is no such action.")
    target = keyword_target(request.POST)
    if request.POST.get("confirmed") != "1":
        return _ask(request, action, target)
    expected = whole(request.POST, "expected")
    said = ACTS[action](request, target, expected)
    _forget_counts(request)
    return said


def _ask(request: SectorRequest, action: str, target: Target) -> HttpResponse:
    count = bulk_keywords.matching_keywords(
        account=request.account, sector=request.sector, target=target
    )
    if not count:
        raise Conflict("No keyword is selected any more.")
    clusters = []
    if action == "move":
        clusters = list_selectors.cluster_choices(account=request.account, sector=request.sector)
    context = {
        "action": action,
        "count": count,
        "clusters": clusters,
        "intents": [(intent.value, intent.label) for intent in Intent],
        "given": {name: request.POST.get(name, "") for name in ("ids", "scope", "query")},
    }
    return dialog(request, "planning/keyword_bulk_dialog.html", context=context)


def _disable(request: SectorRequest, target: Target, expected: int | None) -> HttpResponse:
    return _flag(request, target, expected, is_disabled=True)


def _enable(request: SectorRequest, target: Target, expected: int | None) -> HttpResponse:
    return _flag(request, target, expected, is_disabled=False)


def _flag(
    request: SectorRequest, target: Target, expected: int | None, *, is_disabled: bool
) -> HttpResponse:
    result = bulk_keywords.set_keywords_disabled(
        **_of(request), target=target, is_disabled=is_disabled, expected=expected
    )
    return _said(request, result, "disabled" if is_disabled else "back in use")


def _intent(request: SectorRequest, target: Target, expected: int | None) -> HttpResponse:
    result = bulk_keywords.set_keywords_intent(
        **_of(request), target=target, intent=text(request.POST, "intent"), expected=expected
    )
    return _said(request, result, "changed")


def _move(request: SectorRequest, target: Target, expected: int | None) -> HttpResponse:
    cluster_id = whole(request.POST, "cluster")
    result = bulk_keywords.move_keywords(
        **_of(request), target=target, cluster_id=cluster_id or None, expected=expected
    )
    return _said(request, result, "moved" if cluster_id else "taken out of their clusters")


def _delete(request: SectorRequest, target: Target, expected: int | None) -> HttpResponse:
    of = _of(request)
    result = bulk_keywords.delete_keywords(**of, target=target, expected=expected)
    address = reverse("keyword_undelete", args=[request.site.pk, request.sector.pk])
    undo = {"label": "Undo", "url": address, "values": {"deleted_at": of["now"].isoformat()}}
    return _said(request, result, "in the bin", undo=undo)


ACTS: Final = {
    "disable": _disable,
    "enable": _enable,
    "intent": _intent,
    "move": _move,
    "delete": _delete,
}


def _of(request: SectorRequest) -> dict[str, Any]:
    return {"account": request.account, "sector": request.sector, "now": timezone.now()}


def _said(
    request: SectorRequest, result: BulkResult, word: str, *, undo: dict[str, Any] | None = None
) -> HttpResponse:
    noun = "keyword is" if result.changed == 1 else "keywords are"
    said = f"{result.changed:,} {noun} {word}."
    return done(request, said, to=_list(request), event=CHANGED, undo=undo)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def undelete(request: SectorRequest) -> HttpResponse:
    """Take back one act of deleting."""
    try:
        deleted_at = datetime.fromisoformat(request.POST.get("deleted_at", ""))
    except ValueError as exc:
        raise InvalidInput("There is nothing to take back.") from exc
    if deleted_at.tzinfo is None:
        raise InvalidInput("There is nothing to take back.")
    result = bulk_keywords.restore_keywords(**_of(request), deleted_at=deleted_at)
    _forget_counts(request)
    return _said(request, result, "back")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def cluster_new(request: SectorRequest) -> HttpResponse:
    """Have the keywords without a place clustered: what it costs first, then the work."""
    account, sector, now = request.account, request.sector, timezone.now()
    if request.POST.get("confirmed") == "1":
        requests.request_clustering(account=account, sector=sector, now=now)
        said = "Clustering is queued. The clusters appear when it is done."
        return done(request, said, to=_list(request), event=CHANGED)
    count = selectors.unclustered_keywords(account=account, sector=sector).count()
    if not count:
        raise Conflict("Every keyword of this sector has its place already.")
    works = [Work("clustering", {"per_items": count})]
    context = {"count": count, "price": estimate(account=account, works=works, now=now)}
    return dialog(request, "planning/cluster_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save_view(request: SectorRequest) -> HttpResponse:
    """Keep the list as it is narrowed down, under a name."""
    query = request.GET.copy()
    asked = keyword_query(query)
    view = saved_views.save_view(
        account=request.account,
        owner=request.user,
        name=text(request.POST, "name"),
        filters=saved_views.filters_as_json(asked.filters),
        sort=asked.filters.sort,
        is_shared=request.POST.get("is_shared") == "1",
        now=timezone.now(),
    )
    address = f"{_list(request)}?{address_of(view.filters, view.sort, view.pk)}"
    return go_to(request, address, f"The view {view.name} is saved.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete_view(request: SectorRequest, view_id: int) -> HttpResponse:
    """Remove a view of one's own; the keywords stay."""
    saved_views.delete_view(account=request.account, owner=request.user, view_id=view_id)
    return go_to(request, _list(request), "The view is removed; its keywords stay.")


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def export(request: SectorRequest) -> HttpResponseBase:
    """What the filters find, as a file."""

    def write(out: BinaryIO) -> tuple[str, str]:
        written = export_keywords(
            account=request.account,
            sector=request.sector,
            out=out,
            filters=keyword_query(request.GET).filters,
            file_format=text(request.GET, "format") or "csv",
            now=timezone.now(),
        )
        return written.file_name, written.media_type

    return download(write)


def _list(request: SectorRequest) -> str:
    return reverse("keywords", args=[request.site.pk, request.sector.pk])


def _forget_counts(request: SectorRequest) -> None:
    cache.set(f"keyword-views:{request.account.pk}:{request.sector.pk}", None, timeout=0)
