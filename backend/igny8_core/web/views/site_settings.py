"""Settings of an account's sites: a new one, their details, their sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from igny8_core.auth import plan_limits, selectors, services
from igny8_core.auth.states import Role
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.web.forms.settings import NewSiteForm, SiteForm
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

SEE_OTHER: Final = 303


@require_safe
@screen(role=Role.VIEWER)
def site_list(request: ScreenRequest) -> HttpResponse:
    """The account's sites, those at rest too."""
    context = {
        "sites": selectors.sites(account=request.account).select_related("industry"),
        "may_change": request.role.includes(Role.ADMIN),
        "use": plan_limits.use_of_sites(account=request.account),
    }
    return render_screen(request, "settings/sites.html", context=context)


@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def new_site(request: ScreenRequest) -> HttpResponse:
    """First the industry, by ``?industry=``, then the site and its sectors."""
    data = request.POST if request.method == "POST" else None
    form = NewSiteForm(data, industry_slug=request.GET.get("industry", ""))
    if form.chosen_industry is None:
        context: dict[str, Any] = {"industries": selectors.industries()}
        return render_screen(request, "settings/site_industry.html", context=context)
    status = 200
    if form.is_valid():
        try:
            site = services.create_site(
                account=request.account, name=form.cleaned_data["site_name"], **form.site()
            )
        except DomainError as exc:
            form.refuse(exc)
            status = exc.http_status
        else:
            return _to(request, "setup", f"{site.name} is ready.", site.pk)
    return render_screen(request, "settings/site_new.html", context={"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN, at_rest_too=True)
def edit_site(request: ScreenRequest) -> HttpResponse:
    """A site's details; POST changes them."""
    form = SiteForm.of(_site(request), request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.update_site(
                account=request.account, site_id=_site(request).pk, **form.cleaned_data
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            return _to(request, "edit_site", "Saved.", _site(request).pk)
    return _page(request, form)


@require_POST
@screen(role=Role.ADMIN, at_rest_too=True)
def rest_site(request: ScreenRequest) -> HttpResponse:
    """Put a site to rest, or wake it up."""
    wakes = request.POST.get("is_active") == "1"
    try:
        site = services.set_site_active(
            account=request.account, site_id=_site(request).pk, is_active=wakes
        )
    except DomainError as exc:
        return _page(request, SiteForm.of(_site(request)), error=exc)
    text = f"{site.name} is {'awake' if wakes else 'at rest'}."
    return _to(request, "edit_site", text, site.pk)


@require_POST
@screen(role=Role.ADMIN, at_rest_too=True)
def remove_site(request: ScreenRequest) -> HttpResponse:
    """Remove a site that holds nothing."""
    try:
        services.delete_site(account=request.account, site_id=_site(request).pk)
    except DomainError as exc:
        return _page(request, SiteForm.of(_site(request)), error=exc)
    return _to(request, "site_list", f"{_site(request).name} is removed.")


@require_POST
@screen(role=Role.ADMIN)
def add_sector(request: ScreenRequest) -> HttpResponse:
    """A further sector for the site."""
    try:
        sector = services.add_sector(
            account=request.account,
            site_id=_site(request).pk,
            sector_slug=request.POST.get("sector", ""),
        )
    except DomainError as exc:
        return _page(request, SiteForm.of(_site(request)), error=exc)
    return _to(request, "edit_site", f"{sector.name} is added.", _site(request).pk)


@require_POST
@screen(role=Role.ADMIN)
def change_sector(request: ScreenRequest, sector_id: int) -> HttpResponse:
    """Rename a sector, or put it to rest or wake it up."""
    given, account = request.POST, request.account
    if selectors.sector(account=account, sector_id=sector_id).site_id != _site(request).pk:
        raise NotFound("no such sector", sector_id=sector_id)
    try:
        if "is_active" in given:
            services.set_sector_active(
                account=account, sector_id=sector_id, is_active=given["is_active"] == "1"
            )
        else:
            services.rename_sector(account=account, sector_id=sector_id, name=given.get("name", ""))
    except DomainError as exc:
        return _page(request, SiteForm.of(_site(request)), error=exc)
    return _to(request, "edit_site", "Saved.", _site(request).pk)


def _site(request: ScreenRequest) -> Any:
    assert request.site is not None, "the path names a site"  # noqa: S101 - only a bug can break it
    return request.site


def _page(
    request: ScreenRequest, form: SiteForm, *, error: DomainError | None = None
) -> HttpResponse:
    site = _site(request)
    sectors = list(selectors.sectors(account=request.account, site=site))
    taken = {sector.industry_sector_id for sector in sectors}
    industry = selectors.industries().filter(pk=site.industry_id).first()
    context = {
        "form": form,
        "sectors": sectors,
        "further": [
            one for one in (industry.sectors.all() if industry else ()) if one.pk not in taken
        ],
        "error": error,
    }
    status = error.http_status if error else 422 if form.errors else 200
    return render_screen(request, "settings/site.html", context=context, status=status)


def _to(request: ScreenRequest, name: str, text: str, *ids: int) -> HttpResponse:
    messages.success(request, text)
    address = f"{reverse(name, args=ids)}?account={request.account.pk}"
    return HttpResponseRedirect(address, status=SEE_OTHER)
