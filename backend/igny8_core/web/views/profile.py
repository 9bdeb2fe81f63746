"""A person's own page, and a further account of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from igny8_core.auth import selectors, services
from igny8_core.auth.access.entrance import entrance_of
from igny8_core.common.errors import DomainError
from igny8_core.web.forms.settings import OpenAccountForm, ProfileForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from igny8_core.auth.models import User

SEE_OTHER: Final = 303


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name and address; POST changes the name."""
    person = cast("User", request.user)
    data = request.POST if request.method == "POST" else None
    form = ProfileForm(data, initial={"name": person.name})
    if form.is_valid():
        try:
            services.rename_person(person=person, name=form.cleaned_data["name"])
        except DomainError as exc:
            form.refuse(exc)
        else:
            messages.success(request, "Saved.")
            return redirect("profile")
    roles = entrance_of(request, now=timezone.now()).roles
    found = [(selectors.account(pk), role) for pk, role in roles.items()]
    return render(request, "identity/profile.html", {"form": form, "accounts": found})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def open_account(request: HttpRequest) -> HttpResponse:
    """A further account: first the industry, by ``?industry=``, then everything else."""
    entrance = entrance_of(request, now=timezone.now())
    data = request.POST if request.method == "POST" else None
    form = OpenAccountForm(data, industry_slug=request.GET.get("industry", ""))
    context: dict[str, Any] = {
        "form": form,
        "has_none": not entrance.roles,
        "has_closed": bool(entrance.closed),
    }
    if form.chosen_industry is None:
        context["industries"] = selectors.industries()
        return render(request, "identity/account_industry.html", context)
    status = 200
    if form.is_valid():
        try:
            site = services.open_own_account(
                person=cast("User", request.user),
                account_name=form.cleaned_data["account_name"],
                site_name=form.cleaned_data["site_name"],
                **form.site(),
            )
        except DomainError as exc:
            form.refuse(exc)
            status = exc.http_status
        else:
            return HttpResponseRedirect(f"/?account={site.account_id}", status=SEE_OTHER)
    return render(request, "identity/account_open.html", context, status=status)
