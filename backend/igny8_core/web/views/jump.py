"""Ctrl K: screens, keywords, clusters, articles and sites by a few letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.views.decorators.http import require_safe

from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import Role
from igny8_core.business.content import selectors as content
from igny8_core.business.planning import selectors as planning
from igny8_core.web.lists import text
from igny8_core.web.screens import SectorRequest, dialog, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

FOUND_MAX: Final = 6
LETTERS_MIN: Final = 2
SCREENS: Final = (
    ("Keywords", "keywords"),
    ("Import keywords", "keyword_imports"),
    ("Clusters", "clusters"),
    ("Topic map", "cluster_map"),
    ("Ideas", "ideas"),
    ("Writing tasks", "tasks"),
    ("Content", "contents"),
    ("Images", "images"),
    ("Taxonomies", "taxonomies"),
    ("Automation", "automation"),
    ("Optimisation", "optimizations"),
    ("Publishing", "publishing"),
    ("Publishing calendar", "publishing_calendar"),
)
ACCOUNT_SCREENS: Final = (
    ("Credits", "billing"),
    ("Credit ledger", "ledger"),
    ("Usage", "usage"),
    ("Prices", "prices"),
    ("Account settings", "account"),
    ("Sites", "site_list"),
    ("People", "team"),
    ("Integrations", "integrations"),
    ("AI providers", "providers"),
    ("Notices", "notices"),
)
ADMIN_SCREENS: Final = (
    ("API keys", "api_keys"),
    ("Webhooks", "webhooks"),
)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def jump(request: SectorRequest) -> HttpResponse:
    """The box, and what matches the letters in it."""
    q = text(request.GET, "q")
    context = {"q": q, "groups": [group for group in _groups(request, q) if group[1]]}
    if "q" in request.GET and request.htmx:
        return render_screen(request, "dialogs/jump.html", part="found", context=context)
    return dialog(request, "dialogs/jump.html", context=context)


def _groups(request: SectorRequest, q: str) -> list[tuple[str, list[dict[str, Any]]]]:
    account, sector = request.account, request.sector
    place = [request.site.pk, sector.pk]
    mine = f"?account={account.pk}"
    screens = [{"label": label, "url": reverse(name, args=place)} for label, name in SCREENS]
    of_account = (*ACCOUNT_SCREENS, *(ADMIN_SCREENS if request.role.includes(Role.ADMIN) else ()))
    screens += [{"label": label, "url": reverse(name) + mine} for label, name in of_account]
    wanted = q.casefold()
    found = [("Screens", [one for one in screens if wanted in one["label"].casefold()])]
    if len(q) < LETTERS_MIN:
        return found
    clusters = planning.clusters(account=account, sector=sector, q=q)[:FOUND_MAX]
    articles = content.contents(account=account, sector=sector, q=q)[:FOUND_MAX]
    filters = planning.KeywordFilters(q=q, is_disabled=False)
    keywords = planning.keywords(account=account, sector=sector, filters=filters)[:FOUND_MAX]
    list_url = reverse("keywords", args=place)
    sites = accounts.sites(account=account).filter(name__icontains=q)[:FOUND_MAX]
    return [
        *found,
        ("Articles", [_to(row.title, "content", *place, row.pk) for row in articles]),
        ("Clusters", [_to(row.name, "cluster", *place, row.pk) for row in clusters]),
        ("Keywords", [{"label": row.keyword, "url": f"{list_url}?{urlencode({'q': row.keyword})}"}
                      for row in keywords]),
        ("Sites", [_to(row.name, "overview", row.pk) for row in sites]),
    ]  # fmt: skip


def _to(label: str, name: str, *args: int) -> dict[str, Any]:
    return {"label": label, "url": reverse(name, args=args)}
