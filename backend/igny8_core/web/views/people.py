"""Settings of an account: its people and its API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from igny8_core.auth import selectors
from igny8_core.auth.access import api_keys, members
from igny8_core.auth.states import KeyScope, Role
from igny8_core.common.errors import DomainError, InvalidInput
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

EXPIRES_IN_DAYS: Final = {"30": "30 days", "90": "90 days", "365": "1 year", "": "Never"}
SEE_OTHER: Final = 303
VISITS_SHOWN: Final = 10


@require_safe
@screen(role=Role.VIEWER)
def team(request: ScreenRequest) -> HttpResponse:
    """Who belongs to the account, and who was asked."""
    return _team(request)


@require_POST
@screen(role=Role.ADMIN)
def invite(request: ScreenRequest) -> HttpResponse:
    """Ask a person to join."""
    try:
        row = members.invite_member(
            account=request.account,
            email=request.POST.get("email", ""),
            role=request.POST.get("role", ""),
            invited_by=request.user,
            granting=request.role,
            accept_url=lambda token: request.build_absolute_uri(
                reverse("accept_invitation", args=[token])
            ),
            now=timezone.now(),
        )
    except DomainError as exc:
        return _team(request, error=exc)
    return _back(request, "team", f"We sent an invitation to {row.email}.")


@require_POST
@screen(role=Role.ADMIN)
def revoke_invitation(request: ScreenRequest, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    now = timezone.now()
    row = members.revoke_invitation(account=request.account, invitation_id=invitation_id, now=now)
    return _back(request, "team", f"The invitation to {row.email} no longer works.")


@require_POST
@screen(role=Role.ADMIN)
def change_role(request: ScreenRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    try:
        row = members.change_role(
            account=request.account,
            membership_id=membership_id,
            role=request.POST.get("role", ""),
            granting=request.role,
        )
    except DomainError as exc:
        return _team(request, error=exc)
    return _back(request, "team", f"{row.user.email} is now {Role(row.role).label.lower()}.")


@require_POST
@screen(role=Role.ADMIN)
def remove_member(request: ScreenRequest, membership_id: int) -> HttpResponse:
    """Take a membership away."""
    try:
        person = members.remove_member(
            account=request.account, membership_id=membership_id, granting=request.role
        )
    except DomainError as exc:
        return _team(request, error=exc)
    text = f"{person.email} no longer belongs to the account."
    now = timezone.now()
    if keys := selectors.working_keys_of(account=request.account, person=person, now=now):
        text += f" API keys that they made and that still work: {keys}. Revoke what they know."
    return _back(request, "team", text)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def keys(request: ScreenRequest) -> HttpResponse:
    """The account's keys; POST makes one and shows its text, once."""
    context: dict[str, Any] = {"expiries": EXPIRES_IN_DAYS.items(), "secret": ""}
    status = 200
    if request.method == "POST":
        try:
            key, context["secret"] = api_keys.create_api_key(
                account=request.account,
                name=request.POST.get("name", ""),
                scope=request.POST.get("scope", ""),
                expires_at=_expiry(request.POST.get("days", "")),
                created_by=request.user,
                granting=request.role,
                now=timezone.now(),
            )
            context["made"] = key
        except DomainError as exc:
            context["error"], context["values"], status = exc, request.POST, exc.http_status
    rows = selectors.api_keys(account=request.account)
    now = timezone.now()
    context["keys"] = [(row, row.is_open(now)) for row in rows]
    context["scopes"] = [s for s in KeyScope if request.role.includes(s.role)]
    response = render_screen(request, "settings/api_keys.html", context=context, status=status)
    response.headers["Content-Encoding"] = "identity"  # a compressed secret can be guessed at
    return response


@require_POST
@screen(role=Role.ADMIN)
def revoke_key(request: ScreenRequest, key_id: int) -> HttpResponse:
    """The key stops working at once."""
    key = api_keys.revoke_api_key(account=request.account, key_id=key_id, now=timezone.now())
    return _back(request, "api_keys", f"The key {key.name} no longer works.")


def _team(request: ScreenRequest, *, error: DomainError | None = None) -> HttpResponse:
    account, now = request.account, timezone.now()
    mine = [role for role in Role if request.role.includes(role)]
    context = {
        "members": selectors.members(account=account),
        "invitations": [(row, row.is_open(now)) for row in selectors.invitations(account=account)],
        "roles": mine,
        "may_change": request.role.includes(Role.ADMIN),
        "limit": account.plan.max_users if account.plan else None,
        "visits": selectors.impersonations(account=account)[:VISITS_SHOWN],
        "error": error,
        "values": request.POST,
    }
    status = 200 if error is None else error.http_status
    return render_screen(request, "settings/team.html", context=context, status=status)


def _back(request: ScreenRequest, name: str, text: str) -> HttpResponse:
    messages.success(request, text)
    address = f"{reverse(name)}?account={request.account.pk}"
    return HttpResponseRedirect(address, status=SEE_OTHER)


def _expiry(days: str) -> Any:
    if days not in EXPIRES_IN_DAYS:
        raise InvalidInput("The key cannot be made.", expires_at=["Choose one of the list."])
    return timezone.now() + timedelta(days=int(days)) if days else None
