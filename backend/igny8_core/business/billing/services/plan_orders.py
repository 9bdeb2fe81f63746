"""Another plan for a subscription that is paid: an upgrade is paid now, anything else waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.auth.models import Account, Plan
from igny8_core.auth.states import SubscriptionStatus
from igny8_core.business.billing.errors import NoCurrentPeriod
from igny8_core.business.billing.models import Invoice, Payment, SubscriptionPeriod
from igny8_core.business.billing.services import subscriptions
from igny8_core.business.billing.services.invoices import draft_invoice
from igny8_core.business.billing.services.paid_periods import (
    UPGRADE,
    locked_subscription,
    period_key,
)
from igny8_core.business.billing.services.payments import start_payment
from igny8_core.business.billing.services.period_prices import fix_told
from igny8_core.business.billing.services.plan_changes import (
    gives_more,
    prorated,
    put_off,
    raise_now,
)
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.services.subscription_terms import Totals, totals, upgrade_lines
from igny8_core.business.billing.services.taxes import Line
from igny8_core.clients.payments import subscription_client
from igny8_core.common.errors import Conflict, IdempotencyConflict, InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Subscription
    from igny8_core.common.tenancy.context import HasKey


@dataclass(frozen=True)
class PlanOrder:
    """What a change of plan does, or would do.

    :ivar effective_at: when the plan counts; of an upgrade that costs money, once it is paid.
    :ivar credits_added: at once, or with the money.
    :ivar amount: what is to be paid now; None when nothing is.
    :ivar lines: what it is made up of: the unused part of the old plan, the rest of the new one.
    """

    plan: Plan
    effective_at: datetime
    credits_added: int = 0
    amount: Totals | None = None
    invoice: Invoice | None = None
    payment: Payment | None = None
    lines: Sequence[Line] = ()


@dataclass(frozen=True)
class _Change:
    subscription: Subscription
    period: SubscriptionPeriod
    plan: Plan
    at: datetime

    @property
    def is_upgrade(self) -> bool:
        dearer = self.plan.price_minor >= self.subscription.plan.price_minor
        is_paid = self.subscription.status == SubscriptionStatus.ACTIVE
        return dearer and is_paid and gives_more(self.plan, self.subscription.plan)

    @property
    def lines(self) -> list[Line]:
        span = Span(self.period.starts_at, self.period.ends_at)
        return upgrade_lines(self.subscription.plan, self.plan, span=span, at=self.at)

    @property
    def credits(self) -> int:
        more = self.plan.credits_per_period - self.subscription.plan.credits_per_period
        return prorated(more, period=self.period, now=self.at)


def preview_change(
    *, account: Account, subscription_id: int, plan_code: str, now: datetime
) -> PlanOrder:
    """What :func:`change_plan` would do now, with its errors. Nothing is written.

    Inside the account's block.
    """
    change = _change(account, subscription_id, plan_code, now=now, is_locked=False)
    if not change.is_upgrade:
        is_present = change.plan.pk == change.subscription.plan_id
        return PlanOrder(change.plan, now if is_present else change.period.ends_at)
    amount = totals(account=account, lines=change.lines, now=now)
    is_free = not amount.total_minor
    amount_now = None if is_free else amount
    return PlanOrder(change.plan, now, change.credits, amount_now, lines=change.lines)


@tenant_atomic()
def change_plan(
    *,
    account: Account,
    subscription_id: int,
    plan_code: str,
    idempotency_key: str,
    now: datetime,
) -> PlanOrder:
    """Put a paid subscription on another plan. Safe to repeat with the same key.

    A dearer plan of the same interval that gives more is an upgrade: the rest of the period is
    invoiced, what is not used of the old plan is taken off, and it counts once that is paid.
    Every other change, and all of a trial, waits until the period ends; the present plan takes a
    waiting one back. A renewal that was invoiced already is taken back and written anew.

    :raises NotFound: no such subscription.
    :raises InvalidInput: there is no such plan; it is in another currency; or of another interval
        at a provider that cannot change it.
    :raises NoCurrentPeriod: it is in no period that is paid: it has ended, or money is owed.
    :raises Conflict: the renewal, or another upgrade, is being paid.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    mine = Payment.objects.for_account(account).select_related("invoice")
    earlier: Payment | None = mine.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        return _known(earlier, subscription_id, plan_code, now=now)
    change = _change(account, subscription_id, plan_code, now=now, is_locked=True)
    row = change.subscription
    reason = "The plan was changed."
    if subscriptions.withdraw(account=account, subscription=row, reason=reason, now=now):
        row.version += 1  # what is open at a provider is for a plan of before
        row.save(update_fields=["version", "updated_at"])
    fix_told(account=account, subscription=row, plan=change.plan, now=now)
    if not change.is_upgrade:
        done = put_off(subscription=row, period=change.period, plan=change.plan, now=now)
        return PlanOrder(change.plan, done.effective_at)
    if not totals(account=account, lines=change.lines, now=now).total_minor:
        raised = raise_now(account=account, subscription=row, plan=change.plan, now=now)
        return PlanOrder(change.plan, now, raised.credits_added)
    return _invoiced(account, change, idempotency_key, now=now)


