"""Token buckets and slots: in Valkey for all processes, or in this process alone."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from igny8_core.ai.shared import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.shared import SharedState

LOCAL_SLOT = "local:"
KEYS_MAX = 10_000
"""Buckets that one process remembers."""

# Time is the server's. Returns 0 (granted) or the milliseconds to wait; nothing sleeps here.
TAKE = """
local rate, burst, cost = tonumber(ARGV[1]) / 60000, tonumber(ARGV[2]), tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[1], 'level', 'at', 'stop')
local stop = tonumber(h[3] or '0')
if stop > now then return stop - now end
local level = math.min(burst, (tonumber(h[1]) or burst) + (now - (tonumber(h[2]) or now)) * rate)
local need, wait = math.min(cost, burst), 0
if level < need then wait = math.ceil((need - level) / rate) else level = level - cost end
redis.call('HSET', KEYS[1], 'level', level, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.max(120000, math.ceil((burst - level) / rate)))
return wait
"""
# ARGV[1]: real minus estimated cost. A debt is allowed; the next callers wait it off.
SETTLE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBYFLOAT', KEYS[1], 'level', -ARGV[1])
end
return 1
"""
# ARGV[1]: Retry-After in milliseconds.
PENALISE = """
local stop = now + ARGV[1]
if stop > tonumber(redis.call('HGET', KEYS[1], 'stop') or '0') then
  redis.call('HSET', KEYS[1], 'stop', stop)
end
redis.call('PEXPIRE', KEYS[1], math.max(120000, ARGV[1] + 1000))
return 1
"""
# ARGV: limit, lease in milliseconds, token. Slots of processes that died run out.
ACQUIRE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + 1000)
return 1
"""


class Limits(Protocol):
    """Where limits are counted."""

    def take(self, key: str, *, per_minute: int, burst: int, cost: int) -> float:
        """0, and the cost is taken; or the seconds until it may be there, and nothing is."""
        ...

    def settle(self, key: str, difference: int) -> None:
        """Correct what was taken by real minus estimated cost."""
        ...

    def penalise(self, key: str, seconds: float) -> None:
        """Grant nothing for so long."""
        ...

    def acquire(self, key: str, *, limit: int, lease_seconds: float) -> str | None:
        """A slot to be given back with :meth:`free`; None when all are taken."""
        ...

    def free(self, key: str, slot: str) -> None:
        """Give a slot back; harmless when it has run out."""
        ...


@dataclass
class _Bucket:
    level: float
    at: float
    stop: float = 0.0


@dataclass
class LocalLimits:
    """Limits of one process.

    :param share: of every limit, at least one unit.
    :param clock: monotonic seconds.
    """

    share: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _slots: dict[str, dict[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, *, per_minute: int, burst: int, cost: int) -> float:
        rate, most = self._part(per_minute) / 60, self._part(burst)
        with self._lock:
            bucket, now = self._bucket(key, most), self.clock()
            if bucket.stop > now:
                return bucket.stop - now
            bucket.level = min(most, bucket.level + (now - bucket.at) * rate)
            bucket.at = now
            need = min(cost, most)
            if bucket.level < need:
                return (need - bucket.level) / rate
            bucket.level -= cost
            return 0.0

    def settle(self, key: str, difference: int) -> None:
        with self._lock:
            if key in self._buckets:
                self._buckets[key].level -= difference

    def penalise(self, key: str, seconds: float) -> None:
        with self._lock:
            bucket = self._bucket(key, 1.0)
            bucket.stop = max(bucket.stop, self.clock() + seconds)

    def acquire(self, key: str, *, limit: int, lease_seconds: float) -> str | None:
        with self._lock:
            now = self.clock()
            open_slots = {s: end for s, end in self._slots.get(key, {}).items() if end > now}
            self._slots[key] = open_slots
            if len(open_slots) >= self._part(limit):
                return None
            slot = LOCAL_SLOT + secrets.token_hex(8)
            open_slots[slot] = now + lease_seconds
            return slot

    def free(self, key: str, slot: str) -> None:
        with self._lock:
            self._slots.get(key, {}).pop(slot, None)

    def _part(self, amount: int) -> float:
        return max(1.0, amount * self.share)

    def _bucket(self, key: str, level: float) -> _Bucket:
        if len(self._buckets) >= KEYS_MAX:
            self._buckets.clear()
        return self._buckets.setdefault(key, _Bucket(level=level, at=self.clock()))


class SharedLimits:
    """Limits in Valkey; while it is away, this process's part of them."""

    def __init__(self, state: SharedState, *, away: LocalLimits) -> None:
        self._state, self._away = state, away
        self._take, self._settle, self._penalise, self._acquire = (
            state.script(text) for text in (TAKE, SETTLE, PENALISE, ACQUIRE)
        )

    def take(self, key: str, *, per_minute: int, burst: int, cost: int) -> float:
        wait = self._take([key], [per_minute, burst, cost])
        if wait is None:
            return self._away.take(key, per_minute=per_minute, burst=burst, cost=cost)
        return wait / 1000

    def settle(self, key: str, difference: int) -> None:
        if self._settle([key], [difference]) is None:
            self._away.settle(key, difference)

    def penalise(self, key: str, seconds: float) -> None:
        if self._penalise([key], [int(seconds * 1000)]) is None:
            self._away.penalise(key, seconds)

    def acquire(self, key: str, *, limit: int, lease_seconds: float) -> str | None:
        slot = secrets.token_hex(8)
        granted = self._acquire([key], [limit, int(lease_seconds * 1000), slot])
        if granted is None:
            return self._away.acquire(key, limit=limit, lease_seconds=lease_seconds)
        return slot if granted else None

    def free(self, key: str, slot: str) -> None:
        if slot.startswith(LOCAL_SLOT):
            self._away.free(key, slot)
            return
        server = self._state.server
        self._state.answer(lambda: server.zrem(PREFIX + key, slot))  # or its lease runs out
