"""Webhooks out: addresses that are told what happens, their secrets, what was sent to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors
from igny8_core.business.automation.services import webhook_endpoints, webhooks
from igny8_core.business.automation.services.telling import EVENT_TYPES
from igny8_core.business.automation.states import DeliveryStatus
from igny8_core.common.errors import DomainError, InvalidInput, NotFound
from igny8_core.web.forms.integrations import EndpointForm
from igny8_core.web.lists import ids_of, one_of, page_number, page_of
from igny8_core.web.screens import ScreenRequest, dialog, done, go_to, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

CHANGED: Final = "deliveries-changed"
MAX_AT_ONCE: Final = 200
REASONS: Final = {
    "gone": "It answered 410 Gone: the address says that it wants no more messages.",
    "failing": "It failed for five days, so nothing more is sent. Mend it, then switch it on.",
}
WORDS: Final = {
    "run_started": "A run begins",
    "run_paused": "A run is paused, by somebody or at a cap",
    "run_resumed": "A run goes on",
    "run_cancelled": "A run is cancelled",
    "run_completed": "A run is done",
    "run_failed": "A run has failed",
    "stage_started": "A stage begins",
    "stage_completed": "A stage is done",
    "item_failed": "A piece of work has failed",
    "item_dead": "A piece of work is set aside",
    "item_skipped": "A piece of work is skipped",
    "items_retried": "Failed work is tried again",
    "schedule_skipped": "A planned run did not start",
}
EVENTS: Final = [(name, WORDS.get(name.replace(".", "_", 1), name)) for name in EVENT_TYPES]
STATUSES: Final = {
    DeliveryStatus.PENDING: ("Waiting", "info"),
    DeliveryStatus.DELIVERED: ("Delivered", "ok"),
    DeliveryStatus.FAILED: ("Given up", "bad"),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def endpoints(request: ScreenRequest) -> HttpResponse:
    """The account's addresses; POST adds one and shows its secret, once."""
    form = EndpointForm(request.POST if request.method == "POST" else None)
    made: dict[str, Any] = {}
    if form.is_valid():
        try:
            row, secret = webhook_endpoints.create_endpoint(
                account=request.account, **form.cleaned_data
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            made, form = {"row": row, "secret": secret}, EndpointForm()
    rows = selectors.webhook_endpoints(account=request.account)
    context = {
        "rows": [(row, REASONS.get(row.disabled_reason, "")) for row in rows],
        "form": form,
        "events": EVENTS,
        "made": made,
        "most": webhook_endpoints.ENDPOINTS_MOST,
    }
    status = 422 if form.errors else 200
    response = render_screen(request, "settings/webhooks.html", context=context, status=status)
    return _uncompressed(response)


@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def endpoint(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """One address with what was sent to it; POST changes it."""
    account = request.account
    row = selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id)
    initial = {"url": row.url, "description": row.description, "event_types": row.event_types}
    given = request.POST if request.method == "POST" else None
    form = EndpointForm(given, initial=initial)
    if form.is_valid():
        try:
            webhook_endpoints.change_endpoint(
                account=account, endpoint_id=row.pk, **form.cleaned_data
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            return go_to(request, _address(request, row.pk), "Saved.")
    status = one_of(request.GET, "status", DeliveryStatus.values)
    kind = one_of(request.GET, "event", ["webhook.test", *EVENT_TYPES])
    narrowed: dict[str, Any] = {"status": status or None, "event_type": kind or None}
    rows = selectors.webhook_deliveries(account=account, endpoint_id=row.pk, **narrowed)
    page = page_of(rows, page_number(request.GET))
    context = {
        "row": row,
        "reason": REASONS.get(row.disabled_reason, ""),
        "form": form,
        "chosen": form["event_types"].value() or [],
        "events": EVENTS,
        "page": page,
        "deliveries": [(one, *STATUSES[DeliveryStatus(one.status)]) for one in page.rows],
        "status": status,
        "statuses": [(one.value, words) for one, (words, _) in STATUSES.items()],
        "event": kind,
        "kinds": [("webhook.test", "Test"), *EVENTS],
        "is_narrowed": bool(status or kind),
        "failed": rows.filter(status=DeliveryStatus.FAILED).exists(),
    }
    return render_screen(
        request,
        "settings/webhook.html",
        part="log",
        context=context,
        status=422 if form.errors else 200,
    )


@require_safe
@screen(role=Role.ADMIN)
def delivery(request: ScreenRequest, delivery_id: int) -> HttpResponse:
    """What was sent, and every try at it."""
    row = selectors.webhook_delivery(account=request.account, delivery_id=delivery_id)
    words, tone = STATUSES[DeliveryStatus(row.status)]
    context = {
        "row": row,
        "words": words,
        "tone": tone,
        "payload": json.dumps(row.payload, indent=2, ensure_ascii=False),
        "tries": selectors.webhook_attempts(account=request.account, delivery_id=row.pk),
    }
    return dialog(request, "settings/delivery_dialog.html", context=context)


@require_POST
@screen(role=Role.ADMIN)
def switch_endpoint(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """Switch an address on or off; what waited for it goes out when it is on again."""
    is_on = request.POST.get("is_enabled") == "1"
    webhook_endpoints.change_endpoint(
        account=request.account, endpoint_id=endpoint_id, is_enabled=is_on
    )
    said = "It is on: what waited goes out." if is_on else "It is off. Events wait for it."
    return go_to(request, _address(request, endpoint_id), said)


@never_cache
@require_POST
@screen(role=Role.ADMIN)
def rotate_secret(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """Another secret, shown this once; for a day messages are signed with both."""
    secret = webhook_endpoints.rotate_secret(
        account=request.account, endpoint_id=endpoint_id, now=timezone.now()
    )
    context = {"secret": secret}
    return _uncompressed(dialog(request, "settings/webhook_secret_dialog.html", context=context))


@require_POST
@screen(role=Role.ADMIN)
def send_test(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """Send a message that says nothing."""
    webhook_endpoints.send_test(
        account=request.account, endpoint_id=endpoint_id, now=timezone.now()
    )
    said = "A test message is on its way. The log says whether it arrived."
    return done(request, said, to=_address(request, endpoint_id), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN)
def replay(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """Send messages again: those that are named, or all that were given up."""
    account, now = request.account, timezone.now()
    selectors.webhook_endpoint(account=account, endpoint_id=endpoint_id)  # 404 before all else
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if request.POST.get("failed") == "1":
        count = webhooks.replay_failed(account=account, endpoint_id=endpoint_id, now=now)
    elif not ids:
        raise InvalidInput("Choose messages to send again.")
    else:
        rows = selectors.webhook_deliveries(account=account, endpoint_id=endpoint_id)
        if rows.filter(pk__in=ids).count() != len(ids):
            raise NotFound("no such delivery", delivery_id=ids[0])
        count = webhooks.replay_deliveries(account=account, ids=ids, now=now)
    said = f"{count} message{'' if count == 1 else 's'} sent again, under the same id."
    return done(request, said, to=_address(request, endpoint_id), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN)
def remove_endpoint(request: ScreenRequest, endpoint_id: int) -> HttpResponse:
    """Take an address away with the log of its deliveries, after a question."""
    row = selectors.webhook_endpoint(account=request.account, endpoint_id=endpoint_id)
    if request.POST.get("confirmed") != "1":
        return dialog(request, "settings/webhook_remove_dialog.html", context={"row": row})
    webhook_endpoints.delete_endpoint(account=request.account, endpoint_id=row.pk)
    onward = f"{reverse('webhooks')}?account={request.account.pk}"
    return go_to(request, onward, "The address is removed.")


def _address(request: ScreenRequest, endpoint_id: int) -> str:
    return f"{reverse('webhook_endpoint', args=[endpoint_id])}?account={request.account.pk}"


def _uncompressed(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Encoding"] = "identity"  # a compressed secret can be guessed at
    return response
