"""Which tax a buyer pays, and what it comes to: on the sum of each rate, rounded once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Q

from igny8_core.business.billing.errors import BillingNotSetUp
from igny8_core.business.billing.models import SellerEntity, TaxRule
from igny8_core.business.billing.states import BuyerKind, TaxCategory
from igny8_core.common.errors import InvalidInput
from igny8_core.common.money import share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from igny8_core.business.billing.models import BillingProfile

WHOLE_BP = 10_000


@dataclass(frozen=True)
class Line:
    """What is sold. ``net_minor`` is ``quantity * unit_price_minor``.

    :ivar unit_price_minor: negative on the credit of a proration.
    :ivar credits: of the whole line; granted once the invoice is paid.
    """

    description: str
    unit_price_minor: int
    quantity: int = 1
    credits: int = 0
    package_id: int | None = None
    plan_id: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    category: str = TaxCategory.STANDARD
    rate_bp: int = 0

    @property
    def net_minor(self) -> int:
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True)
class Group:
    """All lines of one category and rate."""

    category: str
    rate_bp: int
    base_minor: int
    tax_minor: int
    legal_note: str = ""


def default_seller() -> SellerEntity:
    """Who sells.

    :raises BillingNotSetUp: operators have named nobody.
    """
    found = SellerEntity.objects.filter(is_default=True).first()
    if found is None:
        raise BillingNotSetUp("Nothing can be bought here yet: no seller is set up.")
    return found


def rule_for(*, seller: SellerEntity, buyer: BillingProfile, on: date) -> TaxRule:
    """The tax rule of a buyer on a day: of the buyer's country, else of all others.

    A business without a tax id is taxed as a consumer where businesses pay by reverse charge.

    :raises BillingNotSetUp: there is none: nothing is untaxed by accident.
    """
    rule = None
    if buyer.is_business:
        rule = _newest(seller, buyer.country_code, BuyerKind.BUSINESS, on)
        if rule is not None and rule.category == TaxCategory.REVERSE_CHARGE and not buyer.tax_id:
            rule = None
    rule = rule or _newest(seller, buyer.country_code, BuyerKind.CONSUMER, on)
    if rule is None:
        raise BillingNotSetUp(
            f"No tax is set up for buyers in {buyer.country_code}.", country=buyer.country_code
        )
    return rule


def taxed(lines: Sequence[Line], rule: TaxRule) -> tuple[list[Line], list[Group]]:
    """The lines with their tax, and the tax of each group of them.

    Σ bases = Σ nets, and the tax of a group is that of its base: never summed up line by line.

    :raises InvalidInput: the lines come to less than nothing.
    """
    marked = [replace(line, category=rule.category, rate_bp=rule.rate_bp) for line in lines]
    base = sum(line.net_minor for line in marked)
    if base < 0:
        raise InvalidInput("An invoice is over nothing or more.", lines=[str(base)])
    tax = share(base, rule.rate_bp, WHOLE_BP)
    return marked, [Group(rule.category, rule.rate_bp, base, tax, rule.legal_note)]


def _newest(seller: SellerEntity, country: str, kind: BuyerKind, on: date) -> TaxRule | None:
    rows = TaxRule.objects.filter(
        Q(active_to=None) | Q(active_to__gt=on),
        entity=seller,
        buyer_kind=kind,
        buyer_country__in=["", country],
        active_from__lte=on,
    )
    return rows.order_by("-buyer_country", "-active_from").first()
