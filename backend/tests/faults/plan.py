"""Which faults a seed stands for: what breaks, when, and how long it stays broken."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = (
    "kill_worker",
    "kill_postgres",
    "kill_valkey",
    "wipe_valkey",
    "kill_ticker",
    "kill_web",
    "freeze_worker",
    "lose_messages",
    "double_messages",
    "provider_slow",
    "provider_down",
    "provider_limit",
    "jump_clock",
    "pause",
    "crash_at",
    "kill_all_workers",
    "lose_host",
)
"""Every seed begins with one of these, in turn: as many seeds as there are kinds see them all."""

CRASH_POINTS = (
    "automation.after_claim",
    "automation.before_fence",
    "automation.after_fence",
    "automation.after_work",
    "automation.in_advance",
    "ai.after_reserve",
    "ai.before_call",
    "ai.after_call",
    "ai.after_answer",
    "ai.before_capture",
    "ai.after_capture",
    "ai.after_commit",
)
FAULTS_LEAST, FAULTS_MOST = 1, 3
KILLS_MOST = 3
"""Of workers in one run: an item that was with five of them when they died is set aside."""

KILLING = {
    "kill_worker",
    "kill_all_workers",
    "lose_host",
    "crash_at",
    "kill_postgres",
    "wipe_valkey",
}
CLOCK_SECONDS = (-86_400.0, -3_600.0, -90.0, 90.0, 3_600.0, 86_400.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks.

    :ivar after: once so many results are stored.
    :ivar seconds: how long it stays broken, where that can be chosen.
    :ivar detail: the failpoint or the offset of the clock.
    """

    kind: str
    after: int
    seconds: float
    detail: str = ""


def faults_of(seed: int, *, results: int) -> list[Fault]:
    """The faults of a seed, in the order in which they come; the same for the same seed.

    :param results: how many results a run stores in all.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    more = chance.randint(FAULTS_LEAST, FAULTS_MOST) - 1
    kinds = [KINDS[seed % len(KINDS)], *(chance.choice(KINDS) for _ in range(more))]
    found = []
    kills = 0
    for kind in kinds:
        kills += kind in KILLING
        if kills > KILLS_MOST and kind in KILLING:
            continue
        detail = ""
        if kind == "crash_at":
            detail = chance.choice(CRASH_POINTS)
        elif kind == "jump_clock":
            detail = str(chance.choice(CLOCK_SECONDS))
        after = chance.randint(0, results - 4)
        found.append(Fault(kind, after, round(chance.uniform(0.05, 0.8), 2), detail))
    return sorted(found, key=lambda fault: fault.after)
