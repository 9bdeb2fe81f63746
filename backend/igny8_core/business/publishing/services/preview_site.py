"""Build a site with its drafts for those who have the link; visitors and records see nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.business.content import selectors as contents
from igny8_core.business.publishing.errors import NothingToPreview, ReleaseDamaged
from igny8_core.business.publishing.services.release_manifest import Manifest, Media, Release
from igny8_core.business.publishing.services.release_store import PREVIEWS, release_store
from igny8_core.business.publishing.services.site_build import render_site
from igny8_core.business.publishing.services.site_reading import contents_of, read_site
from igny8_core.common.errors import Transient
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

KEPT_FOR: Final = timedelta(days=7)
TOKEN_BYTES: Final = 24

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SitePreview:
    """A preview that can be looked at.

    :ivar url: whoever has it sees the drafts.
    :ivar articles: how many it holds; ``drafts`` of them are not published.
    """

    url: str
    expires_at: datetime
    articles: int
    drafts: int
    files: int
    size_bytes: int


def preview_site(
    *, account: Account, site_id: int, now: datetime, is_new_link: bool = False
) -> SitePreview:
    """Build the site as it would be with every draft published, at a link that nobody can guess.

    The link stays the same while it is valid, each build makes it valid for a week more. Nothing
    is published, no version is made, the live site stays as it is.

    :param is_new_link: the link that was given out so far stops working.
    :raises NotFound: no such site in this account.
    :raises NothingToPreview: the site has no content with a text.
    :raises BuildBroken: the built site fails its checks; the earlier preview stays.
    :raises ReleaseDamaged: an image file is missing; likewise.
    :raises Transient: another preview of the site is built right now.
    """
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
    try:
        manifest = _build(account, site, now, is_new_link=is_new_link)
    except FileNotFoundError as exc:
        raise Transient("another preview of this site is being built", site_id=site_id) from exc
    log.info("publishing.site.previewed", site_id=site_id, version=manifest.version)
    return _preview_of(account, site, manifest)


def current_preview(*, account: Account, site: Site, now: datetime) -> SitePreview | None:
    """The preview that can be looked at now; None when there is none or it has run out."""
    store = release_store(account_id=account.pk, site_id=site.pk, area=PREVIEWS)
    version = store.live_version()
    if version is None:
        return None
    manifest = store.manifest(version)
    return None if _is_over(manifest, now) else _preview_of(account, site, manifest)


def _build(account: Account, site: Site, now: datetime, *, is_new_link: bool) -> Manifest:
    store = release_store(account_id=account.pk, site_id=site.pk, area=PREVIEWS)
    store.remove_leftovers()
    pointer = store.pointer()
    earlier, before = pointer.version, None
    if earlier is not None:
        try:
            before = store.manifest(earlier) if store.is_sound(earlier) else None
        except (ReleaseDamaged, OSError):
            before = None
    is_kept = before is not None and not is_new_link and not _is_over(before, now)
    base_url = before.base_url if before and is_kept else _new_address(site)
    reusable = store.reusable(earlier if before else None)
    media = Media(Path(settings.MEDIA_ROOT), reusable.digests)
    source = read_site(
        account=account, site=site, base_url=base_url, media=media, live=None, with_drafts=True
    )
    if not source.articles:
        raise NothingToPreview("the site has no content with a text", site_id=site.pk)
    release = Release(
        build=render_site(source, earlier=reusable.earlier),
        # counted by time: after all were removed the numbers do not begin anew; and beyond every
        # version that is there, also one that was killed before it went live
        version=max(int(now.timestamp()), *(n + 1 for n in (earlier or 0, *store.versions()))),
        base_url=base_url,
        contents=contents_of(source),
        media=media,
        earlier=earlier if before else None,
        expires_at=(now + KEPT_FOR).isoformat(),
    )
    manifest = store.write(release)
    failpoint("publishing.after_preview_write")
    store.switch(release.version, expected=pointer)
    for version in store.versions():
        if version < release.version:
            store.remove(version)
    return manifest


def _new_address(site: Site) -> str:
    return f"{settings.PUBLIC_URL}/sites/{site.pk}/preview/{secrets.token_urlsafe(TOKEN_BYTES)}"


def _is_over(manifest: Manifest, now: datetime) -> bool:
    return manifest.expires_at <= now.isoformat()


def _preview_of(account: Account, site: Site, manifest: Manifest) -> SitePreview:
    with tenant(account.pk, read_only=True):
        published = contents.contents(account=account, site=site).filter(
            status="published", pk__in=[int(key) for key in manifest.contents]
        )
        count = published.count()
    return SitePreview(
        url=f"{manifest.base_url}/",
        expires_at=datetime.fromisoformat(manifest.expires_at),
        articles=len(manifest.contents),
        drafts=len(manifest.contents) - count,
        files=len(manifest.files),
        size_bytes=manifest.size_bytes,
    )
