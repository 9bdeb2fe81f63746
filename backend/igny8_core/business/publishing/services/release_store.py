"""Where releases are: on disk or in an object store, with one set of verbs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from django.conf import settings

from igny8_core.business.publishing.services.release_bucket import ReleaseBucket, bucket
from igny8_core.business.publishing.services.releases import ReleaseFolder

if TYPE_CHECKING:
    from igny8_core.business.publishing.services.release_manifest import (
        Manifest,
        Pointer,
        Release,
        Reusable,
    )

PREVIEWS: Final = "preview"


class ReleaseStore(Protocol):
    """The releases of one site: versions that never change, and one pointer."""

    def __hash__(self) -> int: ...

    def pointer(self) -> Pointer:
        """What is live now, for :meth:`switch`."""

    def live_version(self) -> int | None:
        """What the pointer names; None before the first deployment."""

    def versions(self) -> list[int]:
        """Every complete version, oldest first."""

    def manifest(self, version: int) -> Manifest:
        """What a version consists of.

        :raises ReleaseDamaged: it is not there, or cannot be read.
        """

    def reusable(self, version: int | None) -> Reusable:
        """What a new build may reuse of a version; nothing when that is not known."""

    def read(self, version: int, path: str) -> bytes:
        """The bytes of a file of a version.

        :raises ReleaseDamaged: it is not there.
        """

    def write(self, release: Release) -> Manifest:
        """Write a version beside the others, whole or not at all. It is not live yet.

        :raises ReleaseExists: there is such a version; nothing was changed.
        :raises ReleaseDamaged: an image file is not what it was when the site was planned.
        """

    def switch(self, version: int, *, expected: Pointer) -> None:
        """Make a version live, if what is live is still what was expected.

        :raises PointerMoved: another deployment or rollback came first; nothing was changed.
        :raises ReleaseDamaged: the version is not there.
        """

    def remove(self, version: int) -> None:
        """Remove a version's files.

        :raises ReleaseExists: it is the live one.
        """

    def remove_leftovers(self) -> list[str]:
        """Remove what crashed builds left. Only while no build runs, or under its lease."""

    def is_sound(self, version: int) -> bool:
        """Whether a version's files can be taken over: a quick look, where there is one."""

    def damage(self, version: int) -> list[str]:
        """Files of a version that are missing or changed against its manifest."""


def release_store(*, account_id: int, site_id: int, area: str = "") -> ReleaseStore:
    """The releases of a site, where the operator keeps them.

    :param area: :data:`PREVIEWS` for builds that only those with the link see.
    """
    if settings.SITES_URL:
        return ReleaseBucket(
            bucket(settings.SITES_URL), account_id=account_id, site_id=site_id, area=area
        )
    root = Path(settings.SITES_ROOT)
    return ReleaseFolder(root, account_id=account_id, site_id=site_id, area=area)
