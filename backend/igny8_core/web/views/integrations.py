"""Connections to customers' own sites: the list, each with its doctor, log and conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth import selectors as accounts
from igny8_core.auth.services import setup_of
from igny8_core.auth.states import Role
from igny8_core.business.integration import selectors
from igny8_core.business.integration.services import check, conflicts, integrations, sync
from igny8_core.business.integration.services.credentials import shown_credentials
from igny8_core.business.integration.services.webhook_secrets import hook_url, set_up_webhook
from igny8_core.business.integration.states import (
    EventAction,
    EventType,
    ItemState,
    Platform,
    SyncStatus,
)
from igny8_core.business.publishing import selectors as publishing
from igny8_core.business.publishing.services import ask
from igny8_core.business.publishing.states import PublishingStatus
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.integrations import ConnectionForm, CredentialsForm
from igny8_core.web.lists import one_of, page_number, page_of, text
from igny8_core.web.screens import ScreenRequest, dialog, done, go_to, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponse

CHANGED: Final = "connection-changed"
LATEST: Final = 6
PLATFORMS: Final = {
    Platform.WORDPRESS: {"name": "WordPress", "icon": "newspaper"},
    Platform.SHOPIFY: {"name": "Shopify", "icon": "shopping-bag"},
    Platform.CUSTOM: {"name": "Custom site", "icon": "braces"},
}
STATES: Final = {
    SyncStatus.IDLE: ("Connected", "ok", "Nothing is under way."),
    SyncStatus.SYNCING: ("Syncing", "accent", "A worker brings over what changed at the site."),
    SyncStatus.PAUSED: ("Paused", "warn", "Nothing goes to the site or comes from it."),
    SyncStatus.AUTH_FAILED: (
        "Sign-in refused",
        "bad",
        "The site refuses our sign-in: its queue stands until there are new credentials.",
    ),
}
EVENTS: Final = {
    EventType.CONNECT: "Connect",
    EventType.TEST: "Check",
    EventType.PUBLISH: "Publish",
    EventType.SYNC: "Sync",
    EventType.WEBHOOK: "Webhook",
}
DIRECTIONS: Final = {
    EventAction.CREATE: ("Create", "arrow-up-right"),
    EventAction.UPDATE: ("Update", "arrow-up-right"),
    EventAction.DELETE: ("Delete", "arrow-up-right"),
    EventAction.READ: ("Read", "arrow-down-left"),
    EventAction.RECEIVE: ("Receive", "arrow-down-left"),
}
"""What was done, and whether it went out or came in."""

RESULTS: Final = {"ok": True, "failed": False}


@require_safe
@screen(role=Role.VIEWER)
def integration_list(request: ScreenRequest) -> HttpResponse:
    """Every site of the account with what it is connected to."""
    account = request.account
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in selectors.integrations(account=account):
        rows.setdefault(row.site_id, []).append(shown(row))
    context = {
        "sites": [(site, rows.get(site.pk, [])) for site in accounts.sites(account=account)],
        "has_any": bool(rows),
        "may_change": request.role.includes(Role.ADMIN),
    }
    return render_screen(request, "integrations/list.html", context=context)


def shown(row: Any) -> dict[str, Any]:
    """A connection in words."""
    state, tone, words = STATES[SyncStatus(row.sync_status)]
    if not row.credentials:
        state, tone, words = "Disconnected", "", "Its credentials are forgotten."
    elif not row.is_active:
        state, tone, words = "Off", "", "It is switched off."
    faults = [one for one in row.check_report if not one.get("is_ok")]
    return {
        "row": row,
        "platform": PLATFORMS[Platform(row.platform)],
        "address": row.config.get("base_url", ""),
        "state": state,
        "tone": tone,
        "words": words,
        "faults": len(faults),
        "is_connected": bool(row.credentials),
        "is_checking": check.is_checking(row, now=timezone.now()),
    }


@require_safe
@screen(role=Role.VIEWER)
def integration(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """One connection: its state, how it behaves, what was exchanged last."""
    return _overview(request, _found(request, integration_id))


def _overview(request: ScreenRequest, row: Any, *, status: int = 200, **more: Any) -> HttpResponse:
    platform = row.platform
    initial = {
        "conflict_policy": row.config.get("conflict_policy", "ask"),
        "auto_publish": row.config.get("auto_publish", "off"),
        "markup": row.config.get("markup", "blocks"),
        "is_sync_enabled": row.is_sync_enabled,
    }
    log = selectors.sync_log(account=request.account, integration=row)
    context = _context(request, row) | {
        "form": ConnectionForm(initial=initial, platform=platform),
        "credentials_form": CredentialsForm(platform=platform),
        "credentials": shown_credentials(row),
        "events": _events(log[:LATEST]),
        "hook_url": hook_url(row),
    }
    context |= more
    return render_screen(
        request, "integrations/integration.html", part="state", context=context, status=status
    )


@require_safe
@screen(role=Role.VIEWER)
def doctor(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """What the last check found, each fault with its fix; asks itself again while one runs."""
    row = _found(request, integration_id)
    context = _context(request, row) | {
        "is_new": request.GET.get("new") == "1",
        "is_led": not setup_of(_site(request)).get("is_closed"),
    }
    return render_screen(request, "integrations/doctor.html", part="report", context=context)


@require_POST
@screen(role=Role.ADMIN, at_rest_too=True)
def examine(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Let a worker examine the site."""
    row = _found(request, integration_id)
    check.request_check(account=request.account, integration_id=row.pk, now=timezone.now())
    return go_to(request, _address(request, "integration_doctor", row))


