"""The account's plan: what it is, another one with what that costs, the end of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import RUNNING, Role, SubscriptionStatus
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import BillingNotSetUp
from igny8_core.business.billing.services import (
    billing_profiles,
    card_payments,
    cards,
    orders,
    plan_orders,
    provider_subscriptions,
    subscriptions,
)
from igny8_core.business.billing.states import PaymentStatus
from igny8_core.common.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    NotFound,
    ProviderRejected,
    Transient,
)
from igny8_core.common.money import written
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.billing import form_key
from igny8_core.web.lists import whole
from igny8_core.web.screens import ScreenRequest, account_address, render_screen, screen
from igny8_core.web.views.buying import on_to_pay

if TYPE_CHECKING:
    from django.http import HttpResponse

private = cache_control(private=True, no_store=True)
SEE_OTHER: Final = 303
KEPT: Final = 6
SHOWN: Final = 10


@require_safe
@private
@screen(role=Role.VIEWER)
def plan(request: ScreenRequest) -> HttpResponse:
    """The plan, its period, what was used of it, and the plans that there are."""
    account, now = request.account, timezone.now()
    rows = list(selectors.subscriptions(account=account)[:SHOWN])
    running = next((one for one in rows if one.status in RUNNING), None)
    waiting = next((one for one in rows if one.status == SubscriptionStatus.INCOMPLETE), None)
    may_change = request.role.includes(Role.ADMIN)
    context = {
        "subscription": running,
        "is_paid": _is_paid(running),
        "waiting": waiting,
        "bill": _bill(account, waiting) if waiting is not None and may_change else None,
        "present": None if running is None else running.plan,
        "period": selectors.current_period(account=account, now=now),
        "plans": list(selectors.plans()),
        "periods": list(selectors.subscription_periods(account=account)[:KEPT]),
        "may_change": may_change,
        "now": now,
    }
    return render_screen(request, "billing/plan.html", context=context)


@require_safe
@private
@screen(role=Role.ADMIN)
def choose_plan(request: ScreenRequest, code: str) -> HttpResponse:
    """What a plan costs before it is ordered, or what a change to it does."""
    return _choice(request, code)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def order_plan(request: ScreenRequest, code: str) -> HttpResponse:
    """Order a plan that is paid for, once."""
    try:
        done = orders.order_plan(
            account=request.account,
            plan_code=code,
            method=request.POST.get("payment_method", ""),
            wants_trial=request.POST.get("trial") == "1",
            total_minor=whole(request.POST, "total") or 0,
            idempotency_key=f"sub:{form_key(request)}",
            now=timezone.now(),
        )
    except (InvalidInput, Conflict, BillingNotSetUp) as exc:
        with tenant(request.account.pk, read_only=True):
            return _choice(request, code, error=exc, status=exc.http_status)
    if done.subscription.provider:
        return _to_provider(request, done.subscription.pk)
    if done.payment is not None:
        return on_to_pay(request, done.payment)
    messages.success(request, f"You can try {done.subscription.plan.name} out from now on.")
    return _to_plan(request)


@require_POST
@private
@screen(role=Role.ADMIN, opens_block=False)
def change_plan(request: ScreenRequest, code: str) -> HttpResponse:
    """Put the subscription on another plan, for no more than was seen."""
    with tenant(request.account.pk, read_only=True):
        running = _running(request)
        orders_plan = running is None or not _is_paid(running)
    if running is None or orders_plan:
        raise Conflict("Nothing runs that could be changed: order the plan.")
    try:
        done = orders.order_change(
            account=request.account,
            subscription_id=running.pk,
            plan_code=code,
            most_minor=whole(request.POST, "total") or 0,
            idempotency_key=f"plan:{form_key(request)}",
            now=timezone.now(),
        )
    except (InvalidInput, Conflict) as exc:
        with tenant(request.account.pk, read_only=True):
            return _choice(request, code, error=exc, status=exc.http_status)
    _tell_provider(request, running.pk)
    if done.payment is not None and request.POST.get("pay") == "card":
        return _by_card(request, running.pk, done.payment, plan_name=done.plan.name)
    if done.payment is not None:
        return on_to_pay(request, done.payment)
    messages.success(request, f"{done.plan.name} counts from {done.effective_at:%-d %B %Y} on.")
    return _to_plan(request)


def _by_card(
    request: ScreenRequest, subscription_id: int, payment: Any, *, plan_name: str
) -> HttpResponse:
    """Take the money from the saved card; to the provider's page when the bank wants that."""
    address = ""
    try:
        address = card_payments.pay_by_card(
            account=request.account, payment_id=payment.pk, clock=timezone.now
        )
    except (ProviderRejected, Transient) as exc:
        messages.error(request, exc.message)
    if address:
        return HttpResponseRedirect(address, status=SEE_OTHER)
    with tenant(request.account.pk, read_only=True):
        row = selectors.payment(account=request.account, payment_id=payment.pk)
    if row.status != PaymentStatus.COMPLETED:
        page = account_address(request, "payment", payment.pk)
        return HttpResponseRedirect(page, status=SEE_OTHER)
    _tell_provider(request, subscription_id)
    paid = written(row.amount_minor, row.currency)
    messages.success(request, f"{paid} were taken from your card. You have {plan_name} now.")
    return _to_plan(request)


