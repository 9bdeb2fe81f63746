"""Releases in an object store: objects written once, and a pointer that moves on condition.

``<account>/<site>/v/v000012/…`` holds the files, ``manifests/v000012.json`` says that the version
is complete, ``current.json`` names the live one. Whoever writes the pointer says which state of it
was read before: of several writers one wins.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from igny8_core.business.publishing.errors import PointerMoved, ReleaseDamaged, ReleaseExists
from igny8_core.business.publishing.services.release_manifest import Manifest, Pointer, Reusable
from igny8_core.clients.object_store import NewObject, ObjectExists, ObjectStore
from igny8_core.common.errors import NotFound
from igny8_core.common.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.publishing.services.release_manifest import Release

POINTER: Final = "current.json"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
SHORT: Final = "public, max-age=60"
PRIVATE: Final = "no-store"
CACHE: Final = {"immutable": IMMUTABLE, "short": SHORT}
_MANIFEST: Final = re.compile(r"v(\d{6,})\.json\Z")


@lru_cache(maxsize=4)
def bucket(url: str) -> ObjectStore:
    """The object store at an address; one client for the whole process."""
    return ObjectStore(url)


class ReleaseBucket:
    """The releases of one site in an object store.

    :param area: a place of its own below the site's: previews are no releases.
    """

    def __init__(
        self, store: ObjectStore, *, account_id: int, site_id: int, area: str = ""
    ) -> None:
        self._store = store
        self.home = "/".join(filter(None, [str(account_id), str(site_id), area]))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ReleaseBucket)
            and self.home == other.home
            and self._store is other._store
        )

    def __hash__(self) -> int:
        return hash(self.home)

    def pointer(self) -> Pointer:
        """What is live now, with the tag of the pointer's object."""
        found = self._store.get(f"{self.home}/{POINTER}")
        if found is None:
            return Pointer(None)
        try:
            return Pointer(int(json.loads(found.data)["version"]), found.tag)
        except (ValueError, TypeError, KeyError) as exc:
            raise ReleaseDamaged("the pointer cannot be read") from exc

    def live_version(self) -> int | None:
        """What the pointer names; None before the first deployment."""
        return self.pointer().version

    def versions(self) -> list[int]:
        """Every complete version, oldest first."""
        names = self._store.sizes(f"{self.home}/manifests/")
        return sorted(int(found[1]) for name in names if (found := _MANIFEST.search(name)))

    def manifest(self, version: int) -> Manifest:
        """What a version consists of.

        :raises ReleaseDamaged: it is not there, or cannot be read.
        """
        found = self._store.get(self._manifest(version))
        if found is None:
            raise ReleaseDamaged("the release is not there", version=version)
        return Manifest.from_json(found.data)

    def reusable(self, version: int | None) -> Reusable:
        """What a new build may reuse of a version; nothing when that is not known."""
        found = self._store.get(self._reuse(version)) if version is not None else None
        if found is None or version is None:
            return Reusable()
        return Reusable.from_bytes(found.data, self.manifest(version))

    def read(self, version: int, path: str) -> bytes:
        """The bytes of a file of a version.

        :raises ReleaseDamaged: it is not there.
        """
        found = self._store.get(f"{self._files(version)}/{path}")
        if found is None:
            raise ReleaseDamaged("a file of the release is missing", path=path)
        return found.data

    def write(self, release: Release) -> Manifest:
        """Write a version: assets, then pages, then the manifest, which makes it complete.

        :raises ReleaseExists: there are objects of such a version.
        :raises ReleaseDamaged: an image file is not what it was when the site was planned, or
            what is taken over is not there.
        """
        manifest, version = release.manifest(), release.version
        if version in self.versions():
            raise ReleaseExists("there is such a version", version=version)
        try:
            self._store.copy_all(self._taken_over(release))
            failpoint("publishing.in_write")
            for objects in (self._images(release), self._texts(release)):
                self._store.put_all(objects)
            for path, data, kind in (
                (self._reuse(version), release.reuse(), "text/plain; charset=utf-8"),
                (self._manifest(version), manifest.to_json(), "application/json"),
            ):
                self._store.put_new(path, data, content_type=kind, cache_control=PRIVATE)
        except ObjectExists as exc:
            raise ReleaseExists("there is such a version", version=version) from exc
        except NotFound as exc:
            raise ReleaseDamaged("a file of the earlier version is missing") from exc
        return manifest

    def switch(self, version: int, *, expected: Pointer) -> None:
        """Make a version live, if nobody moved the pointer since it was read.

        :raises PointerMoved: another deployment or rollback came first; nothing was changed.
        :raises ReleaseDamaged: the version is not there.
        """
        if self._store.get(self._manifest(version)) is None:
            raise ReleaseDamaged("the release is not there", version=version)
        data = json.dumps({"version": version}).encode()
        try:
            self._store.put_over(
                f"{self.home}/{POINTER}", data, tag=expected.tag, cache_control=PRIVATE
            )
        except ObjectExists as exc:
            raise PointerMoved("another version went live meanwhile", version=version) from exc

    def remove(self, version: int) -> None:
        """Remove a version's objects, its manifest first: what is left is no version.

        :raises ReleaseExists: it is the live one.
        """
        if version == self.live_version():
            raise ReleaseExists("the live version stays", version=version)
        self._store.delete_all([self._manifest(version), self._reuse(version)])
        self._store.delete_all(list(self._store.sizes(f"{self._files(version)}/")))

    def remove_leftovers(self) -> list[str]:
        """Remove what crashed builds left. Only while no build runs, or under its lease."""
        complete = {f"v{version:06d}" for version in self.versions()}
        left = [name for name in self._store.folders(f"{self.home}/v/") if name not in complete]
        for name in left:
            self._store.delete_all(list(self._store.sizes(f"{self.home}/v/{name}/")))
        return left

    def is_sound(self, version: int) -> bool:
        """Whether nothing of a version is missing."""
        return not self.damage(version)

    def damage(self, version: int) -> list[str]:
        """Files of a version that are missing or of another size: objects are never changed."""
        start = f"{self._files(version)}/"
        sizes = {p.removeprefix(start): size for p, size in self._store.sizes(start).items()}
        found = []
        for path, entry in self.manifest(version).files.items():
            if path not in sizes:
                found.append(f"{path} is missing")
            elif sizes[path] != entry.size:
                found.append(f"{path} was changed")
        return found

    def _taken_over(self, release: Release) -> Iterator[tuple[str, str]]:
        """Objects of the earlier version that are the same in this one, and where they go."""
        build = release.build
        if release.earlier is None:
            if build.reused:
                raise ReleaseDamaged("a reused page has no earlier version")
            return
        old, new = self._files(release.earlier), self._files(release.version)
        known = self.manifest(release.earlier).files
        for path in [*sorted(build.reused), *(p for p in build.media if p in known)]:
            yield f"{old}/{path}", f"{new}/{path}"

    def _images(self, release: Release) -> Iterator[NewObject]:
        known = self.manifest(release.earlier).files if release.earlier else {}
        entries = release.build.entries
        for path, media in release.build.media.items():
            if path not in known:
                data = release.media.read(media.source, media.sha256)
                target = f"{self._files(release.version)}/{path}"
                yield NewObject(target, data, entries[path].content_type, IMMUTABLE)

    def _texts(self, release: Release) -> Iterator[NewObject]:
        entries = release.build.entries
        for path, data in release.build.texts.items():
            cache = PRIVATE if release.expires_at else CACHE[entries[path].cache]
            target = f"{self._files(release.version)}/{path}"
            yield NewObject(target, data, entries[path].content_type, cache)

    def _files(self, version: int) -> str:
        return f"{self.home}/v/v{version:06d}"

    def _manifest(self, version: int) -> str:
        return f"{self.home}/manifests/v{version:06d}.json"

    def _reuse(self, version: int) -> str:
        return f"{self.home}/reuse/v{version:06d}"
