"""Around a screen: who asks, which account, site and sector, and errors as pages or fragments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import entrance_of, refuse_unless_open
from igny8_core.auth.errors import SiteInactive
from igny8_core.common.database_faults import refusal_of
from igny8_core.common.errors import DomainError, NotFound, Refused, StaleState, Transient
from igny8_core.common.tenancy.context import acting, tenant
from igny8_core.common.validation import as_invalid_input
from igny8_core.web.lists import is_id

if TYPE_CHECKING:
    from django.http import HttpResponseBase

    from igny8_core.auth.models import Account, Sector, Site, User
    from igny8_core.auth.selectors import Arrears
    from igny8_core.auth.states import Role

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
SEE_OTHER: Final = 303


class ScreenRequest(HttpRequest):
    """A request of a signed-in person, with what :func:`screen` found.

    :ivar sectors: of the site; only there once somebody has read them.
    :ivar is_visit: staff who visit the account.
    :ivar arrears: what the account owes for its plan; every page says so.
    """

    user: User
    account: Account
    site: Site | None  # type: ignore[assignment]  # not the Sites framework's, which is not installed
    sector: Sector | None
    sectors: list[Sector]
    role: Role
    is_visit: bool
    arrears: Arrears | None
    htmx: Any


class SectorRequest(ScreenRequest):
    """A request about one sector: both are there."""

    site: Site
    sector: Sector


View = Callable[..., "HttpResponseBase"]


class NoAccount(NotFound):
    """The person belongs to no account that is open: they are asked to open one."""

    code = "no_account"


def screen(
    *,
    role: Role,
    suspended_too: bool = False,
    at_rest_too: bool = False,
    in_sector: bool = False,
    opens_block: bool = True,
) -> Callable[[View], View]:
    """Sign the person in, find the account (and the site of the path), open its tenant block.

    The site in the path decides the account, else ``?account=``, else it is the person's first.
    Another account's site is 404, a weaker role 403. GET and HEAD run read only.

    :param suspended_too: it changes something and yet works while the account is suspended.
    :param at_rest_too: it changes something of a site that is at rest.
    :param in_sector: the path names a sector of the site too; without it ``sector_id`` is the
        view's own argument.
    :param opens_block: False for a view whose service commits by itself: it gets account, site
        and sector, and opens what blocks it needs.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            found = cast("ScreenRequest", request)
            try:
                account_id, actor = _find_account(found, kwargs.get("site_id"), role)
                is_safe = request.method in SAFE_METHODS
                with acting(actor):
                    with tenant(account_id, read_only=is_safe):
                        _find_place(
                            found,
                            account_id,
                            kwargs,
                            changes=not is_safe and not suspended_too,
                            wakes=at_rest_too,
                            in_sector=in_sector,
                        )
                        if opens_block:
                            return view(found, *args, **kwargs)
                    return view(found, *args, **kwargs)
            except NoAccount:
                return redirect("open_account")
            except DomainError as exc:
                return error_page(request, exc)
            except ValidationError as exc:
                return error_page(request, as_invalid_input(exc))
            except DatabaseError as exc:  # somebody was faster, or it is no text that was sent
                if (refusal := refusal_of(exc)) is None:
                    raise
                return error_page(request, refusal)

        return run

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page; htmx would follow a 302 and swap that page into a table."""
    if not getattr(request, "htmx", False):
        return redirect_to_login(request.get_full_path())
    here = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]  # django-htmx's
    response = HttpResponseClientRedirect(redirect_to_login(here).url)
    response.status_code = 204
    return response


def _find_account(request: ScreenRequest, site_id: int | None, role: Role) -> tuple[int, str]:
    """The account's id, and who acts there."""
    entrance = entrance_of(request, now=timezone.now())
    if site_id is not None:
        account_id = selectors.account_id_of_site(site_id)
    elif is_id(wanted := request.GET.get("account", "")):
        account_id = int(wanted)
    elif entrance.roles:
        account_id = next(iter(entrance.roles))
    else:
        raise NoAccount("You belong to no account.")
    own = entrance.role_in(account_id)
    if not own.includes(role):
        raise Refused(f"This needs the role {role.label}.", role=role.value)
    request.role, request.is_visit = own, entrance.is_visit
    return account_id, entrance.actor


