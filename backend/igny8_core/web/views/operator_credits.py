"""Operators: credits added or taken, prices with their history and effect, margins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from igny8_core.auth import selectors as accounts
from igny8_core.auth.access.impersonation import STAFF
from igny8_core.business.billing import margin_selectors, payment_selectors, selectors
from igny8_core.business.billing.services import adjustments as credits_by_hand
from igny8_core.business.billing.services.price_effects import DAYS, NewPrice, effect_of
from igny8_core.business.billing.services.prices import change_price
from igny8_core.business.billing.states import OperationType, PriceUnit
from igny8_core.common.errors import DomainError, InvalidInput, Refused
from igny8_core.common.money import decimals
from igny8_core.common.tenancy.context import acting, tenant
from igny8_core.web.forms.billing import form_key
from igny8_core.web.lists import one_of, text, whole
from igny8_core.web.views.acting import staff_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from igny8_core.business.billing.margin_selectors import CreditValue, Margin

ASK, AGREE = "billing.add_creditadjustment", "billing.change_creditadjustment"
PRICE: Final = "billing.add_creditcostconfig"
SPANS: Final = {"7": "7 days", "30": "30 days", "90": "90 days"}
SEE_OTHER: Final = 303


# --- adjustments


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def adjustments(request: HttpRequest) -> HttpResponse:
    """Ask for credits to be added or taken, agree to it, and see what was."""
    context: dict[str, Any] = {"values": request.POST or request.GET}
    status = 200
    if request.method == "POST":
        try:
            said = _adjust(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            messages.success(request, said)
            return redirect("operate_adjustments")
    slug = text(request.POST or request.GET, "account")
    account = accounts.account_by_slug(slug) if slug else None
    if account is not None:
        with tenant(account.pk, read_only=True):
            context["outlook"] = selectors.credit_outlook(account=account, now=timezone.now())
    context |= {
        "slug": slug,
        "account": account,
        "key": request.POST.get("idempotency_key") or uuid4().hex,
        "may_ask": request.user.has_perm(ASK),
        "may_agree": request.user.has_perm(AGREE),
        "waiting": payment_selectors.adjustments_to_decide(),
        "decided": payment_selectors.adjustments_decided(),
        "limit": credits_by_hand.second_person_from(),
    }
    return render(request, "ops/adjustments.html", context, status=status)


def _adjust(request: HttpRequest) -> str:
    """Do what the form says; what to tell the operator."""
    act = request.POST.get("act", "")
    if act == "ask":
        return _ask(request)
    if act not in {"agree", "reject"}:
        raise InvalidInput("Nothing changed.", act=["Ask, agree or reject."])
    row = payment_selectors.any_adjustment(whole(request.POST, "adjustment") or 0)
    if not request.user.has_perm(AGREE):
        raise Refused("You may not decide on adjustments.")
    common: dict[str, Any] = {
        "account": row.account,
        "adjustment_id": row.pk,
        "now": timezone.now(),
    }
    person: Any = request.user
    with acting(f"{STAFF}{request.user.pk}"):
        if act == "reject":
            credits_by_hand.reject_adjustment(**common)
            return f"Adjustment {row.pk} is rejected: the ledger stays as it is."
        credits_by_hand.approve_adjustment(actor_id=person.pk, **common)
    return f"Adjustment {row.pk} is in the ledger."


def _ask(request: HttpRequest) -> str:
    slug = text(request.POST, "account")
    account = accounts.account_by_slug(slug)
    if account is None:
        raise InvalidInput("Nothing was adjusted.", account=[f"There is no account {slug!r}."])
    size = whole(request.POST, "amount") or 0
    amount = -size if request.POST.get("way") == "take" else size
    key = form_key(request)
    person: Any = request.user
    if not request.user.has_perm(ASK):
        raise Refused("You may not adjust credits.")
    with acting(f"{STAFF}{request.user.pk}"):
        row = credits_by_hand.request_adjustment(
            account=account,
            amount=amount,
            reason=request.POST.get("reason", ""),
            idempotency_key=f"ops:{key}",
            actor_id=person.pk,
            now=timezone.now(),
        )
    if row.status == "requested":
        return f"{row.amount:+,} credits for {account.name} wait for a second person."
    return f"{row.amount:+,} credits for {account.name} are in the ledger."


# --- prices


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def prices(request: HttpRequest) -> HttpResponse:
    """Today's prices, the versions of one, and what another one would have meant."""
    asked = request.POST if request.method == "POST" else request.GET
    operation, unit = _priced(asked.get("operation", ""), asked.get("unit", ""))
    context: dict[str, Any] = {
        "prices": selectors.price_list(now=timezone.now()),
        "operation": operation,
        "unit": unit,
        "values": request.POST,
        "days": DAYS,
        "may_change": request.user.has_perm(PRICE),
        "versions": [],
    }
    status = 200
    if request.method == "POST":
        try:
            new = _new_price(request)
            if request.POST.get("act") == "save":
                return _save_price(request, new)
            context["effect"], context["new"] = effect_of(new=new, now=timezone.now()), new
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
    if operation is not None and unit is not None:
        context["versions"] = payment_selectors.price_versions(operation=operation, unit=unit)
    return render(request, "ops/prices.html", context, status=status)


