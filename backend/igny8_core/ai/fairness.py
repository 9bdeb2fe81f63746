"""Whose turn it is at a key that several accounts share: who used it least goes first.

Only among accounts that wait at this moment: while nobody waits, one account may have it all.
What an account used fades, half of it every minute. An account that is told to wait is remembered
for a few seconds; then it has to ask again, or it lost interest.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.shared import SharedState

HALF_LIFE_SECONDS = 60.0
WAITS_FOR_SECONDS = 5.0
"""Longer than a caller in a worker's slot pauses, and than its work needs to come back."""

ACCOUNTS_MAX = 1_000
"""Beyond this, accounts whose use has faded are forgotten."""

USED = """
local function used(account)
  local entry = redis.call('HGET', KEYS[2], account)
  if not entry then return 0 end
  local amount, at = string.match(entry, '^([^:]+):([^:]+)$')
  return tonumber(amount) * 0.5 ^ ((now - tonumber(at)) / tonumber(ARGV[2]))
end
"""
# KEYS: who waits and until when; what was used. ARGV: account, half life, how long it waits (ms).
TURN = (
    USED
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local mine = used(ARGV[1])
for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if other ~= ARGV[1] and used(other) < mine then
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return 0
  end
end
return 1
"""
)
WAITS = """
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
# ARGV[4]: what it uses; negative gives back. ARGV[5]: how many accounts are remembered.
SERVED = (
    USED
    + """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], math.max(0, used(ARGV[1]) + ARGV[4]) .. ':' .. now)
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[5]) then
  for _, other in ipairs(redis.call('HKEYS', KEYS[2])) do
    if used(other) < 1 then redis.call('HDEL', KEYS[2], other) end
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[2] * 20)
return 1
"""
)


class Fairness(Protocol):
    """Who waits for a key, and what each account used of it."""

    def is_turn_of(self, key: str, account: str) -> bool:
        """Whether nobody who used less waits; else this account waits from now on."""
        ...

    def waits(self, key: str, account: str) -> None:
        """A limit sent the account away."""
        ...

    def served(self, key: str, account: str, cost: int) -> None:
        """The account got what it waited for; a negative cost gives back."""
        ...


@dataclass
class LocalFairness:
    """Turns within one process.

    :param clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _waiting: dict[str, dict[str, float]] = field(default_factory=dict)
    _used: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_turn_of(self, key: str, account: str) -> bool:
        with self._lock:
            now = self.clock()
            waiting = {a: end for a, end in self._waiting.get(key, {}).items() if end > now}
            self._waiting[key] = waiting
            mine = self._amount(key, account, now)
            others = (other for other in waiting if other != account)
            if any(self._amount(key, other, now) < mine for other in others):
                waiting[account] = now + WAITS_FOR_SECONDS
                return False
            return True

    def waits(self, key: str, account: str) -> None:
        with self._lock:
            self._waiting.setdefault(key, {})[account] = self.clock() + WAITS_FOR_SECONDS

    def served(self, key: str, account: str, cost: int) -> None:
        with self._lock:
            now = self.clock()
            self._waiting.get(key, {}).pop(account, None)
            used = self._used.setdefault(key, {})
            used[account] = (max(0.0, self._amount(key, account, now) + cost), now)
            if len(used) > ACCOUNTS_MAX:
                faded = [other for other in used if self._amount(key, other, now) < 1]
                for other in faded:
                    del used[other]

    def _amount(self, key: str, account: str, now: float) -> float:
        amount, at = self._used.get(key, {}).get(account, (0.0, now))
        return float(amount * 0.5 ** ((now - at) / HALF_LIFE_SECONDS))


class SharedFairness:
    """Turns among all processes; while Valkey is away, within this one."""

    def __init__(self, state: SharedState, *, away: LocalFairness) -> None:
        self._away = away
        self._turn, self._waits, self._served = (
            state.script(text) for text in (TURN, WAITS, SERVED)
        )

    def is_turn_of(self, key: str, account: str) -> bool:
        found = self._turn(_names(key), _arguments(account))
        return self._away.is_turn_of(key, account) if found is None else bool(found)

    def waits(self, key: str, account: str) -> None:
        if self._waits(_names(key), _arguments(account)) is None:
            self._away.waits(key, account)

    def served(self, key: str, account: str, cost: int) -> None:
        if self._served(_names(key), [*_arguments(account), cost, ACCOUNTS_MAX]) is None:
            self._away.served(key, account, cost)


def _names(key: str) -> list[str]:
    return [f"{key}:waiting", f"{key}:used"]


def _arguments(account: str) -> list[int | str]:
    return [account, int(HALF_LIFE_SECONDS * 1000), int(WAITS_FOR_SECONDS * 1000)]
