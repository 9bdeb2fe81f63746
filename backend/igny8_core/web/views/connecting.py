"""The way back from a WordPress that has let us in. It carries a secret: nothing logs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import entrance_of, refuse_unless_open
from igny8_core.auth.states import Role
from igny8_core.business.integration.services.connect import (
    finish_connecting,
    give_up_connecting,
)
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.common.tenancy.context import acting, tenant
from igny8_core.web.screens import error_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SEE_OTHER: Final = 303


@never_cache
@require_GET
@sensitive_variables("given")
def connect_wordpress(request: HttpRequest, account_id: int, state: str) -> HttpResponse:
    """Keep the password that WordPress made for us, and go on without it in the address."""
    if not request.user.is_authenticated:  # nothing of the address is carried along
        return redirect("account_login")
    given: dict[str, Any] = {
        "username": request.GET.get("user_login", ""),
        "application_password": request.GET.get("password", ""),
    }
    onward = f"/?account={account_id}"
    try:
        entrance = entrance_of(request, now=timezone.now())
        if not entrance.role_in(account_id).includes(Role.ADMIN):
            raise NotFound("There is no such way back.")
        with acting(entrance.actor), tenant(account_id):
            account = selectors.account(account_id)
            refuse_unless_open(account, changes=True)
            way: dict[str, Any] = {
                "account": account,
                "state": state,
                "user_id": request.user.pk,
                "now": timezone.now(),
            }
            if request.GET.get("success") == "false" or request.GET.get("rejected"):
                give_up_connecting(**way)
                said = "The site was not connected: you said no there."
            else:
                row = finish_connecting(**way, **given)
                said = f"{row.config['base_url']} is connected."
                onward = reverse("integration_doctor", args=[row.site_id, row.pk])
    except DomainError as exc:
        answer = error_page(request, exc)
    else:
        messages.success(request, said)
        answer = HttpResponseRedirect(onward, status=SEE_OTHER)
    answer["Referrer-Policy"] = "no-referrer"
    return answer
