"""Operators: the lifecycle of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from igny8_core.auth import selectors, services
from igny8_core.auth.access.impersonation import STAFF
from igny8_core.common.errors import DomainError, InvalidInput
from igny8_core.common.tenancy.context import acting
from igny8_core.web.views.acting import staff_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from igny8_core.auth.models import Account

MOVES: Final[dict[str, tuple[str, Callable[..., Account]]]] = {
    "suspend": ("Suspend", services.suspend_account),
    "reactivate": ("Reactivate", services.reactivate_account),
    "close": ("Close for good", services.close_account),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def accounts(request: HttpRequest) -> HttpResponse:
    """Suspend, reactivate or close an account, with a reason that goes into its trail."""
    context: dict[str, Any] = {
        "moves": [(key, label) for key, (label, _) in MOVES.items()],
        "values": request.POST,
    }
    status = 200
    if request.method == "POST":
        try:
            found = _move(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            messages.success(request, f"{found.name} is {found.get_status_display().lower()} now.")
            return redirect("operate_accounts")
    return render(request, "ops/accounts.html", context, status=status)


def _move(request: HttpRequest) -> Account:
    slug = request.POST.get("account", "").strip()
    account = selectors.account_by_slug(slug)
    if account is None:
        raise InvalidInput("Nothing changed.", account=[f"There is no account {slug!r}."])
    if (move := request.POST.get("move", "")) not in MOVES:
        raise InvalidInput("Nothing changed.", move=["Choose one of the list."])
    with acting(f"{STAFF}{request.user.pk}"):
        return MOVES[move][1](
            account=account, reason=request.POST.get("reason", ""), now=timezone.now()
        )
