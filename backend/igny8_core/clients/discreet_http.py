"""Refusals of a site without our own credentials: some sites print requests into error pages."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from igny8_core.clients.destinations import SiteHttp
    from igny8_core.clients.guarded_http import Answer

HIDDEN: Final = b"[secret]"
REFUSED: Final = 400
SECRET_LENGTH_MIN: Final = 8
OPEN: Final = frozenset({"username", "client_id", "expires_at", "refresh_expires_at"})
"""Parts of credentials that are no secrets."""


class DiscreetHttp:
    """A client for one site, in whose refusals the site's credentials are blanked out.

    What a site says about a refusal is shown to people and kept in logs. Good answers pass as they
    are: a shop's new token may be its old one.
    """

    def __init__(self, http: SiteHttp, credentials: Mapping[str, str]) -> None:
        self._http, self._secrets = http, sorted(_spellings(credentials), key=len, reverse=True)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """As the client behind it has it."""
        return self._blanked(self._http.request(method, url, headers=headers, content=content))

    def discover(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """As the client behind it has it."""
        return self._blanked(self._http.discover(url, headers=headers))

    def _blanked(self, answer: Answer) -> Answer:
        if answer.status < REFUSED:
            return answer
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, HIDDEN)
        return answer if body == answer.body else replace(answer, body=body)


def _spellings(credentials: Mapping[str, str]) -> set[bytes]:
    """Each secret as a site may print it: as it is, without blanks, in a header, in JSON of PHP."""
    texts = {value for name, value in credentials.items() if name not in OPEN}
    texts |= {value.replace(" ", "") for value in texts}
    texts |= set(_in_headers(credentials))
    texts |= {text.replace("/", "\\/") for text in texts}
    return {text.encode() for text in texts if len(text) >= SECRET_LENGTH_MIN}


def _in_headers(credentials: Mapping[str, str]) -> Iterable[str]:
    name, password = credentials.get("username"), credentials.get("application_password")
    if name and password:
        yield b64encode(f"{name}:{password}".encode()).decode()
