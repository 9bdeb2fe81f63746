"""An order before it is one: what a package would cost this buyer, tax included, and how to pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditPackage
from igny8_core.business.billing.services import plan_orders, subscriptions
from igny8_core.business.billing.services.billing_profiles import known_buyer
from igny8_core.business.billing.services.checkout import QUANTITY_MAX, buy_package
from igny8_core.business.billing.services.subscription_terms import period_lines, totals
from igny8_core.business.billing.services.taxes import Line, default_seller, rule_for, taxed
from igny8_core.business.billing.states import MANUAL_METHODS
from igny8_core.clients.payments import subscription_client
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, Plan
    from igny8_core.business.billing.models import PaymentMethodConfig
    from igny8_core.business.billing.services.checkout import Checkout
    from igny8_core.business.billing.services.plan_orders import PlanOrder
    from igny8_core.business.billing.services.subscription_terms import Totals
    from igny8_core.business.billing.services.subscriptions import Ordered
    from igny8_core.business.billing.services.taxes import Group

CHANGED: Final = "The price has changed since you looked. Look at the new sum first."


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
        raise Conflict(CHANGED)
    return done


def _refuse_unless_countable(quantity: int) -> None:
    if not 1 <= quantity <= QUANTITY_MAX:
        text = f"From 1 to {QUANTITY_MAX}."
        raise InvalidInput("Nothing was ordered.", quantity=[text])


# --- plans


@dataclass(frozen=True)
class PlanQuote:
    """What one period of a plan would come to today."""

    plan: Plan
    amount: Totals
    has_trial: bool


def ways_to_subscribe(*, country_code: str) -> list[PaymentMethodConfig]:
    """How the periods of a plan can be paid in a country: not every provider takes repeats."""
    return [
        way
        for way in ways_to_pay(country_code=country_code)
        if way.payment_method in MANUAL_METHODS or _takes_repeats(way.payment_method)
    ]


def quote_plan(*, account: Account, plan: Plan, now: datetime) -> PlanQuote:
    """What a plan would cost this buyer, and whether it can be tried out first.

    :raises InvalidInput: the billing details are not complete.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    """
    amount = totals(account=account, lines=period_lines(plan, None), now=now)
    return PlanQuote(plan, amount, can_be_tried(account=account, plan=plan))


def offered_plan(plan_code: str) -> Plan:
    """One plan that is offered for money.

    :raises NotFound: there is none of this name.
    """
    try:
        return subscriptions.for_sale(plan_code)
    except InvalidInput as exc:
        raise NotFound("no such plan", plan=plan_code) from exc


def can_be_tried(*, account: Account, plan: Plan) -> bool:
    """Whether the plan has a trial and the account has had none."""
    before = selectors.subscriptions(account=account).filter(trial_ends_at__isnull=False)
    return plan.trial_days > 0 and not before.exists()


@tenant_atomic()
def order_plan(
    *,
    account: Account,
    plan_code: str,
    method: str,
    wants_trial: bool,
    total_minor: int,
    idempotency_key: str,
    now: datetime,
) -> Ordered:
    """Order a plan for the sum that the buyer has seen. Safe to repeat.

    :param total_minor: of one period, with tax, as a quote said it.
    :raises Conflict: it costs something else by now; nothing was written. And all that
        :func:`~igny8_core.business.billing.services.subscriptions.subscribe` raises.
    """
    amount = quote_plan(account=account, plan=offered_plan(plan_code), now=now).amount
    if amount.total_minor != total_minor:
        raise Conflict(CHANGED)
    return subscriptions.subscribe(
        account=account,
        plan_code=plan_code,
        method=method,
        wants_trial=wants_trial,
        idempotency_key=idempotency_key,
        now=now,
    )


@tenant_atomic()
def order_change(
    *,
    account: Account,
    subscription_id: int,
    plan_code: str,
    most_minor: int,
    idempotency_key: str,
    now: datetime,
) -> PlanOrder:
    """Change the plan for no more than the buyer has seen. Safe to repeat.

    The rest of a period only gets cheaper while it runs.

    :param most_minor: what is to be paid now, with tax; 0 when nothing is.
    :raises Conflict: it would cost more; nothing was written. And all that
        :func:`~igny8_core.business.billing.services.plan_orders.change_plan` raises.
    """
    done = plan_orders.change_plan(
        account=account,
        subscription_id=subscription_id,
        plan_code=plan_code,
        idempotency_key=idempotency_key,
        now=now,
    )
    if done.amount is not None and done.amount.total_minor > most_minor:
        raise Conflict(CHANGED)
    return done


def _takes_repeats(method: str) -> bool:
    try:
        subscription_client(method)
    except InvalidInput:
        return False
    return True
