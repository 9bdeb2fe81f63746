"""What the next period at a provider costs: fixed before it begins, so that nobody is surprised.

A provider charges what it was told last. So the price is fixed ``PRICE_NOTICE_DAYS`` before the
period begins, or when the customer saw it in an order; a plan's price that is changed later
counts from the period after. The tax is that of the day on which the period begins, and follows
its rules until then. Whoever books the money uses the price that was fixed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import SubscriptionStatus
from igny8_core.business.billing.models import InvoiceLine, PeriodPrice, SubscriptionPeriod
from igny8_core.business.billing.services.paid_periods import (
    UPGRADE,
    locked_subscription,
    next_plan,
)
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.business.billing.services.subscription_terms import period_lines, totals
from igny8_core.business.billing.states import InvoiceStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from igny8_core.auth.models import Plan
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

CHARGED = [SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE]


def fix_due(*, now: datetime, limit: int = BATCH) -> int:
    """Fix the prices of periods that begin soon, and their tax anew; as a periodic job.

    What came out of it is pushed to the provider and mailed by jobs of their own.

    :param limit: subscriptions of a batch.
    :returns: how many prices are new or others than before.
    """
    fixing = Round("fix_prices")
    done = 0
    for account_id, subscription_id in _due(now, limit):
        ids = {"subscription_id": subscription_id}
        done += bool(fixing.attempt(fix_renewal, account=AccountKey(account_id), now=now, **ids))
    fixing.end()
    return done


@tenant_atomic()
def fix_renewal(*, account: HasKey, subscription_id: int, now: datetime) -> bool:
    """Fix what the next period costs, if that is near. Safe to repeat.

    :returns: whether the price is new, or another one than before: then the provider is told.
    :raises InvalidInput: the billing details are not complete any more.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer on that day.
    """
    holder = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    row = locked_subscription(account=account, subscription_id=subscription_id)
    plan = next_plan(account=account, subscription=row)
    if not _is_near(row, now) or not plan.price_minor:
        return False
    starts_at = row.current_period_end
    known = price_for(account=account, subscription=row, plan=plan, starts_at=starts_at)
    price = _reckoned(holder, row, plan, known.net_minor if known is not None else None, now=now)
    mine = _rows(account, row).filter(starts_at=starts_at).first()
    if mine is not None and _same(mine, price):
        return False
    before = mine.total_minor if mine is not None and mine.plan_id == plan.pk else None
    if before is None and plan.pk == row.plan_id:
        before = _cost_now(account, row)
    price.before_minor = before
    price.is_news = before is not None and before != price.total_minor
    _keep(mine, price, now=now)
    log.info("billing.price.fixed", account_id=account.pk, subscription_id=row.pk)
    return True


@tenant_atomic()
def fix_first(*, account: Account, subscription_id: int, now: datetime) -> None:
    """Fix what an order costs, before the provider makes its page. The first call counts."""
    row = locked_subscription(account=account, subscription_id=subscription_id)
    if row.current_period_end is None and not _rows(account, row).exists():
        price = _reckoned(account, row, row.plan, None, now=now)
        price.pushed_at = now
        price.save()


def fix_told(*, account: Account, subscription: Subscription, plan: Plan, now: datetime) -> None:
    """Fix the price of a plan that somebody chooses for the next period: it is what they saw.

    :param subscription: locked. The provider hears of the choice by its version.
    """
    if not subscription.provider or not plan.price_minor:
        return
    price = _reckoned(account, subscription, plan, None, now=now)
    price.pushed_at = now
    rows = _rows(account, subscription)
    _keep(rows.filter(starts_at=subscription.current_period_end).first(), price, now=now)


def price_for(
    *, account: HasKey, subscription: Subscription, plan: Plan, starts_at: datetime | None
) -> PeriodPrice | None:
    """What was fixed for a period under a plan; None when nothing was. Inside the block.

    The first period that is paid, after a trial too, costs what the order said.
    """
    rows = _rows(account, subscription).filter(plan=plan)
    found: PeriodPrice | None = rows.filter(starts_at=starts_at).first()
    paid = SubscriptionPeriod.objects.for_account(account).filter(
        subscription=subscription, invoice__isnull=False
    )
    if found is None and not paid.exists():
        found = rows.filter(starts_at=None).first()
    return found


def told_net(
    *, account: HasKey, subscription: Subscription, plan: Plan, starts_at: datetime | None
) -> int | None:
    """The net price at which the provider charges a period, as it was told; inside the block.

    What was fixed for it, else what the plan cost in the period before: a provider that was told
    of nothing new charges that. None: it was never told of this plan.
    """
    fixed = price_for(account=account, subscription=subscription, plan=plan, starts_at=starts_at)
    if fixed is None and starts_at is not None:
        rows = _rows(account, subscription).filter(plan=plan)
        fixed = rows.filter(starts_at__lt=starts_at).order_by("-starts_at").first()
        fixed = fixed or rows.filter(starts_at=None).first()
    if fixed is not None:
        return int(fixed.net_minor)
    sold = InvoiceLine.objects.for_account(account).filter(
        invoice__subscription=subscription, invoice__status=InvoiceStatus.PAID, plan=plan
    )
    whole = sold.exclude(invoice__period_key__contains=f":{UPGRADE}:")
    paid: int | None = whole.order_by("-pk").values_list("net_minor", flat=True).first()
    return paid


def untold(*, account: HasKey, subscription: Subscription) -> PeriodPrice | None:
    """The price of the next period, while the provider has not been told of it."""
    rows = _rows(account, subscription).filter(pushed_at=None)
    found: PeriodPrice | None = rows.filter(starts_at=subscription.current_period_end).first()
    return found


def note_told(*, account: HasKey, price: PeriodPrice, now: datetime) -> None:
    """The provider knows the price, unless it was changed meanwhile. Inside the block."""
    rows = PeriodPrice.objects.for_account(account).filter(pk=price.pk, changes=price.changes)
    rows.update(pushed_at=now, updated_at=now)


def _is_near(row: Subscription, now: datetime) -> bool:
    ends_at = row.current_period_end
    return (
        bool(row.provider)
        and row.status in CHARGED
        and not row.cancel_at_period_end
        and ends_at is not None
        and now < ends_at <= now + timedelta(days=settings.PRICE_NOTICE_DAYS)
    )


def _rows(account: HasKey, subscription: Subscription) -> Any:
    return PeriodPrice.objects.for_account(account).filter(subscription=subscription)


def _reckoned(
    account: Account, row: Subscription, plan: Plan, net_minor: int | None, *, now: datetime
) -> PeriodPrice:
    """A price with the tax of the day on which the period begins. Not saved."""
    starts_at = row.current_period_end
    lines = period_lines(plan, None, net_minor=net_minor)
    amount = totals(account=account, lines=lines, now=max(starts_at or now, now))
    return PeriodPrice(
        account_id=account.pk,
        subscription=row,
        plan=plan,
        starts_at=starts_at,
        net_minor=amount.subtotal_minor,
        tax_minor=amount.tax_minor,
        total_minor=amount.total_minor,
        currency=plan.currency,
    )


def _same(one: PeriodPrice, other: PeriodPrice) -> bool:
    names = ("plan_id", "net_minor", "tax_minor", "currency")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _keep(mine: PeriodPrice | None, price: PeriodPrice, *, now: datetime) -> None:
    if mine is not None:
        price.pk, price.created_at, price.changes = mine.pk, mine.created_at, mine.changes + 1
        price.updated_at = now
        price.save(force_update=True)
    else:
        price.save()


def _cost_now(account: HasKey, row: Subscription) -> int | None:
    """With tax, what the present period cost; in a trial, what the order said."""
    periods = SubscriptionPeriod.objects.for_account(account).filter(
        subscription=row, starts_at=row.current_period_start
    )
    period = periods.select_related("invoice").first()
    if period is not None and period.invoice is not None:
        return int(period.invoice.total_minor)
    ordered: int | None = (
        _rows(account, row)
        .filter(starts_at=None, plan=row.plan)
        .values_list("total_minor", flat=True)
        .first()
    )
    return ordered


def _due(now: datetime, limit: int) -> Iterator[tuple[int, int]]:
    latest = now + timedelta(days=settings.PRICE_NOTICE_DAYS)
    rows = Subscription.objects.across_accounts(reason="prices of renewals").filter(
        status__in=CHARGED,
        cancel_at_period_end=False,
        current_period_end__gt=now,
        current_period_end__lte=latest,
    )

    def read(after: tuple[int, int], size: int) -> list[tuple[int, int]]:
        found = rows.exclude(provider="").filter(pk__gt=after[1]).order_by("pk")
        return list(found.values_list("account_id", "pk")[:size])

    return batches(read, first=(0, 0), limit=limit)
