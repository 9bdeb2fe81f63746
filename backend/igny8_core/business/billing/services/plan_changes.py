"""Another plan: at once when it gives more, at the end of the period when it gives less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.auth.models import Account, Plan
from igny8_core.business.billing.errors import NoCurrentPeriod
from igny8_core.business.billing.models import SubscriptionPeriod
from igny8_core.business.billing.services.lots import grant_credits
from igny8_core.business.billing.services.plan_periods import (
    grant_key,
    lots_end_at,
    open_current_period,
    running_subscription,
    take_plan,
)
from igny8_core.business.billing.states import TransactionType
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Subscription
    from igny8_core.common.tenancy.context import HasKey


@dataclass(frozen=True)
class PlanChange:
    """What a change of plan did.

    :ivar effective_at: now, or the end of the period.
    :ivar credits_added: for the rest of the period.
    """

    plan: Plan
    effective_at: datetime
    credits_added: int


@tenant_atomic()
def change_plan(*, account: HasKey, plan_code: str, now: datetime) -> PlanChange:
    """Put an account on another plan. Money is not moved here: ``plan_orders`` does that.

    A plan that gives more of the same interval counts at once: the difference of credits, by the
    seconds that the period has left, comes as a lot that ends with the period. Any other plan
    waits until the period ends; choosing the present plan takes a waiting one back.

    :raises InvalidInput: there is no such plan, or it is not offered any more.
    :raises NoCurrentPeriod: the account is not active, or its subscription is not paid for.
    """
    plan = Plan.objects.filter(code=plan_code, is_active=True).first()
    if plan is None:
        raise InvalidInput("There is no such plan.", plan=[f"There is no plan {plan_code!r}."])
    period = open_current_period(account=account, now=now)  # holds the account's row from here on
    subscription = running_subscription(account=account)
    if period is None or subscription is None:
        raise NoCurrentPeriod("The account has no period that a plan could change in.")
    if gives_more(plan, subscription.plan):
        return _upgrade(account, subscription, period, plan, at=now, now=now)
    return put_off(subscription=subscription, period=period, plan=plan, now=now)


def put_off(
    *, subscription: Subscription, period: SubscriptionPeriod, plan: Plan, now: datetime
) -> PlanChange:
    """Change the plan when the period ends; the present one takes what waits back."""
    is_present = plan.pk == subscription.plan_id
    if period.next_plan_id != (None if is_present else plan.pk):
        period.next_plan = None if is_present else plan
        period.save(update_fields=["next_plan", "updated_at"])
        subscription.version += 1  # what the provider is told of the renewal is out of date
        subscription.save(update_fields=["version", "updated_at"])
    return PlanChange(plan, now if is_present else period.ends_at, credits_added=0)


@tenant_atomic()
def raise_plan(
    *,
    account: HasKey,
    subscription: Subscription,
    plan: Plan,
    at: datetime,
    invoice_id: int,
    payment_id: int,
    now: datetime,
) -> PlanChange:
    """The upgrade of a subscription that is paid for: it counts from when it was ordered.

    :param subscription: locked, in a period.
    """
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    period: SubscriptionPeriod = rows.get(starts_at=subscription.current_period_start)
    refs = {"invoice_id": invoice_id, "payment_id": payment_id}
    return _upgrade(account, subscription, period, plan, at=at, now=now, **refs)


def raise_now(
    *, account: HasKey, subscription: Subscription, plan: Plan, now: datetime
) -> PlanChange:
    """An upgrade that costs nothing for the rest of the period.

    :param subscription: locked, in a period.
    """
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    period: SubscriptionPeriod = rows.get(starts_at=subscription.current_period_start)
    return _upgrade(account, subscription, period, plan, at=now, now=now)


def gives_more(plan: Plan, present: Plan) -> bool:
    """Whether a plan is an upgrade. Another interval begins with a period, never inside one."""
    if plan.pk == present.pk or plan.interval != present.interval:
        return False
    return (plan.credits_per_period, plan.price_minor) > (
        present.credits_per_period,
        present.price_minor,
    )


def _upgrade(
    account: HasKey,
    subscription: Subscription,
    period: SubscriptionPeriod,
    plan: Plan,
    *,
    at: datetime,
    now: datetime,
    **refs: int,
) -> PlanChange:
    added = prorated(
        plan.credits_per_period - subscription.plan.credits_per_period, period=period, now=at
    )
    take_plan(Account.objects.get(pk=account.pk), subscription, plan)
    subscription.save(update_fields=["plan", "version", "updated_at"])
    if added:
        grant_credits(
            account=account,
            amount=added,
            type=TransactionType.SUBSCRIPTION,
            idempotency_key=f"{grant_key(period, 'upgrade')}:{subscription.version}",
            expires_at=lots_end_at(subscription, period.ends_at),
            metadata={"plan": plan.code, "reason": "upgrade"},
            now=now,
            **refs,
        )
    period.plan, period.next_plan, period.credits = plan, None, period.credits + added
    period.save(update_fields=["plan", "next_plan", "credits", "updated_at"])
    return PlanChange(plan, now, credits_added=added)


def prorated(amount: int, *, period: SubscriptionPeriod, now: datetime) -> int:
    """The share of an amount that falls on what is left of a period, in whole seconds, floored."""
    total = int((period.ends_at - period.starts_at).total_seconds())
    left = int((period.ends_at - now).total_seconds())
    return max(0, amount) * max(0, min(left, total)) // total
