"""The state that all processes share for provider calls: small scripts in the cache's server.

Nothing here may not be lost. While the server is away every caller is told so, and counts in its
own process instead.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = structlog.get_logger(__name__)

PREFIX = "igny8:ai:"
SERVER_TIMEOUT_SECONDS = 0.5
AWAY_SECONDS = 2.0
"""How long a server that did not answer is not asked again."""

# Every script begins with this: milliseconds by the server's clock.
NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""


class SharedState:
    """Scripts on one server, and the memory of when it was away."""

    def __init__(self, server: redis.Redis) -> None:
        self.server, self._away_until = server, 0.0

    def script(self, text: str) -> Callable[[Sequence[str], Sequence[int | str]], int | None]:
        """A script as a function of keys and arguments; None while the server is away."""
        registered = self.server.register_script(NOW + text)

        def run(keys: Sequence[str], arguments: Sequence[int | str]) -> int | None:
            names = [PREFIX + key for key in keys]
            return self.answer(lambda: registered(keys=names, args=arguments))

        return run

    def answer(self, ask: Callable[[], Any]) -> int | None:
        """The server's answer; None while it is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return int(ask())
        except redis.RedisError as exc:
            log.warning("ai.shared.away", error=type(exc).__name__)
            self._away_until = time.monotonic() + AWAY_SECONDS
            return None


@lru_cache(maxsize=4)
def server_at(address: str) -> redis.Redis:
    """The client of a Valkey or Redis, made once."""
    return redis.Redis.from_url(
        address,
        socket_timeout=SERVER_TIMEOUT_SECONDS,
        socket_connect_timeout=SERVER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


@lru_cache(maxsize=4)
def state_at(server: redis.Redis) -> SharedState:
    """The state on a server, made once: what was away for one caller is away for all."""
    return SharedState(server)


def cache_server() -> redis.Redis | None:
    """The cache's server; None when the cache is in this process."""
    cache: dict[str, Any] = settings.CACHES["default"]
    if not cache["BACKEND"].endswith("RedisCache"):
        return None
    location = cache["LOCATION"]
    return server_at(location if isinstance(location, str) else location[0])
