"""WordPress as a place to publish at: with the companion plugin, or by its core alone.

Core knows no idempotency key. So an item is reserved first, as a draft whose slug is ours alone,
and then that id is filled; both can be repeated. The companion does both in one request.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.destinations import (
    Body,
    PlacedPicture,
    Remote,
    RemoteGone,
    Visibility,
)
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.clients.wordpress import WordPressClient, WordPressRefused
from igny8_core.clients.wordpress_check import check_wordpress
from igny8_core.clients.wordpress_markup import BLOCKS, post_content
from igny8_core.clients.wordpress_post import (
    PLACEHOLDER,
    ROUTES,
    SEO_FIELD,
    TERM_FIELDS,
    PostReader,
    plain_slug,
)
from igny8_core.clients.wordpress_seo import NAMES as SEO_NAMES
from igny8_core.clients.wordpress_seo import SeoWriter
from igny8_core.clients.wordpress_source import WordPressSource
from igny8_core.common.errors import Transient

if TYPE_CHECKING:
    from uuid import UUID

    from igny8_core.clients.destinations import (
        Article,
        Connection,
        Picture,
        Placed,
        Report,
        Seo,
        Term,
        Watched,
    )

CORE, COMPANION = "core", "companion"
TERM_ROUTES: Final = {"category": "categories", "tag": "tags"}
SUFFIXES: Final = range(2, 10)


class WordPressSite(WordPressSource):
    """One WordPress, for the length of one delivery or check."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        capabilities = connection.capabilities
        self.client = WordPressClient(
            http=connection.http,
            base_url=connection.base_url,
            username=connection.credentials["username"],
            password=connection.credentials["application_password"],
            rest=str(capabilities.get("rest", "")),
        )
        self.way = COMPANION if capabilities.get("companion") else CORE
        self._meta_keys = tuple(capabilities.get("meta_keys", ()))
        self._seo_writer = SeoWriter(str(capabilities.get("seo", "")), self._meta_keys)
        has_companion = self.way == COMPANION  # which has a field for them all
        self.posts = PostReader(() if has_companion else self._meta_keys, has_companion)
        self._markup = str(connection.settings.get("markup") or BLOCKS)

    # --- terms and media

    def place_term(self, term: Term) -> str:
        """The term's id: as it is known, else by its slug, else made."""
        route = f"wp/v2/{TERM_ROUTES[term.kind]}"
        if term.external_id and self._has_term(route, term.external_id):
            return term.external_id
        if found := self.client.get(route, {"slug": term.slug, "_fields": "id"}):
            return str(found[0]["id"])
        try:
            made = self.client.post(route, {"name": term.name, "slug": term.slug})
        except WordPressRefused as exc:
            if exc.reason == "term_exists" and "term_id" in exc.details:
                return str(exc.details["term_id"])
            raise
        return str(made["id"])

    def _has_term(self, route: str, external_id: str) -> bool:
        try:
            self.client.get(f"{route}/{external_id}", {"_fields": "id"})
        except RemoteGone:
            return False
        return True

    def place_picture(self, picture: Picture) -> PlacedPicture:
        """The upload that carries the picture's digest, found or made."""
        slug = f"igny8-img-{picture.sha256[:24]}"
        find = {"slug": slug, "orderby": "id", "order": "asc", "_fields": "id,source_url"}
        found = self.client.get("wp/v2/media", find)
        if not found:
            details = {
                "slug": slug,
                "title": picture.alt or picture.file_name,
                "alt_text": picture.alt,
                "caption": picture.caption,
                "_fields": "id,source_url,slug",
            }
            self.client.upload(
                "wp/v2/media",
                details,
                name=_ascii(picture.file_name),
                mime=picture.mime_type,
                data=picture.load(),
            )
            found = self.client.get("wp/v2/media", find)
        if not found:
            raise Transient("the upload is not there yet", slug=slug)
        return PlacedPicture(str(found[0]["id"]), str(found[0]["source_url"]))

    # --- the item

    def reserve(self, key: UUID, external_type: str) -> str:
        """The oldest draft that stands for ``key``; the companion makes or finds it in one go."""
        slug = reserved_slug(key)
        draft = {"title": PLACEHOLDER, "slug": slug, "status": "draft"}
        if self.way == COMPANION:
            put = draft | {"reserve": True, "type": external_type}
            return str(self.client.put(f"igny8/v1/content/{key}", put)["id"])
        if found := self._reserved(key, external_type):
            return found
        made = self.client.post(ROUTES[external_type], draft, {"_fields": "id,slug"})
        if made["slug"] != slug:
            raise Transient("a late request was first", slug=slug)
        return str(made["id"])

    def _reserved(self, key: UUID, external_type: str) -> str:
        find = {
            "slug": reserved_slug(key),
            "status": "any",
            "orderby": "id",
            "order": "asc",
            "_fields": "id",
        }
        found = self.client.get(ROUTES[external_type], find)
        return str(found[0]["id"]) if found else ""

    def read(self, external_id: str, key: UUID, external_type: str) -> Remote:  # noqa: ARG002
        """The post in edit context."""
        route = f"{ROUTES[external_type]}/{external_id}"
        return self.posts.remote(self.client.get(route, self._read(external_type)), external_type)

    def _read(self, external_type: str) -> dict[str, str]:
        return {"context": "edit", "_fields": self.posts.fields(external_type)}

    def body(self, article: Article, placed: Placed, before: Remote) -> Body:  # noqa: ARG002
        """The whole post; of a hidden one its status alone."""
        if article.visibility is Visibility.HIDDEN:
            return Body({"status": "draft"})
        known = {
            p.marker: (p, placed.pictures[p.sha256])
            for p in article.pictures
            if p.marker and p.sha256 in placed.pictures
        }
        featured = [
            int(placed.pictures[p.sha256].external_id)
            for p in article.pictures
            if p.is_featured and p.sha256 in placed.pictures
        ]
        fields: dict[str, Any] = {
            "title": article.title,
            "content": post_content(article.html, known, markup=self._markup),
            "excerpt": article.excerpt,
            "slug": article.slug,
            "status": "publish",
        }
        if featured:  # what people chose there stays where we have none
            fields["featured_media"] = featured[0]
        if article.external_type == "post":
            fields |= _term_ids(article, placed)
        seo, unread = self._seo(article.seo)
        first = {}
        if article.published_at is not None:
            first["date_gmt"] = article.published_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return Body(fields | seo, unread, first)

    def _seo(self, seo: Seo) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a read shows of the SEO fields, and what only further requests can write."""
        values = {name: getattr(seo, name).strip() for name in SEO_NAMES}
        if self.way == COMPANION:
            return {SEO_FIELD: values}, {}
        meta, further = self._seo_writer.fields(values)
        return {"meta": meta} if meta else {}, further

    def watched(self, body: Body, before: Remote) -> Watched:
        """The body over what stands there now."""
        wanted = dict(body.fields)
        if "title" in wanted:
            wanted["title"] = wanted["title"].strip()
        if "slug" in wanted:
            wanted["slug"] = plain_slug(wanted["slug"])
        meta = wanted.pop("meta", {})
        return before.watched | wanted | {f"meta:{key}": value for key, value in meta.items()}

    def write(self, body: Body, *, before: Remote, key: UUID, revision: int) -> Remote:
        """Fill the post; then what only further requests can write."""
        kind = before.external_type
        sent = body.fields | (body.first if before.is_untouched else {})
        if self.way == COMPANION:
            put = sent | {
                "revision": revision,
                "type": kind,
                "adopt": int(before.external_id),
            }
            answer = self.client.put(f"igny8/v1/content/{key}", put)
        else:
            route = f"{ROUTES[kind]}/{before.external_id}"
            answer = self.client.post(route, sent, self._read(kind))
        if not isinstance(answer, dict) or "id" not in answer:
            raise OutcomeUnknown("the answer is no post")
        after = self.posts.remote(answer, kind)
        if not body.unread:
            return after
        missing = self._seo_writer.send(self.client, after.external_id, body.unread)
        return replace(after, unwritten=tuple(missing))

    def drift(self, wanted: Watched, got: Watched) -> list[str]:
        """Fields that are not what was asked for; escaped characters are no difference."""
        return sorted(
            name for name in wanted if _unescaped(got.get(name)) != _unescaped(wanted[name])
        )

    def sweep(self, key: UUID, external_id: str, external_type: str) -> list[str]:
        """Force-delete empty drafts of our reservation besides the item."""
        slug = reserved_slug(key)
        slugs = [slug, *(f"{slug}-{number}" for number in SUFFIXES)]
        find = {
            "slug": ",".join(slugs),
            "status": "draft",
            "per_page": 100,
            "_fields": "id,slug,status,title.raw,content.raw",
        }
        removed = []
        for post in self.client.get(ROUTES[external_type], find):
            is_empty = (post["status"], post["title"]["raw"], post["content"]["raw"]) == (
                "draft",
                PLACEHOLDER,
                "",
            )
            if is_empty and str(post["id"]) != external_id:
                self.client.delete(f"{ROUTES[external_type]}/{post['id']}", {"force": "true"})
                removed.append(str(post["id"]))
        return removed

    def take_webhook(self, url: str, secret: str) -> bool:
        """Let the companion sign its messages; False unless our account administers the site.

        :raises PermissionMissing: it does not.
        """
        return bool(self.client.put("igny8/v1/webhook", {"url": url, "secret": secret}))

    def check(self, *, is_writing: bool) -> Report:
        """The doctor of this site."""
        return check_wordpress(self._connection, is_writing=is_writing)


def reserved_slug(key: UUID) -> str:
    """The slug of the draft that stands for an item until it is filled."""
    return f"igny8-{key.hex}"


def _term_ids(article: Article, placed: Placed) -> dict[str, list[int]]:
    ids: dict[str, set[int]] = {name: set() for name in TERM_FIELDS}
    for term in article.terms:
        if found := placed.terms.get(term.key):
            ids[TERM_ROUTES[term.kind]].add(int(found))
    if not ids["categories"]:  # WordPress gives it the default category, and that is well
        del ids["categories"]
    return {name: sorted(values) for name, values in ids.items()}


def _unescaped(value: Any) -> Any:
    return unescape(value) if isinstance(value, str) else value


def _ascii(name: str) -> str:
    plain = name.encode("ascii", "ignore").decode()
    return "".join(c for c in plain if c.isalnum() or c in "._-").lstrip(".") or "image"
