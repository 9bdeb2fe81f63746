"""A circuit breaker for each provider key and model, shared by all processes.

A provider that is down takes one caller's time now and then, not everybody's timeout: after
:data:`FAILURES_IN_A_ROW`, or when half of the calls of a minute failed, nobody asks it; every
:data:`PROBE_SECONDS` one caller tries, and an answer closes the circuit. A refused key and a
spent quota open it at once.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from igny8_core.ai.errors import (
    AnswerUnusable,
    ProviderKeyRefused,
    ProviderPaused,
    ProviderQuotaSpent,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from igny8_core.ai.shared import cache_server, state_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from igny8_core.ai.ports import Provider
    from igny8_core.ai.shared import SharedState

FAILURES_IN_A_ROW = 5
WINDOW_SECONDS = 60.0
WINDOW_CALLS = 20
"""How many calls a window needs before half of them count."""

PROBE_SECONDS = 30.0
KEYS_MAX = 10_000

AT_ONCE = (ProviderKeyRefused, ProviderQuotaSpent)
FAILURES = (*AT_ONCE, ProviderUnavailable)
ALIVE = (AnswerUnusable, RateLimited, RequestRejected)
"""Errors of a provider that answers. Any other error says nothing about it."""

# 0: ask it; else milliseconds to wait. Whom it lets through while open is the probe.
CHECK = """
local open = tonumber(redis.call('HGET', KEYS[1], 'open') or '0')
if open == 0 then return 0 end
if open > now then return open - now end
redis.call('HSET', KEYS[1], 'open', now + ARGV[1])
return 0
"""
COUNT = """
local h = redis.call('HMGET', KEYS[1], 'since', 'calls', 'failed', 'row', 'open')
local since, calls, failed = tonumber(h[1] or '0'), tonumber(h[2] or '0'), tonumber(h[3] or '0')
if now - since > tonumber(ARGV[2]) then since, calls, failed = now, 0, 0 end
"""
# ARGV: probe and window in milliseconds, failures in a row, calls of a window, whether at once.
FAILED = (
    COUNT
    + """
local row = tonumber(h[4] or '0') + 1
calls, failed = calls + 1, failed + 1
redis.call('HSET', KEYS[1], 'since', since, 'calls', calls, 'failed', failed, 'row', row)
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
if ARGV[5] == '1' or tonumber(h[5] or '0') > 0 or row >= tonumber(ARGV[3])
   or (calls >= tonumber(ARGV[4]) and failed * 2 >= calls) then
  redis.call('HSET', KEYS[1], 'open', now + ARGV[1])
  return 1
end
return 0
"""
)
SUCCEEDED = (
    COUNT
    + """
if tonumber(h[5] or '0') > 0 then since, calls, failed = now, 0, 0 end
redis.call('HSET', KEYS[1], 'since', since, 'calls', calls + 1, 'failed', failed, 'row', 0)
redis.call('HDEL', KEYS[1], 'open')
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
return 1
"""
)


class Circuits(Protocol):
    """Which keys are open."""

    def check(self, key: str) -> float:
        """0 when the provider may be asked; else the seconds until somebody may try."""
        ...

    def failed(self, key: str, *, at_once: bool) -> None:
        """A call failed."""
        ...

    def succeeded(self, key: str) -> None:
        """The provider is alive."""
        ...


@dataclass
class _Circuit:
    since: float
    calls: int = 0
    failed: int = 0
    row: int = 0
    opens_at: float | None = None


@dataclass
class LocalCircuits:
    """Circuits of one process.

    :param clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _circuits: dict[str, _Circuit] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, key: str) -> float:
        with self._lock:
            circuit, now = self._circuit(key), self.clock()
            if circuit.opens_at is None:
                return 0.0
            if circuit.opens_at > now:
                return circuit.opens_at - now
            circuit.opens_at = now + PROBE_SECONDS
            return 0.0

    def failed(self, key: str, *, at_once: bool) -> None:
        with self._lock:
            circuit = self._circuit(key)
            circuit.calls += 1
            circuit.failed += 1
            circuit.row += 1
            is_bad = circuit.calls >= WINDOW_CALLS and circuit.failed * 2 >= circuit.calls
            if (
                at_once
                or circuit.opens_at is not None
                or circuit.row >= FAILURES_IN_A_ROW
                or is_bad
            ):
                circuit.opens_at = self.clock() + PROBE_SECONDS

    def succeeded(self, key: str) -> None:
        with self._lock:
            circuit = self._circuit(key)
            if circuit.opens_at is not None:
                circuit.calls = circuit.failed = 0
            circuit.calls += 1
            circuit.row, circuit.opens_at = 0, None

    def _circuit(self, key: str) -> _Circuit:
        now = self.clock()
        if len(self._circuits) >= KEYS_MAX:
            self._circuits.clear()
        circuit = self._circuits.setdefault(key, _Circuit(since=now))
        if now - circuit.since > WINDOW_SECONDS:
            circuit.since, circuit.calls, circuit.failed = now, 0, 0
        return circuit


class SharedCircuits:
    """Circuits of all processes; while Valkey is away, of this one."""

    def __init__(self, state: SharedState, *, away: LocalCircuits) -> None:
        self._away = away
        self._check, self._failed, self._succeeded = (
            state.script(text) for text in (CHECK, FAILED, SUCCEEDED)
        )

    def check(self, key: str) -> float:
        wait = self._check([key], [_PROBE])
        return self._away.check(key) if wait is None else wait / 1000

    def failed(self, key: str, *, at_once: bool) -> None:
        arguments = [_PROBE, _WINDOW, FAILURES_IN_A_ROW, WINDOW_CALLS, int(at_once)]
        if self._failed([key], arguments) is None:
            self._away.failed(key, at_once=at_once)

    def succeeded(self, key: str) -> None:
        if self._succeeded([key], [_PROBE, _WINDOW]) is None:
            self._away.succeeded(key)


_PROBE, _WINDOW = int(PROBE_SECONDS * 1000), int(WINDOW_SECONDS * 1000)
_alone = LocalCircuits()


def check_circuit(provider: Provider, *, circuits: Circuits | None = None) -> None:
    """Do not ask a provider that is down.

    :raises ProviderPaused: it failed again and again; it says when somebody may try.
    """
    wait = (circuits or _configured()).check(_key(provider))
    if wait:
        raise ProviderPaused(
            f"{provider.name} has failed again and again ({provider.model}). It is asked again in "
            f"{wait:.0f} s.",
            retry_after_seconds=wait,
            provider=provider.name,
            model=provider.model,
        )


@contextmanager
def watched(provider: Provider, *, circuits: Circuits | None = None) -> Iterator[None]:
    """Count the call that is made inside."""
    counted, key = circuits or _configured(), _key(provider)
    try:
        yield
    except FAILURES as exc:
        counted.failed(key, at_once=isinstance(exc, AT_ONCE))
        raise
    except ALIVE:
        counted.succeeded(key)
        raise
    else:
        counted.succeeded(key)


def _key(provider: Provider) -> str:
    return f"{provider.name}:{provider.key_fingerprint}:{provider.model}:circuit"


def _configured() -> Circuits:
    server = cache_server()
    return _alone if server is None else _shared(server)


@lru_cache(maxsize=4)
def _shared(server: redis.Redis) -> SharedCircuits:
    return SharedCircuits(state_at(server), away=_alone)