def _invoiced(
    account: Account, change: _Change, idempotency_key: str, *, now: datetime
) -> PlanOrder:
    row = change.subscription
    invoice = draft_invoice(
        account=account,
        lines=change.lines,
        currency=change.plan.currency,
        subscription_id=row.pk,
        period_start=now,
        period_end=change.period.ends_at,
        period_key=period_key(row, UPGRADE),
        now=now,
    )
    payment = start_payment(
        account=account,
        invoice_id=invoice.pk,
        method=row.payment_method or row.provider,
        idempotency_key=idempotency_key,
        now=now,
    )
    payment.metadata = payment.metadata | {"asked": {"plan": change.plan.code}}
    payment.save(update_fields=["metadata"])
    invoice.refresh_from_db()
    amount = Totals(invoice.subtotal_minor, invoice.tax_minor)
    return PlanOrder(change.plan, now, change.credits, amount, invoice, payment, change.lines)


def _known(payment: Payment, subscription_id: int, plan_code: str, *, now: datetime) -> PlanOrder:
    """What the first request with this key had made."""
    invoice = payment.invoice
    asked = payment.metadata.get("asked")
    if invoice.subscription_id != subscription_id or asked != {"plan": plan_code}:
        raise IdempotencyConflict("key reused", idempotency_key=payment.idempotency_key)
    plan = Plan.objects.get(code=plan_code)
    amount = Totals(invoice.subtotal_minor, invoice.tax_minor)
    starts = invoice.period_start or now
    lines = [
        Line(item["description"], item["unit_price_minor"], item["quantity"])
        for item in invoice.line_items
    ]
    return PlanOrder(plan, starts, 0, amount, invoice, payment, lines)


def _change(
    account: HasKey, subscription_id: int, plan_code: str, *, now: datetime, is_locked: bool
) -> _Change:
    row = (
        locked_subscription(account=account, subscription_id=subscription_id)
        if is_locked
        else subscriptions.read(account=account, subscription_id=subscription_id)
    )
    plan = Plan.objects.filter(code=plan_code, is_active=True).first()
    if plan is None:
        raise InvalidInput("There is no such plan.", plan=[f"There is no plan {plan_code!r}."])
    if not row.payment_method and not row.provider:
        raise Conflict("Nobody pays for this plan: order another one.")
    if plan.currency != row.plan.currency:
        raise InvalidInput("Nothing was changed.", plan=["It is sold in another currency."])
    is_other = bool(plan.price_minor) and plan.interval != row.plan.interval
    if row.provider and is_other and not subscription_client(row.provider).changes_interval:
        text = "It is paid in one rhythm there: cancel, and order it when the period has ended."
        raise InvalidInput("Nothing was changed.", plan=[text])
    is_running = row.status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}
    periods = SubscriptionPeriod.objects.for_account(account).filter(
        subscription=row, starts_at=row.current_period_start, ends_at__gt=now
    )
    period: SubscriptionPeriod | None = periods.select_related("next_plan").first()
    if not is_running or period is None:
        raise NoCurrentPeriod("The subscription is in no period that is paid.")
    return _Change(row, period, plan, now)
