"""Shares of a period: whole seconds and whole numbers, and parts that add up to the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Span:
    """From the first moment of a period to the first of the next."""

    starts_at: datetime
    ends_at: datetime

    @property
    def seconds(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds())

    def seconds_until(self, at: datetime) -> int:
        """Whole seconds of it that have gone by at a moment; at most all of them."""
        return max(0, min(self.seconds, int((at - self.starts_at).total_seconds())))


def used_part(amount: int, *, span: Span, at: datetime) -> int:
    """What of an amount falls on the part of a period that has gone by, floored.

    :param amount: 0 or more.
    """
    return amount * span.seconds_until(at) // span.seconds


def unused_part(amount: int, *, span: Span, at: datetime) -> int:
    """The rest: with :func:`used_part` it is the whole amount, to the last unit.

    Of two amounts the larger one has the larger rest, or the same.
    """
    return amount - used_part(amount, span=span, at=at)


def part_between(amount: int, *, span: Span, since: datetime, until: datetime) -> int:
    """What falls between two moments. However a period is cut, its parts add up to the amount."""
    return used_part(amount, span=span, at=until) - used_part(amount, span=span, at=since)
