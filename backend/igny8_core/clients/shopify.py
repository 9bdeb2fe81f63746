"""Shopify's Admin GraphQL interface: signed requests, tokens that expire, and what answers mean.

One version is pinned; tests hold every query against its schema.
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from igny8_core.clients.destinations import (
    AuthRefused,
    PermissionMissing,
    RemoteGone,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
)
from igny8_core.clients.guarded_http import OutcomeUnknown, RedirectRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from igny8_core.clients.destinations import Renew, SiteHttp
    from igny8_core.clients.guarded_http import Answer

API_VERSION: Final = "2026-07"
EARLY_SECONDS: Final = 120
"""A token that ends so soon is renewed before it is used."""

WAIT_MAX, WAIT_DEFAULT = 3600.0, 10.0
TEXT_LENGTH: Final = 200


class ShopifyRefused(SiteRefused):
    """Refused by ``userErrors``; ``data["reason"]`` is the first one's code."""

    @property
    def reason(self) -> str:
        return str(self.data.get("reason", ""))


class ShopifyClient:
    """Requests to one shop.

    :param credentials: ``client_id`` and ``client_secret``; ``refresh_token`` where the shop gave
        one; ``access_token``, ``expires_at`` and ``refresh_expires_at`` once there are any.
    :param renew: has new credentials fetched and kept; without it they are only used.
    """

    def __init__(
        self,
        *,
        http: SiteHttp,
        base_url: str,
        credentials: Mapping[str, str],
        renew: Renew | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http, self._base_url = http, base_url.rstrip("/")
        self._credentials, self._renew, self._clock = dict(credentials), renew, clock

    @property
    def refresh_ends_at(self) -> float | None:
        """Unix time at which the refresh token ends unless it is used before; None: not known."""
        return float(self._credentials.get("refresh_expires_at") or 0) or None

    def ask(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The ``data`` of an answer. An expired token is renewed once.

        :raises SiteBusy: throttled; says how long until the bucket holds enough.
        :raises PermissionMissing: a scope is missing.
        """
        answer = self._send(query, variables, self._token())
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._send(query, variables, self._renewed())
        self._check_status(answer)
        found = answer.json()
        if not isinstance(found, dict):
            raise OutcomeUnknown("the answer is no object", status=answer.status)
        if errors := found.get("errors"):
            _raise_errors(errors, found.get("extensions") or {})
        data = found.get("data")
        if not isinstance(data, dict):
            raise OutcomeUnknown("the answer has no data", status=answer.status)
        return data

    def change(self, mutation: str, name: str, /, **variables: Any) -> dict[str, Any]:
        """What a mutation returns.

        :raises ShopifyRefused: it has user errors.
        :raises RemoteGone: what it is about is not there.
        """
        found = self.ask(mutation, **variables)[name]
        if errors := found.get("userErrors") or found.get("mediaUserErrors"):
            first = errors[0]
            code, message = str(first.get("code") or ""), str(first.get("message") or "")
            if code == "NOT_FOUND" and "id" in (first.get("field") or ["id"]):
                raise RemoteGone("It is not there any more.", reason=code)
            raise ShopifyRefused(message[:TEXT_LENGTH], reason=code or "user_error")
        return dict(found)

    def upload(self, url: str, fields: Mapping[str, str], *, name: str, data: bytes) -> None:
        """Send a file to where Shopify wants it; signed by the fields alone."""
        boundary = "igny8boundary7d1c"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        content = "".join([*parts, head]).encode() + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._check_status(self._request("POST", url, headers, content))

    def _token(self) -> str:
        """A token that is good for a while."""
        ends_at = float(self._credentials.get("expires_at") or 0)
        if self._credentials.get("access_token") and ends_at > self._clock() + EARLY_SECONDS:
            return self._credentials["access_token"]
        return self._renewed()

    def _renewed(self) -> str:
        """A token that was fetched now, or that another worker has kept meanwhile."""
        before = self._credentials.get("access_token")
        fetched: list[dict[str, str]] = []

        def fetch(known: Mapping[str, str]) -> Mapping[str, str]:
            fetched.append(self._fetched(known))
            return fetched[-1]

        for _turn in range(2):  # what another worker has kept may have no token: then we ask
            known = self._renew(fetch) if self._renew else fetch(self._credentials)
            self._credentials = dict(known)
            token = self._credentials.get("access_token", "")
            if token and (fetched or token != before):
                return token
        raise AuthRefused("The shop gives us no new token.", reason="no_token")

    def _fetched(self, known: Mapping[str, str]) -> dict[str, str]:
        """New credentials from the shop.

        :raises AuthRefused: it does not know us; ``data["reason"]`` is its own code.
        """
        form = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
        if known.get("refresh_token"):
            form |= {"grant_type": "refresh_token", "refresh_token": known["refresh_token"]}
        else:
            form |= {"grant_type": "client_credentials"}
        answer = self._request(
            "POST",
            f"{self._base_url}/admin/oauth/access_token",
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            urlencode(form).encode(),
        )
        if answer.status in {400, 401, 403}:
            _raise_sign_in_refused(answer)
        self._check_status(answer)
        found = answer.json()
        if not isinstance(found, dict) or not found.get("access_token"):
            raise OutcomeUnknown("the answer has no token", status=answer.status)
        now = self._clock()
        fresh = {
            **known,
            "access_token": str(found["access_token"]),
            "expires_at": str(int(now + _number(found.get("expires_in"), 3600))),
        }
        if found.get("refresh_token"):
            fresh["refresh_token"] = str(found["refresh_token"])
        if ends_in := _number(found.get("refresh_token_expires_in"), 0):
            fresh["refresh_expires_at"] = str(int(now + ends_in))
        return fresh

    def _send(self, query: str, variables: Mapping[str, Any], token: str) -> Answer:
        headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
        content = json.dumps({"query": query, "variables": variables}).encode()
        url = f"{self._base_url}/admin/api/{API_VERSION}/graphql.json"
        return self._request("POST", url, headers, content)

    def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        try:
            return self._http.request(method, url, headers=headers, content=content)
        except RedirectRefused as exc:
            raise SiteMisconfigured("The shop sends us to another address.") from exc

    def _check_status(self, answer: Answer) -> None:
        status = answer.status
        if status < HTTPStatus.BAD_REQUEST:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = _number(answer.headers.get("retry-after"), WAIT_DEFAULT)
            raise SiteBusy("The shop asks us to wait.", retry_after_seconds=wait)
        if status == HTTPStatus.UNAUTHORIZED:
            raise AuthRefused("The shop does not accept our sign-in.", reason="token")
        if status == HTTPStatus.FORBIDDEN:
            raise PermissionMissing("The shop does not let us.", capability="access")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SiteMisconfigured("The shop cannot be used.", status=status)
        raise OutcomeUnknown("the shop failed", status=status, retry_after_seconds=WAIT_DEFAULT)


def _raise_sign_in_refused(answer: Answer) -> None:
    """Say what a token was refused for, as far as the shop tells."""
    try:
        found = answer.json()
    except OutcomeUnknown:
        found = None
    code = str(found.get("error") or "") if isinstance(found, dict) else ""
    raise AuthRefused("The shop does not accept our sign-in.", reason=code[:100] or "no_token")


def _raise_errors(errors: Any, extensions: Mapping[str, Any]) -> None:
    """Say what top-level errors mean."""
    is_list = isinstance(errors, list) and bool(errors)
    first: dict[str, Any] = errors[0] if is_list else {"message": str(errors)}
    code = str((first.get("extensions") or {}).get("code") or "")
    message = str(first.get("message") or "")[:TEXT_LENGTH]
    if code == "THROTTLED":
        raise SiteBusy("The shop asks us to wait.", retry_after_seconds=_until_free(extensions))
    if code == "ACCESS_DENIED":
        raise PermissionMissing("A scope of the application is missing.", capability=message)
    if code in {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        raise OutcomeUnknown("the shop failed", reason=code)
    raise ShopifyRefused(message, reason=code or "graphql_error")


def _until_free(extensions: Mapping[str, Any]) -> float:
    """Seconds until the bucket holds what the request costs."""
    cost = extensions.get("cost") or {}
    bucket = cost.get("throttleStatus") or {}
    missing = _number(cost.get("requestedQueryCost"), 0) - _number(
        bucket.get("currentlyAvailable"), 0
    )
    rate = _number(bucket.get("restoreRate"), 0)
    return min(max(missing / rate, 1.0), WAIT_MAX) if rate > 0 else WAIT_DEFAULT


def _number(value: Any, otherwise: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise
