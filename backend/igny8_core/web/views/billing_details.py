"""Whom an account's invoices are made out to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from igny8_core.auth.states import Role
from igny8_core.business.billing.services import billing_profiles
from igny8_core.common.errors import InvalidInput
from igny8_core.web.forms.billing import BillingDetailsForm
from igny8_core.web.screens import ScreenRequest, account_address, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

private = cache_control(private=True, no_store=True)
SEE_OTHER: Final = 303


@require_http_methods(["GET", "HEAD", "POST"])
@private
@screen(role=Role.ADMIN, suspended_too=True)
def details(request: ScreenRequest) -> HttpResponse:
    """The name, address and tax id on invoices; numbered ones keep what they say."""
    profile = billing_profiles.billing_profile(account=request.account)
    way_back = _way_back(request)
    if request.method != "POST":
        form = BillingDetailsForm.of(profile)
        return _details_page(request, form, profile, way_back)
    form = BillingDetailsForm.of(profile, request.POST)
    if not form.is_valid():
        status = InvalidInput.http_status
        return _details_page(request, form, profile, way_back, status=status)
    billing_profiles.change_billing_profile(account=request.account, changes=form.changes())
    messages.success(request, "Saved. Invoices that have a number keep what they say.")
    here = account_address(request, "bill_to")
    return HttpResponseRedirect(way_back or here, status=SEE_OTHER)


def _details_page(
    request: ScreenRequest,
    form: BillingDetailsForm,
    profile: Any,
    way_back: str,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "is_stored": profile.pk is not None, "way_back": way_back}
    return render_screen(request, "billing/details.html", context=context, status=status)


def _way_back(request: ScreenRequest) -> str:
    """Where the person came from, if it is a page of ours."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and asked.startswith("/") else ""
