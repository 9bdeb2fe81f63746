"""Every address: the web app, the API, the operators' admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import include, path

from igny8_core.api import errors as api_errors
from igny8_core.web.views import errors as web_errors

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

API = "/api/"
handler404 = "igny8_core.urls.not_found"
handler429 = "igny8_core.web.views.errors.too_many"  # allauth looks here
handler500 = "igny8_core.urls.server_error"


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: a problem document for programs, a page for people."""
    if request.path.startswith(API):
        return api_errors.not_found(request)
    return web_errors.not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, likewise."""
    if request.path.startswith(API):
        return api_errors.server_error(request)
    return web_errors.server_error(request)


urlpatterns = [
    path("api/v1/", include("igny8_core.api.v1.urls")),
    path("", include("igny8_core.web.urls")),
]
