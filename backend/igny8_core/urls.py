"""Every address: the web app, the API, the operators' admin."""

from __future__ import annotations

from django.urls import include, path

handler404 = "igny8_core.web.views.errors.not_found"
handler429 = "igny8_core.web.views.errors.too_many"  # allauth looks here
handler500 = "igny8_core.web.views.errors.server_error"

urlpatterns = [
    path("api/v1/", include("igny8_core.api.v1.urls")),
    path("", include("igny8_core.web.urls")),
]