def _find_place(
    request: ScreenRequest,
    account_id: int,
    kwargs: dict[str, Any],
    *,
    changes: bool,
    wakes: bool,
    in_sector: bool,
) -> None:
    """Account, site and sector of the path; takes their ids out of the view's arguments."""
    account, request.arrears = selectors.account_and_arrears(account_id)
    request.account = account
    refuse_unless_open(account, changes=changes)
    request.site = request.sector = None
    if (site_id := kwargs.pop("site_id", None)) is None:
        return
    if not in_sector:
        site = selectors.site(account=account, site_id=site_id)
    else:
        sector_id = kwargs.pop("sector_id")
        request.sectors = list(selectors.sectors(account=account, site=site_id))
        request.sector = next((one for one in request.sectors if one.pk == sector_id), None)
        if request.sector is None:
            raise NotFound("no such sector", sector_id=sector_id)
        site = request.sector.site
    request.site = site
    is_safe = request.method in SAFE_METHODS
    if not is_safe and not wakes and not site.is_active:
        raise SiteInactive(f"{site.name} is at rest. Wake it up in the settings to work on it.")


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, and not for a whole page out of its history."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request


def render_screen(
    request: ScreenRequest, name: str, *, context: dict[str, Any], part: str = "", status: int = 200
) -> HttpResponse:
    """Render the page, or only ``part`` of the same template if htmx asks for it."""
    fragment = bool(part) and is_fragment(request)
    response = render(request, f"{name}#{part}" if fragment else name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def done(
    request: ScreenRequest,
    text: str,
    *,
    to: str,
    event: str = "",
    undo: dict[str, Any] | None = None,
) -> HttpResponse:
    """After a change: a toast and an event for htmx, else back to ``to`` with a message.

    :param event: what the page listens for, to ask for its fragment again.
    :param undo: ``label``, ``url`` and ``values`` of the form that takes it back.
    """
    if not is_fragment(request):
        messages.success(request, text)
        return HttpResponseRedirect(to, status=SEE_OTHER)
    response = HttpResponse(status=204)
    trigger_client_event(response, "toast", {"text": text, "undo": undo})
    if event:
        trigger_client_event(response, event)
    trigger_client_event(response, "close-dialog")  # last: it removes what the others start from
    return response


def go_to(request: ScreenRequest, address: str, text: str = "") -> HttpResponse:
    """On to another page, with a message there."""
    if text:
        messages.success(request, text)
    if is_fragment(request):
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address, status=SEE_OTHER)


def dialog(
    request: ScreenRequest, name: str, *, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A dialog for htmx; without script, the same on a page of its own."""
    if not is_fragment(request):
        context = context | {"dialog": name}
        return render(request, "dialogs/page.html", context, status=status)
    response = render(request, name, context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A refusal as a page, with the status of its class; for htmx as a dialog or a toast."""
    status = error.http_status
    context = {"error": error, "status": status}
    if not is_fragment(request):
        return render(request, "errors/error.html", context, status=status)
    if isinstance(error, Transient) and not isinstance(error, StaleState):
        response = HttpResponse(status=status)
        response["HX-Reswap"] = "none"
        return trigger_client_event(
            response, "toast", {"text": f"{error.message} Nothing was lost."}
        )
    response = render(request, "errors/dialog.html", context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


def account_address(request: ScreenRequest, name: str, *args: Any) -> str:
    """Address of an account-wide screen of the account that is shown."""
    return f"{reverse(name, args=args)}?account={request.account.pk}"
