"""A site in memory behind our own port: everything that the delivery and the import rely on.

Requests can be made to fail before or after their effect, or to take effect later, as a request
does that outlives its client.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from igny8_core.clients.destinations import (
    Body,
    Finding,
    PlacedPicture,
    Remote,
    RemoteGone,
    RemoteState,
    Report,
    Visibility,
)
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.clients.sources import Glimpse, SourceItem, SourceTerm, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from igny8_core.clients.destinations import Article, Connection, Picture, Placed, Term, Watched

FIRST = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
LIVE, DRAFT, TRASH = "publish", "draft", "trash"


@dataclass
class Post:
    """An item of the site."""

    id: str
    slug: str
    status: str = DRAFT
    title: str = "(publishing)"
    html: str = ""
    excerpt: str = ""
    modified_at: datetime = FIRST
    kind: str = "post"
    terms: tuple[tuple[str, str], ...] = ()
    picture: dict[str, Any] = field(default_factory=dict)

    @property
    def watched(self) -> Watched:
        return {
            "title": self.title,
            "content": self.html,
            "excerpt": self.excerpt,
            "slug": self.slug,
            "status": self.status,
        }


class Store:
    """What one site holds, whoever asks.

    :ivar fail: called with the name of each request; returns what is to happen to it: nothing, an
        error to raise before its effect, or ``"lost"``, ``"late"`` for after and later.
    """

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.terms: dict[tuple[str, str], str] = {}
        self.pictures: dict[str, PlacedPicture] = {}
        self.calls: list[str] = []
        self.fail: Callable[[str], Any] = lambda _name: None
        self.late: list[Callable[[], None]] = []
        self.hidden = 0
        self.report = Report((Finding("signed_in", is_ok=True, text="Signed in."),))
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda fields: fields
        self._ids = itertools.count(1)
        self._clock = itertools.count(1)

    def now(self) -> datetime:
        return FIRST + timedelta(minutes=next(self._clock))

    def add(self, title: str, status: str = LIVE, **fields: Any) -> Post:
        """A post that somebody wrote there."""
        slug = fields.pop("slug", title.lower().replace(" ", "-"))
        post = Post(str(next(self._ids)), self._free(slug), status, title, f"<p>{title}</p>")
        post = replace(post, modified_at=self.now(), **fields)
        self.posts[post.id] = post
        return post

    def edit(self, post_id: str, **fields: Any) -> None:
        """Somebody changes a post there."""
        self.posts[post_id] = replace(self.posts[post_id], modified_at=self.now(), **fields)

    def arrive(self) -> None:
        """What is still on its way arrives."""
        arrived, self.late = self.late, []
        for effect in arrived:
            effect()

    def live(self) -> list[Post]:
        return [post for post in self.posts.values() if post.status == LIVE]

    def reservations(self) -> list[Post]:
        return [p for p in self.posts.values() if p.slug.startswith("igny8-") and not p.html]

    def do(self, name: str, effect: Callable[[], Any]) -> Any:
        """One request: it fails, or takes effect, or both."""
        self.calls.append(name)
        verdict = self.fail(name)
        if isinstance(verdict, Exception):
            raise verdict
        if verdict == "late":
            self.late.append(effect)
            raise OutcomeUnknown("no whole answer")
        answer = effect()
        if verdict == "lost":
            raise OutcomeUnknown("no whole answer")
        return answer

    def reserve(self, slug: str, kind: str) -> Post:
        post = Post(str(next(self._ids)), self._free(slug), kind=kind, modified_at=self.now())
        self.posts[post.id] = post
        return post

    def fill(self, post_id: str, fields: dict[str, Any]) -> Post:
        if post_id not in self.posts:
            raise RemoteGone("It is not there.")
        given = self.change(dict(fields))
        if "content" in given:
            given["html"] = given.pop("content")
        if "slug" in given and given["slug"] != self.posts[post_id].slug:
            given["slug"] = self._free(given["slug"])
        self.posts[post_id] = replace(self.posts[post_id], modified_at=self.now(), **given)
        return self.posts[post_id]

    def _free(self, slug: str) -> str:
        taken = {post.slug for post in self.posts.values()}
        free = itertools.chain([slug], (f"{slug}-{n}" for n in itertools.count(2)))
        return next(one for one in free if one not in taken)


class MemorySite:
    """The adapter of a store; the connection's address says which."""

    stores: ClassVar[dict[str, Store]] = {}
    external_types: Sequence[str] = ("post",)
    way = "memory"

    def __init__(self, connection: Connection) -> None:
        self.store = self.stores.setdefault(connection.base_url, Store())

    def place_term(self, term: Term) -> str:
        known = self.store.terms
        return str(self.store.do("term", lambda: known.setdefault(term.key, str(len(known) + 1))))

    def place_picture(self, picture: Picture) -> PlacedPicture:
        placed = PlacedPicture(picture.sha256[:8], f"https://site.test/{picture.file_name}")
        made: PlacedPicture = self.store.do(
            "picture", lambda: self.store.pictures.setdefault(picture.sha256, placed)
        )
        return made

    def reserve(self, key: UUID, external_type: str) -> str:
        slug = f"igny8-{key.hex}"
        found = self.store.do(
            "find", lambda: [p for p in self.store.posts.values() if p.slug == slug]
        )
        if found:
            return str(found[0].id)
        return str(self.store.do("reserve", lambda: self.store.reserve(slug, external_type)).id)

    def read(self, external_id: str, key: UUID, external_type: str) -> Remote:
        _ = key
        post = self.store.do("read", lambda: self.store.posts.get(external_id))
        if post is None or post.status == TRASH:
            raise RemoteGone("It is not there.")
        return self._remote(post, external_type)

    def body(self, article: Article, placed: Placed, before: Remote) -> Body:
        _ = placed, before
        if article.visibility is Visibility.HIDDEN:
            return Body({"status": DRAFT})
        texts = {"title": article.title, "content": article.html, "excerpt": article.excerpt}
        return Body(texts | {"slug": article.slug, "status": LIVE})

    def watched(self, body: Body, before: Remote) -> Watched:
        return before.watched | body.fields

    def write(self, body: Body, *, before: Remote, key: UUID, revision: int) -> Remote:
        _ = key, revision
        post = self.store.do(
            "write", lambda: self.store.fill(before.external_id, dict(body.fields))
        )
        return self._remote(post, before.external_type)

    def drift(self, wanted: Watched, got: Watched) -> list[str]:
        return sorted(name for name in wanted if wanted[name] != got[name])

    def sweep(self, key: UUID, external_id: str, external_type: str) -> list[str]:
        _ = external_type
        slug = f"igny8-{key.hex}"

        def remove() -> list[str]:
            lost = [p.id for p in self.store.reservations() if p.slug.startswith(slug)]
            lost = [one for one in lost if one != external_id]
            for one in lost:
                del self.store.posts[one]
            return lost

        swept: list[str] = self.store.do("sweep", remove)
        return swept

    def check(self, *, is_writing: bool) -> Report:
        _ = is_writing
        return self.store.report

    def source_terms(self) -> Iterator[SourceTerm]:
        found = self.store.do("terms", lambda: list(self.store.terms.items()))
        for (kind, slug), external_id in found:
            yield SourceTerm(
                {"category": "category"}.get(kind, "post_tag"), external_id, slug, slug
            )

    def sweep_items(self, external_type: str) -> Sweep:
        def look() -> Sweep:
            posts = [
                p for p in self.store.posts.values()
                if p.kind == external_type and p.status != TRASH
            ]  # fmt: skip
            seen = tuple(Glimpse(p.id, p.modified_at, p.status, p.slug) for p in posts)
            return Sweep(seen, len(seen) + self.store.hidden, self.store.now())

        made: Sweep = self.store.do("list", look)
        return made

    def changed_items(self, external_type: str, since: datetime) -> Sweep:
        whole = self.sweep_items(external_type)
        seen = tuple(g for g in whole.glimpses if g.modified_at and g.modified_at > since)
        return Sweep(seen, len(seen), whole.seen_at)

    def fetch_items(self, external_type: str, ids: Sequence[str]) -> list[SourceItem]:
        posts = self.store.do(
            "fetch", lambda: [self.store.posts[one] for one in ids if one in self.store.posts]
        )
        return [self._item(post, external_type) for post in posts if post.status != TRASH]

    def _item(self, post: Post, external_type: str) -> SourceItem:
        picture: Mapping[str, Any] = post.picture
        return SourceItem(
            external_id=post.id,
            external_type=external_type,
            url=f"https://site.test/{post.slug}/",
            slug=post.slug,
            site_status=post.status,
            title=post.title,
            html=post.html,
            excerpt=post.excerpt,
            watched=post.watched,
            modified_at=post.modified_at,
            published_at=post.modified_at,
            terms=post.terms,
            picture_id=str(picture.get("id", "")),
            picture_url=str(picture.get("url", "")),
            picture_width=int(picture.get("width", 0)),
            picture_height=int(picture.get("height", 0)),
        )

    def _remote(self, post: Post, external_type: str) -> Remote:
        return Remote(
            external_id=post.id,
            url=f"https://site.test/{post.slug}/",
            state=RemoteState.LIVE if post.status == LIVE else RemoteState.DRAFT,
            watched=post.watched,
            external_type=external_type,
            site_status=post.status,
            slug=post.slug,
            modified_at=post.modified_at,
            is_untouched=(post.status, post.title, post.html) == (DRAFT, "(publishing)", ""),
        )
