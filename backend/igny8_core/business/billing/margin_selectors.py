"""What work brought and what it cost us, over all accounts; outside of tenant blocks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from igny8_core.business.billing.models import CreditPackage, CreditUsageLog, InvoiceLine
from igny8_core.business.billing.states import InvoiceStatus, OperationType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MICROS = 1_000_000
PER = 1_000
"""Credits are valued by the thousand."""


@dataclass(frozen=True)
class CreditValue:
    """What a thousand credits bring, without tax.

    :ivar minor_per_1000: an exact fraction of the currency's minor units.
    :ivar credits: how many were sold; 0 when the price list had to do.
    """

    minor_per_1000: Fraction
    currency: str
    credits: int


@dataclass(frozen=True, kw_only=True)
class Margin:
    """Work of one kind: what it was charged, and our cost at the providers.

    :ivar own_key_runs: of the runs, those that an account paid its provider for itself.
    """

    name: str
    runs: int
    own_key_runs: int
    credits: int
    cost_usd_micros: int

    def revenue_minor(self, value: CreditValue) -> Fraction:
        """What its credits are worth, in minor units."""
        return Fraction(value.minor_per_1000 * self.credits / PER)

    def cost_minor(self, usd_rate: Fraction, digits: int) -> Fraction:
        """Our cost in minor units of a currency with that many decimals.

        :param usd_rate: what a dollar is worth in the currency.
        """
        return Fraction(self.cost_usd_micros * 10**digits, MICROS) * usd_rate


def margins_by_operation(*, since: datetime) -> list[Margin]:
    """Each operation from a moment on, the dearest first."""
    return [
        _margin(OperationType(row["operation_type"]).label, row)
        for row in _summed(since, "operation_type")
    ]


def margins_by_model(*, since: datetime) -> list[Margin]:
    """Each model from a moment on, the dearest first; rules count as a model too."""
    return [
        _margin(" ".join(filter(None, (row["provider"], row["model"]))) or "rules", row)
        for row in _summed(since, "provider", "model")
    ]


def sold_value(*, since: datetime) -> CreditValue | None:
    """What a thousand credits brought on paid invoices; None when nobody bought and none are sold.

    Of several currencies it is the one in which most credits were sold. Without a sale it is the
    cheapest package of the price list.
    """
    lines = InvoiceLine.objects.across_accounts(reason="what credits brought").filter(
        invoice__status=InvoiceStatus.PAID, invoice__paid_at__gte=since, credits__gt=0
    )
    sums = lines.values("invoice__currency").annotate(net=Sum("net_minor"), sold=Sum("credits"))
    for row in sums.order_by("-sold"):
        value = Fraction(row["net"] * PER, row["sold"])
        return CreditValue(value, row["invoice__currency"], row["sold"])
    offered = [
        CreditValue(Fraction(one.discounted_price_minor * PER, one.credits), one.currency, 0)
        for one in CreditPackage.objects.filter(is_active=True, price_minor__gt=0)
    ]
    return min(offered, key=lambda one: one.minor_per_1000, default=None)


def _summed(since: datetime, *names: str) -> Sequence[dict[str, Any]]:
    rows = CreditUsageLog.objects.across_accounts(reason="margins of operations").filter(
        created_at__gte=since
    )
    sums = (
        rows.order_by()
        .values(*names)
        .annotate(
            runs=Count("pk"),
            own_key_runs=Count("pk", filter=Q(metadata__has_key="is_own_key")),
            credits=Coalesce(Sum("credits_used"), 0),
            cost_usd_micros=Coalesce(Sum("cost_usd_micros"), 0),
        )
    )
    return list(sums.order_by("-cost_usd_micros", "-credits", *names))


def _margin(name: str, row: dict[str, Any]) -> Margin:
    figures = {key: row[key] for key in ("runs", "own_key_runs", "credits", "cost_usd_micros")}
    return Margin(name=name, **figures)


def sum_of(margins: Sequence[Margin]) -> Margin:
    """All of them together."""
    names = ("runs", "own_key_runs", "credits", "cost_usd_micros")
    return Margin(
        name="All", **{name: sum(getattr(one, name) for one in margins) for name in names}
    )
