"""Published sites and their previews, for visitors. No sign-in, no cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from igny8_core.business.publishing.services.serving import (
    MovedAddress,
    SiteFolderAddress,
    preview_file,
    site_file,
)
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from igny8_core.business.publishing.services.serving import Found

_POLICY: Final = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' https: data:",
    "media-src 'self' https:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-src https://www.youtube.com https://www.youtube-nocookie.com"
    " https://player.vimeo.com https://open.spotify.com https://www.google.com",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
)
POLICY: Final = "; ".join((*_POLICY, "script-src 'none'"))
SEARCH_POLICY: Final = "; ".join((*_POLICY, "script-src 'self'"))
"""The search page has the one script of a site."""

CACHE_CONTROL: Final = {
    "immutable": "public, max-age=31536000, immutable",
    "short": "public, max-age=60",
}


@require_safe
def serve_site(request: HttpRequest, site_id: int, path: str = "") -> HttpResponse:
    """One file of the site's live version. 404 with the site's own page for a wrong address."""
    try:
        found = site_file(site_id=site_id, path=path)
    except NotFound as exc:
        raise Http404 from exc
    return answer(request, found)


@require_safe
def serve_preview(request: HttpRequest, site_id: int, token: str, path: str = "") -> HttpResponse:
    """One file of a site's preview, for those who have its link. Nobody keeps or lists it."""
    try:
        found = preview_file(site_id=site_id, token=token, path=path, now=timezone.now())
    except NotFound as exc:
        raise Http404 from exc
    response = answer(request, found)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def answer(request: HttpRequest, found: Found) -> HttpResponse:
    """A file, or where it is, with the headers that every site has."""
    if isinstance(found, SiteFolderAddress):
        # relative, so that it is right behind a proxy that serves the site elsewhere
        last = found.path.rstrip("/").rpartition("/")[2]
        return HttpResponsePermanentRedirect(f"{quote(last)}/")
    if isinstance(found, MovedAddress):
        return HttpResponsePermanentRedirect(found.url)
    if found.is_found and _has_same(request, found.etag):
        response = HttpResponse(status=304)
    else:
        status = 200 if found.is_found else 404
        response = HttpResponse(found.data, status=status, content_type=found.entry.content_type)
    response.headers["Cache-Control"] = CACHE_CONTROL["short"]
    if found.is_found:
        response.headers["ETag"] = found.etag
        response.headers["Cache-Control"] = CACHE_CONTROL[found.entry.cache]
    response.headers["Content-Security-Policy"] = SEARCH_POLICY if found.runs_script else POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response


def _has_same(request: HttpRequest, etag: str) -> bool:
    """Whether the visitor has these bytes; a compressed copy of them counts."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in {one.removeprefix("W/") for one in known}
