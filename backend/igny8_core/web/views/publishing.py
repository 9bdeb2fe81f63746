"""What is live where: articles at their destinations, and versions of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation.services import asking
from igny8_core.business.content import selectors as content
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.services import ask
from igny8_core.business.publishing.states import Destination, PublishingStatus
from igny8_core.common.errors import NotFound
from igny8_core.web.lists import one_of, page_number, page_of
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

CHANGED: Final = "publishing-changed"
VERSIONS_SHOWN: Final = 10
VIEWS: Final = {
    "all": ("All", None),
    "pending": ("Waiting", PublishingStatus.PENDING),
    "failed": ("Failed", PublishingStatus.FAILED),
    "published": ("Published", PublishingStatus.PUBLISHED),
}
PLACES: Final = {
    Destination.SITES: "Static site",
    Destination.WORDPRESS: "WordPress",
    Destination.SHOPIFY: "Shopify",
    Destination.CUSTOM: "Custom",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def publishing(request: SectorRequest) -> HttpResponse:
    """The list of deliveries beside the versions of the static site."""
    account, site = request.account, request.site
    view = one_of(request.GET, "view", VIEWS) or "all"
    rows = selectors.publishing_records(account=account, site=site, status=VIEWS[view][1])
    page = page_of(rows, page_number(request.GET))
    live = selectors.live_deployment(account=account, site=site)
    versions = selectors.deployments(account=account, site=site)[:VERSIONS_SHOWN]
    targets = selectors.rollback_targets(account=account, site=site)
    context: dict[str, Any] = {
        "page": page,
        "rows": [(row, PLACES[Destination(row.destination)]) for row in page.rows],
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "live": live,
        "versions": list(versions),
        "targets": set(targets.values_list("pk", flat=True)),
        "approved": len(content.approved_content_ids(account=account, site=site)),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "publishing/publishing.html", part="table", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def deploy(request: SectorRequest) -> HttpResponse:
    """Build the site and put it live: what goes out is said first."""
    account, site = request.account, request.site
    if request.POST.get("confirmed") != "1":
        context = {
            "approved": len(content.approved_content_ids(account=account, site=site)),
            "counts": content.content_counts(account=account, site=site),
            "live": selectors.live_deployment(account=account, site=site),
        }
        return dialog(request, "publishing/deploy_dialog.html", context=context)
    asking.request_deployment(account=account, site_id=site.pk, now=timezone.now())
    said = "The deployment is queued. The new version shows up here."
    return done(request, said, to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def roll_back(request: SectorRequest, deployment_id: int) -> HttpResponse:
    """Put an older version live again, after a question."""
    found = selectors.deployment(account=request.account, deployment_id=deployment_id)
    if found.site_id != request.site.pk:
        raise NotFound("no such deployment", deployment_id=deployment_id)
    if request.POST.get("confirmed") != "1":
        live = selectors.live_deployment(account=request.account, site=request.site)
        context = {"deployment": found, "live": live}
        return dialog(request, "publishing/rollback_dialog.html", context=context)
    asking.request_rollback(account=request.account, deployment_id=found.pk, now=timezone.now())
    said = f"Going back to version {found.version} is queued."
    return done(request, said, to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def retry(request: SectorRequest, record_id: int) -> HttpResponse:
    """Try a failed delivery again."""
    ask.retry_publishing(account=request.account, record_id=record_id, now=timezone.now())
    return done(request, "It is tried again.", to=_list(request), event=CHANGED)


def _list(request: SectorRequest) -> str:
    return reverse("publishing", args=[request.site.pk, request.sector.pk])
