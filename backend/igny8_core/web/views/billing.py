"""Credits of an account: what is left, what moved, what it was used for, what things cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors, usage_selectors
from igny8_core.business.billing.services.ledger_export import ledger_csv
from igny8_core.business.billing.states import TransactionType
from igny8_core.web.lists import one_of, page_number, page_of
from igny8_core.web.screens import ScreenRequest, render_screen, screen
from igny8_core.web.templatetags.words import MOVEMENTS

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse, HttpResponseBase, QueryDict

DAYS: Final = {"7": "7 days", "30": "30 days", "90": "90 days"}
LEDGER_DAYS: Final = {"": "Any time", **DAYS, "365": "A year"}
DIRECTIONS: Final = {"": "Everything", "in": "Only what came in", "out": "Only what was spent"}
LATEST: Final = 8
private = cache_control(private=True, no_store=True)


@require_safe
@private
@screen(role=Role.VIEWER)
def credits_page(request: ScreenRequest) -> HttpResponse:
    """The balance, the lots behind it, what is held, what waits for credits."""
    account, now = request.account, timezone.now()
    context = {
        "outlook": selectors.credit_outlook(account=account, now=now),
        "lots": list(selectors.credit_lots(account=account)),
        "held": list(selectors.held_reservations(account=account)[:LATEST]),
        "withheld": list(selectors.withheld_results(account=account)[:LATEST]),
        "latest": list(selectors.credit_transactions(account=account)[:LATEST]),
        "packages": list(selectors.credit_packages()),
        "now": now,
    }
    return render_screen(request, "billing/credits.html", context=context)


@require_safe
@private
@screen(role=Role.VIEWER)
def ledger(request: ScreenRequest) -> HttpResponse:
    """Every movement with the balance after it, newest first."""
    asked = _asked(request.GET, timezone.now())
    rows = selectors.credit_transactions(account=request.account, **asked)
    context = {
        "page": page_of(rows, page_number(request.GET)),
        "type": one_of(request.GET, "type", TransactionType.values),
        "types": list(MOVEMENTS.items()),
        "days": one_of(request.GET, "days", LEDGER_DAYS),
        "spans": [(key, label) for key, label in LEDGER_DAYS.items() if key],
        "way": one_of(request.GET, "way", DIRECTIONS),
        "ways": [(key, label) for key, label in DIRECTIONS.items() if key],
        "query": request.GET.urlencode(),
    }
    return render_screen(request, "billing/ledger.html", part="table", context=context)


@require_safe
@private
@screen(role=Role.VIEWER, opens_block=False)
def ledger_file(request: ScreenRequest) -> HttpResponseBase:
    """The same rows as CSV; read page by page while it is sent."""
    asked = _asked(request.GET, timezone.now())
    response = StreamingHttpResponse(
        ledger_csv(account=request.account, **asked), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="credit-ledger.csv"'
    return response


def _asked(query: QueryDict, now: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind := one_of(query, "type", TransactionType.values):
        found["types"] = [kind]
    if days := one_of(query, "days", LEDGER_DAYS):
        found["since"] = now - timedelta(days=int(days))
    if way := one_of(query, "way", DIRECTIONS):
        found["is_spending"] = way == "out"
    return found


@require_safe
@private
@screen(role=Role.VIEWER)
def usage(request: ScreenRequest) -> HttpResponse:
    """What the credits were used for, day by day, by operation and by model."""
    now, days = timezone.now(), one_of(request.GET, "days", DAYS) or "30"
    first = now.date() - timedelta(days=int(days) - 1)
    since = now - timedelta(days=int(days))
    shown = usage_selectors.usage_by_day(account=request.account, first=first, now=now)
    context = {
        "days": days,
        "spans": list(DAYS.items()),
        "by_day": shown,
        "credits": [day.credits for day in shown],
        "total": sum(day.credits for day in shown),
        "runs": sum(day.runs for day in shown),
        "busy": [day for day in reversed(shown) if day.runs],
        "by_operation": usage_selectors.usage_by_operation(account=request.account, since=since),
        "by_model": usage_selectors.usage_by_model(account=request.account, since=since),
    }
    return render_screen(request, "billing/usage.html", part="body", context=context)


@require_safe
@screen(role=Role.VIEWER)
def prices(request: ScreenRequest) -> HttpResponse:
    """What each kind of work costs, with the time from which that holds."""
    context = {"prices": selectors.price_list(now=timezone.now())}
    return render_screen(request, "billing/prices.html", context=context)
