"""A site of the customer's own as a place to publish at: one PUT by our id, signed.

The contract is in ``docs/domains/custom-sites.md``. A PUT is safe to repeat, and names its
revision: nothing is reserved, and no order of requests makes two items.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from igny8_core.clients.destinations import (
    AuthRefused,
    Body,
    Finding,
    PermissionMissing,
    PlacedPicture,
    Remote,
    RemoteGone,
    RemoteStale,
    RemoteState,
    Report,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
    Visibility,
    bounded_wait,
)
from igny8_core.clients.guarded_http import OutcomeUnknown, RedirectRefused
from igny8_core.common.errors import DomainError
from igny8_core.common.signed_messages import PREFIX, signed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from igny8_core.clients.destinations import Article, Connection, Picture, Placed, Term, Watched
    from igny8_core.clients.guarded_http import Answer

WATCHED: Final = ("title", "slug", "html", "excerpt", "status")
STATES: Final = {"published": RemoteState.LIVE, "draft": RemoteState.DRAFT}
UNREADABLE: Final = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
ID_LENGTH: Final = 255
REASON_LENGTH: Final = 200


class CustomSite:
    """One site with the contract, for the length of one delivery or check."""

    way = "put"

    def __init__(self, connection: Connection) -> None:
        self._http, self._base = connection.http, connection.base_url.rstrip("/")
        secret = connection.credentials["secret"]
        self._secret = (
            secret if secret.startswith(PREFIX) else PREFIX + b64encode(secret.encode()).decode()
        )

    def place_term(self, term: Term) -> str:  # noqa: ARG002 - terms travel with the article
        """Empty: terms have no ids of their own."""
        return ""

    def place_picture(self, picture: Picture) -> PlacedPicture:
        """Put the file at its digest; a site without a place for files refuses it."""
        headers = {"Content-Type": picture.mime_type}
        answer = self._ask("PUT", f"media/{picture.sha256}", picture.load(), headers)
        if answer.status in {HTTPStatus.NOT_FOUND, *UNREADABLE}:
            raise SiteRefused("The site takes no files.", reason="no_media")
        url = _json(self._checked(answer)).get("url")
        if not isinstance(url, str) or not url:
            raise SiteRefused("The site did not say where the file is.", reason="no_url")
        return PlacedPicture(picture.sha256, url)

    def reserve(self, key: UUID, external_type: str) -> str:  # noqa: ARG002
        """Empty: the first write makes the item by its key."""
        return ""

    def read(self, external_id: str, key: UUID, external_type: str) -> Remote:
        """The item; one that nobody has written yet, or that cannot be read, is untouched."""
        answer = self._ask("GET", f"content/{key}")
        if answer.status in UNREADABLE:
            return _unread(external_id, external_type)
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            if external_id:
                raise RemoteGone("It is not there any more.", external_id=external_id)
            return _unread("", external_type)
        return _remote(_json(self._checked(answer)), str(key), external_type)

    def body(self, article: Article, placed: Placed, before: Remote) -> Body:
        """The whole item; of a hidden one its status alone."""
        if article.visibility is Visibility.HIDDEN:  # where nobody can look, it is sent again
            unseen = {} if before.is_readable else {"is_hidden": True}
            return Body({"status": "draft"}, unseen)
        html = article.html
        for picture in article.pictures:
            if picture.marker and picture.sha256 in placed.pictures:
                html = html.replace(picture.marker, placed.pictures[picture.sha256].url)
        fields = {
            "title": article.title,
            "slug": article.slug,
            "html": html,
            "excerpt": article.excerpt,
            "status": "published",
        }
        seo = article.seo
        unread: dict[str, Any] = {
            "language": article.language,
            "type": article.external_type,
            "author": article.author,
            "seo": {
                "title": seo.title,
                "description": seo.description,
                "focus_keyword": seo.focus_keyword,
                "canonical": seo.canonical,
            },
            "taxonomies": [{"type": t.kind, "name": t.name, "slug": t.slug} for t in article.terms],
            "featured_image": _featured(article, placed),
            "updated_at": _stamp(article.updated_at),
        }
        return Body(fields, unread, {"published_at": _stamp(article.published_at)})

    def watched(self, body: Body, before: Remote) -> Watched:
        """The body over what stands there now; empty at a site that cannot be read."""
        if not before.is_readable:
            return {}
        return before.watched | {k: v for k, v in body.fields.items() if k in WATCHED}

    def write(self, body: Body, *, before: Remote, key: UUID, revision: int) -> Remote:
        """PUT the whole item, then see what became of it."""
        data = {"id": str(key), "revision": revision, **body.fields, **body.unread, **body.first}
        is_live = body.fields.get("status") == "published"
        kind = "content.published" if is_live else "content.unpublished"
        now = datetime.now(UTC)
        message = {"type": kind, "timestamp": now.isoformat(), "data": data}
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{key}:{revision}",
        }
        content = json.dumps(message, ensure_ascii=False).encode()
        found = _json(self._checked(self._ask("PUT", f"content/{key}", content, headers)))
        external_id = _id_of(found, str(key))
        after = self.read(external_id, key, before.external_type)
        if after.is_readable:
            return after
        url = str(found.get("url") or "")
        state = RemoteState.LIVE if is_live else RemoteState.DRAFT
        return Remote(external_id, url, state, {}, before.external_type, is_readable=False)

    def sweep(self, key: UUID, external_id: str, external_type: str) -> list[str]:  # noqa: ARG002
        """Nothing was reserved."""
        return []

    def drift(self, wanted: Watched, got: Watched) -> list[str]:
        """Fields that are not what was asked for."""
        return sorted(name for name in wanted if got and got.get(name) != wanted[name])

    def check(self, *, is_writing: bool) -> Report:
        """Whether the site knows our signature and, if asked, takes an item and gives it back."""
        findings = [
            self._finding(
                "health",
                lambda: self._checked(self._ask("GET", "health")),
                "The site answers and knows our signature.",
            )
        ]
        if is_writing and findings[0].is_ok:
            said = "A test item was put there, read and deleted."
            findings.append(self._finding("round_trip", self._round_trip, said))
        return Report(tuple(findings), {"client": "custom"})

    def _round_trip(self) -> None:
        key = uuid4()
        data = {"id": str(key), "revision": 1, "title": "Connection check", "slug": f"check-{key}"}
        data |= {"html": "<p>This may be deleted.</p>", "excerpt": "", "status": "draft"}
        body = json.dumps({"type": "content.unpublished", "data": data}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{key}:1"}
        self._checked(self._ask("PUT", f"content/{key}", body, headers))
        answer = self._ask("GET", f"content/{key}")
        if answer.status not in UNREADABLE:
            self._checked(answer)
        self._checked(self._ask("DELETE", f"content/{key}"))

    def _finding(self, code: str, call: Any, good: str) -> Finding:
        try:
            call()
        except DomainError as exc:
            reason = str(exc.data.get("reason") or exc.data.get("status") or exc.code)
            found = "signature_refused" if isinstance(exc, AuthRefused) else f"{code}_failed"
            return Finding(found, False, f"{exc.message} ({reason})", _fix(exc))  # noqa: FBT003
        return Finding(code, True, good)  # noqa: FBT003

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A signed request. A message keeps its id over repeats where it has a key."""
        given = dict(headers or {})
        message = f"msg_{given.get('Idempotency-Key', uuid4().hex)}"
        now = datetime.fromtimestamp(time.time(), UTC)
        signed = signed_headers([self._secret], message, content, now=now)
        try:
            return self._http.request(
                method, f"{self._base}/{path}", headers=given | signed, content=content or None
            )
        except RedirectRefused as exc:
            raise SiteMisconfigured("The site sends us to another address.") from exc

    def _checked(self, answer: Answer) -> Answer:
        """The answer, if it is a good one.

        :raises DomainError: what it means otherwise.
        """
        status = answer.status
        if status < HTTPStatus.BAD_REQUEST:
            return answer
        wait = {"retry_after_seconds": _wait(answer), "status": status}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise SiteBusy("The site asks us to wait.", **wait)
        if status == HTTPStatus.UNAUTHORIZED:
            raise AuthRefused("The site does not know our signature.", reason="signature")
        if status == HTTPStatus.FORBIDDEN:
            raise PermissionMissing("The site does not let us.", capability="write")
        if status == HTTPStatus.CONFLICT:
            raise RemoteStale("A newer revision is there.")
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, *UNREADABLE}:
            raise SiteMisconfigured("The interface is not there.", status=status)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = answer.body[:REASON_LENGTH].decode("utf-8", "replace")
            raise SiteRefused("The site refuses the article.", reason=reason, status=status)
        raise OutcomeUnknown("the site failed", **wait)


