"""Periods of plans: opened once each, with the plan's credits, which expire when the period ends.

Accounts that pay for no subscription (the free plan, plans that operators gave) have one of ours:
it has no ``provider`` and no ``payment_method``, begins when the account first needs it, and goes
on for ever on the same day of the month. One that is paid has the dates of what was paid.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, Sum

from igny8_core.auth.models import Account, Plan, Subscription
from igny8_core.auth.states import (
    RUNNING,
    AccountStatus,
    DunningStage,
    PlanInterval,
    SubscriptionStatus,
)
from igny8_core.business.billing.models import (
    CreditLot,
    CreditTransaction,
    CreditTransactionLot,
    SubscriptionPeriod,
)
from igny8_core.business.billing.services.lots import close_lot, expire_lots, grant_credits
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.business.billing.states import LotKind, TransactionType
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PAID_FOR = [SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE]
BEFORE_RESTRICTED = [DunningStage.NONE, DunningStage.PAST_DUE]
MONTHS = {PlanInterval.MONTH: 1, PlanInterval.YEAR: 12}


@dataclass(frozen=True)
class _Source:
    """Why a period is opened: what paid it, and what it brings if not the plan's credits."""

    invoice_id: int | None = None
    payment_id: int | None = None
    credits_given: int | None = None


@dataclass(frozen=True)
class Opened:
    """A period, and whether this call opened it."""

    period: SubscriptionPeriod
    is_new: bool


@tenant_atomic()
def open_current_period(*, account: HasKey, now: datetime) -> SubscriptionPeriod | None:
    """The period that the account is in now; it is opened, with its credits, if nobody has yet.

    Safe to repeat, and safe with any number of callers at once. Periods that went by while
    nobody looked are left out: their credits would have expired.

    :returns: None when the account gets no plan credits: it has no plan, is not active, or its
        provider's subscription is not paid for.
    """
    locked = _locked_account(account)
    if locked.status != AccountStatus.ACTIVE:
        return None
    subscription = running_subscription(account=locked)
    if subscription is None:
        if locked.plan is None:
            return None
        subscription = _start_ours(locked, locked.plan, now=now)
    elif is_free(subscription):
        _move_on(locked, subscription, now=now)
    elif not _is_paid_for(subscription):
        return None
    span = _span(subscription)
    return None if span is None else _open(locked, subscription, span, now=now).period


@tenant_atomic()
def open_period(
    *,
    account: HasKey,
    subscription_id: int,
    starts_at: datetime,
    ends_at: datetime,
    invoice_id: int | None = None,
    payment_id: int | None = None,
    credits_given: int | None = None,
    now: datetime,
) -> Opened:
    """Open one period of a subscription: it is paid, or a trial.

    Safe to repeat: whoever comes first opens it, the others get it as it is. The period before it
    ends with this: what is left of its credits expires, its days of grace with it.

    :param credits_given: other than the plan's: a trial.
    :param starts_at: in whole seconds, as providers count: it is part of the grant's key.
    :raises NotFound: the account has no such subscription.
    :raises InvalidInput: the period ends before it starts, or is not in whole seconds.
    """
    locked = _locked_account(account)
    rows = Subscription.objects.for_account(account).select_for_update(of=("self",))
    subscription: Subscription | None = (
        rows.select_related("plan").filter(pk=subscription_id).first()
    )
    if subscription is None:
        raise NotFound("no such subscription", subscription_id=subscription_id)
    if starts_at >= ends_at or starts_at.microsecond or ends_at.microsecond:
        raise InvalidInput("not a period", starts_at=str(starts_at), ends_at=str(ends_at))
    source = _Source(invoice_id, payment_id, credits_given)
    return _open(locked, subscription, Span(starts_at, ends_at), source, now=now)


def open_due_periods(*, now: datetime, limit: int = BATCH) -> int:
    """Open the period of every account that is in one nobody has opened, in bounded batches.

    :param limit: accounts of a batch.
    :returns: how many accounts were looked after.
    """
    opening = Round("open_due_periods")
    done = 0
    for account_id in _accounts_without_period(now, limit):
        found = opening.attempt(open_current_period, account=AccountKey(account_id), now=now)
        done += found is not None
    if done:
        log.info("billing.periods.opened", accounts=done)
    opening.end()
    return done


