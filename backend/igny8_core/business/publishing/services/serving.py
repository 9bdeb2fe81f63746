"""Answer a visitor from the live release: only what its manifest lists, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.business.publishing.errors import ReleaseDamaged
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from igny8_core.business.publishing.services.releases import Manifest
    from igny8_core.business.publishing.services.site_build import Entry

ASSETS: Final = "assets/"
NOT_FOUND_PAGE: Final = "404.html"
EARLIER_VERSIONS: Final = 5
"""How far back a page that a visitor opened before a deployment finds its assets."""


@dataclass(frozen=True)
class SiteFile:
    """A file to send.

    :ivar is_found: False for the site's own page for wrong addresses.
    """

    data: bytes
    entry: Entry
    is_found: bool = True

    @property
    def etag(self) -> str:
        """The name of these bytes, quoted as HTTP wants it."""
        return f'"{self.entry.sha256[:32]}"'


@dataclass(frozen=True)
class SiteFolderAddress:
    """The address lacks its closing slash."""

    path: str


def site_file(*, site_id: int, path: str) -> SiteFile | SiteFolderAddress:
    """What a visitor of a site gets. The pointer is read anew for each request.

    :param path: below the site's home page, decoded; nothing but the manifest's paths matches.
    :raises NotFound: no such site, or nothing of it is live.
    """
    account_id = accounts.account_id_of_site(site_id)
    folder = ReleaseFolder(Path(settings.SITES_ROOT), account_id=account_id, site_id=site_id)
    version = folder.live_version()
    if version is None:
        raise NotFound("nothing of this site is live", site_id=site_id)
    manifest = _manifest(folder, version)
    wanted = f"{path}index.html" if path == "" or path.endswith("/") else path
    if wanted in manifest.files:
        return _read(folder, manifest, wanted)
    if f"{path}/index.html" in manifest.files:
        return SiteFolderAddress(f"{path}/")
    if path.startswith(ASSETS) and (found := _earlier_asset(folder, version, path)):
        return found
    if NOT_FOUND_PAGE not in manifest.files:
        raise NotFound("no such page", site_id=site_id)
    missing = _read(folder, manifest, NOT_FOUND_PAGE)
    return SiteFile(missing.data, missing.entry, is_found=False)


def _earlier_asset(folder: ReleaseFolder, live: int, path: str) -> SiteFile | None:
    others = [v for v in folder.versions() if v != live]
    for version in reversed(others[-EARLIER_VERSIONS:]):
        manifest = _manifest(folder, version)
        if path in manifest.files:
            return _read(folder, manifest, path)
    return None


def _read(folder: ReleaseFolder, manifest: Manifest, path: str) -> SiteFile:
    """The bytes of a listed file; a link that leads out of the release is refused."""
    root = folder.version_path(manifest.version).resolve()
    file = root / path
    try:
        if not file.resolve(strict=True).is_relative_to(root):
            raise ReleaseDamaged("a file leads out of its release", path=path)
        return SiteFile(file.read_bytes(), manifest.files[path])
    except OSError as exc:
        raise ReleaseDamaged("a file of the release is missing", path=path) from exc


def _manifest(folder: ReleaseFolder, version: int) -> Manifest:
    file = folder.version_path(version) / "manifest.json"
    try:
        changed = file.stat().st_mtime_ns
    except OSError as exc:
        raise ReleaseDamaged("the live release is missing", version=version) from exc
    return _read_manifest(folder, version, changed)


@lru_cache(maxsize=64)
def _read_manifest(folder: ReleaseFolder, version: int, changed: int) -> Manifest:  # noqa: ARG001 - a part of the key
    return folder.manifest(version)
