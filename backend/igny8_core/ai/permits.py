"""Permission to call a provider: rate and concurrency limits, shared by every process.

A limit belongs to a provider key and a model. It lives in Valkey, by Valkey's clock; while Valkey
is away each process takes a fixed share of the limit, so that all of them together stay below it.
Nobody waits long in a worker's slot: beyond :data:`WAIT_SECONDS_MAX` the work goes back.
At a key of the platform accounts take turns (:mod:`igny8_core.ai.fairness`).
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from igny8_core.ai.errors import RateLimited, WorkCancelled
from igny8_core.ai.fairness import LocalFairness, SharedFairness
from igny8_core.ai.limits import LocalLimits, SharedLimits
from igny8_core.ai.ports import NO_LIMITS, never
from igny8_core.ai.shared import cache_server, state_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from igny8_core.ai.fairness import Fairness
    from igny8_core.ai.limits import Limits
    from igny8_core.ai.ports import Provider

WAIT_SECONDS_MAX = 2.0
SLOT_WAIT_SECONDS = 0.25
"""How soon to ask again when all slots are taken, or it is another account's turn: nobody knows
the end in advance."""

JITTER = 0.2
LOCAL_SHARE = 0.25
"""Of a limit that is shared, for one process while the shared state is away."""

UNLIMITED_PER_MINUTE = 60_000_000
"""Stands for "no limit of ours": only the provider's own 429 stops such a key."""

REQUEST_BURST_SECONDS = 10
TOKEN_BURST_SECONDS = 30


@dataclass(frozen=True)
class Keeper:
    """Where limits and turns are kept."""

    limits: Limits
    fairness: Fairness


_alone = Keeper(LocalLimits(), LocalFairness())
_away_limits, _away_fairness = LocalLimits(share=LOCAL_SHARE), LocalFairness()


@dataclass
class Permit:
    """An open call.

    :ivar used_tokens: set it after the call; the difference is given back, or owed.
    """

    used_tokens: int | None = None


@contextmanager
def permit(
    provider: Provider,
    *,
    account_id: int,
    estimated_tokens: int,
    lease_seconds: float,
    is_cancelled: Callable[[], bool] = never,
    keeper: Keeper | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Permit]:
    """Take a slot, a request and its tokens; settle them when the block ends.

    A :class:`RateLimited` raised inside (the provider's own 429) stops every process until the
    time that it names.

    :param account_id: whose turn it is, at a key that accounts share.
    :param lease_seconds: when the slot of a process that died is free again.
    :raises RateLimited: the wait would be longer than :data:`WAIT_SECONDS_MAX`.
    :raises WorkCancelled: the work was cancelled while it waited.
    """
    request = _Request(
        provider, keeper or _configured(), str(account_id), estimated_tokens, lease_seconds
    )
    left = WAIT_SECONDS_MAX
    while wait := request.take():
        if wait > left:
            raise RateLimited(
                f"The limit of {provider.name} is used up for now. It is free again in about "
                f"{wait:.0f} s.",
                retry_after_seconds=wait,
                provider=provider.name,
                model=provider.model,
            )
        sleep(wait * random.uniform(1, 1 + JITTER))  # noqa: S311 - spreads callers, no secret
        left -= wait
        if is_cancelled():
            raise WorkCancelled("The work was cancelled while it waited for the provider.")
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
        self, provider: Provider, keeper: Keeper, account: str, tokens: int, lease_seconds: float
    ) -> None:
        self._limits, self._fairness = keeper.limits, keeper.fairness
        self._account, self._tokens, self._lease_seconds = account, tokens, lease_seconds
        self._rates = provider.limits
        self._is_shared = not provider.capabilities.is_own_key and self._rates != NO_LIMITS
        self._key = f"{provider.name}:{provider.key_fingerprint}:{provider.model}"
        self._slot: str | None = None

    def take(self) -> float:
        """0 when all was granted; else the seconds to wait, and nothing is held."""
        if not self._is_shared:
            return self._take()
        if not self._fairness.is_turn_of(self._key, self._account):
            return SLOT_WAIT_SECONDS
        if wait := self._take():
            self._fairness.waits(self._key, self._account)
        else:
            self._fairness.served(self._key, self._account, 1 + self._tokens)
        return wait

    def _take(self) -> float:
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
        if used_tokens is None:
            return
        if self._rates.tokens_per_minute is not None:
            self._limits.settle(f"{self._key}:tokens", used_tokens - self._tokens)
        if self._is_shared and used_tokens != self._tokens:
            self._fairness.served(self._key, self._account, used_tokens - self._tokens)

    def _draw(self, unit: str, per_minute: int | None, burst_seconds: int, cost: int) -> float:
        rate = per_minute or UNLIMITED_PER_MINUTE
        burst = max(1, rate * burst_seconds // 60)
        return self._limits.take(f"{self._key}:{unit}", per_minute=rate, burst=burst, cost=cost)

    def _free(self) -> None:
        if self._slot is not None:
            self._limits.free(f"{self._key}:slots", self._slot)
            self._slot = None


def _configured() -> Keeper:
    server = cache_server()
    return _alone if server is None else _shared(server)


@lru_cache(maxsize=4)
def _shared(server: redis.Redis) -> Keeper:
    state = state_at(server)
    return Keeper(
        SharedLimits(state, away=_away_limits), SharedFairness(state, away=_away_fairness)
    )
