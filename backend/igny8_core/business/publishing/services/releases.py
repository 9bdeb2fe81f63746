"""Releases on disk: immutable version folders of a site, and one pointer to the live one.

``<SITES_ROOT>/<account>/<site>/versions/v000012`` holds the pages and ``manifest.json``;
``current`` is a symbolic link that is replaced in one step. Nobody sees half a release.

Assets are named by their bytes and kept once for all versions, in ``assets`` beside them, to which
each version has a link: a page that was opened before a deployment finds its own. The page at
``articles/x/`` is the file ``articles/x.html``: a file is linked into the next version with one
call, a folder would have to be made. Versions of before that have the folders, and assets of their
own; they are read, served and rolled back to all the same, and nothing is taken over from them.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from igny8_core.business.publishing.errors import PointerMoved, ReleaseDamaged, ReleaseExists
from igny8_core.business.publishing.services.release_manifest import (
    MANIFEST,
    REUSE,
    Manifest,
    Pointer,
    Reusable,
    digest_of,
)
from igny8_core.common.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.publishing.services.release_manifest import Release

POINTER: Final = "current"
LOCK: Final = ".lock"
ASSETS: Final = "assets"
SWEEP: Final = ".sweep"
"""Says that assets may be there which no version needs any more."""

_SYNCFS: Final = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
_VERSION: Final = re.compile(r"v(\d{6,})\Z")


class ReleaseFolder:
    """The releases of one site on disk.

    :param area: a folder of its own below the site's: previews are no releases.
    """

    def __init__(self, root: Path, *, account_id: int, site_id: int, area: str = "") -> None:
        self.path = Path(root) / str(account_id) / str(site_id) / area

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReleaseFolder) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def version_path(self, version: int) -> Path:
        """Where a version is, or will be."""
        return self.path / "versions" / f"v{version:06d}"

    def file(self, version: int, path: str) -> Path:
        """Where a file of a version is; older versions have a folder for each page."""
        home = self.version_path(version)
        place = place_of(path)
        is_older = place != path and not (home / place).exists() and (home / path).exists()
        return home / (path if is_older else place)

    def pointer(self) -> Pointer:
        """What is live now, for :meth:`switch`."""
        return Pointer(self.live_version())

    def live_version(self) -> int | None:
        """What the pointer names; None before the first deployment."""
        try:
            target = (self.path / POINTER).readlink()
        except FileNotFoundError:
            return None
        found = _VERSION.match(target.name)
        return int(found[1]) if found else None

    def versions(self) -> list[int]:
        """Every complete version on disk, oldest first."""
        try:
            names = [entry.name for entry in (self.path / "versions").iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(found[1]) for name in names if (found := _VERSION.match(name)))

    def manifest(self, version: int) -> Manifest:
        """What a version consists of.

        :raises ReleaseDamaged: it is not there, or cannot be read.
        """
        try:
            data = (self.version_path(version) / MANIFEST).read_bytes()
        except OSError as exc:
            raise ReleaseDamaged("the release is not there", version=version) from exc
        return Manifest.from_json(data)

    def reusable(self, version: int | None) -> Reusable:
        """What a new build may reuse of a version; nothing when that is not known."""
        if version is None:
            return Reusable()
        try:
            data = (self.version_path(version) / REUSE).read_bytes()
            return Reusable.from_bytes(data, self.manifest(version))
        except (OSError, ReleaseDamaged):
            return Reusable()

    def read(self, version: int, path: str) -> bytes:
        """The bytes of a file of a version; a link that leads out of it is refused.

        :raises ReleaseDamaged: it is not there.
        """
        file = self.file(version, path)
        try:
            if not file.resolve(strict=True).is_relative_to(self.path.resolve()):
                raise ReleaseDamaged("a file leads out of its release", path=path)
            return file.read_bytes()
        except OSError as exc:
            raise ReleaseDamaged("a file of the release is missing", path=path) from exc

    def write(self, release: Release) -> Manifest:
        """Write a version beside the others, whole or not at all. It is not live yet.

        :raises ReleaseExists: there is such a version; nothing was changed.
        :raises ReleaseDamaged: an image file is not what it was when the site was planned.
        """
        manifest = release.manifest()
        version = release.version
        target = self.version_path(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        making = self.path / f".build-{version:06d}-{os.getpid()}-{manifest.build_hash[:12]}"
        shutil.rmtree(making, ignore_errors=True)
        try:
            self._fill(making, release)
            _write(making / REUSE, release.reuse())
            _write(making / MANIFEST, manifest.to_json())
            failpoint("publishing.in_write")
            _sync_tree(making)
            try:
                making.rename(target)
            except OSError as exc:
                if not target.exists():  # a full disk, a folder that may not be written
                    raise
                raise ReleaseExists("there is such a version", version=version) from exc
            _sync(target.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return manifest

    def switch(self, version: int, *, expected: Pointer) -> None:
        """Make a version live, if what is live is still what was expected.

        :raises PointerMoved: another deployment or rollback came first; nothing was changed.
        :raises ReleaseDamaged: the version is not there.
        """
        with self.locked():
            if self.live_version() != expected.version:
                raise PointerMoved("another version went live meanwhile", version=version)
            self.activate(version)

    def activate(self, version: int) -> None:
        """Make a version the live one, in one step. Call it under :meth:`locked`.

        :raises ReleaseDamaged: the version is not there.
        """
        if not (self.version_path(version) / MANIFEST).is_file():
            raise ReleaseDamaged("the release is not there", version=version)
        fresh = self.path / f".{POINTER}-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("versions") / f"v{version:06d}", target_is_directory=True)
        fresh.replace(self.path / POINTER)
        _sync(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the site's lock: one mover of the pointer at a time, in any process."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def remove(self, version: int) -> None:
        """Remove a version's files.

        :raises ReleaseExists: it is the live one.
        """
        if version == self.live_version():
            raise ReleaseExists("the live version stays", version=version)
        if self.version_path(version).exists():
            (self.path / SWEEP).touch()
            shutil.rmtree(self.version_path(version), ignore_errors=True)

    def remove_leftovers(self) -> list[str]:
        """Remove what crashed builds left. Only while no build runs, or under its lease."""
        left = sorted(path.name for path in self.path.glob(".build-*"))
        for name in left:
            shutil.rmtree(self.path / name, ignore_errors=True)
        if left or (self.path / SWEEP).exists():
            self._sweep()
        return left

    def is_sound(self, version: int) -> bool:
        """Whether nothing of a version is missing, or was written since it was made."""
        made_at = (self.version_path(version) / MANIFEST).stat().st_mtime_ns
        home = f"{self.version_path(version)}{os.sep}"
        try:
            for path, entry in self.manifest(version).files.items():
                found = os.stat(home + place_of(path))  # noqa: PTH116 - thousands of them
                if found.st_size != entry.size or found.st_mtime_ns > made_at:
                    return not self.damage(version)
        except OSError:
            return False
        return True

    def damage(self, version: int) -> list[str]:
        """Files of a version that are missing or changed against its manifest."""
        found = []
        for path, entry in self.manifest(version).files.items():
            try:
                actual = digest_of(self.file(version, path))
            except OSError:
                found.append(f"{path} is missing")
                continue
            if actual != entry.sha256:
                found.append(f"{path} was changed")
        return found

    def _fill(self, making: Path, release: Release) -> None:
        build, earlier = release.build, release.earlier
        pages = [path for path in build.entries if not path.startswith(f"{ASSETS}/")]
        for folder in sorted({str(Path(place_of(path)).parent) for path in pages}):
            (making / folder).mkdir(parents=True, exist_ok=True)
        (making / ASSETS).symlink_to(Path("..") / ".." / ASSETS, target_is_directory=True)
        (self.path / ASSETS).mkdir(exist_ok=True)
        known = self.manifest(earlier).files if earlier else {}
        for path, data in build.texts.items():
            if not path.startswith(f"{ASSETS}/"):
                _write(making / place_of(path), data)
            elif path not in known:
                self._keep(path, data)
        for path, media in build.media.items():
            if path not in known:
                self._keep(path, release.media.read(media.source, media.sha256))
        if earlier is None and build.reused:
            raise ReleaseDamaged("a reused page has no earlier version")
        source, target = f"{self.version_path(earlier or 0)}{os.sep}", f"{making}{os.sep}"
        for path in build.reused:
            place = place_of(path)
            _link(source + place, target + place)

    def _keep(self, path: str, data: bytes) -> None:
        """Put an asset beside the versions, unless these bytes are there."""
        target = self.path / path
        try:
            if target.read_bytes() == data:
                return
        except FileNotFoundError:
            pass
        fresh = target.with_name(f".{target.name}-{os.getpid()}")
        fresh.unlink(missing_ok=True)
        _write(fresh, data)
        fresh.replace(target)
        if _SYNCFS is None:
            _sync(target)

    def _sweep(self) -> None:
        """Remove assets that no version names."""
        try:
            kept = {path for version in self.versions() for path in self.manifest(version).files}
        except ReleaseDamaged:  # nobody knows what that version needs
            return
        for file in (self.path / ASSETS).glob("*"):
            if f"{ASSETS}/{file.name}" not in kept:
                file.unlink()
        (self.path / SWEEP).unlink(missing_ok=True)


def place_of(path: str) -> str:
    """Where a file of a release is in its folder: ``articles/x/index.html`` is one of a name."""
    folder = path.removesuffix("/index.html")
    return path if folder == path else f"{folder}.html"


def _link(source: str, target: str) -> None:
    """The same file in two releases: both are immutable."""
    try:
        os.link(source, target)
    except FileNotFoundError as exc:
        raise ReleaseDamaged("a file of the earlier version is missing", path=source) from exc
    except OSError:  # a file system without hard links, or too many of them
        _write(Path(target), Path(source).read_bytes())


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


def _sync_tree(root: Path) -> None:
    """Bring everything below a folder to the disk.

    One call for the file system where there is one (Linux): a release of a thousand pages would
    need thousands of calls, a minute of them on a slow disk.
    """
    if _SYNCFS is not None:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _SYNCFS(handle) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), str(root))
        finally:
            os.close(handle)
        return
    for folder, _names, files in os.walk(root, topdown=False):
        for name in files:
            _sync(Path(folder, name))
        _sync(Path(folder))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
