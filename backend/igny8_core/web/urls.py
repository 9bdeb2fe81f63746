"""Addresses of the web app."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from igny8_core.web.views import health, overview, sites

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path(
        "sign-in/",
        LoginView.as_view(template_name="identity/sign_in.html", redirect_authenticated_user=True),
        name="sign_in",
    ),
    path("sign-out/", LogoutView.as_view(next_page="sign_in"), name="sign_out"),
    path("ops/admin/", admin.site.urls),
    path("", overview.home, name="home"),
    path("sites/<int:site_id>/", sites.serve_site, name="site_root"),
    path("sites/<int:site_id>/<path:path>", sites.serve_site, name="site_page"),
    path("sites/<int:site_id>/", sites.serve_site, name="site_home"),
    path("sites/<int:site_id>/<path:path>", sites.serve_site, name="site_file"),
    path("s/<int:site_id>/", overview.overview, name="overview"),
]
