"""Addresses of the web app."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from igny8_core.web import identity_urls, money_urls, settings_urls, work_urls
from igny8_core.web.views import (
    connecting,
    gallery,
    health,
    metrics,
    notices,
    overview,
    setup,
    sites,
    webhooks,
)

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's way

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    *identity_urls.ENTRANCE,
    *identity_urls.CONFIRM,
    path("settings/security/", include(identity_urls.SECURITY)),
    path("settings/profile/", include(identity_urls.PROFILE)),
    path("settings/", include(identity_urls.ACCOUNT)),
    path("settings/", include(settings_urls.SETTINGS)),
    path("billing/", include(money_urls.BILLING)),
    *money_urls.OPERATORS,
    *identity_urls.OPERATORS,
    path("ops/ui/", gallery.gallery, name="gallery"),
    path("webhooks/<slug:provider>/", webhooks.receive, name="webhook"),
    path("ops/admin/", admin.site.urls),
    path("", overview.home, name="home"),
    path("notices/", notices.notice_list, name="notices"),
    path("notices/seen/", notices.mark_seen, name="notices_seen"),
    path("sites/<int:site_id>/", sites.serve_site, name="site_root"),
    path("sites/<int:site_id>/preview/<str:token>/", sites.serve_preview, name="preview_root"),
    path(
        "sites/<int:site_id>/preview/<str:token>/<path:path>",
        sites.serve_preview,
        name="preview_page",
    ),
    path("sites/<int:site_id>/<path:path>", sites.serve_site, name="site_page"),
    path(
        "connect/wordpress/<int:account_id>/<str:state>/",
        connecting.connect_wordpress,
        name="connect_wordpress",
    ),
    path("s/<int:site_id>/", overview.overview, name="overview"),
    path("s/<int:site_id>/setup/", setup.setup, name="setup"),
    path("s/<int:site_id>/setup/static/", setup.use_static_site, name="setup_static"),
    path("s/<int:site_id>/setup/close/", setup.close_setup, name="setup_close"),
    path("s/<int:site_id>/<int:sector_id>/planning/", include(work_urls.PLANNING)),
    path("s/<int:site_id>/<int:sector_id>/writing/", include(work_urls.WRITING)),
    path("s/<int:site_id>/<int:sector_id>/growing/", include(work_urls.GROWING)),
]
