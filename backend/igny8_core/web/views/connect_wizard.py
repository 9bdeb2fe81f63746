"""Connect a site in three steps: which platform, where and as whom, what the check finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.integration import selectors
from igny8_core.business.integration.services.connect import connect_site, start_connecting
from igny8_core.business.integration.states import Platform
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.integrations import AddressForm, ConnectForm
from igny8_core.web.screens import ScreenRequest, go_to, render_screen, screen
from igny8_core.web.views.integrations import PLATFORMS, shown

if TYPE_CHECKING:
    from django.http import HttpResponse

SECRETS: Final = ("application_password", "client_secret", "refresh_token", "secret")
ABOUT: Final = {
    Platform.WORDPRESS: "Posts and pages with images, categories and SEO fields.",
    Platform.SHOPIFY: "Articles of the shop's blog, with images and tags.",
    Platform.CUSTOM: "Any site that speaks our small HTTP interface.",
}


@require_safe
@screen(role=Role.ADMIN)
def choose(request: ScreenRequest) -> HttpResponse:
    """Which platform; those that are connected lead to their connection."""
    rows = selectors.integrations(account=request.account, site=request.site)
    known = {row.platform: shown(row) for row in rows}
    context = {
        "platforms": [(one, PLATFORMS[one], ABOUT[one], known.get(one.value)) for one in PLATFORMS]
    }
    return render_screen(request, "integrations/choose.html", context=context)


@never_cache
@sensitive_post_parameters(*SECRETS)
@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN, opens_block=False)
def connect(request: ScreenRequest, platform: str) -> HttpResponse:
    """Where the site is, and how to sign in there."""
    if platform not in Platform.values:
        raise Http404
    site = request.site
    assert site is not None, "the path names a site"  # noqa: S101 - only a bug can break it
    suggested = f"https://{site.domain}" if site.domain and platform != Platform.SHOPIFY else ""
    initial = {"base_url": suggested}
    forms: dict[str, Any] = {
        "form": ConnectForm(initial=initial, platform=platform),
        "way_form": AddressForm(initial=initial),
    }
    if request.method == "POST":
        if request.POST.get("way") == "authorize" and platform == Platform.WORDPRESS:
            return _let_in(request, forms)
        forms["form"] = form = ConnectForm(request.POST, platform=platform)
        if form.is_valid():
            try:
                row = connect_site(
                    account=request.account,
                    site_id=site.pk,
                    platform=Platform(platform),
                    config={"base_url": form.cleaned_data["base_url"]},
                    credentials=form.credentials(),
                    now=timezone.now(),
                )
            except DomainError as exc:
                form.refuse(exc)
            else:
                onward = reverse("integration_doctor", args=[site.pk, row.pk])
                return go_to(request, f"{onward}?new=1")
    return _page(request, platform, forms)


def _let_in(request: ScreenRequest, forms: dict[str, Any]) -> HttpResponse:
    """Ask the WordPress for the page where a person lets us in; a link leads there."""
    forms["way_form"] = form = AddressForm(request.POST)
    if form.is_valid():
        try:
            url = start_connecting(
                account=request.account,
                site_id=request.site.pk,  # type: ignore[union-attr]  # the path names a site
                base_url=form.cleaned_data["base_url"],
                user_id=request.user.pk,
                clock=timezone.now,
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            context = {"url": url, "address": form.cleaned_data["base_url"]}
            with tenant(request.account.pk, read_only=True):
                return render_screen(request, "integrations/let_in.html", context=context)
    return _page(request, Platform.WORDPRESS, forms)


def _page(request: ScreenRequest, platform: str, forms: dict[str, Any]) -> HttpResponse:
    found = Platform(platform)
    status = 422 if any(form.errors for form in forms.values()) else 200
    context = {"platform": found.value, "about": PLATFORMS[found], **forms}
    with tenant(request.account.pk, read_only=True):
        return render_screen(request, "integrations/connect.html", context=context, status=status)
