"""Subscriptions for money: ordered, tried out, cancelled, resumed, ended.

Paid by hand, one runs by our clock: ``renewals`` writes its invoices. At a provider it runs by the
provider's: ``provider_subscriptions`` follows. Either way a period begins with its money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from igny8_core.auth.models import Account, Plan, Subscription
from igny8_core.auth.services.opening import FREE_PLAN
from igny8_core.auth.states import DUNNING, SUBSCRIPTION, DunningStage, SubscriptionStatus
from igny8_core.business.billing.errors import AlreadySubscribed
from igny8_core.business.billing.models import Invoice, Payment, SubscriptionPeriod
from igny8_core.business.billing.services.billing_profiles import known_buyer
from igny8_core.business.billing.services.credit_notes import void_invoice
from igny8_core.business.billing.services.invoices import draft_invoice, drop_draft
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.paid_periods import (
    FIRST,
    end_free_one,
    locked_subscription,
    move_to,
    paid_running,
    period_key,
)
from igny8_core.business.billing.services.payments import (
    cancel_payment,
    start_payment,
    way_in,
)
from igny8_core.business.billing.services.plan_periods import is_free, open_period
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.services.subscription_terms import period_lines, totals
from igny8_core.business.billing.states import (
    INVOICE,
    MANUAL_METHODS,
    BlockCause,
    InvoiceStatus,
    PaymentStatus,
)
from igny8_core.clients.payments import subscription_client
from igny8_core.common.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

OPEN_PAYMENTS = [PaymentStatus.PENDING, PaymentStatus.PROCESSING]
UNPAID = [InvoiceStatus.DRAFT, InvoiceStatus.PENDING]


@dataclass(frozen=True)
class Ordered:
    """A subscription that was ordered. Paid by hand, with its first invoice and payment.

    :ivar payment: None at a provider, which makes it, and during a trial.
    """

    subscription: Subscription
    invoice: Invoice | None = None
    payment: Payment | None = None


@tenant_atomic()
def subscribe(
    *,
    account: Account,
    plan_code: str,
    method: str,
    wants_trial: bool = False,
    idempotency_key: str,
    now: datetime,
) -> Ordered:
    """Order a plan that costs money. Safe to repeat with the same key.

    Its first period begins when it is paid; a trial begins now, by hand, or when the provider has
    the card. An earlier order that nobody has paid is given up.

    :raises InvalidInput: no such plan is for sale; the way to pay is not offered; the billing
        details are not complete; a trial that the plan does not have, or that there was before.
    :raises AlreadySubscribed: one is running: its plan can be changed.
    :raises BillingNotSetUp: there is no seller, or no tax for this buyer.
    :raises IdempotencyConflict: the key was used for something else.
    """
    locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    mine = Subscription.objects.for_account(account).select_related("plan")
    earlier: Subscription | None = mine.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        if (earlier.plan.code, earlier.payment_method) != (plan_code, method):
            raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
        return _ordered(account, earlier)
    plan = for_sale(plan_code)
    country = known_buyer(account=account).country_code
    way_in(method, country)
    if method not in MANUAL_METHODS:
        subscription_client(method)  # not every provider takes payments that repeat
    if paid_running(account=account) is not None:
        raise AlreadySubscribed("The account has a subscription: change its plan instead.")
    if wants_trial:
        _refuse_trial(account, plan)
    totals(account=account, lines=period_lines(plan, None), now=now)  # it could be invoiced
    for row in mine.filter(status=SubscriptionStatus.INCOMPLETE):
        give_up(account=account, subscription_id=row.pk, now=now)
    made: Subscription = Subscription.unscoped.create(
        account=locked,
        plan=plan,
        payment_method=method,
        provider="" if method in MANUAL_METHODS else method,
        idempotency_key=idempotency_key,
        wants_trial=wants_trial,
    )
    if made.provider:
        return Ordered(made)
    if wants_trial:
        begins = now.replace(microsecond=0)
        ends_at = begins + timedelta(days=plan.trial_days)
        begin_trial(account=account, subscription=made, starts_at=begins, ends_at=ends_at, now=now)
        return Ordered(made)
    return _invoiced(account, made, now=now)


def for_sale(plan_code: str) -> Plan:
    """:raises InvalidInput: no such plan is offered for money."""
    plan = Plan.objects.filter(code=plan_code, is_active=True, price_minor__gt=0).first()
    if plan is None:
        text = f"There is no plan {plan_code!r} to buy."
        raise InvalidInput("There is no such plan.", plan=[text])
    return plan


def begin_trial(
    *,
    account: HasKey,
    subscription: Subscription,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> None:
    """The one trial of an account: a period that costs nothing and brings the trial's credits.

    :param subscription: locked and incomplete; a constraint allows one trial for each account.
    """
    end_free_one(account=account, now=now)
    advance(
        subscription,
        SubscriptionStatus.TRIALING,
        table=SUBSCRIPTION,
        now=now,
        trial_ends_at=ends_at,
    )
    span = Span(starts_at, ends_at)
    move_to(account=account, subscription=subscription, plan=subscription.plan, span=span)
    open_period(
        account=account,
        subscription_id=subscription.pk,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        credits_given=subscription.plan.trial_credits,
        now=now,
    )
    log.info("billing.trial.began", account_id=account.pk, subscription_id=subscription.pk)


@tenant_atomic()
def cancel(*, account: HasKey, subscription_id: int, now: datetime) -> Subscription:
    """Let it end with its period; what is not paid yet is given up at once. Safe to repeat.

    A renewal that was invoiced already is taken back.

    :raises NotFound: no such subscription.
    :raises Conflict: it has ended; it is the free plan; its renewal is being paid.
    """
    row = _locked(account, subscription_id)
    if row.status == SubscriptionStatus.INCOMPLETE:
        give_up(account=account, subscription_id=row.pk, now=now)
        return _locked(account, subscription_id)
    _refuse_ended(row)
    if not row.cancel_at_period_end:
        withdraw(account=account, subscription=row, reason="The subscription ends.", now=now)
        row.cancel_at_period_end, row.version = True, row.version + 1
        row.save(update_fields=["cancel_at_period_end", "version", "updated_at"])
    if row.status == SubscriptionStatus.PAST_DUE and not row.provider:
        end(account=account, subscription_id=row.pk, now=now)
        return _locked(account, subscription_id)
    return row


@tenant_atomic()
def resume(*, account: HasKey, subscription_id: int, now: datetime) -> Subscription:
    """Go on after all, as long as the period runs. Safe to repeat.

    :raises NotFound: no such subscription.
    :raises Conflict: it has ended.
    """
    row = _locked(account, subscription_id)
    _refuse_ended(row)
    if row.current_period_end is not None and row.current_period_end <= now:
        raise Conflict("Its last period is over: order it again.")
    if row.cancel_at_period_end:
        row.cancel_at_period_end, row.version = False, row.version + 1
        row.save(update_fields=["cancel_at_period_end", "version", "updated_at"])
    return row


@tenant_atomic()
def end(*, account: HasKey, subscription_id: int, is_lost: bool = False, now: datetime) -> None:
    """It is over; the account falls back to the free plan, or the free one it had chosen.

    What was not paid is taken back; nothing is owed any more, and what the dunning had stopped
    goes on. Safe to repeat.

    :param is_lost: the dunning has ended it: what was not paid is written off, not taken back.
    :raises NotFound: no such subscription.
    """
    row = _locked(account, subscription_id)
    if row.status == SubscriptionStatus.CANCELLED:
        return
    if is_lost:
        _write_off(account, row, now=now)
    withdraw(account=account, subscription=row, reason="The subscription has ended.", now=now)
    if row.dunning_stage != DunningStage.NONE:
        stage = DunningStage.CANCELLED if is_lost else DunningStage.NONE
        advance(row, stage, table=DUNNING, now=now, field="dunning_stage")
        set_wallet_block(account=account, cause=BlockCause.DUNNING, is_on=False, now=now)
    plan = _fallback(account, row)
    columns: dict[str, Any] = {"ended_at": now, "version": row.version + 1}
    columns["past_due_since"] = None
    advance(row, SubscriptionStatus.CANCELLED, table=SUBSCRIPTION, now=now, **columns)
    holder = Account.objects.get(pk=account.pk)
    if holder.plan_id != (plan.pk if plan is not None else None):
        holder.plan = plan
        holder.save(update_fields=["plan", "updated_at"])
    log.info("billing.subscription.ended", account_id=account.pk, subscription_id=row.pk)


@tenant_atomic()
def give_up(*, account: HasKey, subscription_id: int, now: datetime) -> None:
    """Forget an order that nobody has paid. Safe to repeat.

    :raises NotFound: no such subscription.
    :raises Conflict: it runs; or somebody is paying it.
    """
    row = _locked(account, subscription_id)
    if row.status == SubscriptionStatus.CANCELLED:
        return
    if row.status != SubscriptionStatus.INCOMPLETE:
        raise Conflict("This subscription runs: cancel it.")
    withdraw(account=account, subscription=row, reason="The order was given up.", now=now)
    columns: dict[str, Any] = {"ended_at": now, "version": row.version + 1}
    advance(row, SubscriptionStatus.CANCELLED, table=SUBSCRIPTION, now=now, **columns)


def read(*, account: HasKey, subscription_id: int) -> Subscription:
    """One subscription with its plan; inside the account's block.

    :raises NotFound: unknown, or another account's.
    """
    rows = Subscription.objects.for_account(account).select_related("plan")
    found: Subscription | None = rows.filter(pk=subscription_id).first()
    if found is None:
        raise NotFound("no such subscription", subscription_id=subscription_id)
    return found


def withdraw(
    *, account: HasKey, subscription: Subscription, reason: str, kind: str = "", now: datetime
) -> bool:
    """Take back every invoice of it that is not paid, with a credit note where it has a number.

    One whose payment is open at a provider stays: money that still comes is looked at.

    :param kind: only invoices that are for this.
    :returns: whether such a one is left.
    :raises Conflict: an operator has approved the money already.
    """
    is_left = False
    rows = Invoice.objects.for_account(account).filter(
        subscription=subscription,
        status__in=UNPAID,
        period_key__startswith=f"sub:{subscription.pk}:{kind}",
    )
    for invoice in rows.order_by("pk"):
        attempts = Payment.objects.for_account(account).filter(invoice=invoice)
        open_ones = attempts.filter(status__in=OPEN_PAYMENTS)
        if open_ones.exclude(provider="").exists():
            is_left = True
            continue
        for payment in open_ones:
            cancel_payment(account=account, payment_id=payment.pk, now=now)
        if invoice.status == InvoiceStatus.DRAFT:
            if not attempts.exists():
                drop_draft(account=account, invoice_id=invoice.pk)
            continue
        void_invoice(
            account=account,
            invoice_id=invoice.pk,
            reason=reason,
            idempotency_key=f"withdraw:{invoice.pk}",
            now=now,
        )
    return is_left


def _write_off(account: HasKey, row: Subscription, *, now: datetime) -> None:
    """Money for a period that had begun will not come; if it does, a person looks at it."""
    rows = Invoice.objects.for_account(account).filter(
        subscription=row, status=InvoiceStatus.PENDING, period_start__lte=now
    )
    for invoice in rows.select_for_update(of=("self",), no_key=True).order_by("pk"):
        attempts = Payment.objects.for_account(account).filter(invoice=invoice)
        for payment in attempts.filter(status__in=OPEN_PAYMENTS, provider=""):
            cancel_payment(account=account, payment_id=payment.pk, now=now)
        advance(invoice, InvoiceStatus.UNCOLLECTIBLE, table=INVOICE, now=now)


def _invoiced(account: Account, row: Subscription, *, now: datetime) -> Ordered:
    invoice = draft_invoice(
        account=account,
        lines=period_lines(row.plan, None),
        currency=row.plan.currency,
        subscription_id=row.pk,
        period_key=period_key(row, FIRST),
        now=now,
    )
    payment = start_payment(
        account=account,
        invoice_id=invoice.pk,
        method=row.payment_method,
        idempotency_key=f"first:{row.pk}",
        now=now,
    )
    invoice.refresh_from_db()
    return Ordered(row, invoice, payment)


def _ordered(account: HasKey, row: Subscription) -> Ordered:
    """What the first request had made."""
    payments = Payment.objects.for_account(account).select_related("invoice")
    first: Payment | None = payments.filter(invoice__subscription=row).order_by("pk").first()
    return Ordered(row, first.invoice if first is not None else None, first)


def _refuse_trial(account: HasKey, plan: Plan) -> None:
    if not plan.trial_days:
        raise InvalidInput("Nothing was ordered.", with_trial=["This plan has no trial."])
    before = Subscription.objects.for_account(account).filter(trial_ends_at__isnull=False)
    if before.exists():
        raise InvalidInput("Nothing was ordered.", with_trial=["The account had its trial."])


def _refuse_ended(row: Subscription) -> None:
    if is_free(row):
        raise Conflict("Nobody pays for this plan: there is nothing to cancel.")
    if row.status == SubscriptionStatus.CANCELLED:
        raise Conflict("This subscription has ended.")


def _fallback(account: HasKey, row: Subscription) -> Plan | None:
    """The free plan that was chosen for the time after, else the one that there is."""
    periods = SubscriptionPeriod.objects.for_account(account).filter(subscription=row)
    last = periods.select_related("next_plan").order_by("-starts_at").first()
    if last is not None and last.next_plan is not None and not last.next_plan.price_minor:
        chosen: Plan = last.next_plan
        return chosen
    return Plan.objects.filter(code=FREE_PLAN, price_minor=0).first()


def _locked(account: HasKey, subscription_id: int) -> Subscription:
    """The subscription, and the account before it."""
    Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    return locked_subscription(account=account, subscription_id=subscription_id)
