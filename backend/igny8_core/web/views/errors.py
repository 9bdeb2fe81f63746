"""The pages of an unknown address and of a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from igny8_core.common.errors import DomainError, NotFound, Transient
from igny8_core.web.screens import error_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


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
    """500: a bug of ours; it is logged with the request's id."""
    return render(request, "errors/500.html", status=500)
