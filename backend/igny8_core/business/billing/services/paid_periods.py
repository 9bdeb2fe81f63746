"""What a paid invoice of a subscription brings: a period, or more of the one that runs.

Called by ``settle_payment`` alone, in its transaction, before the invoice gets its number. Lock
order: Account, Payment, Invoice, Subscription, wallet, series of numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from igny8_core.auth.models import Account, Plan, Subscription
from igny8_core.auth.states import (
    DUNNING,
    RUNNING,
    SUBSCRIPTION,
    DunningStage,
    PlanInterval,
    SubscriptionStatus,
)
from igny8_core.business.billing.models import DunningNotice, InvoiceLine, SubscriptionPeriod
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.plan_changes import raise_plan
from igny8_core.business.billing.services.plan_periods import (
    MONTHS,
    is_free,
    months_after,
    open_period,
    take_plan,
)
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.states import BlockCause, DunningStep
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.business.billing.models import Invoice
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

FIRST, PERIOD, UPGRADE = "first", "period", "upgrade"


def period_key(subscription: Subscription, what: str, starts_at: datetime | None = None) -> str:
    """What an invoice of a subscription is for, once each."""
    if what == FIRST:
        return f"sub:{subscription.pk}:{FIRST}"
    if what == UPGRADE:
        return f"sub:{subscription.pk}:{UPGRADE}:{subscription.version}"
    return f"sub:{subscription.pk}:{PERIOD}:{starts_at:%Y%m%dT%H%M%SZ}"


def kind_of(invoice: Invoice) -> str:
    """``first``, ``period`` or ``upgrade``; empty for what belongs to no subscription."""
    return (invoice.period_key or "::").split(":")[2]


def is_collected_there(*, account: HasKey, invoice: Invoice) -> bool:
    """Whether a provider's clock asks for the money of an invoice, so that nobody else may."""
    if kind_of(invoice) not in {FIRST, PERIOD}:
        return False
    rows = Subscription.objects.for_account(account).filter(pk=invoice.subscription_id)
    return rows.exclude(provider="").exists()


def locked_subscription(*, account: HasKey, subscription_id: int | None) -> Subscription:
    """One subscription with its plan, locked; inside the account's block, after the account.

    :raises NotFound: unknown, or another account's.
    """
    rows = Subscription.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    found: Subscription | None = rows.select_related("plan").filter(pk=subscription_id).first()
    if found is None:
        raise NotFound("no such subscription", subscription_id=subscription_id)
    return found


def paid_running(*, account: HasKey, but: int | None = None) -> Subscription | None:
    """The account's subscription that runs and is paid for, if there is one; inside its block."""
    rows = Subscription.objects.for_account(account).filter(status__in=RUNNING).exclude(pk=but)
    found: Subscription | None = rows.select_related("plan").first()
    return None if found is None or is_free(found) else found


def problem_of(*, account: HasKey, invoice: Invoice, now: datetime) -> str:
    """Why money for this invoice would bring nothing, so that a person must look; else empty."""
    if not kind_of(invoice):
        return ""
    subscription = locked_subscription(account=account, subscription_id=invoice.subscription_id)
    if subscription.status == SubscriptionStatus.CANCELLED:
        return "the subscription has ended"
    if paid_running(account=account, but=subscription.pk) is not None:
        return "another subscription is running"
    if kind_of(invoice) != UPGRADE and _is_paid_for(account, invoice):
        return "the period is paid already"
    if kind_of(invoice) == UPGRADE:
        if invoice.period_key != period_key(subscription, UPGRADE):
            return "the plan was changed meanwhile"
        if invoice.period_end is None or invoice.period_end <= now:
            return "the period of the upgrade is over"
    if kind_of(invoice) == PERIOD:
        expected = next_plan(account=account, subscription=subscription)
        if plan_of(account=account, invoice=invoice) != expected:
            return "the plan was changed meanwhile"
    return ""


