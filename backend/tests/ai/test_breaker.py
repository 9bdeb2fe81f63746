"""A provider that is down is left alone, by every process, and is found again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import redis

from igny8_core.ai import breaker
from igny8_core.ai.breaker import (
    FAILURES_IN_A_ROW,
    PROBE_SECONDS,
    WINDOW_CALLS,
    WINDOW_SECONDS,
    LocalCircuits,
    SharedCircuits,
    check_circuit,
    watched,
)
from igny8_core.ai.errors import (
    AnswerRefused,
    ModelUnknown,
    ProviderError,
    ProviderKeyRefused,
    ProviderPaused,
    ProviderQuotaSpent,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.ai.shared import SharedState, server_at
from tests.ai.doors import GRANT, PaidWork
from tests.ai.jobs import calls
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.ai.breaker import Circuits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuits(clock: Clock) -> LocalCircuits:
    return LocalCircuits(clock=clock)


def call(provider: FakeProvider, circuits: Circuits, outcome: ProviderError | None = None) -> None:
    """One call: refused while the circuit is open, else it ends as told."""
    check_circuit(provider, circuits=circuits)
    with suppress(ProviderError), watched(provider, circuits=circuits):
        if outcome is not None:
            raise outcome


def is_open(provider: FakeProvider, circuits: Circuits) -> bool:
    try:
        check_circuit(provider, circuits=circuits)
    except ProviderPaused:
        return True
    return False


DOWN = ProviderUnavailable("down")


def test_failures_in_a_row_open_it(circuits: LocalCircuits) -> None:
    model = FakeProvider()
    for _ in range(FAILURES_IN_A_ROW - 1):
        call(model, circuits, DOWN)
    assert not is_open(model, circuits)

    call(model, circuits, ProviderTimeout("late"))

    with pytest.raises(ProviderPaused) as paused:
        check_circuit(model, circuits=circuits)
    assert paused.value.retry_after_seconds == PROBE_SECONDS
    assert "asked again in 30 s" in paused.value.message
    assert not is_open(FakeProvider(), circuits), "another key is another circuit"


def test_a_success_in_between_begins_the_row_anew(circuits: LocalCircuits) -> None:
    model = FakeProvider()
    for _ in range(3):
        for _ in range(FAILURES_IN_A_ROW - 1):
            call(model, circuits, DOWN)
        call(model, circuits)
        if is_open(model, circuits):
            break
    assert not is_open(model, circuits), "fifteen calls are too few for the share to count"


def test_half_of_many_calls_open_it_too(circuits: LocalCircuits) -> None:
    model = FakeProvider()
    for _ in range(WINDOW_CALLS // 2 - 1):
        call(model, circuits)
        call(model, circuits, DOWN)
    assert not is_open(model, circuits)
    call(model, circuits)

    call(model, circuits, DOWN)

    assert is_open(model, circuits)


def test_old_failures_are_forgotten(circuits: LocalCircuits, clock: Clock) -> None:
    model = FakeProvider()
    for _ in range(WINDOW_CALLS // 2 - 1):
        call(model, circuits)
        call(model, circuits, DOWN)
    clock.now += WINDOW_SECONDS + 1
    call(model, circuits)

    call(model, circuits, DOWN)

    assert not is_open(model, circuits)


@pytest.mark.parametrize("error", [ProviderKeyRefused("no"), ProviderQuotaSpent("no")])
def test_a_refused_key_and_a_spent_quota_open_it_at_once(
    error: ProviderError, circuits: LocalCircuits
) -> None:
    model = FakeProvider()

    call(model, circuits, error)

    assert is_open(model, circuits)


@pytest.mark.parametrize(
    "error",
    [
        AnswerRefused("no"),
        RequestRejected("no"),
        RateLimited("wait", retry_after_seconds=1.0),
        ModelUnknown("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_provider_that_answers_is_not_down(error: ProviderError, circuits: LocalCircuits) -> None:
    model = FakeProvider()

    for _ in range(3 * WINDOW_CALLS):
        call(model, circuits, error)

    assert not is_open(model, circuits)


def test_one_caller_at_a_time_tries_again_and_an_answer_closes_it(
    circuits: LocalCircuits, clock: Clock
) -> None:
    model = FakeProvider()
    for _ in range(FAILURES_IN_A_ROW):
        call(model, circuits, DOWN)
    clock.now += PROBE_SECONDS

    assert [is_open(model, circuits) for _ in range(3)] == [False, True, True]

    clock.now += PROBE_SECONDS
    call(model, circuits, DOWN)
    assert is_open(model, circuits), "one failed try is enough"

    clock.now += PROBE_SECONDS
    call(model, circuits)
    assert not is_open(model, circuits)


@pytest.mark.django_db
def test_a_dead_provider_takes_nobodys_time_and_no_attempt() -> None:
    down = FakeProvider([ProviderTimeout("late")] * 9)
    job = PaidWork(make_billing.account_with(GRANT), providers=[down])
    for _ in range(FAILURES_IN_A_ROW):
        with pytest.raises(ProviderTimeout):
            job.run()

    with pytest.raises(ProviderPaused):
        job.run()

    assert len(down.requests) == FAILURES_IN_A_ROW
    assert job.books() == (GRANT, 0, 0)
    assert len(calls(job.account)) == FAILURES_IN_A_ROW


@pytest.mark.django_db
def test_the_next_provider_answers_while_one_is_left_alone() -> None:
    refused, other = FakeProvider([ProviderKeyRefused("no")], name="a"), FakeProvider(name="b")
    job = PaidWork(make_billing.account_with(GRANT), providers=[refused, other])
    job.run()

    second = PaidWork(make_billing.account_with(GRANT), providers=[refused, other])
    second.run()

    assert len(refused.requests) == 1
    assert len(other.requests) == 2


# --- shared


@pytest.fixture
def shared(valkey: str) -> Iterator[SharedCircuits]:
    server = redis.Redis.from_url(valkey)
    server.flushdb()
    yield SharedCircuits(SharedState(server), away=LocalCircuits())
    server.close()


@pytest.mark.processes
def test_all_processes_see_the_same_circuit(
    shared: SharedCircuits, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "_PROBE", 80)
    model = FakeProvider()
    with redis.Redis.from_url(valkey) as server:
        other = SharedCircuits(SharedState(server), away=LocalCircuits())
        for _ in range(FAILURES_IN_A_ROW):
            call(model, shared, DOWN)

        assert is_open(model, other)
        wait_until_probe(model, other)
        assert is_open(model, shared), "the other one is at it"
        call(model, NeverOpen(other))
        assert not is_open(model, shared)


class NeverOpen:
    """The circuits of a caller that was let through already."""

    def __init__(self, circuits: Circuits) -> None:
        self.failed, self.succeeded = circuits.failed, circuits.succeeded

    def check(self, _key: str) -> float:
        return 0.0


def wait_until_probe(model: FakeProvider, circuits: Circuits) -> None:
    while is_open(model, circuits):
        pass


@pytest.mark.processes
def test_the_shared_circuit_counts_like_the_local_one(shared: SharedCircuits) -> None:
    flaky, refused, bad = FakeProvider(), FakeProvider(), FakeProvider()
    for _ in range(3):
        for _ in range(FAILURES_IN_A_ROW - 1):
            call(flaky, shared, DOWN)
        call(flaky, shared)
    assert not is_open(flaky, shared)
    call(refused, shared, ProviderKeyRefused("no"))
    assert is_open(refused, shared)
    for _ in range(WINDOW_CALLS // 2):
        call(bad, shared)
        call(bad, shared, DOWN)
    assert is_open(bad, shared)


def test_while_valkey_is_away_each_process_counts_for_itself() -> None:
    away = SharedCircuits(SharedState(server_at("redis://127.0.0.1:1/6")), away=LocalCircuits())
    model = FakeProvider()

    for _ in range(FAILURES_IN_A_ROW - 1):
        call(model, away, DOWN)
    call(model, away)
    assert not is_open(model, away)
    call(model, away, ProviderQuotaSpent("no"))

    assert is_open(model, away)
