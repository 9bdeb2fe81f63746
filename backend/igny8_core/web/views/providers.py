"""An account's own AI providers: the order in which they are asked, their keys, a test."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from igny8_core.ai import selectors, services
from igny8_core.ai.checks import check_setting
from igny8_core.ai.states import ProviderKind
from igny8_core.auth.states import Role
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.forms.integrations import ProviderForm
from igny8_core.web.lists import one_of
from igny8_core.web.screens import (
    ScreenRequest,
    dialog,
    done,
    go_to,
    render_screen,
    screen,
)

if TYPE_CHECKING:
    from django.http import HttpResponse

CHANGED: Final = "providers-changed"
COUNTED: Final = timedelta(days=30)
ABOUT: Final = {
    ProviderKind.OPENAI: ("sparkles", "Text and pictures", "gpt-…"),
    ProviderKind.ANTHROPIC: ("sparkles", "Text", "claude-…"),
    ProviderKind.GOOGLE: ("sparkles", "Text", "gemini-…"),
    ProviderKind.OPENAI_COMPATIBLE: (
        "server",
        "Ollama, vLLM, LM Studio, or any server that speaks OpenAI's API",
        "the server's name for it",
    ),
    ProviderKind.LOCAL: ("flask-conical", "Writes by rules, for trying things out", "demo"),
}
"""An icon, what it is good for, and what the name of a model looks like."""


@require_safe
@screen(role=Role.VIEWER)
def providers(request: ScreenRequest) -> HttpResponse:
    """Which models are asked, in which order, and what they cost lately."""
    account = request.account
    rows = list(selectors.provider_settings(account=account))
    known = {row.provider for row in rows}
    figures = selectors.call_figures(account=account, since=timezone.now() - COUNTED)
    context = {
        "rows": [
            (row, ProviderKind(row.provider), ABOUT[ProviderKind(row.provider)][0]) for row in rows
        ],
        "first": next((row.pk for row in rows if row.is_enabled), None),
        "further": [(one, ABOUT[one]) for one in ProviderKind if one.value not in known],
        "figures": figures,
        "may_change": request.role.includes(Role.ADMIN),
    }
    return render_screen(request, "settings/providers.html", part="list", context=context)


@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def new_provider(request: ScreenRequest, kind: str) -> HttpResponse:
    """Set a provider up; the key is sealed and never shown again."""
    if kind not in ProviderKind.values:
        raise Http404
    found = ProviderKind(kind)
    known = selectors.provider_settings(account=request.account).filter(provider=kind).first()
    if known is not None:  # one of each
        return go_to(request, _address(request, "provider", known.pk))
    given = request.POST if request.method == "POST" else None
    initial = {"is_enabled": True, "is_free": kind == ProviderKind.LOCAL}
    form = ProviderForm(given, kind=kind, initial=initial)
    if form.is_valid():
        try:
            row = services.save_provider_setting(
                account=request.account,
                provider=found,
                priority=_last(request),
                **form.changes(),
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            return go_to(request, _address(request, "provider", row.pk), "Set up. Test it now.")
    return _page(request, form, found)


@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN)
def provider(request: ScreenRequest, setting_id: int) -> HttpResponse:
    """Change a provider. A key that is left empty stays as it is."""
    row = selectors.provider_setting(account=request.account, setting_id=setting_id)
    form = ProviderForm.of(row, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.change_provider_setting(
                account=request.account, setting_id=row.pk, changes=form.changes()
            )
        except DomainError as exc:
            form.refuse(exc)
        else:
            return go_to(request, _address(request, "provider", row.pk), "Saved.")
    return _page(request, form, ProviderKind(row.provider), row=row)


@require_POST
@screen(role=Role.ADMIN, opens_block=False)
def test_provider(request: ScreenRequest, setting_id: int) -> HttpResponse:
    """Ask the provider one question and say what is wrong; 20 seconds at most."""
    account = request.account
    with tenant(account.pk, read_only=True):
        row = selectors.provider_setting(account=account, setting_id=setting_id)
    found = check_setting(account=account, setting_id=row.pk, now=timezone.now())
    context = {"found": found, "row": row, "kind": ProviderKind(row.provider)}
    with tenant(account.pk, read_only=True):
        return dialog(request, "settings/provider_test_dialog.html", context=context)


@require_POST
@screen(role=Role.ADMIN)
def move_provider(request: ScreenRequest, setting_id: int) -> HttpResponse:
    """Ask it before, or after, the one beside it."""
    is_up = one_of(request.POST, "to", ["up", "down"]) != "down"
    services.move_provider_setting(account=request.account, setting_id=setting_id, is_up=is_up)
    return done(request, "The order is changed.", to=_list(request), event=CHANGED)


@require_POST
@screen(role=Role.ADMIN)
def remove_provider(request: ScreenRequest, setting_id: int) -> HttpResponse:
    """Forget a provider and its key, after a question."""
    row = selectors.provider_setting(account=request.account, setting_id=setting_id)
    kind = ProviderKind(row.provider)
    if request.POST.get("confirmed") != "1":
        context = {"row": row, "kind": kind}
        return dialog(request, "settings/provider_remove_dialog.html", context=context)
    services.remove_provider_setting(account=request.account, setting_id=row.pk)
    return go_to(request, _list(request), f"{kind.label} and its key are forgotten.")


def _last(request: ScreenRequest) -> int:
    """Behind all others."""
    rows = selectors.provider_settings(account=request.account)
    return max((row.priority for row in rows), default=90) + 10


def _page(
    request: ScreenRequest, form: ProviderForm, kind: ProviderKind, *, row: Any = None
) -> HttpResponse:
    icon, text, example = ABOUT[kind]
    context = {
        "form": form,
        "kind": kind,
        "icon": icon,
        "text": text,
        "example": example,
        "row": row,
    }
    status = 422 if form.errors else 200
    return render_screen(request, "settings/provider.html", context=context, status=status)


def _list(request: ScreenRequest) -> str:
    return f"{reverse('providers')}?account={request.account.pk}"


def _address(request: ScreenRequest, name: str, pk: int) -> str:
    return f"{reverse(name, args=[pk])}?account={request.account.pk}"
