"""Rate and concurrency limits, in this process and shared through a real Valkey."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import redis

from igny8_core.ai.errors import RateLimited
from igny8_core.ai.fairness import LocalFairness
from igny8_core.ai.limits import LocalLimits, SharedLimits
from igny8_core.ai.permits import Keeper, permit
from igny8_core.ai.ports import RateLimits
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.ai.shared import SharedState, cache_server, server_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def provider(**limits: int) -> FakeProvider:
    return FakeProvider(limits=RateLimits(**limits))


def key_of(busy: FakeProvider, unit: str) -> str:
    return f"{busy.name}:{busy.key_fingerprint}:{busy.model}:{unit}"


def keeper(limits: LocalLimits) -> Keeper:
    return Keeper(limits, LocalFairness(clock=limits.clock))


def test_a_bucket_grants_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    limits = LocalLimits(clock=clock)

    def take() -> float:
        return limits.take("k", per_minute=60, burst=2, cost=1)

    assert [take(), take()] == [0, 0]
    assert take() == pytest.approx(1)
    clock.sleep(1)
    assert take() == 0


def test_a_debt_is_waited_off() -> None:
    clock = Clock()
    limits = LocalLimits(clock=clock)
    limits.take("k", per_minute=60, burst=10, cost=10)
    limits.settle("k", 5)

    assert limits.take("k", per_minute=60, burst=10, cost=1) == pytest.approx(6)


def test_a_short_wait_is_waited_in_place() -> None:
    clock = Clock()
    limits, busy = LocalLimits(clock=clock), provider(requests_per_minute=60)
    for _ in range(10):
        limits.take(key_of(busy, "requests"), per_minute=60, burst=10, cost=1)

    with permit(
        busy,
        account_id=1,
        estimated_tokens=1,
        lease_seconds=9,
        keeper=keeper(limits),
        sleep=clock.sleep,
    ):
        assert 1001 <= clock.now < 1001.5


def test_a_long_wait_sends_the_work_back() -> None:
    clock = Clock()
    limits, busy = LocalLimits(clock=clock), provider(tokens_per_minute=600)
    limits.take(key_of(busy, "tokens"), per_minute=600, burst=300, cost=300)

    with (
        pytest.raises(RateLimited) as refused,
        permit(
            busy,
            account_id=1,
            estimated_tokens=100,
            lease_seconds=9,
            keeper=keeper(limits),
            sleep=clock.sleep,
        ),
    ):
        raise AssertionError("no call is made")

    assert refused.value.retry_after_seconds == pytest.approx(10)
    assert clock.now == 1000, "nobody waited"


def test_real_tokens_replace_the_estimate() -> None:
    clock = Clock()
    limits, busy = LocalLimits(clock=clock), provider(tokens_per_minute=600)

    with permit(
        busy, account_id=1, estimated_tokens=300, lease_seconds=9, keeper=keeper(limits)
    ) as opened:
        opened.used_tokens = 20

    key = key_of(busy, "tokens")
    assert limits.take(key, per_minute=600, burst=300, cost=280) == 0


def test_a_refusal_by_the_provider_stops_everybody_until_its_time() -> None:
    clock = Clock()
    limits, busy = LocalLimits(clock=clock), provider()
    with (
        pytest.raises(RateLimited),
        permit(busy, account_id=1, estimated_tokens=1, lease_seconds=9, keeper=keeper(limits)),
    ):
        raise RateLimited("the provider's own", retry_after_seconds=30)

    with (
        pytest.raises(RateLimited) as refused,
        permit(busy, account_id=1, estimated_tokens=1, lease_seconds=9, keeper=keeper(limits)),
    ):
        raise AssertionError("no call is made")

    assert refused.value.retry_after_seconds == pytest.approx(30)


def test_slots_bound_the_calls_at_a_time() -> None:
    clock = Clock()
    limits, busy = LocalLimits(clock=clock), provider(concurrency=1)

    with permit(
        busy,
        account_id=1,
        estimated_tokens=1,
        lease_seconds=9,
        keeper=keeper(limits),
        sleep=clock.sleep,
    ):
        with (
            pytest.raises(RateLimited),
            permit(
                busy,
                account_id=1,
                estimated_tokens=1,
                lease_seconds=9,
                keeper=keeper(limits),
                sleep=clock.sleep,
            ),
        ):
            raise AssertionError("no second call")
        assert 1000 < clock.now < 1003, "it waited a little before it gave up"

    with permit(
        busy,
        account_id=1,
        estimated_tokens=1,
        lease_seconds=9,
        keeper=keeper(limits),
        sleep=clock.sleep,
    ):
        assert clock.now < 1003, "the slot was free again"


def test_the_slot_of_a_dead_process_runs_out() -> None:
    clock = Clock()
    limits = LocalLimits(clock=clock)
    assert limits.acquire("k", limit=1, lease_seconds=5)
    assert limits.acquire("k", limit=1, lease_seconds=5) is None

    clock.sleep(6)

    assert limits.acquire("k", limit=1, lease_seconds=5)


def test_a_share_of_a_limit_is_at_least_one() -> None:
    limits = LocalLimits(share=0.25)

    assert limits.acquire("k", limit=2, lease_seconds=5)
    assert limits.acquire("k", limit=2, lease_seconds=5) is None


# --- shared


@pytest.fixture
def shared(valkey: str) -> Iterator[SharedLimits]:
    server = redis.Redis.from_url(valkey)
    server.flushdb()
    yield SharedLimits(SharedState(server), away=LocalLimits(share=0.25))
    server.close()


@pytest.mark.processes
def test_threads_together_never_pass_a_shared_limit(shared: SharedLimits) -> None:
    began = time.monotonic()

    def race(_: int) -> int:
        granted = 0
        while time.monotonic() - began < 1.0:
            if wait := shared.take("race", per_minute=6000, burst=20, cost=1):
                time.sleep(wait)
            else:
                granted += 1
        return granted

    with ThreadPoolExecutor(4) as pool:
        granted = sum(pool.map(race, range(4)))
    seconds = time.monotonic() - began

    assert 20 < granted <= 20 + 100 * seconds + 1


@pytest.mark.processes
def test_shared_slots_settlements_and_penalties(shared: SharedLimits) -> None:
    slot = shared.acquire("s", limit=1, lease_seconds=30)
    assert slot
    assert shared.acquire("s", limit=1, lease_seconds=30) is None
    shared.free("s", slot)
    assert shared.acquire("s", limit=1, lease_seconds=30)

    assert shared.take("t", per_minute=6000, burst=100, cost=100) == 0
    assert shared.take("t", per_minute=6000, burst=100, cost=50) > 0
    shared.settle("t", -90)
    assert shared.take("t", per_minute=6000, burst=100, cost=50) == 0

    shared.penalise("t", 5)
    assert 4 < shared.take("t", per_minute=6000, burst=100, cost=1) <= 5


@pytest.mark.processes
def test_a_lease_in_valkey_runs_out(shared: SharedLimits) -> None:
    assert shared.acquire("s", limit=1, lease_seconds=0.05)
    time.sleep(0.1)
    assert shared.acquire("s", limit=1, lease_seconds=1)


def test_while_valkey_is_away_a_process_uses_its_share() -> None:
    limits = SharedLimits(
        SharedState(server_at("redis://127.0.0.1:1/5")), away=LocalLimits(share=0.25)
    )

    assert [limits.take("k", per_minute=60, burst=8, cost=1) for _ in range(3)] == [
        0,
        0,
        pytest.approx(4, rel=0.1),
    ]
    slot = limits.acquire("s", limit=4, lease_seconds=5)
    assert slot
    assert limits.acquire("s", limit=4, lease_seconds=5) is None
    limits.free("s", slot)
    assert limits.acquire("s", limit=4, lease_seconds=5)
    limits.penalise("k", 9)
    assert limits.take("k", per_minute=60, burst=8, cost=1) > 8


@pytest.mark.processes
def test_a_slot_taken_while_valkey_was_away_is_given_back_here(valkey: str) -> None:
    limits = SharedLimits(SharedState(server_at(valkey)), away=LocalLimits())

    limits.free("given-back", "local:unknown")

    assert limits.acquire("given-back", limit=1, lease_seconds=1)


def test_the_caches_server_counts_the_limits(settings: Settings) -> None:
    assert cache_server() is None, "a cache in memory has no server"
    address = "redis://127.0.0.1:1/1"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": address,
        }
    }

    assert cache_server() is server_at(address)
