"""A Shopify shop's blog as a place to publish at.

Articles know no idempotency key. One is reserved first, hidden, under a handle that is ours alone:
a second of that handle is refused. Then that id is filled; both can be repeated.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from igny8_core.clients import shopify_queries as queries
from igny8_core.clients.destinations import (
    AuthRefused,
    Body,
    Finding,
    PermissionMissing,
    PlacedPicture,
    Remote,
    RemoteGone,
    RemoteState,
    Report,
    SiteMisconfigured,
    SiteRefused,
    Visibility,
)
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.clients.shopify import ShopifyClient, ShopifyRefused
from igny8_core.common.errors import DomainError, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from igny8_core.clients.destinations import (
        Article,
        Connection,
        Picture,
        Placed,
        Term,
        Watched,
    )

PLACEHOLDER: Final = "(publishing)"
AUTHOR: Final = "IGNY8"
WATCHED: Final = ("title", "body", "summary", "handle", "tags", "isPublished")
SCOPES: Final = {
    "articles": {"write_content", "write_online_store_pages"},
    "images": {"write_files", "write_images", "write_themes"},
}
SIGN_IN: Final = (
    (
        {"invalid_grant"},
        "refresh_token_refused",
        "The shop does not take the refresh token: it was revoked, has ended, or a newer one is"
        " in use elsewhere.",
        "Let the application be authorised in the shop again, and enter the new refresh token.",
    ),
    (
        {"invalid_client", "application_cannot_be_found", "unauthorized_client"},
        "client_refused",
        "The shop does not know the client id, or its secret is another one.",
        "Copy both from the application's settings in the Dev Dashboard, and enter them again.",
    ),
    (
        {"shop_not_permitted", "app_not_installed"},
        "not_installed",
        "The application may not sign in to this shop by itself: it is not installed there, or it"
        " belongs to another organisation.",
        "Install it in the shop; one of another organisation needs a refresh token.",
    ),
    (
        {"token"},
        "token_refused",
        "The shop takes back a token that it has only just given us: the application was removed.",
        "Install the application in the shop again.",
    ),
)
"""What a refused sign-in means: the shop's own codes, our finding, its text, and what helps."""

ENDS_SOON_SECONDS: Final = 14 * 86_400
THERE_ALREADY: Final = frozenset({"FILENAME_ALREADY_EXISTS", "DUPLICATE_FILENAME_ERROR"})
SUFFIXES: Final = range(2, 10)


