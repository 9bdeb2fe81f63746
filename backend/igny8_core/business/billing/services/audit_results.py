"""What the last look at all books found, and when; kept for operators' pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

KEY: Final = "billing:audit"
KEPT_SECONDS: Final = 7 * 86_400
TITLES: Final = {
    "money": "Invoices, payments, credits, refunds and credit notes",
    "ledger": "Balances, lots, reservations and the chain of rows",
    "usage": "Charges against usage logs",
}
"""The searches by name, and what each compares."""


@dataclass(frozen=True)
class AuditResult:
    """What a search found at a moment.

    :ivar looked_at: None when nobody has looked, or it was too long ago.
    """

    name: str
    title: str
    looked_at: datetime | None
    problems: Sequence[str]


def keep_result(*, name: str, problems: Sequence[str], now: datetime) -> AuditResult:
    """Remember what a search found; it forgets by itself after ``KEPT_SECONDS``."""
    cache.set(f"{KEY}:{name}", (now, list(problems)), KEPT_SECONDS)
    return AuditResult(name, TITLES[name], now, problems)


def last_results() -> list[AuditResult]:
    """Every search, with what it found last."""
    kept = cache.get_many([f"{KEY}:{name}" for name in TITLES])
    return [
        AuditResult(name, title, *kept.get(f"{KEY}:{name}", (None, [])))
        for name, title in TITLES.items()
    ]
