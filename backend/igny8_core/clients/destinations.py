"""The port to places where articles are published: what each adapter does, and how it can fail.

An adapter (``clients/<platform>_site.py``) knows HTTP and its platform, and no domain. What is
alike everywhere lives above, in ``publishing/services/deliver.py``: leases, retries, what a lost
answer means, conflicts with people, echoes. One delivery calls, in this order::

    place_term, place_picture      for each; safe to repeat
    reserve(key)                   unless the id is known; the id is committed before going on
    read(id)                       always before a write
    body(article, placed)          pure: what is to stand there
    write(body, before=…)          unless it stands there already
    sweep(key, id)                 ten minutes later, with one more read and write

Every method may be called again after any failure, also after one whose outcome is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from igny8_core.common.errors import Conflict, ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from igny8_core.clients.guarded_http import Answer


WAIT_DEFAULT: Final = 60.0
WAIT_MAX: Final = 3600.0

# --- how it can fail, besides NotSent and OutcomeUnknown of guarded_http ----------------------


class SiteBusy(Transient):
    """The site says that it did nothing and when to come again: ``retry_after_seconds``."""

    code = "site_busy"

    @property
    def retry_after_seconds(self) -> float:
        return bounded_wait(self.data.get("retry_after_seconds"))


def bounded_wait(seconds: Any) -> float:
    """How long to wait when a site asks for so many seconds: at least one, at most an hour, and a
    minute when it does not say.
    """
    try:
        asked = float(str(seconds))
    except ValueError:
        return WAIT_DEFAULT
    return min(max(asked, 1.0), WAIT_MAX) if math.isfinite(asked) else WAIT_DEFAULT


class AuthRefused(ProviderRejected):
    """The site does not know us any more: nothing was done, and the whole site's queue stops."""

    code = "auth_refused"


class PermissionMissing(ProviderRejected):
    """Signed in, but not allowed to; ``data["capability"]`` says what is missing."""

    code = "permission_missing"


class SiteBlocked(ProviderRejected):
    """Something in front of the site (a firewall, a challenge) turned the request away."""

    code = "site_blocked"


class SiteMisconfigured(ProviderRejected):
    """What answers is not the interface that we talk to: moved, switched off, another program."""

    code = "site_misconfigured"


class SiteRefused(ProviderRejected):
    """The site refuses this request for good; ``data["reason"]`` is the site's own code."""

    code = "site_refused"


class RemoteGone(ProviderRejected):
    """The item was deleted at the site, or lies in its trash. Nothing was written."""

    code = "remote_gone"


class RemoteTaken(Conflict):
    """The place belongs to something else at the site. Nothing was written."""

    code = "remote_taken"


class RemoteStale(Conflict):
    """The site has a newer revision already: ours is not needed any more."""

    code = "remote_stale"


# --- what goes there ---------------------------------------------------------------------------


class Visibility(StrEnum):
    """Whether visitors are to see an item."""

    LIVE = "live"
    HIDDEN = "hidden"


class RemoteState(StrEnum):
    """What an item is at the site; the site's own word is in ``Remote.site_status``."""

    DRAFT = "draft"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    PRIVATE = "private"
    LIVE = "live"


@dataclass(frozen=True)
class Term:
    """A category or tag. ``external_id`` is empty until the site's own is known."""

    kind: str
    name: str
    slug: str
    external_id: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.slug


@dataclass(frozen=True)
class Picture:
    """An image of an article: one file, the widest that there is.

    :ivar sha256: of the bytes, in hexadecimal; names the file at the site.
    :ivar marker: ``src`` by which the article's HTML names it; empty when it stands in no text.
    :ivar load: reads the bytes; called only when the site does not have the file.
    """

    sha256: str
    file_name: str
    mime_type: str
    alt: str
    caption: str
    width: int
    height: int
    load: Callable[[], bytes]
    is_featured: bool = False
    marker: str = ""


@dataclass(frozen=True)
class PlacedPicture:
    """Where a picture is at the site."""

    external_id: str
    url: str


@dataclass(frozen=True)
class Placed:
    """Terms (by ``Term.key``) and pictures (by digest) that the site has by now."""

    terms: Mapping[tuple[str, str], str] = field(default_factory=dict)
    pictures: Mapping[str, PlacedPicture] = field(default_factory=dict)


@dataclass(frozen=True)
class Seo:
    """What search engines are told."""

    title: str = ""
    description: str = ""
    focus_keyword: str = ""
    canonical: str = ""


@dataclass(frozen=True)
class Article:
    """One revision as it is to stand at a site.

    :ivar revision: rises with every change of the text.
    :ivar slug: wanted; sites may add a suffix.
    :ivar html: sanitised, links to other articles resolved, pictures named by their markers.
    :ivar published_at: the first publication; None lets the site take its own time.
    :ivar external_type: ``post`` or ``page``.
    """

    revision: int
    title: str
    slug: str
    html: str
    excerpt: str = ""
    language: str = "en"
    visibility: Visibility = Visibility.LIVE
    published_at: datetime | None = None
    updated_at: datetime | None = None
    external_type: str = "post"
    author: str = ""
    seo: Seo = field(default_factory=Seo)
    terms: tuple[Term, ...] = ()
    pictures: tuple[Picture, ...] = ()


