"""Published sites, for their visitors. No sign-in, no script, no cookie."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from igny8_core.business.publishing.services.serving import SiteFolderAddress, site_file
from igny8_core.common.errors import NotFound

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'none'",
        "style-src 'self'",
        "img-src 'self' https: data:",
        "media-src 'self' https:",
        "font-src 'self'",
        "frame-src https://www.youtube.com https://www.youtube-nocookie.com"
        " https://player.vimeo.com https://open.spotify.com https://www.google.com",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
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
    if isinstance(found, SiteFolderAddress):
        return HttpResponsePermanentRedirect(f"{request.path}/")
    if found.is_found and _has_same(request, found.etag):
        response = HttpResponse(status=304)
    else:
        status = 200 if found.is_found else 404
        response = HttpResponse(found.data, status=status, content_type=found.entry.content_type)
    response.headers["Cache-Control"] = CACHE_CONTROL["short"]
    if found.is_found:
        response.headers["ETag"] = found.etag
        response.headers["Cache-Control"] = CACHE_CONTROL[found.entry.cache]
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response


def _has_same(request: HttpRequest, etag: str) -> bool:
    """Whether the visitor has these bytes; a compressed copy of them counts."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in {one.removeprefix("W/") for one in known}
