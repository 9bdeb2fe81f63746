"""The first page: what the site's pipeline holds, what it cost, where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from igny8_core.auth import selectors
from igny8_core.auth.states import Role
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_safe
@screen(role=Role.VIEWER)
def home(request: ScreenRequest) -> HttpResponse:
    """The overview of the first site; a hint where there is none."""
    first = selectors.sites(account=request.account).first()
    if first is None:
        return render_screen(request, "overview/no_site.html", context={})
    return redirect("overview", site_id=first.pk)


@require_safe
@screen(role=Role.VIEWER)
def overview(request: ScreenRequest) -> HttpResponse:
    """Counts of every stage, credits, the latest articles and the live site."""
    return render_screen(request, "overview/overview.html", context={})
