"""WordPress's REST interface: requests, and what each answer means.

Facts about WordPress are of 6.1 to 6.7. Every read carries ``context=edit``: with a wrong or
revoked password WordPress answers a plain read as it answers anybody, with 200.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from igny8_core.clients.destinations import (
    AuthRefused,
    PermissionMissing,
    RemoteGone,
    RemoteStale,
    RemoteTaken,
    SiteBlocked,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
    bounded_wait,
)
from igny8_core.clients.guarded_http import OutcomeUnknown, RedirectRefused, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.clients.destinations import SiteHttp
    from igny8_core.clients.guarded_http import Answer

JUNK_STARTS_MAX: Final = 50
TEXT_LENGTH: Final = 200

PERMANENT_500: Final = frozenset(
    {"rest_upload_sideload_error", "empty_term_name", "db_insert_error", "rest_upload_no_data"}
)
"""Answered with 500 although no repeat helps."""

GONE: Final = frozenset({"rest_post_invalid_id", "rest_already_trashed", "rest_term_invalid"})
ORIGIN_HEADER: Final = "X-Igny8-Origin"


class WordPressRefused(SiteRefused):
    """A 4xx with WordPress's own code in ``reason``; ``details`` is its ``data``."""

    def __init__(self, message: str, *, reason: str, status: int, details: Any = None) -> None:
        super().__init__(message[:TEXT_LENGTH], reason=reason[:100], status=status)
        self.reason, self.details = reason, details if isinstance(details, dict) else {}


@dataclass(frozen=True)
class Page:
    """One page of a list.

    :ivar total: rows of all pages, those included that the account may not see.
    :ivar date: the server's clock, as its header says.
    """

    items: list[dict[str, Any]]
    total: int
    pages: int
    date: str


