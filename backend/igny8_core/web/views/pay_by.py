"""How an account pays: cards that a provider keeps, and other ways that are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import RUNNING, Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import billing_profiles, cards, orders, payment_methods
from igny8_core.common.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    ProviderRejected,
    Transient,
)
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.billing import PaymentMethodForm, form_key
from igny8_core.web.lists import one_of
from igny8_core.web.screens import (
    ScreenRequest,
    account_address,
    dialog,
    go_to,
    is_fragment,
    render_screen,
    screen,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from django.http import HttpResponse

private = cache_control(private=True, no_store=True)
SEE_OTHER: Final = 303
SOON: Final = 2
"""A card is said to expire soon in its last so many months."""

TROUBLES: Final = (InvalidInput, Conflict, ProviderRejected, Transient)


@require_safe
@private
@screen(role=Role.ADMIN)
def methods(request: ScreenRequest) -> HttpResponse:
    """Saved cards and other ways to pay. A provider leads back here."""
    return _page(request)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True)
def add_method(request: ScreenRequest) -> HttpResponse:
    """Remember a way to pay."""
    form = PaymentMethodForm(request.POST)
    if form.is_valid():
        try:
            payment_methods.add_payment_method(account=request.account, **form.cleaned_data)
        except (InvalidInput, Conflict) as exc:
            form.refuse(exc)
        else:
            messages.success(request, "Added.")
            return HttpResponseRedirect(account_address(request, "pay_by"), status=SEE_OTHER)
    return _page(request, form, status=InvalidInput.http_status)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def save_card(request: ScreenRequest) -> HttpResponse:
    """On to the provider's page on which a card is saved. The same form is the same page."""
    key = form_key(request)
    try:
        address = cards.card_page(
            account=request.account,
            provider=request.POST.get("provider", ""),
            idempotency_key=key,
        )
    except TROUBLES as exc:
        with tenant(request.account.pk, read_only=True):
            return _page(request, trouble=exc, status=exc.http_status)
    return HttpResponseRedirect(address, status=SEE_OTHER)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def check_cards(request: ScreenRequest) -> HttpResponse:
    """Ask the provider which cards it keeps; the page that one returns to does so by itself."""
    trouble: DomainError | None = None
    try:
        cards.follow_cards(account=request.account, provider=request.POST.get("provider", ""))
    except TROUBLES as exc:  # it does not answer, or its keys were taken away
        trouble = exc
    if is_fragment(request):
        with tenant(request.account.pk, read_only=True):
            return _page(request, trouble=trouble, was_asked=True)
    if trouble is not None:
        messages.error(request, f"{trouble.message} Nothing was lost.")
    return HttpResponseRedirect(account_address(request, "pay_by"), status=SEE_OTHER)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def change_method(request: ScreenRequest, method_id: int) -> HttpResponse:
    """Make a way to pay the default, switch it on or off, or forget it, once that is confirmed."""
    act = request.POST.get("act", "")
    with tenant(request.account.pk, read_only=True):
        row = payment_methods.payment_method(account=request.account, method_id=method_id)
        if act not in ACTS:
            raise InvalidInput("Nothing was changed.", act=["Choose one of the list."])
        if act == "forget" and request.POST.get("confirmed") != "1":
            return _ask_to_forget(request, row)
    said, change = ACTS[act]
    try:
        change(request, method_id)
    except TROUBLES as exc:
        problems = [
            text for texts in exc.data.values() if isinstance(texts, list) for text in texts
        ]
        messages.error(request, " ".join([exc.message, *map(str, problems)]))
        said = ""
    return go_to(request, account_address(request, "pay_by"), said)


def _default(request: ScreenRequest, method_id: int) -> None:
    cards.use_card(account=request.account, method_id=method_id)


def _forget(request: ScreenRequest, method_id: int) -> None:
    cards.forget_card(account=request.account, method_id=method_id)


def _switch(*, is_on: bool) -> Callable[[ScreenRequest, int], None]:
    def change(request: ScreenRequest, method_id: int) -> None:
        payment_methods.change_payment_method(
            account=request.account, method_id=method_id, changes={"is_enabled": is_on}
        )

    return change


ACTS: Final[dict[str, tuple[str, Callable[[ScreenRequest, int], None]]]] = {
    "default": ("This is how you pay from now on.", _default),
    "on": ("It is switched on.", _switch(is_on=True)),
    "off": ("It is switched off.", _switch(is_on=False)),
    "forget": ("It is forgotten.", _forget),
}


def _ask_to_forget(request: ScreenRequest, row: Any) -> HttpResponse:
    """What happens to a plan that is paid with it, before it happens."""
    mine = selectors.account_payment_methods(account=request.account)
    others = mine.filter(type=row.type, provider_ref__isnull=False, is_enabled=True)
    running = selectors.subscriptions(account=request.account).filter(
        status__in=RUNNING, provider=row.type
    )
    context = {
        "row": row,
        "verb": "Remove" if row.provider_ref else "Forget",
        "heir": others.exclude(pk=row.pk).order_by("pk").first() if row.is_default else None,
        "is_last": bool(row.provider_ref) and not others.exclude(pk=row.pk).exists(),
        "plan": running.first() if row.provider_ref else None,
    }
    return dialog(request, "billing/forget_dialog.html", context=context)


def _page(
    request: ScreenRequest,
    form: PaymentMethodForm | None = None,
    *,
    trouble: DomainError | None = None,
    was_asked: bool = False,
    status: int = 200,
) -> HttpResponse:
    country = billing_profiles.billing_profile(account=request.account).country_code
    rows = list(selectors.account_payment_methods(account=request.account))
    ways = orders.ways_to_pay(country_code=country)
    savers = [way for way in ways if cards.can_save_at(way.payment_method)]
    today = timezone.now().date()
    context = {
        "form": form or PaymentMethodForm(),
        "cards": [_card(row, today) for row in rows if row.provider_ref],
        "methods": [row for row in rows if not row.provider_ref],
        "ways": [way for way in ways if way not in savers],
        "savers": savers,
        "country": country,
        "key": uuid4().hex,
        "trouble": trouble,
        "was_asked": was_asked,
        "asks": one_of(request.GET, "cards", [way.payment_method for way in savers]),
    }
    return render_screen(
        request, "billing/methods.html", part="cards", context=context, status=status
    )


def _card(row: Any, today: date) -> dict[str, Any]:
    """A card with when it expires: at the end of that month."""
    expires = str(row.metadata.get("expires", ""))
    month, _, year = expires.partition("/")
    left = None
    if month.isdigit() and year.isdigit():
        left = (int(year) - today.year) * 12 + int(month) - today.month
    return {
        "row": row,
        "expires": expires,
        "is_expired": left is not None and left < 0,
        "is_ending": left is not None and 0 <= left < SOON,
        "can_change": cards.can_save_at(row.type),
    }
