"""What another price would have meant: last month's work, reckoned anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count
from django.db.models.fields.json import KT

from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.services.prices import Price, PriceLine, price
from igny8_core.business.billing.states import OperationType, PriceUnit
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

DAYS: Final = 30
GROUPS_MAX: Final = 20_000
"""Runs that used the same and cost the same are one group; so many are looked at."""

TYPICAL: Final = {
    PriceUnit.PER_WORDS: 1_200,
    PriceUnit.PER_ITEMS: 100,
    PriceUnit.PER_IMAGES: 4,
    PriceUnit.PER_REQUEST: 1,
}


@dataclass(frozen=True)
class NewPrice:
    """A version of a price that nobody has saved yet."""

    operation: OperationType
    unit: PriceUnit
    unit_size: int
    credits_per_unit: Decimal
    min_credits: int

    @property
    def rate(self) -> Fraction:
        """Credits for one unit, exact."""
        return Fraction(self.credits_per_unit) / self.unit_size


@dataclass(frozen=True)
class PriceEffect:
    """What the work of the last ``DAYS`` days was charged, and would have been.

    :ivar runs: pieces of work; those with an account's own key are left out, they pay a fee.
    :ivar estimated_runs: of them, those whose quantities nobody noted: reckoned from the charge.
    :ivar unknown_runs: of them, those of which nothing can be said; they count as they were.
    :ivar typical: units of an ordinary run, and what it costs before and after.
    """

    runs: int
    estimated_runs: int
    unknown_runs: int
    accounts: int
    credits_before: int
    credits_after: int
    typical: tuple[int, int | None, int]

    @property
    def change(self) -> int:
        """Credits more, or less."""
        return self.credits_after - self.credits_before

    @property
    def change_percent(self) -> float | None:
        """The change in percent; None when nothing was charged."""
        return self.change * 100 / self.credits_before if self.credits_before else None


def effect_of(*, new: NewPrice, now: datetime) -> PriceEffect:
    """Reckon last month's work of an operation at another price. Nothing is written.

    Each run is rounded up by itself, as it is charged. Outside of tenant blocks.

    :raises InvalidInput: not a price.
    """
    if new.unit_size < 1 or new.credits_per_unit < 0 or new.min_credits < 0:
        raise InvalidInput("not a price", credits_per_unit=["0 or more, for 1 unit or more."])
    before = _today(new.operation, now)
    after = _with(before, new)
    rows = CreditUsageLog.objects.across_accounts(reason="effect of a price").filter(
        operation_type=new.operation, created_at__gte=now - timedelta(days=DAYS)
    )
    charged = rows.exclude(metadata__has_key="is_own_key").order_by()
    groups = charged.values("credits_used", quantities=KT("metadata__quantities")).annotate(
        runs=Count("pk")
    )
    totals = {"runs": 0, "estimated": 0, "unknown": 0, "before": 0, "after": 0}
    for group in charged_again(groups.order_by("-runs")[:GROUPS_MAX], before, after, new):
        for name, value in group.items():
            totals[name] += value
    units = TYPICAL[new.unit]
    ordinary = {unit.value: TYPICAL[unit] for unit in PriceUnit} | {new.unit.value: units}
    return PriceEffect(
        runs=totals["runs"],
        estimated_runs=totals["estimated"],
        unknown_runs=totals["unknown"],
        accounts=charged.values("account_id").distinct().count(),
        credits_before=totals["before"],
        credits_after=totals["after"],
        typical=(
            units,
            None if before is None else before.credits(ordinary),
            after.credits(ordinary),
        ),
    )


def charged_again(groups: Any, before: Price | None, after: Price, new: NewPrice) -> Any:
    """Each group of equal runs, at the new price."""
    for group in groups:
        runs, credits_used = group["runs"], group["credits_used"]
        found = {"runs": runs, "before": runs * credits_used}
        quantities = _read(group["quantities"])
        if quantities is not None and _fits(after, quantities):
            found["after"] = runs * after.credits(quantities)
        elif (scaled := _scaled(credits_used, before, new)) is not None:
            found |= {"after": runs * scaled, "estimated": runs}
        else:
            found |= {"after": runs * credits_used, "unknown": runs}
        yield found


def _today(operation: OperationType, now: datetime) -> Price | None:
    try:
        return price(operation=operation, now=now)
    except PriceMissing:
        return None


def _with(before: Price | None, new: NewPrice) -> Price:
    """Today's price with one line of it changed, or added."""
    line = PriceLine(
        config_id=0,
        version=0,
        unit=new.unit,
        unit_size=new.unit_size,
        credits_per_unit=new.credits_per_unit,
        min_credits=new.min_credits,
    )
    others = tuple(one for one in (before.lines if before else ()) if one.unit != new.unit)
    return Price(operation=new.operation, lines=(*others, line))


def _read(text: str | None) -> dict[str, int] | None:
    return None if text is None else {str(unit): int(n) for unit, n in json.loads(text).items()}


def _fits(after: Price, quantities: dict[str, int]) -> bool:
    known = {*quantities, PriceUnit.PER_REQUEST.value}
    return all(line.unit.value in known for line in after.lines)


def _scaled(credits_used: int, before: Price | None, new: NewPrice) -> int | None:
    """A charge of today's price at the new one; None when there is more than one line."""
    if before is None or len(before.lines) != 1 or before.lines[0].unit != new.unit:
        return None
    line = before.lines[0]
    rate = Fraction(line.credits_per_unit) / line.unit_size
    if not rate:
        return None
    return max(1, new.min_credits, ceil(credits_used * new.rate / rate))
