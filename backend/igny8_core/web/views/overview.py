"""The first page: what the site's pipeline holds, what it cost, where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from igny8_core.auth import selectors
from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors as automation
from igny8_core.business.billing import selectors as billing
from igny8_core.business.content import selectors as content
from igny8_core.business.planning import selectors as planning
from igny8_core.business.publishing import selectors as publishing
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

LATEST = 8


@require_safe
@screen(role=Role.VIEWER)
def home(request: ScreenRequest) -> HttpResponse:
    """The overview of the newest site; a hint where there is none."""
    newest = selectors.sites(account=request.account).order_by("-pk").first()
    if newest is None:
        return render_screen(request, "overview/no_site.html", context={})
    return redirect("overview", site_id=newest.pk)


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
        "usage": billing.usage_by_operation(account=account),
        "sites": selectors.sites(account=account),
    }
    return render_screen(request, "overview/overview.html", part="body", context=context)