def running_subscription(*, account: HasKey) -> Subscription | None:
    """The account's subscription that is running, locked, with its plan; inside its block."""
    rows = Subscription.objects.for_account(account).filter(status__in=RUNNING)
    locked = rows.select_for_update(of=("self",)).select_related("plan")
    found: Subscription | None = locked.first()
    return found


def grant_key(period: SubscriptionPeriod, word: str) -> str:
    """The key of a grant of this period: ``period``, ``rollover`` or ``upgrade``."""
    return f"sub:{period.subscription_id}:{word}:{period.starts_at:%Y%m%dT%H%M%SZ}"


def is_free(subscription: Subscription) -> bool:
    """Whether nobody pays for it: its periods come by themselves."""
    return not subscription.provider and not subscription.payment_method


def lots_end_at(subscription: Subscription, ends_at: datetime) -> datetime:
    """When the credits of a period expire.

    Who pays keeps them for some days while the renewal is not paid; the next period ends them at
    once.
    """
    if is_free(subscription):
        return ends_at
    return ends_at + timedelta(days=settings.PLAN_GRACE_DAYS)


def plan_lots(*, account: HasKey, period: SubscriptionPeriod) -> QuerySet[CreditLot]:
    """The lots that a period brought: of the plan, rolled over, of upgrades."""
    upgrades = Q(source_key__startswith=f"{grant_key(period, 'upgrade')}:")
    own = Q(source_key__in=[grant_key(period, "period"), grant_key(period, "rollover")])
    rows: QuerySet[CreditLot] = CreditLot.objects.for_account(account)
    return rows.filter(own | upgrades, kind=LotKind.PLAN).order_by("pk")


def months_after(anchor: datetime, months: int) -> datetime:
    """The same day and time so many months later; the last day of a month that is too short."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def _locked_account(account: HasKey) -> Account:
    """The row, locked against others who open periods or change the plan.

    :raises NotFound: there is none.
    """
    rows = Account.objects.select_for_update(of=("self",), no_key=True).select_related("plan")
    found = rows.filter(pk=account.pk).first()
    if found is None:
        raise NotFound("no such account", account_id=account.pk)
    return found


def _is_paid_for(subscription: Subscription) -> bool:
    is_current = subscription.dunning_stage in BEFORE_RESTRICTED
    return is_current and subscription.status in PAID_FOR


def _span(subscription: Subscription) -> Span | None:
    start, end = subscription.current_period_start, subscription.current_period_end
    return None if start is None or end is None else Span(start, end)


def _start_ours(account: Account, plan: Plan, *, now: datetime) -> Subscription:
    begins = now.replace(microsecond=0)
    made: Subscription = Subscription.unscoped.create(
        account=account,
        plan=plan,
        status=SubscriptionStatus.ACTIVE,
        current_period_start=begins,
        current_period_end=months_after(begins, MONTHS[PlanInterval(plan.interval)]),
    )
    return made


def _move_on(account: Account, subscription: Subscription, *, now: datetime) -> None:
    """Bring a subscription of ours to the period that it is in, under the plan of that period."""
    span = _span(subscription)
    if span is None or span.ends_at > now:
        return
    start, end = span.starts_at, span.ends_at
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    last = rows.select_related("next_plan").order_by("-starts_at").first()
    first = rows.order_by("starts_at").first()
    anchor = first.starts_at if first is not None else start
    plan = (last.next_plan if last is not None else None) or account.plan or subscription.plan
    while end <= now:
        start = end
        gone = (start.year - anchor.year) * 12 + start.month - anchor.month
        end = months_after(anchor, gone + MONTHS[PlanInterval(plan.interval)])
    subscription.current_period_start, subscription.current_period_end = start, end
    take_plan(account, subscription, plan)
    subscription.save(
        update_fields=[
            "current_period_start",
            "current_period_end",
            "plan",
            "version",
            "updated_at",
        ]
    )


def take_plan(account: Account, subscription: Subscription, plan: Plan) -> None:
    """Put account and subscription on a plan; the subscription is left to the caller to save."""
    if subscription.plan_id != plan.pk:
        subscription.plan, subscription.version = plan, subscription.version + 1
    if account.plan_id != plan.pk:
        account.plan = plan
        account.save(update_fields=["plan", "updated_at"])


def _open(
    account: Account,
    subscription: Subscription,
    span: Span,
    source: _Source = _Source(),
    *,
    now: datetime,
) -> Opened:
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    known: SubscriptionPeriod | None = rows.filter(starts_at=span.starts_at).first()
    if known is not None:
        return Opened(known, is_new=False)
    period = SubscriptionPeriod(
        account=account,
        subscription=subscription,
        plan=subscription.plan,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        invoice_id=source.invoice_id,
    )
    is_latest = not rows.filter(starts_at__gt=span.starts_at).exists()
    if is_latest and lots_end_at(subscription, span.ends_at) > now:
        before: SubscriptionPeriod | None = rows.order_by("-starts_at").first()
        _bring_credits(account, subscription, period, before, source, now=now)
    period.save()  # one that is over brings nothing: its credits would only come and go
    return Opened(period, is_new=True)


def _bring_credits(
    account: Account,
    subscription: Subscription,
    period: SubscriptionPeriod,
    before: SubscriptionPeriod | None,
    source: _Source,
    *,
    now: datetime,
) -> None:
    """End the credits of the period before; grant the plan's, and of the rest what rolls over."""
    rest = _close(account, before, now=now) if before is not None else 0
    follows = before is not None and before.ends_at == period.starts_at
    plan = period.plan
    given = source.credits_given
    amounts = {
        "period": plan.credits_per_period if given is None else given,
        "rollover": min(rest, plan.rollover_cap) if follows else 0,
    }
    for word, amount in amounts.items():
        if amount:
            grant_credits(
                account=account,
                amount=amount,
                type=TransactionType.SUBSCRIPTION,
                idempotency_key=grant_key(period, word),
                expires_at=lots_end_at(subscription, period.ends_at),
                metadata={"plan": plan.code, "reason": word},
                invoice_id=period.invoice_id,
                payment_id=source.payment_id if word == "period" else None,
                now=now,
            )
    period.credits = sum(amounts.values())
    period.lot_key = grant_key(period, "period") if amounts["period"] else None