def _priced(operation: str, unit: str) -> tuple[OperationType | None, PriceUnit | None]:
    is_known = operation in OperationType.values and not OperationType(operation).is_legacy
    if not is_known or unit not in PriceUnit.values:
        return None, None
    return OperationType(operation), PriceUnit(unit)


def _new_price(request: HttpRequest) -> NewPrice:
    """The price that the form says.

    :raises InvalidInput: by field.
    """
    operation, unit = _priced(request.POST.get("operation", ""), request.POST.get("unit", ""))
    if operation is None or unit is None:
        raise InvalidInput("Nothing changed.", operation=["Choose one of the list."])
    return NewPrice(
        operation=operation,
        unit=unit,
        unit_size=whole(request.POST, "unit_size") or 0,
        credits_per_unit=_decimal(request.POST.get("credits_per_unit", "")),
        min_credits=whole(request.POST, "min_credits") or 0,
    )


def _save_price(request: HttpRequest, new: NewPrice) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    if not 1 <= len(reason) <= credits_by_hand.REASON_MAX:
        raise InvalidInput("Nothing changed.", reason=["Say why: it stays with the version."])
    if not request.user.has_perm(PRICE):
        raise Refused("You may not change prices.")
    fee = whole(request.POST, "platform_fee_credits")
    with acting(f"{STAFF}{request.user.pk}"):
        row = change_price(
            operation=new.operation,
            unit=new.unit,
            credits_per_unit=new.credits_per_unit,
            unit_size=new.unit_size,
            min_credits=new.min_credits,
            platform_fee_credits=fee,
            reason=reason,
            actor_id=request.user.pk,
            seen_version=whole(request.POST, "version") or 0,
            now=timezone.now(),
        )
    messages.success(request, f"Version {row.version} holds from now on.")
    query = f"?operation={new.operation.value}&unit={new.unit.value}"
    return HttpResponseRedirect(reverse("operate_prices") + query, status=SEE_OTHER)


def _decimal(given: str) -> Decimal:
    problem = InvalidInput("Nothing changed.", credits_per_unit=["A number, for example 1.25."])
    try:
        found = Decimal(given.strip().replace(",", "."))
    except InvalidOperation as exc:
        raise problem from exc
    if not found.is_finite() or not 0 <= found < 10**8 or found != round(found, 4):
        raise problem
    return found


# --- margins


@dataclass(frozen=True)
class MarginRow:
    """A margin as the page shows it, in minor units of one currency."""

    margin: Margin
    revenue: Fraction
    cost: Fraction

    @property
    def gain(self) -> Fraction:
        """What is left."""
        return self.revenue - self.cost

    @property
    def percent(self) -> int | None:
        """Of the revenue; None without any."""
        return round(self.gain * 100 / self.revenue) if self.revenue else None


@never_cache
@require_safe
@staff_only
def margins(request: HttpRequest) -> HttpResponse:
    """What each operation and model brought, beside what it cost us."""
    days = one_of(request.GET, "days", SPANS) or "30"
    since = timezone.now() - timedelta(days=int(days))
    rate = _rate(request.GET.get("rate", ""))
    value = margin_selectors.sold_value(since=since)
    by_operation = margin_selectors.margins_by_operation(since=since)
    by_model = margin_selectors.margins_by_model(since=since)
    context = {
        "days": days,
        "spans": list(SPANS.items()),
        "rate": rate,
        "value": value,
        "by_operation": _valued(by_operation, value, rate),
        "by_model": _valued(by_model, value, rate),
        "total": _valued([margin_selectors.sum_of(by_operation)], value, rate)[0],
    }
    return render(request, "ops/margins.html", context)


def _rate(given: str) -> Decimal:
    """What a dollar is worth, as somebody typed it; 1 when it is no such number."""
    try:
        found = Decimal(given.strip().replace(",", "."))
    except InvalidOperation:
        return Decimal(1)
    return found if found.is_finite() and 0 < found < 10**6 else Decimal(1)


def _valued(rows: Sequence[Margin], value: CreditValue | None, rate: Decimal) -> list[MarginRow]:
    digits = decimals(value.currency) if value else 2
    return [
        MarginRow(
            row,
            row.revenue_minor(value) if value else Fraction(0),
            row.cost_minor(Fraction(rate), digits),
        )
        for row in rows
    ]
