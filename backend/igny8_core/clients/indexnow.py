"""IndexNow: tell search engines which addresses changed. What they do with it is theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from igny8_core.clients.guarded_http import GuardedClient
from igny8_core.common.errors import ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDPOINT: Final = "https://api.indexnow.org/indexnow"
URLS_MAX: Final = 10_000
RECEIVED: Final = frozenset({200, 202})
LATER: Final = frozenset({429, 500, 502, 503, 504})


class IndexNowRefused(ProviderRejected):
    """The key, or an address, is not the host's; a repeat would be refused again."""

    code = "indexnow_refused"


class IndexNowClient:
    """The one call of the protocol.

    :param endpoint: and ``http`` are for tests.
    """

    def __init__(self, *, endpoint: str = ENDPOINT, http: GuardedClient | None = None) -> None:
        self._endpoint, self._http = endpoint, http or GuardedClient()

    def submit(self, *, host: str, key: str, key_location: str, urls: Sequence[str]) -> int:
        """Hand over at most 10,000 changed addresses of one host.

        :returns: 200 when they were received, 202 while the key has yet to be checked.
        :raises IndexNowRefused: the key cannot be read at the host, or an address is not its own.
        :raises Transient: too many requests, or the service is away.
        """
        body = {"host": host, "key": key, "keyLocation": key_location, "urlList": list(urls)}
        answer = self._http.request(
            "POST",
            self._endpoint,
            headers={"Content-Type": "application/json; charset=utf-8"},
            content=json.dumps(body).encode(),
        )
        if answer.status in RECEIVED:
            return answer.status
        if answer.status in LATER:
            raise Transient("IndexNow asks to come again later", status=answer.status)
        raise IndexNowRefused("IndexNow took nothing", status=answer.status)