class WordPressClient:
    """Signed requests to one site.

    :param base_url: without a slash at the end.
    :param rest: where the interface is, if it is not at its usual place; of the same origin, or
        it is not used: credentials go nowhere else.
    """

    def __init__(
        self,
        *,
        http: SiteHttp,
        base_url: str,
        username: str,
        password: str,
        rest: str = "",
    ) -> None:
        self._http, self._base_url = http, base_url.rstrip("/")
        self._rest = rest if same_origin(rest, base_url) else f"{self._base_url}/wp-json/"
        token = b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", ORIGIN_HEADER: "platform"}
        self.is_polluted = False
        """An answer had text before its JSON: a plugin or a notice prints into answers."""

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read, as an editor sees it."""
        return self._json(self._ask("GET", path, {"context": "edit"} | dict(params or {})))

    def page(self, path: str, params: Mapping[str, Any]) -> Page:
        """One page of a list."""
        answer = self._ask("GET", path, {"context": "edit"} | dict(params))
        items = self._json(answer)
        if not isinstance(items, list):
            raise OutcomeUnknown("the answer is no list", status=answer.status)
        return Page(
            items=items,
            total=_number(answer.headers.get("x-wp-total")),
            pages=_number(answer.headers.get("x-wp-totalpages")),
            date=answer.headers.get("date", ""),
        )

    def post(
        self, path: str, body: Mapping[str, Any], params: Mapping[str, Any] | None = None
    ) -> Any:
        """Write. :raises RedirectRefused: never followed: a POST would become a GET."""
        return self._json(self._ask("POST", path, params or {}, body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Write by PUT."""
        return self._json(self._ask("PUT", path, {}, body))

    def delete(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Delete; sent as a POST, because hosts block other verbs."""
        headers = {"X-HTTP-Method-Override": "DELETE"}
        return self._json(self._ask("POST", path, params or {}, {}, headers))

    def upload(
        self, path: str, params: Mapping[str, Any], *, name: str, mime: str, data: bytes
    ) -> Any:
        """Send a file.

        :param name: in ASCII.
        """
        headers = {
            "Content-Type": mime,
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        return self._json(self._send("POST", self.url(path, params), headers, data))

    def options(self, path: str) -> Any:
        """What can be sent there."""
        return self._json(self._ask("OPTIONS", path, {}))

    def raw(self, method: str, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """One signed request with any answer; for checks."""
        return self._http.request(method, self.url(path, params or {}), headers=self._headers)

    def url(self, path: str, params: Mapping[str, Any]) -> str:
        """The address of a route, also where permalinks are plain."""
        route = path.strip("/")
        if "rest_route=" in self._rest:
            stem, _, _ = self._rest.partition("rest_route=")
            query = urlencode({"rest_route": f"/{route}", **params})
            return f"{stem}{query}"
        query = urlencode(dict(params))
        return f"{self._rest.rstrip('/')}/{route}{'?' + query if query else ''}"

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self._send(method, self.url(path, params), {**kind, **(headers or {})}, content)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        try:
            answer = self._http.request(
                method, url, headers=self._headers | dict(headers), content=content
            )
        except RedirectRefused as exc:
            location = str(exc.data.get("location", ""))[:TEXT_LENGTH]
            raise SiteMisconfigured(
                "The site sends us to another address.", location=location
            ) from exc
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise_refusal(answer)
        return answer

    def _json(self, answer: Answer) -> Any:
        found, is_clean = parse(answer.body)
        if not is_clean:
            self.is_polluted = True
        if found is None:
            raise OutcomeUnknown("the answer is no JSON", status=answer.status)
        return found


def parse(body: bytes) -> tuple[Any, bool]:
    """The JSON of an answer, and whether nothing stood before it; None without any.

    Notices of PHP and byte order marks come before JSON that is whole: an answer all the same.
    """
    try:
        return parse_json(body), True
    except ValueError:
        pass
    text = body.decode("utf-8", "replace")
    starts = [at for at, char in enumerate(text) if char in "{["][:JUNK_STARTS_MAX]
    for at in starts:
        try:
            found = parse_json(text[at:].encode())
        except ValueError:
            continue
        if isinstance(found, dict | list):
            return found, False
    return None, False


def raise_refusal(answer: Answer) -> None:
    """Say what a 4xx or 5xx means: nothing done, not allowed, or unknown.

    :raises DomainError: always; which one decides about a repeat.
    """
    found, _ = parse(answer.body)
    refusal = found if isinstance(found, dict) and "code" in found else {}
    code, message = str(refusal.get("code", "")), str(refusal.get("message", ""))
    status, details = answer.status, refusal.get("data")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise SiteBusy("The site asks us to wait.", retry_after_seconds=retry_after(answer))
    if status == HTTPStatus.UNAUTHORIZED:
        raise AuthRefused("The site does not accept our sign-in.", reason=code)
    if code in GONE or status == HTTPStatus.GONE:
        raise RemoteGone("It is not there any more.", reason=code)
    if status in {403, 406}:
        _raise_forbidden(code, message, status, details)
    if status == HTTPStatus.NOT_FOUND:
        raise SiteMisconfigured("This is no WordPress interface.", reason=code or "html_404")
    if status == HTTPStatus.CONFLICT:
        _raise_conflict(code, message, details)
    if (
        status < HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.NOT_IMPLEMENTED
        or code in PERMANENT_500
    ):
        raise WordPressRefused(
            message or f"HTTP {status}", reason=code or f"http_{status}", status=status,
            details=details,
        )  # fmt: skip
    raise OutcomeUnknown(
        "the site failed", status=status, reason=code, retry_after_seconds=retry_after(answer)
    )


def _raise_forbidden(code: str, message: str, status: int, details: Any) -> None:
    if not code:
        raise SiteBlocked("Something before the site turned us away.", status=status)
    if code.startswith(("rest_cannot", "rest_forbidden")):
        raise PermissionMissing("The account at the site may not do this.", capability=code)
    raise WordPressRefused(message, reason=code, status=status, details=details)


def _raise_conflict(code: str, message: str, details: Any) -> None:
    if code == "igny8_stale":
        raise RemoteStale("A newer revision is there.")
    if code == "igny8_taken":
        raise RemoteTaken("The post belongs to something else.")
    if code == "igny8_locked":
        raise SiteBusy("Somebody else writes this post.", retry_after_seconds=10.0)
    raise WordPressRefused(message, reason=code or "http_409", status=409, details=details)


def retry_after(answer: Answer) -> float:
    """Seconds that the server asks us to wait, at most an hour; a minute when it does not say."""
    return bounded_wait(answer.headers.get("retry-after"))


def same_origin(url: str, base_url: str) -> bool:
    """Whether two addresses lead to the same server."""
    one, other = urlsplit(url), urlsplit(base_url)
    return bool(url) and (one.scheme, one.netloc.lower()) == (other.scheme, other.netloc.lower())


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
