"""Operators: disputes, who sells under which tax, and whether the books agree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from igny8_core.auth import reference
from igny8_core.business.billing import payment_selectors, selectors
from igny8_core.business.billing.errors import BillingNotSetUp
from igny8_core.business.billing.services import audit, audit_results, taxes, webhooks
from igny8_core.clients.payments import configured
from igny8_core.common.errors import DomainError, InvalidInput, Refused
from igny8_core.web.lists import one_of, whole
from igny8_core.web.views.acting import staff_only

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

REPEAT: Final = "billing.change_paymentwebhook"
KINDS: Final = {
    "id": "A business with a tax id",
    "business": "A business without one",
    "person": "A private person",
}


@never_cache
@require_safe
@staff_only
def disputes(request: HttpRequest) -> HttpResponse:
    """What customers' banks ask back, and the credits that went with the money."""
    context = {"disputes": payment_selectors.latest_disputes()}
    return render(request, "ops/disputes.html", context)


@never_cache
@require_safe
@staff_only
def sellers(request: HttpRequest) -> HttpResponse:
    """Who sells, the rules of tax, the ways to pay; and what a buyer would be taxed."""
    country = one_of(request.GET, "country", reference.countries())
    kind = one_of(request.GET, "kind", KINDS) or "id"
    rules = payment_selectors.tax_rules()
    today = timezone.now().date()
    context: dict[str, Any] = {
        "sellers": payment_selectors.sellers(),
        "rules": [(row, _holds(row, today)) for row in rules],
        "series": payment_selectors.number_series(),
        "methods": payment_selectors.method_configs(),
        "configured": configured(),
        "packages": list(selectors.credit_packages()),
        "countries": list(reference.countries().items()),
        "country": country,
        "kind": kind,
        "kinds": list(KINDS.items()),
        "today": today,
    }
    if country:
        context |= _tried(country, kind)
    return render(request, "ops/sellers.html", context)


def _holds(rule: Any, today: Any) -> str:
    """Whether a rule holds: ``now``, ``later`` or ``past``."""
    if rule.active_from > today:
        return "later"
    return "past" if rule.active_to is not None and rule.active_to <= today else "now"


def _tried(country: str, kind: str) -> dict[str, Any]:
    """The rule that a buyer would be taxed by."""
    buyer: Any = SimpleNamespace(
        country_code=country, is_business=kind != "person", tax_id="X" if kind == "id" else ""
    )
    try:
        seller = taxes.default_seller()
        return {"rule": taxes.rule_for(seller=seller, buyer=buyer, on=timezone.now().date())}
    except BillingNotSetUp as exc:
        return {"no_rule": exc.message}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def books(request: HttpRequest) -> HttpResponse:
    """Whether all books agree, and what providers told us that we could not follow."""
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            said = _act(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            messages.success(request, said)
            return redirect("operate_books")
    context |= {
        "results": audit_results.last_results(),
        "configured": configured(),
        "cursors": payment_selectors.reconcile_cursors(),
        "failed": payment_selectors.webhooks_failed(),
        "unknown": payment_selectors.payments_unknown(),
        "in_review": payment_selectors.payments_to_review(),
        "may_repeat": request.user.has_perm(REPEAT),
    }
    return render(request, "ops/books.html", context, status=status)


def _act(request: HttpRequest) -> str:
    """Do what the form says; what to tell the operator."""
    now = timezone.now()
    if (name := request.POST.get("look", "")) in audit.SEARCHES:
        found = audit.look(name=name, now=now)
        count = len(found.problems)
        return f"{found.title}: {'all of it agrees' if not count else f'{count:,} findings'}."
    if (webhook_id := whole(request.POST, "webhook")) is None:
        raise InvalidInput("Nothing was done.", look=["Choose one of the list."])
    if not request.user.has_perm(REPEAT):
        raise Refused("You may not take events up again.")
    row = webhooks.try_again(webhook_id=webhook_id, now=now)
    return f"The event {row.event_id} is taken up again."
