"""Operators in somebody's account: start with a reason, stop."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import SESSION_KEY, impersonation_of
from igny8_core.auth.access.impersonation import start_impersonation, stop_impersonation
from igny8_core.auth.states import Role
from igny8_core.common.errors import DomainError, InvalidInput, NotFound
from igny8_core.web.screens import error_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from igny8_core.auth.models import Impersonation, User

ROLES = [Role.VIEWER, Role.EDITOR, Role.ADMIN]
MINUTES = ["15", "30", "60"]
SEE_OTHER = 303


def staff_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For everybody else there is no such page."""

    @functools.wraps(view)
    def run(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            return error_page(request, NotFound("There is no such page."))
        return view(request)

    return run


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def act(request: HttpRequest) -> HttpResponse:
    """The form, and what it starts."""
    context: dict[str, Any] = {"roles": ROLES, "minutes": MINUTES, "values": request.POST}
    status = 200
    if request.method == "POST":
        try:
            row = _start(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            request.session[SESSION_KEY] = {"account": row.account_id, "id": row.pk}
            return HttpResponseRedirect("/", status=SEE_OTHER)
    return render(request, "ops/act.html", context, status=status)


@require_POST
@staff_only
def stop_acting(request: HttpRequest) -> HttpResponse:
    """Back to oneself."""
    now = timezone.now()
    if (running := impersonation_of(request, now=now)) is not None:
        stop_impersonation(account=running.account, impersonation_id=running.pk, now=now)
        del request.session[SESSION_KEY]
    return redirect("act")


def _start(request: HttpRequest) -> Impersonation:
    slug = request.POST.get("account", "").strip()
    account = selectors.account_by_slug(slug)
    if account is None:
        raise InvalidInput("Nothing started.", account=[f"There is no account {slug!r}."])
    role, minutes = request.POST.get("role", ""), request.POST.get("minutes", "")
    if role not in ROLES or minutes not in MINUTES:
        raise InvalidInput("Nothing started.", role=["Choose a role and a time of the lists."])
    return start_impersonation(
        account=account,
        staff=cast("User", request.user),
        reason=request.POST.get("reason", ""),
        role=Role(role),
        lasts=timedelta(minutes=int(minutes)),
        now=timezone.now(),
    )
