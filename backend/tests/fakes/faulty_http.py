"""Our HTTP client with bad luck: some of its requests ask the server to fail them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, ClassVar

from igny8_core.clients.guarded_http import Answer, GuardedClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Plan = Callable[[str, str], str]

GIVE_UP_SECONDS = 0.6
LATE = f"sleep={GIVE_UP_SECONDS + 0.6}"
"""The client has given up long before the server begins."""

NEVER_ANSWERED = f"sleep-after={GIVE_UP_SECONDS + 0.6}"


class FaultyClient(GuardedClient):
    """A client whose ``plan`` names a fault for each request, or none.

    :cvar seen: method, address and fault of each request, in order.
    """

    plan: ClassVar[Plan | None] = None
    seen: ClassVar[list[tuple[str, str, str]]] = []

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        plan = type(self).plan
        fault = plan(method, url) if plan else ""
        self.seen.append((method, url, fault))
        given = dict(headers or {})
        if not fault:
            return super().request(method, url, headers=given, content=content)
        patient, self._deadline_seconds = self._deadline_seconds, 10.0
        if "sleep" in fault:
            self._deadline_seconds = GIVE_UP_SECONDS
        try:
            given["X-Test-Fault"] = fault
            return super().request(method, url, headers=given, content=content)
        finally:
            self._deadline_seconds = patient


class Luck:
    """Seeded faults for a part of all requests; ``share`` of them fail in some way."""

    WRITES: ClassVar[list[str]] = [
        "lost", "lost", "after-status=500", "after-status=502", "junk", LATE, NEVER_ANSWERED,
        "status=503", "status=429", "lost,sleep=0.2",
    ]  # fmt: skip
    READS: ClassVar[list[str]] = ["lost", "status=502", "junk", "status=429"]

    def __init__(self, seed: int, share: float) -> None:
        self._random, self._share = random.Random(seed), share  # noqa: S311 - repeatable

    def __call__(self, method: str, _url: str) -> str:
        if self._random.random() >= self._share:
            return ""
        return self._random.choice(self.READS if method == "GET" else self.WRITES)


def writes(since: int = 0) -> list[tuple[str, str]]:
    """Method and address of each request that was no read."""
    return [(m, url) for m, url, _ in FaultyClient.seen[since:] if m not in {"GET", "OPTIONS"}]


def reset(plan: Any = None) -> None:
    """Forget what was seen; from here on ``plan`` decides."""
    FaultyClient.plan = staticmethod(plan) if plan else None
    FaultyClient.seen.clear()
