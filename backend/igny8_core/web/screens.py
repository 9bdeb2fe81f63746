"""Around a screen: who asks, which account and site, and errors as pages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import entrance_of, refuse_unless_open
from igny8_core.auth.errors import SiteInactive
from igny8_core.common.errors import DomainError, NotFound, Refused
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site, User
    from igny8_core.auth.states import Role

SAFE_METHODS = frozenset({"GET", "HEAD"})


class ScreenRequest(HttpRequest):
    """A request of a signed-in person, with what :func:`screen` found.

    :ivar is_visit: staff who visit the account.
    """

    user: User
    account: Account
    site: Site | None  # type: ignore[assignment]  # not the Sites framework's, which is not installed
    role: Role
    is_visit: bool
    htmx: Any


View = Callable[..., HttpResponse]


class NoAccount(NotFound):
    """The person belongs to no account that is open: they are asked to open one."""

    code = "no_account"


def screen(
    *, role: Role, suspended_too: bool = False, at_rest_too: bool = False
) -> Callable[[View], View]:
    """Sign the person in, find the account (and the site of the path), open its tenant block.

    The site in the path decides the account, else ``?account=``, else it is the person's first.
    Another account's site is 404, a weaker role 403. GET and HEAD run read only.

    :param suspended_too: it changes something and yet works while the account is suspended.
    :param at_rest_too: it changes something of a site that is at rest.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            screen_request = cast("ScreenRequest", request)
            try:
                account_id, actor = _find_account(screen_request, kwargs.get("site_id"), role)
                is_safe = request.method in SAFE_METHODS
                with acting(actor), tenant(account_id, read_only=is_safe):
                    screen_request.account = selectors.account(account_id)
                    refuse_unless_open(
                        screen_request.account, changes=not is_safe and not suspended_too
                    )
                    screen_request.site = None
                    if (site_id := kwargs.pop("site_id", None)) is not None:
                        screen_request.site = selectors.site(
                            account=screen_request.account, site_id=site_id
                        )
                        _refuse_at_rest(
                            screen_request.site, changes=not is_safe and not at_rest_too
                        )
                    return view(screen_request, *args, **kwargs)
            except NoAccount:
                return redirect("open_account")
            except DomainError as exc:
                return error_page(request, exc)

        return run

    return decorate


def _find_account(request: ScreenRequest, site_id: int | None, role: Role) -> tuple[int, str]:
    """The account's id, and who acts there."""
    entrance = entrance_of(request, now=timezone.now())
    if site_id is not None:
        account_id = selectors.account_id_of_site(site_id)
    elif (wanted := request.GET.get("account", "")).isascii() and wanted.isdigit():
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


def _refuse_at_rest(site: Site, *, changes: bool) -> None:
    if changes and not site.is_active:
        raise SiteInactive(f"{site.name} is at rest. Wake it up in the settings to work on it.")


def render_screen(
    request: ScreenRequest, name: str, *, context: dict[str, Any], part: str = "", status: int = 200
) -> HttpResponse:
    """Render the page, or only ``part`` of the same template if htmx asks for it."""
    fragment = part and request.htmx and not request.htmx.history_restore_request
    response = render(request, f"{name}#{part}" if fragment else name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A refusal as a page, with the status of its class."""
    context = {"error": error, "status": error.http_status}
    return render(request, "errors/error.html", context, status=error.http_status)
