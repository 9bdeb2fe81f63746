"""Renewals that are paid by hand: invoiced before the period ends, by our clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db.models import Q

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import RUNNING, PlanInterval, SubscriptionStatus
from igny8_core.business.billing.models import Invoice, SubscriptionPeriod
from igny8_core.business.billing.services import subscriptions
from igny8_core.business.billing.services.invoices import draft_invoice
from igny8_core.business.billing.services.paid_periods import (
    PERIOD,
    UPGRADE,
    locked_subscription,
    next_plan,
    period_key,
    plan_of,
)
from igny8_core.business.billing.services.payments import start_payment
from igny8_core.business.billing.services.plan_periods import MONTHS, months_after
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.business.billing.services.subscription_terms import period_lines
from igny8_core.business.billing.states import MANUAL_METHODS, InvoiceStatus
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from igny8_core.auth.models import Plan
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

SHARE_OF_PERIOD = 4
"""A renewal is invoiced in the last quarter of its period, and not before ``RENEWAL_LEAD_DAYS``."""


def renew_due(*, now: datetime, limit: int = BATCH) -> int:
    """Invoice renewals, and end what was cancelled or only tried out; as a periodic job.

    :param limit: subscriptions of a batch.
    :returns: how many subscriptions were renewed or ended.
    """
    renewing = Round("renew_due")
    done = 0
    for account_id, subscription_id in _due(now, limit):
        account = AccountKey(account_id)
        ids = {"subscription_id": subscription_id}
        done += bool(renewing.attempt(renew, account=account, now=now, **ids))
    renewing.end()
    return done


@tenant_atomic()
def renew(*, account: HasKey, subscription_id: int, now: datetime) -> bool:
    """Write the invoice of the next period, or end the subscription. Safe to repeat.

    :returns: whether anything was done.
    :raises InvalidInput: the billing details are not complete any more.
    """
    holder = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    row = locked_subscription(account=account, subscription_id=subscription_id)
    start, ends_at = row.current_period_start, row.current_period_end
    if row.provider or row.status not in RUNNING or start is None or ends_at is None:
        return False
    plan = next_plan(account=account, subscription=row)
    is_over = ends_at <= now
    is_last = row.cancel_at_period_end or not plan.price_minor
    if is_over and (is_last or row.status == SubscriptionStatus.TRIALING):
        subscriptions.end(account=account, subscription_id=row.pk, now=now)
        return True
    if is_last or now < ends_at - lead_of(Span(start, ends_at)):
        return False
    span = following_span(account=account, subscription=row, plan=plan, begins=ends_at)
    key = period_key(row, PERIOD, span.starts_at)
    mine = Invoice.objects.for_account(account).exclude(status=InvoiceStatus.VOID)
    known: Invoice | None = mine.filter(period_key=key).first()
    if known is not None:
        if known.status != InvoiceStatus.PENDING or plan_of(account=account, invoice=known) == plan:
            return False
        reason = "The plan was changed."
        subscriptions.withdraw(
            account=account, subscription=row, reason=reason, kind=PERIOD, now=now
        )
    if is_over:
        reason = "The period of the upgrade is over."
        subscriptions.withdraw(
            account=account, subscription=row, reason=reason, kind=UPGRADE, now=now
        )
    invoice = draft_invoice(
        account=holder,
        lines=period_lines(plan, span),
        currency=plan.currency,
        subscription_id=row.pk,
        period_start=span.starts_at,
        period_end=span.ends_at,
        period_key=key,
        now=now,
    )
    start_payment(
        account=holder,
        invoice_id=invoice.pk,
        method=row.payment_method,
        idempotency_key=f"renew:{invoice.pk}",
        now=now,
    )
    log.info("billing.renewal.invoiced", account_id=account.pk, subscription_id=row.pk)
    return True


def lead_of(span: Span) -> timedelta:
    """How long before the end of a period the next one is invoiced."""
    quarter = timedelta(seconds=span.seconds // SHARE_OF_PERIOD)
    return min(timedelta(days=settings.RENEWAL_LEAD_DAYS), quarter)


def following_span(
    *, account: HasKey, subscription: Subscription, plan: Plan, begins: datetime
) -> Span:
    """The period after the one that is paid: on the same day of the month as the first paid one."""
    rows = SubscriptionPeriod.objects.for_account(account).filter(subscription=subscription)
    first = rows.order_by("starts_at").values_list("starts_at", flat=True).first()
    anchor = subscription.trial_ends_at or first or begins
    gone = (begins.year - anchor.year) * 12 + begins.month - anchor.month
    return Span(begins, months_after(anchor, gone + MONTHS[PlanInterval(plan.interval)]))


def _due(now: datetime, limit: int) -> Iterator[tuple[int, int]]:
    latest = now + timedelta(days=settings.RENEWAL_LEAD_DAYS)
    rows = Subscription.objects.across_accounts(reason="renewals by hand").filter(
        Q(provider="", payment_method__in=MANUAL_METHODS),
        status__in=RUNNING,
        current_period_end__lte=latest,
    )

    def read(after: tuple[int, int], size: int) -> list[tuple[int, int]]:
        found = rows.filter(pk__gt=after[1]).order_by("pk").values_list("account_id", "pk")
        return list(found[:size])

    return batches(read, first=(0, 0), limit=limit)
