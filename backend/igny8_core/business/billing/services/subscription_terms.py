"""What a plan costs an account: the lines of a period and of an upgrade, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.auth.states import PlanInterval
from igny8_core.business.billing.services.billing_profiles import known_buyer
from igny8_core.business.billing.services.proration import unused_part
from igny8_core.business.billing.services.taxes import Line, default_seller, rule_for, taxed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Plan
    from igny8_core.business.billing.services.proration import Span

WORDS = {PlanInterval.MONTH: "one month", PlanInterval.YEAR: "one year"}


@dataclass(frozen=True)
class Totals:
    """What lines come to for a buyer, in minor units."""

    subtotal_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor + self.tax_minor


def period_lines(plan: Plan, span: Span | None, *, net_minor: int | None = None) -> list[Line]:
    """One period of a plan.

    :param span: None for a first period, which begins when it is paid.
    :param net_minor: another price than the plan's of today: one that was fixed before.
    """
    line = Line(
        description=f"{plan.name}: {WORDS[PlanInterval(plan.interval)]}",
        unit_price_minor=plan.price_minor if net_minor is None else net_minor,
        plan_id=plan.pk,
        period_start=span.starts_at if span is not None else None,
        period_end=span.ends_at if span is not None else None,
    )
    return [line]


def upgrade_lines(old: Plan, new: Plan, *, span: Span, at: datetime) -> list[Line]:
    """The rest of a period: what is not used of the old plan back, the same of the new one."""
    words = "rest of the period"
    parts = [
        (old, -unused_part(old.price_minor, span=span, at=at), "not used, "),
        (new, unused_part(new.price_minor, span=span, at=at), ""),
    ]
    return [
        Line(
            description=f"{plan.name}: {prefix}{words}",
            unit_price_minor=amount,
            plan_id=plan.pk,
            period_start=at,
            period_end=span.ends_at,
        )
        for plan, amount, prefix in parts
    ]


def totals(*, account: Account, lines: Sequence[Line], now: datetime) -> Totals:
    """What lines come to for this account today. Nothing is written.

    :raises InvalidInput: the billing details are not complete.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    """
    rule = rule_for(seller=default_seller(), buyer=known_buyer(account=account), on=now.date())
    marked, groups = taxed(lines, rule)
    return Totals(sum(line.net_minor for line in marked), sum(group.tax_minor for group in groups))