def _close(account: Account, period: SubscriptionPeriod, *, now: datetime) -> int:
    """End the credits of a period; all that ever expired of them, what is held left out."""
    expire_lots(account=account, now=now)
    lot_ids = []
    for lot in plan_lots(account=account, period=period):
        lot_ids.append(lot.pk)
        if lot.remaining > lot.held:
            close_lot(account=account, lot_id=lot.pk, now=now)
    expired = CreditTransaction.objects.for_account(account).filter(type=TransactionType.EXPIRY)
    parts = CreditTransactionLot.objects.for_account(account).filter(
        lot_id__in=lot_ids, transaction_id__in=expired.values("pk")
    )
    return -int(parts.aggregate(total=Sum("amount"))["total"] or 0)


def _accounts_without_period(now: datetime, limit: int) -> Iterator[int]:
    """Active accounts whose period nobody has opened, and accounts with a plan that none runs."""
    staff = settings.TENANCY_STAFF_ALIAS
    running = Subscription.objects.across_accounts(reason="periods of plans").filter(
        account_id=OuterRef("pk"), status__in=RUNNING
    )
    opened = SubscriptionPeriod.objects.across_accounts(reason="periods of plans").filter(
        account_id=OuterRef("account_id"),
        subscription_id=OuterRef("pk"),
        starts_at=OuterRef("current_period_start"),
    )
    free = Q(provider="", payment_method="")
    ours = free & (Q(current_period_end__lte=now) | ~Exists(opened))
    paid = ~free & Q(
        status__in=PAID_FOR,
        dunning_stage__in=BEFORE_RESTRICTED,
        current_period_start__isnull=False,
        current_period_end__isnull=False,
    )
    due = running.filter(ours | (paid & ~Exists(opened)))
    waiting = Account.objects.using(staff).filter(
        Exists(due) | (Q(plan__isnull=False) & ~Exists(running)), status=AccountStatus.ACTIVE
    )

    def read(after: int, size: int) -> list[int]:
        rows = waiting.filter(pk__gt=after).order_by("pk")
        return list(rows.values_list("pk", flat=True)[:size])

    return batches(read, first=0, limit=limit)
