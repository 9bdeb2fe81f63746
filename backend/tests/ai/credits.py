"""A ledger in memory, with the rules of the real one that the door relies on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from igny8_core.ai.ports import Hold, Usage
from igny8_core.common.errors import Conflict, InsufficientCredits, StaleState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta


@dataclass
class FakeCredits:
    """One credit for each unit; a hold has one owner, the newest attempt.

    :ivar events: what happened, in order; others may append to it.
    :ivar own_keys: of every reservation, whether the account pays its providers itself.
    """

    available: int = 100
    held: dict[int, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    captured: dict[int, int] = field(default_factory=dict)
    usages: list[Usage] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    own_keys: list[bool] = field(default_factory=list)

    def reserve(
        self,
        *,
        operation: str,  # noqa: ARG002 - the port's signature, here and below
        quantities: Mapping[str, int],
        idempotency_key: str,
        related_type: str,  # noqa: ARG002
        related_id: int,  # noqa: ARG002
        is_own_key: bool = False,
        ttl: timedelta,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Hold:
        self.events.append("reserve")
        self.own_keys.append(is_own_key)
        known = self.keys.get(idempotency_key)
        if known in self.captured:
            raise Conflict("captured before", reservation_id=known)
        if known in self.held:
            self.attempts[known] += 1
            return Hold(known, self.attempts[known], self.held[known])
        amount = sum(quantities.values())
        if amount > self.available:
            raise InsufficientCredits("not enough credits", available=self.available)
        number = len(self.attempts) + 1
        self.keys[idempotency_key], self.attempts[number] = number, 1
        self.held[number] = amount
        self.available -= amount
        return Hold(number, 1, amount)

    def capture(
        self,
        hold: Hold,
        *,
        quantities: Mapping[str, int],
        usage: Usage,
        now: datetime,  # noqa: ARG002
    ) -> int:
        self._owned(hold)
        self.events.append("capture")
        charged = sum(quantities.values())
        self.available += self.held.pop(hold.reservation_id) - charged
        self.captured[hold.reservation_id] = charged
        self.usages.append(usage)
        return charged

    def release(self, hold: Hold, *, now: datetime) -> None:  # noqa: ARG002
        self._owned(hold)
        self.events.append("release")
        self.available += self.held.pop(hold.reservation_id)

    def _owned(self, hold: Hold) -> None:
        if hold.reservation_id in self.captured:
            raise Conflict("captured before", reservation_id=hold.reservation_id)
        if self.attempts[hold.reservation_id] != hold.attempt:
            raise StaleState("a later attempt owns the hold", attempt=hold.attempt)
