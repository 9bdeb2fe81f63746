"""The first page: what the site's pipeline holds, what it cost, where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from igny8_core.auth import selectors
from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors as automation
from igny8_core.business.billing import usage_selectors
from igny8_core.business.content import selectors as content
from igny8_core.business.planning import selectors as planning
from igny8_core.business.publishing import selectors as publishing
from igny8_core.web.screens import ScreenRequest, render_screen, screen
from igny8_core.web.shell import first_sector
from igny8_core.web.templatetags.ui import counted
from igny8_core.web.views.setup import is_led

if TYPE_CHECKING:
    from django.http import HttpResponse

    from igny8_core.auth.models import Site

LATEST = 8
FIRST_STEPS = {
    "icon": "list-checks",
    "title": "Finish setting up",
    "text": "Say where articles go, and bring your first keywords.",
    "verb": "Go on",
}


@require_safe
@screen(role=Role.VIEWER)
def home(request: ScreenRequest) -> HttpResponse:
    """The overview of the newest site, or its first steps; a hint where there is none."""
    newest = selectors.sites(account=request.account).order_by("-pk").first()
    if newest is None:
        return render_screen(request, "overview/no_site.html", context={})
    if is_to_lead(request, newest):
        return redirect("setup", site_id=newest.pk)
    return redirect("overview", site_id=newest.pk)


def is_to_lead(request: ScreenRequest, site: Site) -> bool:
    """Whether somebody who may set a site up is led to its first steps: it holds nothing yet."""
    may = request.role.includes(Role.ADMIN) and site.is_active and not request.is_visit
    if not may or not is_led(site):
        return False
    return not planning.keywords(account=request.account, site=site).exists()


@require_safe
@screen(role=Role.VIEWER)
def overview(request: ScreenRequest) -> HttpResponse:
    """Counts of every stage, credits, the latest articles and the live site."""
    account, site = request.account, request.site
    assert site is not None, "the path names a site"  # noqa: S101 - only a bug can break it
    context: dict[str, Any] = {
        "planned": planning.pipeline_counts(account=account, site=site),
        "written": content.content_counts(account=account, site=site),
        "articles": content.contents(account=account, site=site)[:LATEST],
        "work": automation.counts(automation.items(account=account)),
        "live": publishing.live_deployment(account=account, site=site),
        "usage": usage_selectors.usage_by_operation(account=account),
    }
    context["next"] = _next_step(request, context["planned"], context["written"])
    if not context["planned"].keywords and is_led(site) and request.role.includes(Role.ADMIN):
        context["next"] = FIRST_STEPS | {"url": reverse("setup", args=[site.pk])}
    return render_screen(request, "overview/overview.html", part="body", context=context)


def _next_step(request: ScreenRequest, planned: Any, written: Any) -> dict[str, str] | None:
    """The one thing that moves the site on; None when everything is under way."""
    sector = first_sector(request)
    if sector is None:
        return None
    ungrouped = counted(planned.keywords_new, "keyword waits,keywords wait")
    waits = (
        (not planned.keywords, "upload", "keyword_imports", "Bring your keywords",
         "Drop an export of the tool you use. Importing costs no credits.", "Import"),
        (not planned.clusters, "orbit", "keywords", "Group your keywords",
         f"{ungrouped} to be grouped by meaning.", "Cluster them"),
        (not planned.ideas, "lightbulb", "clusters", "Have ideas made",
         "Each page of your clusters gets an idea, compared with what you have.", "Make ideas"),
        (written.in_review, "file-pen-line", "contents", "Review drafts",
         f"{counted(written.in_review, 'article waits,articles wait')} for you.", "Review"),
        (written.tasks_queued, "pen-line", "tasks", "Have articles written",
         f"{counted(written.tasks_queued, 'writing task waits,writing tasks wait')}.", "Write"),
        (planned.ideas_new, "lightbulb", "ideas", "Decide on ideas",
         f"{counted(planned.ideas_new, 'idea is,ideas are')} new.", "Look at them"),
    )  # fmt: skip
    for is_due, icon, name, title, text, verb in waits:
        if is_due:
            url = reverse(name, args=[sector.site_id, sector.pk])
            return {"icon": icon, "title": title, "text": text, "verb": verb, "url": url}
    return None
