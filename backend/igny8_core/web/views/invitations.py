"""The link of an invitation: who follows it joins, as a new person or as one who signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.utils import perform_login
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from igny8_core.auth.access import members
from igny8_core.common.errors import DomainError
from igny8_core.web.forms.identity import AcceptInvitationForm
from igny8_core.web.screens import error_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from igny8_core.auth.access.members import Asked

SEE_OTHER = 303


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the invitation is for; POST accepts it."""
    try:
        asked = members.invitation_of(token=token, now=timezone.now())
        if request.method == "POST" and request.user.is_authenticated:
            account = members.accept_invitation(
                token=token, person=request.user, now=timezone.now()
            )
            return HttpResponseRedirect(f"/?account={account.pk}", status=SEE_OTHER)
        return _as_new_person(request, token, asked)
    except DomainError as exc:
        return error_page(request, exc)


def _as_new_person(request: HttpRequest, token: str, asked: Asked) -> HttpResponse:
    form = AcceptInvitationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        person = members.join_as_new_person(token=token, now=timezone.now(), **form.cleaned_data)
        answer: HttpResponse = perform_login(
            request, person, email=person.email, redirect_url=f"/?account={asked.account.pk}"
        )
        return answer
    context = {"asked": asked, "form": form}
    return render(request, "identity/accept_invitation.html", context)