def bring(*, account: HasKey, invoice: Invoice, payment_id: int, now: datetime) -> None:
    """Open the period that an invoice pays, or raise the plan of the one that runs."""
    kind = kind_of(invoice)
    if not kind:
        return
    subscription = locked_subscription(account=account, subscription_id=invoice.subscription_id)
    plan = plan_of(account=account, invoice=invoice)
    if kind == UPGRADE:
        raise_plan(
            account=account,
            subscription=subscription,
            plan=plan,
            at=invoice.period_start or now,
            invoice_id=invoice.pk,
            payment_id=payment_id,
            now=now,
        )
        return
    span = span_of(invoice, plan, now=now)
    start_span(account=account, subscription=subscription, plan=plan, span=span, now=now)
    open_period(
        account=account,
        subscription_id=subscription.pk,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        invoice_id=invoice.pk,
        payment_id=payment_id,
        now=now,
    )
    log.info("billing.subscription.paid", account_id=account.pk, subscription_id=subscription.pk)


def span_of(invoice: Invoice, plan: Plan, *, now: datetime) -> Span:
    """The period that an invoice pays; a first one begins with its money."""
    if invoice.period_start is not None and invoice.period_end is not None:
        return Span(invoice.period_start, invoice.period_end)
    begins = now.replace(microsecond=0)
    return Span(begins, months_after(begins, MONTHS[PlanInterval(plan.interval)]))


def start_span(
    *, account: HasKey, subscription: Subscription, plan: Plan, span: Span, now: datetime
) -> None:
    """Bring a subscription into a period that is paid, and lift what its absence had stopped."""
    end_free_one(account=account, now=now)
    owed_since = subscription.past_due_since
    if subscription.status != SubscriptionStatus.ACTIVE:
        advance(subscription, SubscriptionStatus.ACTIVE, table=SUBSCRIPTION, now=now)
    if subscription.dunning_stage != DunningStage.NONE:
        none = DunningStage.NONE
        advance(subscription, none, table=DUNNING, now=now, field="dunning_stage")
        set_wallet_block(account=account, cause=BlockCause.DUNNING, is_on=False, now=now)
    if owed_since is not None:
        DunningNotice.unscoped.bulk_create(
            [
                DunningNotice(
                    account_id=account.pk,
                    subscription=subscription,
                    since=owed_since,
                    step=DunningStep.PAID,
                )
            ],
            ignore_conflicts=True,
        )
    move_to(account=account, subscription=subscription, plan=plan, span=span)


def move_to(*, account: HasKey, subscription: Subscription, plan: Plan, span: Span) -> None:
    """Write down period and plan, unless a later period has begun."""
    known_end = subscription.current_period_end
    subscription.past_due_since = None
    if known_end is None or span.ends_at > known_end:
        subscription.current_period_start = span.starts_at
        subscription.current_period_end = span.ends_at
        take_plan(Account.objects.get(pk=account.pk), subscription, plan)
    subscription.save(
        update_fields=[
            "current_period_start",
            "current_period_end",
            "past_due_since",
            "plan",
            "version",
            "updated_at",
        ]
    )


def end_free_one(*, account: HasKey, now: datetime) -> None:
    """The free plan makes room for one that is paid; its credits stay until they expire."""
    rows = Subscription.objects.for_account(account).filter(status__in=RUNNING)
    for row in rows.select_for_update(of=("self",), no_key=True):
        if is_free(row):
            advance(row, SubscriptionStatus.CANCELLED, table=SUBSCRIPTION, now=now, ended_at=now)


def next_plan(*, account: HasKey, subscription: Subscription) -> Plan:
    """The plan of the period that follows."""
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    last: SubscriptionPeriod | None = (
        rows.select_related("next_plan").order_by("-starts_at").first()
    )
    waiting: Plan | None = last.next_plan if last is not None else None
    return waiting or subscription.plan


def _is_paid_for(account: HasKey, invoice: Invoice) -> bool:
    """Whether another invoice has paid the period, or the first one."""
    rows = SubscriptionPeriod.objects.for_account(account).filter(
        subscription_id=invoice.subscription_id, invoice__isnull=False
    )
    if invoice.period_start is not None:
        rows = rows.filter(starts_at=invoice.period_start)
    return rows.exists()


def plan_of(*, account: HasKey, invoice: Invoice) -> Plan:
    """The plan that an invoice sells: that of its last line."""
    lines = InvoiceLine.objects.for_account(account).filter(invoice=invoice, plan__isnull=False)
    return Plan.objects.get(pk=lines.order_by("-pos").values_list("plan_id", flat=True)[0])
