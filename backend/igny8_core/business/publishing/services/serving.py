"""Answer a visitor from the live release: only what its manifest lists, and nothing else."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from igny8_core.auth import selectors as accounts
from igny8_core.business.publishing.services.release_store import PREVIEWS, release_store
from igny8_core.business.publishing.services.site_checks import SEARCH_PAGE
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.business.publishing.services.release_manifest import Manifest
    from igny8_core.business.publishing.services.release_store import ReleaseStore
    from igny8_core.business.publishing.services.site_build import Entry

ASSETS: Final = "assets/"
NOT_FOUND_PAGE: Final = "404.html"
EARLIER_VERSIONS: Final = 5
"""How far back a page that a visitor opened before a deployment finds its assets."""


@dataclass(frozen=True)
class SiteFile:
    """A file to send.

    :ivar is_found: False for the site's own page for wrong addresses.
    :ivar runs_script: the page has a script of the site's own.
    """

    data: bytes
    entry: Entry
    is_found: bool = True
    runs_script: bool = False

    @property
    def etag(self) -> str:
        """The name of these bytes, quoted as HTTP wants it."""
        return f'"{self.entry.sha256[:32]}"'


@dataclass(frozen=True)
class SiteFolderAddress:
    """The address lacks its closing slash; ``path`` has it."""

    path: str


@dataclass(frozen=True)
class MovedAddress:
    """What was here is elsewhere: an absolute address."""

    url: str


Found = SiteFile | SiteFolderAddress | MovedAddress


def site_file(*, site_id: int, path: str) -> Found:
    """What a visitor of a site gets. The pointer is read anew for each request.

    :param path: below the site's home page, decoded; nothing but the manifest's paths matches.
    :raises NotFound: no such site, or nothing of it is live.
    """
    account_id = accounts.account_id_of_site(site_id)
    store = release_store(account_id=account_id, site_id=site_id)
    version = store.live_version()
    if version is None:
        raise NotFound("nothing of this site is live", site_id=site_id)
    return found_in(store, _manifest(store, version), path)


def preview_file(*, site_id: int, token: str, path: str, now: datetime) -> Found:
    """What somebody with the link to a site's preview gets.

    :raises NotFound: no such site, no preview, another link, or it has run out.
    """
    account_id = accounts.account_id_of_site(site_id)
    store = release_store(account_id=account_id, site_id=site_id, area=PREVIEWS)
    version = store.live_version()
    if version is None:
        raise NotFound("the site has no preview", site_id=site_id)
    manifest = _manifest(store, version)
    known = manifest.base_url.rpartition("/")[2]
    if not hmac.compare_digest(known.encode(), token.encode()):
        raise NotFound("no such preview", site_id=site_id)
    if manifest.expires_at <= now.isoformat():
        raise NotFound("the preview has run out", site_id=site_id)
    return found_in(store, manifest, path)


def found_in(store: ReleaseStore, manifest: Manifest, path: str) -> Found:
    """What is at an address below a version's home page."""
    wanted = f"{path}index.html" if path == "" or path.endswith("/") else path
    slashed = path if path.endswith("/") else f"{path}/"
    if slashed in manifest.redirects:
        return MovedAddress(f"{manifest.base_url}/{quote(manifest.redirects[slashed])}")
    if wanted in manifest.files:
        return _read(store, manifest, wanted)
    if f"{path}/index.html" in manifest.files:
        return SiteFolderAddress(f"{path}/")
    if path.startswith(ASSETS) and (found := _earlier_asset(store, manifest.version, path)):
        return found
    if NOT_FOUND_PAGE not in manifest.files:
        raise NotFound("no such page", path=path[:200])
    return replace(_read(store, manifest, NOT_FOUND_PAGE), is_found=False)


def _earlier_asset(store: ReleaseStore, live: int, path: str) -> SiteFile | None:
    others = [v for v in store.versions() if v != live]
    for version in reversed(others[-EARLIER_VERSIONS:]):
        manifest = _manifest(store, version)
        if path in manifest.files:
            return _read(store, manifest, path)
    return None


def _read(store: ReleaseStore, manifest: Manifest, path: str) -> SiteFile:
    return SiteFile(
        data=store.read(manifest.version, path),
        entry=manifest.files[path],
        runs_script=path == SEARCH_PAGE,
    )


@lru_cache(maxsize=64)
def _manifest(store: ReleaseStore, version: int) -> Manifest:
    """A version never changes, so what it consists of is read once."""
    return store.manifest(version)
