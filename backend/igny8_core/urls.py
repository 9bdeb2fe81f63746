"""Every address: the web app, the API, the operators' admin."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("igny8_core.api.v1.urls")),
    path("", include("igny8_core.web.urls")),
]
