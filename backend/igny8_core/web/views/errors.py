"""The pages of an unknown address and of a bug."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from igny8_core.common.database_faults import is_passing
from igny8_core.common.errors import DomainError, NotFound, Transient
from igny8_core.web.screens import error_page, is_fragment
from igny8_core.web.shell import theme_of

if TYPE_CHECKING:
    from django.http import HttpRequest

AWAY: Final = "The database is busy, or starts anew. Try again in a moment."


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404, the same page for an unknown address and for another account's row."""
    known = exception if isinstance(exception, DomainError) else NotFound("There is no such page.")
    return error_page(request, known)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """429: sign-in and its kin are throttled by address and by person."""
    error = Transient("That was too often. Wait a few minutes, then try again.")
    context = {"error": error, "status": 429}
    return render(request, "errors/error.html", context, status=429)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a bug of ours; 503: a database that is busy or away. Logged with the request's id.

    The page asks nothing of the database, which may be what is broken.
    """
    context: dict[str, Any] = {"theme": theme_of(request)}
    if not is_passing(sys.exc_info()[1]):
        return HttpResponse(render_to_string("errors/500.html", context), status=500)
    if is_fragment(request):
        return error_page(request, Transient(AWAY))
    context |= {"status": 503, "error": Transient(AWAY)}
    return HttpResponse(render_to_string("errors/error.html", context), status=503)
