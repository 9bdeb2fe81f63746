"""Whom an account's invoices are made out to, and how it pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import billing_profiles, orders, payment_methods
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.web.forms.billing import BillingDetailsForm, PaymentMethodForm
from igny8_core.web.screens import ScreenRequest, account_address, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Callable

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


@require_safe
@private
@screen(role=Role.ADMIN)
def methods(request: ScreenRequest) -> HttpResponse:
    """Ways to pay that are remembered, and those that are offered."""
    return _methods_page(request, PaymentMethodForm())


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True)
def add_method(request: ScreenRequest) -> HttpResponse:
    """Remember a way to pay."""
    form = PaymentMethodForm(request.POST)
    if form.is_valid():
        try:
            payment_methods.add_payment_method(account=request.account, **form.cleaned_data)
        except (InvalidInput, Conflict) as exc:
            form.refuse(exc)
        else:
            messages.success(request, "Added.")
            return _to_methods(request)
    return _methods_page(request, form, status=InvalidInput.http_status)


@require_POST
@screen(role=Role.ADMIN, suspended_too=True)
def change_method(request: ScreenRequest, method_id: int) -> HttpResponse:
    """Make a way to pay the default, switch it on or off, or forget it."""
    payment_methods.payment_method(account=request.account, method_id=method_id)
    if (act := request.POST.get("act", "")) not in ACTS:
        raise InvalidInput("Nothing was changed.", act=["Choose one of the list."])
    said, change = ACTS[act]
    change(request, method_id)
    messages.success(request, said)
    return _to_methods(request)


def _default(request: ScreenRequest, method_id: int) -> None:
    payment_methods.make_default(account=request.account, method_id=method_id)


def _forget(request: ScreenRequest, method_id: int) -> None:
    payment_methods.remove_payment_method(account=request.account, method_id=method_id)


def _switch(*, is_on: bool) -> Callable[[ScreenRequest, int], None]:
    def change(request: ScreenRequest, method_id: int) -> None:
        payment_methods.change_payment_method(
            account=request.account, method_id=method_id, changes={"is_enabled": is_on}
        )

    return change


ACTS: Final[dict[str, tuple[str, Callable[[ScreenRequest, int], None]]]] = {
    "default": ("This is how you pay from now on.", _default),
    "on": ("It is switched on.", _switch(is_on=True)),
    "off": ("It is switched off.", _switch(is_on=False)),
    "forget": ("It is forgotten.", _forget),
}


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


def _methods_page(
    request: ScreenRequest, form: PaymentMethodForm, *, status: int = 200
) -> HttpResponse:
    profile = billing_profiles.billing_profile(account=request.account)
    country = profile.country_code
    context = {
        "form": form,
        "methods": list(selectors.account_payment_methods(account=request.account)),
        "ways": orders.ways_to_pay(country_code=country),
        "country": country,
    }
    return render_screen(request, "billing/methods.html", context=context, status=status)


def _way_back(request: ScreenRequest) -> str:
    """Where the person came from, if it is a page of ours."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and asked.startswith("/") else ""


def _to_methods(request: ScreenRequest) -> HttpResponse:
    return HttpResponseRedirect(account_address(request, "pay_by"), status=SEE_OTHER)
