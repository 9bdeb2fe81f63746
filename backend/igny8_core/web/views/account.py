"""Settings of an account: its details, its plan, and the ways out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth import plan_limits, services
from igny8_core.auth.access import members
from igny8_core.auth.states import Role
from igny8_core.business.planning.services.keyword_limit import use_of_keywords
from igny8_core.common.errors import DomainError, InvalidInput, Refused
from igny8_core.web.forms.settings import AccountForm
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

SEE_OTHER: Final = 303


@require_safe
@screen(role=Role.VIEWER)
def account(request: ScreenRequest) -> HttpResponse:
    """The account's details and what of its plan is in use."""
    return _page(request, AccountForm.of(request.account))


@require_POST
@screen(role=Role.ADMIN)
def save_account(request: ScreenRequest) -> HttpResponse:
    """Change the account's details."""
    form = AccountForm.of(request.account, request.POST)
    if form.is_valid():
        try:
            services.update_account(account=request.account, **form.cleaned_data)
        except DomainError as exc:
            form.refuse(exc)
        else:
            messages.success(request, "Saved.")
            address = f"{reverse('account')}?account={request.account.pk}"
            return HttpResponseRedirect(address, status=SEE_OTHER)
    return _page(request, form, status=InvalidInput.http_status)


@require_POST
@screen(role=Role.VIEWER, suspended_too=True)
def leave(request: ScreenRequest) -> HttpResponse:
    """Give one's own membership up."""
    if request.is_visit:
        raise Refused("Staff who visit an account are no members of it.")
    members.leave_account(account=request.account, person=request.user)
    messages.success(request, f"You have left {request.account.name}.")
    return redirect("home")


@require_POST
@screen(role=Role.OWNER, suspended_too=True)
def close(request: ScreenRequest) -> HttpResponse:
    """End the account, when its short name was typed."""
    if request.POST.get("slug", "").strip() != request.account.slug:
        text = f"Type {request.account.slug} to close the account."
        error = InvalidInput("The account stays open.", slug=[text])
        form = AccountForm.of(request.account)
        return _page(request, form, status=error.http_status, close_error=text)
    services.close_account(
        account=request.account, reason="closed by its owner", now=timezone.now()
    )
    messages.success(request, f"{request.account.name} is closed.")
    return redirect("home")


def _page(
    request: ScreenRequest, form: AccountForm, *, status: int = 200, close_error: str = ""
) -> HttpResponse:
    found = request.account
    context: dict[str, Any] = {
        "form": form,
        "may_change": request.role.includes(Role.ADMIN),
        "may_close": request.role.includes(Role.OWNER),
        "uses": [
            ("Active sites", plan_limits.use_of_sites(account=found)),
            ("People, open invitations included", _people(found)),
            ("Keywords", use_of_keywords(account=found)),
        ],
        "close_error": close_error,
    }
    return render_screen(request, "settings/account.html", context=context, status=status)


def _people(found: Any) -> plan_limits.Use:
    return plan_limits.use_of_people(account=found, now=timezone.now())