@require_safe
@screen(role=Role.VIEWER)
def log(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """What was exchanged with the site, newest first."""
    row = _found(request, integration_id)
    kind = one_of(request.GET, "kind", EventType.values)
    result, q = one_of(request.GET, "result", list(RESULTS)), text(request.GET, "q")
    found = selectors.sync_log(
        account=request.account, integration=row, event_type=kind, success=RESULTS.get(result), q=q
    )
    page = page_of(found, page_number(request.GET))
    context = _context(request, row) | {
        "page": page,
        "events": _events(page.rows),
        "kind": kind,
        "kinds": [(one.value, label) for one, label in EVENTS.items()],
        "result": result,
        "results": [("ok", "Went well"), ("failed", "Failed")],
        "q": q,
        "is_narrowed": bool(kind or result or q),
    }
    return render_screen(request, "integrations/log.html", part="table", context=context)


@require_safe
@screen(role=Role.VIEWER)
def conflict_list(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Articles that were changed on both sides, and what the site changed or dropped."""
    row = _found(request, integration_id)
    account = request.account
    common = _context(request, row)
    items = selectors.items(account=account, integration=row, state=ItemState.CONFLICT)
    page = page_of(
        items.select_related("content"), page_number(request.GET), total=common["conflicts"]
    )
    records = publishing.publishing_records(account=account, integration=row)
    failed = records.filter(
        status=PublishingStatus.FAILED, content_id__in=[item.content_id for item in page.rows]
    )
    newest: dict[int, int] = {}
    for record in failed:
        newest.setdefault(record.content_id, record.pk)
    context = common | {
        "page": page,
        "rows": [
            (item, item.metadata.get("conflict") or {}, newest.get(item.content_id or 0))
            for item in page.rows
        ],
        "drifts": records.filter(metadata__has_key="drift").exclude(metadata__drift=[])[:LATEST],
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "integrations/conflicts.html", part="table", context=context)


@require_POST
@screen(role=Role.EDITOR)
def settle(request: ScreenRequest, integration_id: int, item_id: int) -> HttpResponse:
    """Settle a conflict: the site's text becomes ours, or ours is written over it."""
    row = _found(request, integration_id)
    now, account = timezone.now(), request.account
    item = selectors.items(account=account, integration=row).filter(pk=item_id).first()
    if item is None:
        raise NotFound("no such item", item_id=item_id)
    if request.POST.get("keep") == "ours":
        record = (
            publishing.publishing_records(
                account=account, integration=row, content_id=item.content_id
            )
            .filter(status=PublishingStatus.FAILED)
            .first()
        )
        if record is None:
            raise NotFound("Nothing of ours waits to be sent.", item_id=item_id)
        ask.retry_publishing(account=account, record_id=record.pk, overwrite=True, now=now)
        said = "Ours is written over what was shown."
    else:
        conflicts.keep_theirs(account=account, item_id=item.pk, now=now)
        said = "The site's text becomes the next version of the article."
    return done(request, said, to=_address(request, "integration_conflicts", row), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN)
def save(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Change how the connection behaves."""
    row = _found(request, integration_id)
    form = ConnectionForm(request.POST, platform=row.platform)
    if form.is_valid():
        try:
            integrations.change_integration(
                account=request.account,
                integration_id=row.pk,
                now=timezone.now(),
                **form.changes(),
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            return go_to(request, _address(request, "integration", row), "Saved.")
    return _overview(request, row, status=422, form=form)


@never_cache
@require_POST
@screen(role=Role.ADMIN)
def replace_credentials(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Give new credentials; a connection that was refused goes on, and is examined."""
    row = _found(request, integration_id)
    form = CredentialsForm(request.POST, platform=row.platform)
    if form.is_valid():
        try:
            integrations.change_integration(
                account=request.account,
                integration_id=row.pk,
                credentials=form.credentials(),
                is_active=True,
                now=timezone.now(),
            )
            check.request_check(account=request.account, integration_id=row.pk, now=timezone.now())
        except DomainError as exc:
            form.refuse(exc)
        else:
            said = "The new credentials are sealed. They are being tried now."
            return go_to(request, _address(request, "integration_doctor", row), said)
    return _overview(request, row, status=422, credentials_form=form)


@never_cache
@require_POST
@screen(role=Role.ADMIN, opens_block=False)
def new_webhook_secret(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """A secret for the site's messages, shown this once; the one before is good for a day."""
    made = set_up_webhook(
        account=request.account,
        integration_id=_of_site(request, integration_id),
        clock=timezone.now,
    )
    with tenant(request.account.pk, read_only=True):
        response = dialog(request, "integrations/secret_dialog.html", context={"made": made})
    response.headers["Content-Encoding"] = "identity"  # a compressed secret can be guessed at
    return response


@require_POST
@screen(role=Role.EDITOR)
def sync_now(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Let a worker bring over what the site has."""
    row = _found(request, integration_id)
    sync.request_sync(account=request.account, integration_id=row.pk)
    said = "A worker brings over what changed. The log says what came."
    return done(request, said, to=_address(request, "integration", row), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN, at_rest_too=True)
def pause(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Let nothing go to the site or come from it, or go on."""
    row, now = _found(request, integration_id), timezone.now()
    if request.POST.get("resume") == "1":
        integrations.resume_sync(account=request.account, integration_id=row.pk, now=now)
        said = "It goes on."
    else:
        integrations.pause_sync(account=request.account, integration_id=row.pk, now=now)
        said = "Paused: nothing goes to the site or comes from it."
    return done(request, said, to=_address(request, "integration", row), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN, at_rest_too=True)
def disconnect(request: ScreenRequest, integration_id: int) -> HttpResponse:
    """Forget the credentials, after saying what stays."""
    row = _found(request, integration_id)
    live = selectors.live_items(account=request.account, integration=row).count()
    stays = integrations.what_stays(live)
    if request.POST.get("confirmed") != "1":
        context = {"row": row, "stays": stays, "platform": PLATFORMS[Platform(row.platform)]}
        return dialog(request, "integrations/disconnect_dialog.html", context=context)
    integrations.disconnect_integration(account=request.account, integration_id=row.pk)
    return go_to(request, _address(request, "integration", row), f"Disconnected. {stays}")


def _site(request: ScreenRequest) -> Any:
    assert request.site is not None, "the path names a site"  # noqa: S101 - only a bug can break it
    return request.site


def _found(request: ScreenRequest, integration_id: int) -> Any:
    """The connection, if it is of the site that the path names."""
    row = selectors.integration(account=request.account, integration_id=integration_id)
    if row.site_id != _site(request).pk:
        raise NotFound("no such integration", integration_id=integration_id)
    return row


def _of_site(request: ScreenRequest, integration_id: int) -> int:
    with tenant(request.account.pk, read_only=True):
        return int(_found(request, integration_id).pk)


def _address(request: ScreenRequest, name: str, row: Any) -> str:
    return reverse(name, args=[_site(request).pk, row.pk])


def _context(request: ScreenRequest, row: Any) -> dict[str, Any]:
    counts = selectors.item_counts(account=request.account, integration=row)
    return {
        "one": shown(row),
        "row": row,
        "counts": counts,
        "conflicts": counts.get(ItemState.CONFLICT, 0),
        "may_change": request.role.includes(Role.ADMIN),
        "may_sync": request.role.includes(Role.EDITOR),
    }


def _events(rows: Iterable[Any]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        action, icon = DIRECTIONS[EventAction(row.action)]
        details = [(name, value) for name, value in row.details.items() if value not in ("", [])]
        found.append(
            {
                "row": row,
                "kind": EVENTS[EventType(row.event_type)],
                "action": action,
                "icon": icon,
                "details": details,
            }
        )
    return found
