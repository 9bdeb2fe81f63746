"""Buying credits: what is offered, what an order costs with its tax, and the order itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import BillingNotSetUp, PriceMissing
from igny8_core.business.billing.services import billing_profiles, orders
from igny8_core.business.billing.services.checkout import QUANTITY_MAX
from igny8_core.business.billing.services.prices import quote
from igny8_core.business.billing.services.provider_payments import open_checkout
from igny8_core.common.errors import (
    Conflict,
    DomainError,
    IdempotencyConflict,
    InvalidInput,
    ProviderRejected,
    Transient,
)
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.billing import form_key
from igny8_core.web.lists import whole
from igny8_core.web.screens import ScreenRequest, account_address, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

private = cache_control(private=True, no_store=True)
SEE_OTHER: Final = 303
ARTICLE_WORDS: Final = 1_200


@require_safe
@private
@screen(role=Role.VIEWER)
def packages(request: ScreenRequest) -> HttpResponse:
    """The packages with their price per credit, and about how far each goes."""
    offered = list(selectors.credit_packages())
    article = _article_credits()
    context = {
        "packages": [_offer(one, offered, article) for one in offered],
        "article_words": ARTICLE_WORDS,
        "may_buy": request.role.includes(Role.ADMIN),
    }
    return render_screen(request, "billing/packages.html", context=context)


@require_safe
@private
@screen(role=Role.ADMIN)
def checkout(request: ScreenRequest, slug: str) -> HttpResponse:
    """What an order comes to, with its tax, before it is one."""
    return _order_page(request, slug)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def place_order(request: ScreenRequest, slug: str) -> HttpResponse:
    """The order, once, for exactly the sum that was seen."""
    try:
        done = orders.order_package(
            account=request.account,
            slug=slug,
            quantity=whole(request.POST, "quantity") or 0,
            method=request.POST.get("payment_method", ""),
            total_minor=whole(request.POST, "total") or 0,
            idempotency_key=f"buy:{form_key(request)}",
            now=timezone.now(),
        )
    except (InvalidInput, Conflict) as exc:
        with tenant(request.account.pk, read_only=True):
            return _order_page(request, slug, error=exc, status=exc.http_status)
    return on_to_pay(request, done.payment)


def on_to_pay(request: ScreenRequest, payment: Any) -> HttpResponse:
    """To the provider's page, or to ours when the money is sent by hand or the provider is away.

    Outside of tenant blocks: the provider is called.
    """
    address = ""
    if payment.provider:
        try:
            address = open_checkout(
                account=request.account, payment_id=payment.pk, clock=timezone.now
            )
        except (ProviderRejected, Transient) as exc:
            messages.error(request, exc.message)
    page = account_address(request, "payment", payment.pk)
    return HttpResponseRedirect(address or page, status=SEE_OTHER)


def _order_page(
    request: ScreenRequest, slug: str, *, error: DomainError | None = None, status: int = 200
) -> HttpResponse:
    asked = request.POST if error is not None else request.GET
    quantity = min(max(whole(asked, "quantity") or 1, 1), QUANTITY_MAX)
    context = _order(request, slug, quantity)
    is_known = isinstance(error, IdempotencyConflict)
    context |= {
        "error": error,
        "is_known": is_known,
        "chosen": asked.get("payment_method", "") or context["chosen"],
        "key": uuid4().hex if is_known or error is None else asked.get("idempotency_key"),
    }
    return render_screen(
        request, "billing/checkout.html", part="order", context=context, status=status
    )


def _order(request: ScreenRequest, slug: str, quantity: int) -> dict[str, Any]:
    """What the page says of an order; without a quote where something is missing, and what."""
    account, now = request.account, timezone.now()
    package = orders.offered_package(slug)
    profile = billing_profiles.billing_profile(account=account)
    ways = orders.ways_to_pay(country_code=profile.country_code)
    known = selectors.account_payment_methods(account=account).filter(is_default=True).first()
    offered = [way.payment_method for way in ways]
    first = offered[0] if offered else ""
    found: dict[str, Any] = {
        "package": package,
        "quantity": quantity,
        "most": QUANTITY_MAX,
        "profile": profile,
        "ways": ways,
        "chosen": known.type if known is not None and known.type in offered else first,
        "quote": None,
        "missing": [],
    }
    try:
        found["quote"] = orders.quote_package(
            account=account, package=package, quantity=quantity, now=now
        )
    except InvalidInput as exc:
        found["missing"] = sorted(exc.data)
    except BillingNotSetUp as exc:
        found["shut"] = exc.message
    return found


def _offer(package: Any, offered: Sequence[Any], article: int | None) -> dict[str, Any]:
    """A package beside the others: what a credit costs, and what is saved against the dearest."""
    dearest = max(
        one.price_minor / one.credits for one in offered if one.currency == package.currency
    )
    own = package.discounted_price_minor / package.credits
    saved = round((1 - own / dearest) * 100) if dearest else 0
    return {
        "package": package,
        "saved": saved,
        "articles": package.credits // article if article else None,
    }


def _article_credits() -> int | None:
    """What an ordinary article costs today; None while there is no price."""
    words = {"per_words": ARTICLE_WORDS}
    try:
        return quote(operation="content", quantities=words, now=timezone.now())
    except (PriceMissing, InvalidInput):
        return None