class ShopifySite:
    """One shop, for the length of one delivery or check."""

    way = "graphql"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._address = str(connection.capabilities.get("url") or connection.base_url).rstrip("/")
        self.client = ShopifyClient(
            http=connection.http,
            base_url=connection.base_url,
            credentials=connection.credentials,
            renew=connection.renew,
        )

    def place_term(self, term: Term) -> str:  # noqa: ARG002 - tags are plain words
        """Empty: an article carries its tags as words."""
        return ""

    def place_picture(self, picture: Picture) -> PlacedPicture:
        """The file whose name carries the picture's digest, found or uploaded.

        :raises Transient: the shop has it, and is not done with it yet.
        """
        extension = picture.file_name.rpartition(".")[2]
        name = f"igny8-{picture.sha256[:32]}.{extension}"
        if (found := self._file(name)) is not None:
            return found
        upload = {
            "resource": "IMAGE",
            "filename": name,
            "mimeType": picture.mime_type,
            "httpMethod": "POST",
        }
        staged = self.client.change(queries.STAGE, "stagedUploadsCreate", input=[upload])
        target = staged["stagedTargets"][0]
        fields = {one["name"]: one["value"] for one in target["parameters"]}
        self.client.upload(target["url"], fields, name=name, data=picture.load())
        file = {
            "originalSource": target["resourceUrl"],
            "alt": picture.alt,
            "filename": name,
            "contentType": "IMAGE",
            "duplicateResolutionMode": "RAISE_ERROR",
        }
        try:
            self.client.change(queries.FILE, "fileCreate", files=[file])
        except ShopifyRefused as exc:
            if exc.reason not in THERE_ALREADY:  # an answer was lost
                raise
        if (found := self._file(name)) is None:
            raise Transient("the shop is not done with the picture yet", file=name)
        return found

    def _file(self, name: str) -> PlacedPicture | None:
        found = self.client.ask(queries.FIND_FILE, query=f"filename:'{name}'")["files"]["nodes"]
        for node in found:
            if node.get("fileStatus") == "FAILED":
                raise SiteRefused("The shop cannot use the picture.", reason="file_failed")
            if (node.get("image") or {}).get("url"):
                return PlacedPicture(str(node["id"]), str(node["image"]["url"]))
        return None

    def reserve(self, key: UUID, external_type: str) -> str:  # noqa: ARG002
        """The hidden article of our handle, found or made."""
        handle = reserved_handle(key)
        if found := self._found(handle):
            return str(found[0]["id"])
        article = {
            "blogId": self._blog_id(),
            "title": PLACEHOLDER,
            "handle": handle,
            "author": {"name": AUTHOR},
            "isPublished": False,
        }
        try:
            made = self.client.change(queries.CREATE, "articleCreate", article=article)
        except ShopifyRefused as exc:
            if exc.reason == "TAKEN":  # made by a request whose answer was lost
                raise Transient("the article is there, and not found yet", handle=handle) from exc
            raise
        if made["article"]["handle"] != handle:
            raise Transient("a late request was first", handle=handle)
        return str(made["article"]["id"])

    def _found(self, handle: str) -> list[dict[str, Any]]:
        nodes = self.client.ask(queries.FIND, query=f"handle:'{handle}'")["articles"]["nodes"]
        same = [node for node in nodes if node["handle"] == handle]
        return sorted(same, key=lambda node: _number_of(node["id"]))

    def _blog_id(self) -> str:
        known = self._connection.settings.get("blog_id") or self._connection.capabilities.get(
            "blog_id"
        )
        if known:
            return str(known)
        blogs = self.client.ask(queries.SHOP)["blogs"]["nodes"]
        if not blogs:
            raise SiteMisconfigured("The shop has no blog.")
        return str(blogs[0]["id"])

    def read(self, external_id: str, key: UUID, external_type: str) -> Remote:  # noqa: ARG002
        """The article as the shop has it.

        :raises RemoteGone: deleted.
        """
        found = self.client.ask(queries.READ, id=external_id)["article"]
        if found is None:
            raise RemoteGone("It is not there any more.", external_id=external_id)
        return self._remote(found, external_type)

    def body(self, article: Article, placed: Placed, before: Remote) -> Body:  # noqa: ARG002
        """The whole article; of a hidden one that alone."""
        if article.visibility is Visibility.HIDDEN:
            return Body({"isPublished": False})
        html, image = article.html, None
        for picture in article.pictures:
            if (there := placed.pictures.get(picture.sha256)) is None:
                continue
            if picture.marker:
                html = html.replace(picture.marker, there.url)
            if picture.is_featured:
                image = {"url": there.url, "altText": picture.alt}
        fields = {
            "title": article.title.strip(),
            "body": html,
            "summary": article.excerpt,
            "handle": article.slug,
            "tags": sorted({term.name for term in article.terms}),
            "isPublished": True,
            "seoTitle": article.seo.title,
            "seoDescription": article.seo.description,
        }
        unread: dict[str, Any] = {"author": {"name": article.author or AUTHOR}}
        if image is not None:  # the shop keeps a copy at an address of its own
            unread["image"] = image
        first = {}
        if article.published_at is not None:
            first["publishDate"] = article.published_at.isoformat()
        return Body(fields, unread, first)

    def watched(self, body: Body, before: Remote) -> Watched:
        """The body over what stands there now."""
        return before.watched | body.fields

    def write(self, body: Body, *, before: Remote, key: UUID, revision: int) -> Remote:  # noqa: ARG002
        """Update the article; a handle that another one has gets a suffix."""
        sent = body.fields | body.unread | (body.first if before.is_untouched else {})
        handle = sent.get("handle")
        for name in (handle, *(f"{handle}-{n}" for n in SUFFIXES)):
            article = _input(sent | ({"handle": name} if handle else {}))
            try:
                made = self.client.change(
                    queries.UPDATE, "articleUpdate", id=before.external_id, article=article
                )
            except ShopifyRefused as exc:
                if exc.reason == "TAKEN" and handle:
                    continue
                raise
            if not made.get("article"):
                raise OutcomeUnknown("the answer has no article")
            return self._remote(made["article"], before.external_type)
        raise ShopifyRefused("Every handle like it is taken.", reason="TAKEN")

    def sweep(self, key: UUID, external_id: str, external_type: str) -> list[str]:  # noqa: ARG002
        """Delete hidden, empty articles of our handle besides the item."""
        removed = []
        for node in self._found(reserved_handle(key)):
            is_empty = not node["isPublished"] and not node["body"]
            if is_empty and str(node["id"]) != external_id:
                self.client.change(queries.DELETE, "articleDelete", id=node["id"])
                removed.append(str(node["id"]))
        return removed

    def drift(self, wanted: Watched, got: Watched) -> list[str]:
        """Fields that are not what was asked for."""
        return sorted(name for name in wanted if got.get(name) != wanted[name])

    def check(self, *, is_writing: bool) -> Report:
        """Sign-in, scopes, a blog and, if asked, a hidden article there and away again."""
        try:
            shop = self.client.ask(queries.SHOP)
        except DomainError as exc:
            return Report((self._not_signed_in(exc),))
        scopes = {one["handle"] for one in shop["currentAppInstallation"]["accessScopes"]}
        blogs = shop["blogs"]["nodes"]
        findings = [Finding("signed_in", is_ok=True, text=f"Signed in to {shop['shop']['name']}.")]
        findings += self._ends_soon()
        for what, names in SCOPES.items():
            if not scopes & names:
                fix = f"Give the application one of the scopes {', '.join(sorted(names))}."
                text = f"The application may not write {what}."
                findings.append(Finding(f"no_scope_{what}", what != "articles", text, fix))
        if not blogs:
            fix = "Make a blog in the shop's online store."
            findings.append(Finding("no_blog", is_ok=False, text="There is no blog.", fix=fix))
        capabilities: dict[str, Any] = {
            "scopes": sorted(scopes),
            "blogs": [{"id": b["id"], "title": b["title"]} for b in blogs],
        }
        if blogs:
            capabilities["blog_id"] = blogs[0]["id"]
        if address := (shop["shop"].get("primaryDomain") or {}).get("url"):
            capabilities["url"] = address
        if is_writing and all(finding.is_ok for finding in findings):
            findings.append(self._round_trip())
        return Report(tuple(findings), capabilities)

    def _not_signed_in(self, exc: DomainError) -> Finding:
        """What keeps us out, as far as the shop tells it."""
        reason = str(exc.data.get("reason") or "")
        has_refresh_token = bool(self._connection.credentials.get("refresh_token"))
        if not isinstance(exc, AuthRefused):
            return _failed("signed_in", exc)
        for reasons, code, text, fix in SIGN_IN:
            if reason in reasons and (code != "refresh_token_refused" or has_refresh_token):
                return Finding(code, is_ok=False, text=text, fix=fix)
        return replace(_failed("sign_in", exc), code="sign_in_refused")

    def _ends_soon(self) -> list[Finding]:
        """A refresh token lives on by being used; one that is not used ends."""
        ends_at = self.client.refresh_ends_at
        if ends_at is None or ends_at > time.time() + ENDS_SOON_SECONDS:
            return []
        days = max(0, int((ends_at - time.time()) / 86_400))
        text = f"The refresh token ends in {days} days unless it is used before."
        fix = "Publish something, or enter a new one."
        return [Finding("refresh_token_ends", is_ok=True, text=text, fix=fix)]

    def _round_trip(self) -> Finding:
        key = uuid4()
        try:
            external_id = self.reserve(key, "post")
            self.read(external_id, key, "post")
            self.client.change(queries.DELETE, "articleDelete", id=external_id)
        except DomainError as exc:
            return _failed("writing", exc)
        return Finding("writing", is_ok=True, text="A hidden article was made and deleted.")

    def _remote(self, found: Mapping[str, Any], external_type: str) -> Remote:
        watched = {name: found.get(name) for name in WATCHED}
        watched["tags"] = sorted(found.get("tags") or [])
        watched["summary"] = found.get("summary") or ""
        for name in ("seoTitle", "seoDescription"):
            watched[name] = (found.get(name) or {}).get("value") or ""
        is_live = bool(found.get("isPublished"))
        blog, handle = (found.get("blog") or {}).get("handle", ""), str(found.get("handle") or "")
        is_untouched = not is_live and found.get("title") == PLACEHOLDER and not found.get("body")
        return Remote(
            external_id=str(found["id"]),
            url=f"{self._address}/blogs/{blog}/{handle}",
            state=RemoteState.LIVE if is_live else RemoteState.DRAFT,
            watched=watched,
            external_type=external_type,
            site_status="published" if is_live else "hidden",
            slug=handle,
            modified_at=_moment(found.get("updatedAt")),
            is_untouched=is_untouched,
        )