@require_POST
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def cancel_plan(request: ScreenRequest, subscription_id: int) -> HttpResponse:
    """Let it end with its period; an order that nobody paid is given up at once."""
    row = subscriptions.cancel(
        account=request.account, subscription_id=subscription_id, now=timezone.now()
    )
    _tell_provider(request, subscription_id)
    if row.status == SubscriptionStatus.CANCELLED:
        messages.success(request, "It has ended.")
    else:
        messages.success(request, "It ends with its period. Until then you can go on after all.")
    return _to_plan(request)


@require_POST
@screen(role=Role.ADMIN, opens_block=False)
def resume_plan(request: ScreenRequest, subscription_id: int) -> HttpResponse:
    """Go on after all."""
    subscriptions.resume(
        account=request.account, subscription_id=subscription_id, now=timezone.now()
    )
    _tell_provider(request, subscription_id)
    messages.success(request, "It goes on.")
    return _to_plan(request)


@require_POST
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def continue_plan(request: ScreenRequest, subscription_id: int) -> HttpResponse:
    """Ask the provider how far an order is; back to its page while nobody has finished it.

    Of a subscription that runs: to the page on which what is owed is paid or confirmed.
    """
    with tenant(request.account.pk, read_only=True):
        row = subscriptions.read(account=request.account, subscription_id=subscription_id)
    if not row.provider:
        raise Conflict("An operator says whether this has been paid.")
    common: dict[str, Any] = {"account": request.account, "subscription_id": subscription_id}
    try:
        provider_subscriptions.follow(clock=timezone.now, **common)
        with tenant(request.account.pk, read_only=True):
            row = subscriptions.read(**common)
        if row.status == SubscriptionStatus.INCOMPLETE:
            return _to_provider(request, subscription_id)
        address = provider_subscriptions.where_to_pay(**common)
    except (InvalidInput, ProviderRejected, Transient) as exc:
        messages.error(request, exc.message)
        address = ""
    return HttpResponseRedirect(address or account_address(request, "plan"), status=SEE_OTHER)


def _choice(
    request: ScreenRequest, code: str, *, error: DomainError | None = None, status: int = 200
) -> HttpResponse:
    account, now = request.account, timezone.now()
    running = _running(request)
    profile = billing_profiles.billing_profile(account=account)
    context: dict[str, Any] = {
        "subscription": running,
        "profile": profile,
        "error": error,
        "key": uuid4().hex,
        "chosen": request.POST.get("payment_method", ""),
        "missing": [],
    }
    try:
        if _is_paid(running):
            context |= _preview(request, running, code)
            context["period"] = selectors.current_period(account=account, now=now)
        else:
            plan = context["plan"] = orders.offered_plan(code)
            context["ways"] = orders.ways_to_subscribe(country_code=profile.country_code)
            context["quote"] = orders.quote_plan(account=account, plan=plan, now=now)
    except BillingNotSetUp as exc:
        context["shut"] = exc.message
    except InvalidInput as exc:
        context["missing"] = sorted(exc.data)
    return render_screen(request, "billing/plan_order.html", context=context, status=status)


def _preview(request: ScreenRequest, running: Any, code: str) -> dict[str, Any]:
    """What a change would do; why it cannot be done, when it cannot."""
    found = next((one for one in selectors.plans() if one.code == code), None)
    if found is None:
        raise NotFound("no such plan", plan=code)
    try:
        change = plan_orders.preview_change(
            account=request.account, subscription_id=running.pk, plan_code=code, now=timezone.now()
        )
    except BillingNotSetUp:
        raise
    except (InvalidInput, Conflict) as exc:
        return {"plan": found, "refused": exc}
    card = None
    if change.amount is not None and running.provider:
        card, _ = cards.card_to_charge(account=request.account, provider=running.provider)
    return {"plan": found, "change": change, "card": card}


def _running(request: ScreenRequest) -> Any:
    rows = selectors.subscriptions(account=request.account).filter(status__in=RUNNING)
    return rows.first()


def _is_paid(row: Any) -> bool:
    return row is not None and bool(row.provider or row.payment_method)


def _bill(account: Any, row: Any) -> Any:
    """The invoice of an order that waits for its money; None at a provider."""
    rows = selectors.invoices(account=account).filter(subscription=row)
    return rows.first()


def _to_provider(request: ScreenRequest, subscription_id: int) -> HttpResponse:
    address = ""
    try:
        address = provider_subscriptions.open_page(
            account=request.account, subscription_id=subscription_id, clock=timezone.now
        )
    except (ProviderRejected, Transient) as exc:
        messages.error(request, exc.message)
    return HttpResponseRedirect(address or account_address(request, "plan"), status=SEE_OTHER)


def _tell_provider(request: ScreenRequest, subscription_id: int) -> None:
    """At once, if it listens; the job tells it later."""
    try:
        provider_subscriptions.push(
            account=request.account, subscription_id=subscription_id, clock=timezone.now
        )
    except Transient:
        messages.info(request, "The provider does not answer. It is told as soon as it does.")


def _to_plan(request: ScreenRequest) -> HttpResponse:
    return HttpResponseRedirect(account_address(request, "plan"), status=SEE_OTHER)