# --- what is there -----------------------------------------------------------------------------

Watched = dict[str, Any]
"""What people can change of an item: JSON values, alike for a body that we send and for an answer.

Its fingerprint recognises our own writes, so it holds nothing that changes by itself (dates of
change, counters) and nothing in an order that the site decides.
"""


@dataclass(frozen=True)
class Body:
    """What a write sends.

    :ivar fields: what people see and a read shows.
    :ivar unread: written too, but no read shows it, so it is written whenever it changes.
    :ivar first: sent only with the first write onto an untouched item (a date).
    """

    fields: dict[str, Any]
    unread: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Remote:
    """An item as the site has it.

    :ivar external_id: empty when the first write will make it.
    :ivar external_type: as it was asked for: ``post`` or ``page``.
    :ivar watched: of the answer, not of what was sent.
    :ivar is_untouched: nobody has written into it since it was reserved.
    :ivar etag: what the site wants back with a write, if anything.
    :ivar is_readable: False where a site shows no items: what stands there is what we last wrote.
    :ivar unwritten: names of what a further request could not write; the rest stands there.
    """

    external_id: str
    url: str
    state: RemoteState
    watched: Watched
    external_type: str = "post"
    site_status: str = ""
    slug: str = ""
    modified_at: datetime | None = None
    is_untouched: bool = False
    etag: str = ""
    is_readable: bool = True
    unwritten: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    :ivar code: stable, snake_case.
    :ivar is_ok: whether publishing works in spite of it.
    :ivar fix: what a person can do; empty when there is nothing to do.
    """

    code: str
    is_ok: bool
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Report:
    """What a site is and can do.

    :ivar capabilities: JSON; kept with the connection and handed to the adapter.
    """

    findings: tuple[Finding, ...]
    capabilities: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return all(finding.is_ok for finding in self.findings)


class SiteHttp(Protocol):
    """HTTP to one site, as :class:`igny8_core.clients.guarded_http.GuardedClient` has it."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request, nothing followed."""

    def discover(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET that follows a few redirects."""


@dataclass(frozen=True)
class Connection:
    """What an adapter is made of.

    :ivar credentials: opened for this call; never logged, never kept.
    :ivar settings: the connection's ``config``, without secrets.
    :ivar capabilities: of the last report; may be empty.
    :ivar renew: gets credentials (a fresh token) from the site by the function it is given, keeps
        them, and returns them; what another worker has kept meanwhile is returned instead.
    """

    base_url: str
    credentials: Mapping[str, str]
    http: SiteHttp
    settings: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    renew: Renew | None = None


Fetch = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Asks the site for new credentials, with the ones that are kept; returns the whole set."""

Renew = Callable[[Fetch], Mapping[str, str]]


class Destination(Protocol):
    """One site, for the length of one delivery or check.

    Every method may raise NotSent, OutcomeUnknown, SiteBusy, AuthRefused, PermissionMissing,
    SiteBlocked, SiteMisconfigured and SiteRefused.
    """

    way: str
    """How items are written, where a platform has several ways: an attempt whose outcome is
    unknown is repeated in the same way."""

    def place_term(self, term: Term) -> str:
        """The site's id of a term, made if it is not there; empty where terms have no ids."""

    def place_picture(self, picture: Picture) -> PlacedPicture:
        """The picture at the site, uploaded if it is not there.

        :raises SiteRefused: the site takes no such file: the article goes without it.
        """

    def reserve(self, key: UUID, external_type: str) -> str:
        """The id of the one hidden item that stands for ``key``: found, or made.

        Empty where a first write makes the item by ``key`` alone and doubles are impossible.

        :raises Transient: two requests met; the next call finds the first one's item.
        """

    def read(self, external_id: str, key: UUID, external_type: str) -> Remote:
        """The item as it is now, with the rights of an editor.

        :raises RemoteGone: deleted, or in the trash.
        """

    def body(self, article: Article, placed: Placed, before: Remote) -> Body:
        """What a write sends. Pure; depends on nothing that changes by itself."""

    def watched(self, body: Body, before: Remote) -> Watched:
        """All that people can change, as it will be once ``body`` has been written. Pure.

        Equal to ``Remote.watched`` of an answer in which the site changed nothing.
        """

    def write(self, body: Body, *, before: Remote, key: UUID, revision: int) -> Remote:
        """Put the body onto the item; the item as the site has it then.

        :raises RemoteStale: a newer revision is there.
        :raises RemoteTaken: the item belongs to something else.
        :raises RemoteGone: it was deleted meanwhile.
        """

    def sweep(self, key: UUID, external_id: str, external_type: str) -> list[str]:
        """Delete hidden, empty reservations of ``key`` besides the item; their ids.

        :param external_id: empty deletes every reservation of ``key``.
        """

    def check(self, *, is_writing: bool) -> Report:
        """What the site is, and every fault that is found, each with its fix. Raises nothing.

        :param is_writing: also makes a hidden item, reads it and deletes it again.
        """

    def drift(self, wanted: Watched, got: Watched) -> Sequence[str]:
        """Names of what the site changed or dropped, of a body that was written. Pure."""