def reserved_handle(key: UUID) -> str:
    """The handle of the hidden article that stands for an item until it is filled."""
    return f"igny8-{key.hex}"


def _input(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Our fields as ``ArticleUpdateInput`` has them."""
    fields = dict(sent)
    seo = {
        "title_tag": fields.pop("seoTitle", None),
        "description_tag": fields.pop("seoDescription", None),
    }
    metafields = [
        {"namespace": "global", "key": key, "type": "single_line_text_field", "value": value}
        for key, value in seo.items()
        if value
    ]
    if metafields:
        fields["metafields"] = metafields
    if "handle" in fields:
        fields["redirectNewHandle"] = False
    return fields


def _number_of(gid: str) -> int:
    return int(str(gid).rpartition("/")[2])


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _failed(code: str, exc: DomainError) -> Finding:
    reason = str(exc.data.get("reason") or exc.data.get("capability") or exc.code)
    fix = "Try again in a while."
    if isinstance(exc, AuthRefused):
        fix = "Check client id and secret, and that the application is installed in the shop."
    elif isinstance(exc, PermissionMissing):
        fix = "Give the application the scope that is named, and install it again."
    elif isinstance(exc, SiteMisconfigured):
        fix = "Check the address https://<shop>.myshopify.com."
    return Finding(f"{code}_failed", is_ok=False, text=f"{exc.message} ({reason})", fix=fix)
