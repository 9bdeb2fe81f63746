"""The port to places that articles are imported from: light lists, and whole items by their ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from igny8_core.clients.destinations import Watched


@dataclass(frozen=True)
class Glimpse:
    """What a list says of an item: enough to know whether to fetch it."""

    external_id: str
    modified_at: datetime | None
    site_status: str
    slug: str


@dataclass(frozen=True)
class SourceTerm:
    """A category or tag of the site, its name without escapes."""

    external_taxonomy: str
    external_id: str
    name: str
    slug: str
    description: str = ""
    count: int = 0


@dataclass(frozen=True)
class SourceItem:
    """An item as the site has it.

    :ivar watched: as a delivery would see it: its fingerprint says whether it is our own write.
    :ivar html: raw, as people edit it.
    :ivar terms: pairs of the platform's taxonomy and the term's id.
    :ivar picture_url: of the featured image.
    """

    external_id: str
    external_type: str
    url: str
    slug: str
    site_status: str
    title: str
    html: str
    excerpt: str
    watched: Watched
    modified_at: datetime | None
    published_at: datetime | None
    author: str = ""
    seo: dict[str, str] = field(default_factory=dict)
    terms: tuple[tuple[str, str], ...] = ()
    picture_id: str = ""
    picture_url: str = ""
    picture_alt: str = ""
    picture_width: int = 0
    picture_height: int = 0
    is_protected: bool = False
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """A whole light list.

    :ivar total: what the site counts; more than there are glimpses when it hides some from us.
    :ivar seen_at: the site's own clock, when it said.
    """

    glimpses: tuple[Glimpse, ...]
    total: int
    seen_at: datetime | None = None


class Source(Protocol):
    """One site, for the length of one import. Methods fail as those of a destination do."""

    external_types: Sequence[str]

    def source_terms(self) -> Iterator[SourceTerm]:
        """Every category and tag."""

    def sweep_items(self, external_type: str) -> Sweep:
        """Every item but those in the trash, in the order of their ids."""

    def changed_items(self, external_type: str, since: datetime) -> Sweep:
        """Items that were changed after a time; misses backdated ones."""

    def fetch_items(self, external_type: str, ids: Sequence[str]) -> list[SourceItem]:
        """Items whole; those that are gone are missing."""
