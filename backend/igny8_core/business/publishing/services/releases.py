"""Releases on disk: immutable version folders of a site, and one pointer to the live one.

``<SITES_ROOT>/<account>/<site>/versions/v000012`` holds the files and ``manifest.json``;
``current`` is a symbolic link that is replaced in one step. Nobody sees half a release.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from igny8_core.business.publishing.errors import ReleaseDamaged, ReleaseExists
from igny8_core.business.publishing.services.site_build import (
    Build,
    Built,
    Entry,
    build_hash,
    pages_from_json,
    pages_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST: Final = "manifest.json"
REUSE: Final = ".reuse.json"
"""What the next build may reuse; without it everything is read and rendered again."""

POINTER: Final = "current"
LOCK: Final = ".lock"
_SYNCFS: Final = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
_VERSION: Final = re.compile(r"v(\d{6,})\Z")


@dataclass(frozen=True)
class Manifest:
    """What a release consists of.

    :ivar contents: revision, address and publishing time of each content, by its number.
    """

    version: int
    base_url: str
    build_hash: str
    files: Mapping[str, Entry] = field(repr=False)
    contents: Mapping[str, dict[str, Any]] = field(repr=False)

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())


@dataclass(frozen=True)
class Reusable:
    """What a version leaves to the next build.

    :ivar pages: its pages by path.
    :ivar digests: of image files below MEDIA_ROOT, with the size and time of change they had.
    """

    pages: dict[str, Built] = field(default_factory=dict, repr=False)
    digests: dict[str, Digest] = field(default_factory=dict, repr=False)


class ReleaseFolder:
    """The releases of one site."""

    def __init__(self, root: Path, *, account_id: int, site_id: int) -> None:
        self.path = Path(root) / str(account_id) / str(site_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReleaseFolder) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def version_path(self, version: int) -> Path:
        """Where a version is, or will be."""
        return self.path / "versions" / f"v{version:06d}"

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
            value = json.loads((self.version_path(version) / MANIFEST).read_bytes())
            files = {path: Entry(**entry) for path, entry in value.pop("files").items()}
            return Manifest(files=files, **value)
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise ReleaseDamaged("the release cannot be read", version=version) from exc

    def reusable(self, version: int | None) -> Reusable:
        """What a new build may reuse of a version; nothing when that is not known."""
        if version is None:
            return Reusable()
        try:
            value = json.loads((self.version_path(version) / REUSE).read_bytes())
            digests = {path: Digest(*parts) for path, parts in value["digests"].items()}
            return Reusable(pages_from_json(value["pages"]), digests)
        except (OSError, ValueError, TypeError, KeyError):
            return Reusable()

    def write(
        self,
        build: Build,
        *,
        version: int,
        base_url: str,
        contents: Mapping[str, dict[str, Any]],
        media: Media,
        earlier: int | None,
    ) -> Manifest:
        """Write a version beside the others, whole or not at all. It is not live yet.

        :param earlier: the version whose pages the build reuses, and whose files may be linked.
        :raises ReleaseExists: there is such a version; nothing was changed.
        :raises ReleaseDamaged: an image file is not what it was when the site was planned.
        """
        manifest = Manifest(
            version=version,
            base_url=base_url,
            build_hash=build_hash(build.entries, contents),
            files=build.entries,
            contents=contents,
        )
        target = self.version_path(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        making = self.path / f".build-{version:06d}-{os.getpid()}-{manifest.build_hash[:12]}"
        shutil.rmtree(making, ignore_errors=True)
        try:
            _fill(making, build, media.root, self.version_path(earlier) if earlier else None)
            reuse = {"pages": pages_to_json(build.pages), "digests": media.digests}
            _write(making / REUSE, json.dumps(reuse).encode())
            _write(making / MANIFEST, _manifest_json(manifest))
            _sync_tree(making)
            try:
                making.rename(target)
            except OSError as exc:
                raise ReleaseExists("there is such a version", version=version) from exc
            _sync(target.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return manifest

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
        shutil.rmtree(self.version_path(version), ignore_errors=True)

    def remove_leftovers(self) -> list[str]:
        """Remove what crashed builds left. Only while no build runs, or under its lease."""
        left = sorted(path.name for path in self.path.glob(".build-*"))
        for name in left:
            shutil.rmtree(self.path / name, ignore_errors=True)
        return left

    def damage(self, version: int) -> list[str]:
        """Files of a version that are missing or changed against its manifest."""
        folder = self.version_path(version)
        found = []
        for path, entry in self.manifest(version).files.items():
            try:
                actual = digest_of(folder / path)
            except OSError:
                found.append(f"{path} is missing")
                continue
            if actual != entry.sha256:
                found.append(f"{path} was changed")
        return found


class Digest(NamedTuple):
    """A file's digest, and what tells that the file is still the same."""

    size: int
    mtime_ns: int
    sha256: str


class Media:
    """Image files below a folder, each read once, or not at all while it has not changed."""

    def __init__(self, root: Path, known: Mapping[str, Digest] | None = None) -> None:
        self.root, self._known = Path(root), known or {}
        self.digests: dict[str, Digest] = {}

    def sha256(self, path: str) -> str:
        """The digest of a file.

        :raises ReleaseDamaged: it is not there, or not below the folder.
        """
        if path not in self.digests:
            file = self.root / path
            try:
                found = file.stat()
                known = self._known.get(path)
                if known is None or known[:2] != (found.st_size, found.st_mtime_ns):
                    if not file.resolve().is_relative_to(self.root.resolve()):
                        raise ReleaseDamaged("an image file is outside its folder", path=path)
                    known = Digest(found.st_size, found.st_mtime_ns, digest_of(file))
            except OSError as exc:
                raise ReleaseDamaged("an image file is missing", path=path) from exc
            self.digests[path] = known
        return self.digests[path].sha256


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fill(making: Path, build: Build, media_root: Path, earlier: Path | None) -> None:
    for folder in sorted({str(Path(path).parent) for path in build.entries}):
        (making / folder).mkdir(parents=True, exist_ok=True)
    for path, data in build.texts.items():
        _write(making / path, data)
    for path in build.reused:
        if earlier is None:
            raise ReleaseDamaged("a reused page has no earlier version", path=path)
        _link(earlier / path, making / path)
    for path, media in build.media.items():
        known = earlier / path if earlier else None
        if known is not None and known.is_file():  # named by its bytes: the same file
            _link(known, making / path)
        else:
            _copy(media_root / media.source, making / path, media.sha256)


def _link(source: Path, target: Path) -> None:
    """The same file in two releases: both are immutable."""
    try:
        os.link(source, target)
    except FileNotFoundError as exc:
        raise ReleaseDamaged("a file of the earlier version is missing", path=str(source)) from exc
    except OSError:  # a file system without hard links, or too many of them
        _write(target, source.read_bytes())


def _copy(source: Path, target: Path, sha256: str) -> None:
    try:
        data = source.read_bytes()
    except OSError as exc:
        raise ReleaseDamaged("an image file is missing", path=str(source)) from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ReleaseDamaged("an image file changed meanwhile", path=str(source))
    _write(target, data)


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


def _manifest_json(manifest: Manifest) -> bytes:
    value = {**vars(manifest), "files": {p: vars(e) for p, e in manifest.files.items()}}
    return json.dumps(value, sort_keys=True, indent=1).encode()
