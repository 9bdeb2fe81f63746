"""Permission to call a provider: rate and concurrency limits, shared by every process.

A limit belongs to a provider key and a model. It lives in Valkey, by Valkey's clock; while Valkey
is away each process takes a fixed share of the limit, so that all of them together stay below it.
Nobody waits long in a worker's slot: beyond :data:`WAIT_SECONDS_MAX` the work goes back.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from igny8_core.ai.errors import RateLimited
from igny8_core.ai.limits import LocalLimits, SharedLimits, limits_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from igny8_core.ai.limits import Limits
    from igny8_core.ai.ports import TextProvider

WAIT_SECONDS_MAX = 2.0
SLOT_WAIT_SECONDS = 0.25
"""How soon to ask again when all slots are taken: their ends are not known in advance."""

JITTER = 0.2
LOCAL_SHARE = 0.25
"""Of a limit that is shared, for one process while the shared state is away."""

UNLIMITED_PER_MINUTE = 60_000_000
"""Stands for "no limit of ours": only the provider's own 429 stops such a key."""

REQUEST_BURST_SECONDS = 10
TOKEN_BURST_SECONDS = 30

_alone = LocalLimits()
_away = LocalLimits(share=LOCAL_SHARE)


@dataclass
class Permit:
    """An open call.

    :ivar used_tokens: set it after the call; the difference is given back, or owed.
    """

    used_tokens: int | None = None


@contextmanager
def permit(
    provider: TextProvider,
    *,
    estimated_tokens: int,
    lease_seconds: float,
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Permit]:
    """Take a slot, a request and its tokens; settle them when the block ends.

    A :class:`RateLimited` raised inside (the provider's own 429) stops every process until the
    time that it names.

    :param lease_seconds: when the slot of a process that died is free again.
    :raises RateLimited: the wait would be longer than :data:`WAIT_SECONDS_MAX`.
    """
    request = _Request(provider, limits or _configured(), estimated_tokens, lease_seconds)
    left = WAIT_SECONDS_MAX
    while wait := request.take():
        if wait > left:
            raise RateLimited(
                f"The limit of {provider.name} is used up for now.",
                retry_after_seconds=wait,
                provider=provider.name,
                model=provider.model,
            )
        sleep(wait * random.uniform(1, 1 + JITTER))  # noqa: S311 - spreads callers, no secret
        left -= wait
    opened = Permit()
    try:
        yield opened
    except RateLimited as exc:
        request.penalise(exc.retry_after_seconds)
        raise
    finally:
        request.close(opened.used_tokens)


class _Request:
    """One call's part of the limits of its provider key."""

    def __init__(
        self, provider: TextProvider, limits: Limits, tokens: int, lease_seconds: float
    ) -> None:
        self._limits, self._tokens, self._lease_seconds = limits, tokens, lease_seconds
        self._rates = provider.limits
        self._key = f"{provider.name}:{provider.key_fingerprint}:{provider.model}"
        self._slot: str | None = None

    def take(self) -> float:
        """0 when all was granted; else the seconds to wait, and nothing is held."""
        if self._rates.concurrency is not None:
            self._slot = self._limits.acquire(
                f"{self._key}:slots",
                limit=self._rates.concurrency,
                lease_seconds=self._lease_seconds,
            )
            if self._slot is None:
                return SLOT_WAIT_SECONDS
        wait = self._draw("requests", self._rates.requests_per_minute, REQUEST_BURST_SECONDS, 1)
        if not wait and self._rates.tokens_per_minute is not None:
            per_minute = self._rates.tokens_per_minute
            wait = self._draw("tokens", per_minute, TOKEN_BURST_SECONDS, self._tokens)
            if wait:
                self._limits.settle(f"{self._key}:requests", -1)
        if wait:
            self._free()
        return wait

    def penalise(self, seconds: float) -> None:
        """The provider said 429: nobody calls before its time."""
        self._limits.penalise(f"{self._key}:requests", seconds)

    def close(self, used_tokens: int | None) -> None:
        """Give the slot back and correct the tokens."""
        self._free()
        if self._rates.tokens_per_minute is not None and used_tokens is not None:
            self._limits.settle(f"{self._key}:tokens", used_tokens - self._tokens)

    def _draw(self, unit: str, per_minute: int | None, burst_seconds: int, cost: int) -> float:
        rate = per_minute or UNLIMITED_PER_MINUTE
        burst = max(1, rate * burst_seconds // 60)
        return self._limits.take(f"{self._key}:{unit}", per_minute=rate, burst=burst, cost=cost)

    def _free(self) -> None:
        if self._slot is not None:
            self._limits.free(f"{self._key}:slots", self._slot)
            self._slot = None


def _configured() -> Limits:
    server = limits_server()
    return _alone if server is None else _shared(server)


@lru_cache(maxsize=4)
def _shared(server: redis.Redis) -> SharedLimits:
    return SharedLimits(server, away=_away)