def _remote(found: Mapping[str, Any], key: str, external_type: str) -> Remote:
    status = str(found.get("status") or "draft")
    return Remote(
        external_id=_id_of(found, key),
        url=str(found.get("url") or ""),
        state=STATES.get(status, RemoteState.DRAFT),
        watched={name: found.get(name, "") for name in WATCHED},
        external_type=external_type,
        site_status=status,
        slug=str(found.get("slug") or ""),
    )


def _id_of(found: Mapping[str, Any], key: str) -> str:
    """The site's id of an item, ours where it names none.

    :raises SiteMisconfigured: it is longer than an id.
    """
    named = str(found.get("external_id") or key)
    if len(named) > ID_LENGTH:
        raise SiteMisconfigured(f"The site names an id of more than {ID_LENGTH} characters.")
    return named


def _unread(external_id: str, external_type: str) -> Remote:
    return Remote(
        external_id,
        "",
        RemoteState.DRAFT,
        {},
        external_type,
        is_untouched=not external_id,
        is_readable=not external_id,
    )


def _featured(article: Article, placed: Placed) -> dict[str, Any] | None:
    for picture in article.pictures:
        if picture.is_featured and picture.sha256 in placed.pictures:
            return {
                "url": placed.pictures[picture.sha256].url,
                "alt": picture.alt,
                "sha256": picture.sha256,
                "width": picture.width,
                "height": picture.height,
            }
    return None


def _json(answer: Answer) -> dict[str, Any]:
    found = answer.json()
    if not isinstance(found, dict):
        raise OutcomeUnknown("the answer is no object", status=answer.status)
    return found


def _wait(answer: Answer) -> float:
    return bounded_wait(answer.headers.get("retry-after"))


def _stamp(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def _fix(exc: DomainError) -> str:
    if isinstance(exc, AuthRefused):
        return "Give the site the same secret, and set its clock right."
    if isinstance(exc, SiteMisconfigured):
        return "Check the address: health, content and media are expected below it."
    return "Look into the site's own log."
