"""The cache in Valkey or Redis. While the server is away nothing is known and nothing is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

T = TypeVar("T")

AWAY_SECONDS = 2.0
"""How long a server that did not answer is not asked again."""

TIMEOUT_SECONDS = 0.5
OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "socket_timeout": TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 0),  # of a cache the answer comes at once, or not at all
}


class ForgivingRedisCache(RedisCache):
    """Django's cache, which no page waits for or fails by: everything in it can be found anew.

    Limits that are counted in it, of sign-ins for example, let everybody pass meanwhile.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = OPTIONS | params.get("OPTIONS", {})
        super().__init__(server, params | {"OPTIONS": options})
        self.fault, self._away_until = "", 0.0

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """What is kept, or the default."""
        return self._ask(
            lambda: super(ForgivingRedisCache, self).get(key, default, version), default
        )

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> None:
        """Keep a value, if it can be kept."""
        self._ask(lambda: super(ForgivingRedisCache, self).set(key, value, timeout, version), None)

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        """Keep a value unless there is one; while the server is away, as if there was none."""
        return self._ask(
            lambda: bool(super(ForgivingRedisCache, self).add(key, value, timeout, version)),
            True,  # noqa: FBT003 - the answer
        )

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """Keep it longer."""
        return self._ask(
            lambda: bool(super(ForgivingRedisCache, self).touch(key, timeout, version)),
            False,  # noqa: FBT003 - the answer
        )

    def delete(self, key: Any, version: Any = None) -> bool:
        """Forget it."""
        return self._ask(
            lambda: bool(super(ForgivingRedisCache, self).delete(key, version)),
            False,  # noqa: FBT003 - the answer
        )

    def get_many(self, keys: Any, version: Any = None) -> dict[Any, Any]:
        """Those that are kept."""
        return self._ask(lambda: super(ForgivingRedisCache, self).get_many(keys, version), {})

    def has_key(self, key: Any, version: Any = None) -> bool:
        """Whether it is kept."""
        return self._ask(
            lambda: bool(super(ForgivingRedisCache, self).has_key(key, version)),
            False,  # noqa: FBT003 - the answer
        )

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Count on.

        :raises ValueError: it is not kept; or the server is away: then nothing is.
        """
        found = self._ask(lambda: super(ForgivingRedisCache, self).incr(key, delta, version), None)
        if found is None:
            raise ValueError(f"Key '{key}' not found.")
        return int(found)

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        """Keep values; names those that were not kept."""
        kept: list[Any] = self._ask(
            lambda: super(ForgivingRedisCache, self).set_many(data, timeout, version), list(data)
        )
        return kept

    def delete_many(self, keys: Any, version: Any = None) -> None:
        """Forget them."""
        self._ask(lambda: super(ForgivingRedisCache, self).delete_many(keys, version), None)

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        """The server's answer; ``otherwise`` while it is away."""
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            answer = question()
        except (RedisError, OSError) as exc:
            self.fault = f"unreachable ({type(exc).__name__})"
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("cache.away", error=type(exc).__name__)
            return otherwise
        self.fault = ""
        return answer
