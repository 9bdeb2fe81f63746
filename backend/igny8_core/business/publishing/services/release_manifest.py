"""What a release consists of, what the next one may take over from it, and image files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from igny8_core.business.publishing.errors import ReleaseDamaged
from igny8_core.business.publishing.services.site_build import (
    Built,
    Earlier,
    Entry,
    build_hash,
)
from igny8_core.business.publishing.services.site_context import MediaFile
from igny8_core.business.publishing.services.site_plan import ArticlePlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.business.publishing.services.site_build import Build

MANIFEST: Final = "manifest.json"
REUSE: Final = ".reuse"
"""What the next build may reuse; without it everything is read and rendered again."""


@dataclass(frozen=True)
class Manifest:
    """What a release consists of.

    :ivar contents: revision, address and publishing time of each content, by its number.
    :ivar topics: the address of each topic, by its number.
    :ivar redirects: addresses that were, and where they lead now.
    :ivar expires_at: of a preview; empty for a release.
    """

    version: int
    base_url: str
    build_hash: str
    files: Mapping[str, Entry] = field(repr=False)
    contents: Mapping[str, dict[str, Any]] = field(repr=False)
    topics: Mapping[str, str] = field(default_factory=dict, repr=False)
    redirects: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())

    def to_json(self) -> bytes:
        """The manifest as its release holds it."""
        files = {
            path: {"sha256": e.sha256, "size": e.size, "content_type": e.content_type}
            | {"cache": e.cache}
            for path, e in self.files.items()
        }
        value = {**vars(self), "files": files}
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """The inverse.

        :raises ReleaseDamaged: it cannot be read.
        """
        try:
            value = json.loads(data)
            files = {path: Entry(**entry) for path, entry in value.pop("files").items()}
            return cls(files=files, **value)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ReleaseDamaged("the manifest cannot be read") from exc


@dataclass(frozen=True)
class Release:
    """A build that is about to be written down.

    :ivar contents: what each content of it is, by its number.
    :ivar earlier: the version whose pages it takes over, and whose files may be used again.
    """

    build: Build
    version: int
    base_url: str
    contents: Mapping[str, dict[str, Any]]
    media: Media
    earlier: int | None = None
    expires_at: str = ""

    def manifest(self) -> Manifest:
        """What is written down of it."""
        return Manifest(
            version=self.version,
            base_url=self.base_url,
            build_hash=build_hash(self.build.entries, self.contents),
            files=self.build.entries,
            contents=self.contents,
            topics=self.build.topics,
            redirects=self.build.redirects,
            expires_at=self.expires_at,
        )

    def reuse(self) -> bytes:
        """What it leaves to the next build: a line of JSON, then a line for each page."""
        head = {
            "articles": self.build.articles,
            "anchors": sorted(self.build.anchors),
            "digests": self.media.digests,
        }
        lines = [json.dumps(head, ensure_ascii=False, separators=(",", ":"))]
        lines += [f"{path}\t{built.key}\t{built.facts}" for path, built in self.build.pages.items()]
        return "\n".join(lines).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Reusable:
    """What a version leaves to the next build.

    :ivar digests: of image files below MEDIA_ROOT, with the size and time of change they had.
    """

    earlier: Earlier = field(default_factory=Earlier, repr=False)
    digests: dict[str, Digest] = field(default_factory=dict, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, manifest: Manifest) -> Reusable:
        """What :meth:`Release.reuse` wrote; nothing when it cannot be read."""
        try:
            head, *lines = data.decode("utf-8", "surrogatepass").split("\n")
            value, files, pages = json.loads(head), manifest.files, {}
            for line in lines:
                path, key, facts = line.split("\t")
                pages[path] = Built(key, files[path], facts)
            articles = {
                number: ArticlePlan(
                    key, {path: MediaFile(*file) for path, file in assets.items()}, row
                )
                for number, (key, assets, row) in value["articles"].items()
            }
            digests = {path: Digest(*parts) for path, parts in value["digests"].items()}
            earlier = Earlier(pages, files.keys(), articles, frozenset(value["anchors"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()
        return cls(earlier, digests)


class Pointer(NamedTuple):
    """What was live at a moment.

    :ivar tag: how an object store knows that nobody wrote the pointer since.
    """

    version: int | None
    tag: str | None = None


class Digest(NamedTuple):
    """A file's digest, and what tells that the file is still the same."""

    size: int
    mtime_ns: int
    sha256: str


class Media:
    """Image files below a folder, each read once, or not at all while it has not changed."""

    def __init__(self, root: Path, known: Mapping[str, Digest] | None = None) -> None:
        self.root, self._known = Path(root), known or {}
        self._start = f"{self.root}{os.sep}"
        self.digests: dict[str, Digest] = {}

    def sha256(self, path: str) -> str:
        """The digest of a file.

        :raises ReleaseDamaged: it is not there, or not below the folder.
        """
        if path not in self.digests:
            try:
                found = os.stat(f"{self._start}{path}")  # noqa: PTH116 - thousands of them
                known = self._known.get(path)
                if known is None or known[:2] != (found.st_size, found.st_mtime_ns):
                    file = self.root / path
                    if not file.resolve().is_relative_to(self.root.resolve()):
                        raise ReleaseDamaged("an image file is outside its folder", path=path)
                    known = Digest(found.st_size, found.st_mtime_ns, digest_of(file))
            except OSError as exc:
                raise ReleaseDamaged("an image file is missing", path=path) from exc
            self.digests[path] = known
        return self.digests[path].sha256

    def read(self, path: str, sha256: str) -> bytes:
        """The bytes of a file.

        :raises ReleaseDamaged: it is not there, or not what it was when the site was planned.
        """
        try:
            data = (self.root / path).read_bytes()
        except OSError as exc:
            raise ReleaseDamaged("an image file is missing", path=path) from exc
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ReleaseDamaged("an image file changed meanwhile", path=path)
        return data


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
