"""Accounts that share a key: who used it least goes first, and nobody waits for nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import redis

from igny8_core.ai import fairness
from igny8_core.ai.errors import RateLimited
from igny8_core.ai.fairness import (
    HALF_LIFE_SECONDS,
    WAITS_FOR_SECONDS,
    LocalFairness,
    SharedFairness,
)
from igny8_core.ai.limits import LocalLimits
from igny8_core.ai.permits import Keeper, permit
from igny8_core.ai.ports import Capabilities, RateLimits
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.ai.shared import SharedState, server_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from igny8_core.ai.fairness import Fairness
    from igny8_core.ai.permits import Permit

WHALE, SMALL = 1, 2


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> LocalFairness:
    return LocalFairness(clock=clock)


def test_while_nobody_waits_one_account_may_have_it_all(turns: LocalFairness) -> None:
    for _ in range(100):
        assert turns.is_turn_of("k", "whale")
        turns.served("k", "whale", 10)


def test_who_used_more_lets_the_other_go_first(turns: LocalFairness) -> None:
    turns.served("k", "whale", 1_000)
    turns.waits("k", "small")

    assert not turns.is_turn_of("k", "whale")
    assert turns.is_turn_of("k", "small")
    turns.served("k", "small", 10)

    assert turns.is_turn_of("k", "whale"), "nobody else waits now"


def test_the_one_with_the_least_never_has_to_wait(turns: LocalFairness) -> None:
    for number in range(5):
        turns.served("k", str(number), 100 * number)
        turns.waits("k", str(number))

    assert [turns.is_turn_of("k", str(number)) for number in range(5)] == [True] + [False] * 4


def test_who_lost_interest_holds_nobody_up(turns: LocalFairness, clock: Clock) -> None:
    turns.served("k", "whale", 1_000)
    turns.waits("k", "small")
    clock.now += WAITS_FOR_SECONDS

    assert turns.is_turn_of("k", "whale")


def test_what_was_used_fades(turns: LocalFairness, clock: Clock) -> None:
    turns.served("k", "whale", 1_000)
    clock.now += 10 * HALF_LIFE_SECONDS
    turns.served("k", "small", 10)
    turns.waits("k", "small")

    assert turns.is_turn_of("k", "whale")


def test_what_was_not_used_is_given_back(turns: LocalFairness) -> None:
    turns.served("k", "whale", 1_000)
    turns.served("k", "whale", -995)
    turns.served("k", "small", 10)
    turns.waits("k", "small")

    assert turns.is_turn_of("k", "whale")


def test_accounts_that_faded_are_forgotten(
    turns: LocalFairness, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "ACCOUNTS_MAX", 3)
    for number in range(3):
        turns.served("k", str(number), 1)
    clock.now += HALF_LIFE_SECONDS

    turns.served("k", "new", 5)

    assert list(turns._used["k"]) == ["new"]


# --- through permits


def served(clock: Clock, *, requests: dict[int, int], capabilities: Capabilities) -> list[int]:
    """In which order two accounts get their requests through a key of one a second."""
    busy = FakeProvider(limits=RateLimits(requests_per_minute=60), capabilities=capabilities)
    keeper = Keeper(LocalLimits(clock=clock), LocalFairness(clock=clock))
    left, order = Counter(requests), []
    for _ in range(10_000):
        for account in (WHALE, WHALE, WHALE, SMALL):  # the whale asks three times as often
            if not left[account]:
                continue
            try:
                with permit(
                    busy,
                    account_id=account,
                    estimated_tokens=10,
                    lease_seconds=9,
                    keeper=keeper,
                    sleep=_no_time_passes,
                ):
                    order.append(account)
                    left[account] -= 1
            except RateLimited:
                continue
        clock.now += 0.25
        if not left.total():
            return order
    raise AssertionError("somebody starved")


def _no_time_passes(_seconds: float) -> None:
    """The simulation's own clock moves."""


def test_a_small_account_gets_every_second_turn_beside_a_whale(clock: Clock) -> None:
    order = served(clock, requests={WHALE: 100, SMALL: 20}, capabilities=Capabilities(is_free=True))

    burst = 10
    until_done = order[: len(order) - order[::-1].index(SMALL)]
    assert len(until_done) <= 2 * 20 + burst
    assert Counter(order) == {WHALE: 100, SMALL: 20}


def test_a_key_of_its_own_is_nobody_elses_turn(clock: Clock) -> None:
    order = served(
        clock,
        requests={WHALE: 40, SMALL: 10},
        capabilities=Capabilities(is_free=True, is_own_key=True),
    )

    until_done = order[: len(order) - order[::-1].index(SMALL)]
    assert len(until_done) > 2 * 10 + 10, "without turns, who asks most gets most"


def test_slots_are_shared_like_rates(clock: Clock) -> None:
    busy = FakeProvider(limits=RateLimits(concurrency=1))
    keeper = Keeper(LocalLimits(clock=clock), LocalFairness(clock=clock))

    def take(account: int) -> AbstractContextManager[Permit]:
        return permit(
            busy,
            account_id=account,
            estimated_tokens=10,
            lease_seconds=9,
            keeper=keeper,
            sleep=lambda _: None,
        )

    with take(WHALE), pytest.raises(RateLimited), take(SMALL):
        raise AssertionError("no second call")
    with pytest.raises(RateLimited), take(WHALE):
        raise AssertionError("it is the other's turn")

    with take(SMALL):
        pass
    with take(WHALE):
        pass


# --- shared


@pytest.fixture
def shared(valkey: str) -> Iterator[SharedFairness]:
    server = redis.Redis.from_url(valkey)
    server.flushdb()
    yield SharedFairness(SharedState(server), away=LocalFairness())
    server.close()


@pytest.mark.processes
def test_turns_among_processes(shared: SharedFairness) -> None:
    take_turns(shared)


def test_while_valkey_is_away_turns_are_taken_within_the_process() -> None:
    state = SharedState(server_at("redis://127.0.0.1:1/7"))

    turns_away = SharedFairness(state, away=LocalFairness())

    take_turns(turns_away)


def take_turns(fair: Fairness) -> None:
    """The same history for every place where turns are kept."""
    assert fair.is_turn_of("k", "whale")
    fair.served("k", "whale", 1_000)
    fair.waits("k", "small")
    assert not fair.is_turn_of("k", "whale")
    assert fair.is_turn_of("k", "small")
    fair.served("k", "small", 10)
    assert fair.is_turn_of("k", "small"), "the whale waits, but it used more"
    fair.served("k", "whale", -1_000)
    assert fair.is_turn_of("k", "whale")
