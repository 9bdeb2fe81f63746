"""An order before it is one: what a package would cost this buyer, tax included, and how to pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditPackage
from igny8_core.business.billing.services.billing_profiles import known_buyer
from igny8_core.business.billing.services.checkout import QUANTITY_MAX, buy_package
from igny8_core.business.billing.services.taxes import Line, default_seller, rule_for, taxed
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.models import PaymentMethodConfig
    from igny8_core.business.billing.services.checkout import Checkout
    from igny8_core.business.billing.services.taxes import Group


@dataclass(frozen=True)
class Quote:
    """What an order would come to today. Amounts are minor units.

    :ivar full_minor: the net price without the package's discount.
    :ivar groups: the tax, by category and rate.
    """

    package: CreditPackage
    quantity: int
    full_minor: int
    subtotal_minor: int
    groups: list[Group]

    @property
    def credits(self) -> int:
        """Credits that the order brings."""
        return self.package.credits * self.quantity

    @property
    def discount_minor(self) -> int:
        """What the discount takes off the net price."""
        return self.full_minor - self.subtotal_minor

    @property
    def tax_minor(self) -> int:
        """The tax of all groups."""
        return sum(group.tax_minor for group in self.groups)

    @property
    def total_minor(self) -> int:
        """What has to be paid."""
        return self.subtotal_minor + self.tax_minor


def offered_package(slug: str) -> CreditPackage:
    """One package that is offered.

    :raises NotFound: there is none of this name.
    """
    found = CreditPackage.objects.filter(is_active=True, slug=slug).first()
    if found is None:
        raise NotFound("no such package", package=slug)
    return found


def ways_to_pay(*, country_code: str) -> list[PaymentMethodConfig]:
    """How a buyer of a country can pay here: what is offered there and set up on this server."""
    return list(selectors.offered_methods(country_code=country_code))


def quote_package(
    *, account: Account, package: CreditPackage, quantity: int = 1, now: datetime
) -> Quote:
    """What an order would cost: by the arithmetic of the invoice. Nothing is written.

    :raises InvalidInput: the quantity is none; or the billing details are not complete.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    """
    _refuse_unless_countable(quantity)
    net = package.discounted_price_minor
    line = Line(package.name, unit_price_minor=net, quantity=quantity)
    seller, buyer = default_seller(), known_buyer(account=account)
    _, groups = taxed([line], rule_for(seller=seller, buyer=buyer, on=now.date()))
    return Quote(package, quantity, package.price_minor * quantity, net * quantity, groups)


@tenant_atomic()
def order_package(
    *,
    account: Account,
    slug: str,
    quantity: int,
    method: str,
    total_minor: int,
    idempotency_key: str,
    now: datetime,
) -> Checkout:
    """Buy a package for the sum that the buyer has seen. Safe to repeat.

    :param total_minor: with tax, as a quote said it.
    :raises Conflict: it costs something else by now; nothing was written.
    :raises InvalidInput: the quantity is none; nothing was written.
    :raises NotFound: as :func:`~igny8_core.business.billing.services.checkout.buy_package`, and
        so ``InvalidInput``, ``BillingNotSetUp`` and ``IdempotencyConflict``.
    """
    _refuse_unless_countable(quantity)
    done = buy_package(
        account=account,
        slug=slug,
        method=method,
        quantity=quantity,
        idempotency_key=idempotency_key,
        now=now,
    )
    if done.invoice.total_minor != total_minor:
        raise Conflict("The price has changed since you looked. Look at the new sum first.")
    return done


def _refuse_unless_countable(quantity: int) -> None:
    if not 1 <= quantity <= QUANTITY_MAX:
        text = f"From 1 to {QUANTITY_MAX}."
        raise InvalidInput("Nothing was ordered.", quantity=[text])
