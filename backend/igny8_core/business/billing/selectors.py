"""What can be read about credits, plans and money. Amounts are whole credits or minor units."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Model, OuterRef, Q, Subquery, Sum

from igny8_core.auth.models import Plan, Subscription
from igny8_core.auth.states import RUNNING
from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    CreditCostConfig,
    CreditLot,
    CreditNote,
    CreditPackage,
    CreditReservation,
    CreditTransaction,
    CreditUsageLog,
    CreditWallet,
    CreditWarning,
    Invoice,
    Payment,
    PaymentMethodConfig,
    PeriodPrice,
    Refund,
    ReservationResult,
    SubscriptionPeriod,
)
from igny8_core.business.billing.states import (
    MANUAL_METHODS,
    BlockCause,
    ReservationStatus,
    TransactionType,
)
from igny8_core.clients.payments import configured
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import current_account_id, tenant

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager

    from django.db.models import QuerySet

    from igny8_core.common.tenancy.context import HasKey


M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class CreditOutlook:
    """What an account can spend, and how long it lasts.

    :ivar blocked_by: causes that stop new work; open debt does, too.
    :ivar days_left: whole days at the pace of the last 24 hours; None when nothing was spent.
    """

    balance: int
    held: int
    available: int
    debt: int
    blocked_by: list[BlockCause]
    spent_24_hours: int
    spent_7_days: int
    days_left: int | None
    period: SubscriptionPeriod | None


def credit_wallet(*, account: HasKey) -> CreditWallet:
    """The wallet as it is now.

    :raises NotFound: no such account.
    """
    with block_of(account):
        wallet: CreditWallet | None = CreditWallet.objects.for_account(account).first()
    if wallet is None:
        raise NotFound("no such account", account_id=account.pk)
    return wallet


def block_of(account: HasKey) -> AbstractContextManager[None]:
    """The account's block; inside it, nothing more: a savepoint would cost two round trips."""
    return nullcontext() if current_account_id() == account.pk else tenant(account.pk)


def blocks_of(wallet: CreditWallet) -> list[BlockCause]:
    """Causes that stop new reservations. An open debt stops them, too."""
    return [cause for cause in BlockCause if getattr(wallet, f"is_{cause}_blocked")]


def current_period(*, account: HasKey, now: datetime) -> SubscriptionPeriod | None:
    """The period of its plan that the account is in; None between periods, and without a plan."""
    rows = SubscriptionPeriod.objects.for_account(account).select_related("plan", "next_plan")
    found: SubscriptionPeriod | None = (
        rows.filter(starts_at__lte=now, ends_at__gt=now, subscription__status__in=RUNNING)
        .order_by("-starts_at", "-pk")
        .first()
    )
    return found


def credit_transactions(
    *,
    account: HasKey,
    types: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    is_spending: bool | None = None,
) -> QuerySet[CreditTransaction]:
    """The ledger, newest first, with the reservations that deductions settled.

    :param since: from this moment on; ``until``: before that one.
    :param is_spending: true for rows that take credits, false for rows that bring some.
    """
    rows = between(CreditTransaction.objects.for_account(account), since, until)
    if types:
        rows = rows.filter(type__in=types)
    if is_spending is not None:
        rows = rows.filter(amount__lt=0) if is_spending else rows.filter(amount__gt=0)
    return rows.select_related("reservation").order_by("-seq")


def credit_lots(*, account: HasKey, is_open: bool | None = True) -> QuerySet[CreditLot]:
    """Lots in the order in which they burn.

    :param is_open: whether credits are left; None for all lots.
    """
    lots = CreditLot.objects.for_account(account)
    if is_open is not None:
        lots = lots.filter(is_open=is_open)
    return lots.order_by("priority", "expires_at", "pk")


def credit_reservations(
    *, account: HasKey, statuses: Collection[str] = ()
) -> QuerySet[CreditReservation]:
    """Reservations, newest first."""
    rows = CreditReservation.objects.for_account(account)
    if statuses:
        rows = rows.filter(status__in=statuses)
    return rows.order_by("-pk")


def credit_warnings(*, account: HasKey, is_open: bool | None = True) -> QuerySet[CreditWarning]:
    """Warnings that a period's credits run out, with their periods, newest first."""
    rows = CreditWarning.objects.for_account(account).select_related("period")
    if is_open is not None:
        rows = rows.filter(resolved_at__isnull=is_open)
    return rows.order_by("-pk")


def withheld_results(*, account: HasKey) -> QuerySet[ReservationResult]:
    """Results that wait for credits, with their reservations, the oldest first."""
    rows = ReservationResult.objects.for_account(account).select_related("reservation")
    waiting = rows.filter(used_at=None, payload__isnull=False, withheld_until__isnull=False)
    return waiting.order_by("pk")


def credit_reservation(*, account: HasKey, reservation_id: int) -> CreditReservation:
    """One reservation of the account.

    :raises NotFound: unknown, or another account's.
    """
    with block_of(account):
        rows = CreditReservation.objects.for_account(account)
        found: CreditReservation | None = rows.filter(pk=reservation_id).first()
    if found is None:
        raise NotFound("no such reservation", reservation_id=reservation_id)
    return found


def held_reservations(*, account: HasKey) -> QuerySet[CreditReservation]:
    """Reservations that set credits aside now, the oldest first."""
    rows = CreditReservation.objects.for_account(account)
    return rows.filter(status=ReservationStatus.HELD).order_by("pk")


def credits_spent(*, account: HasKey, since: datetime) -> int:
    """What AI work was charged from a moment on, by the ledger's clock."""
    return _spent(account, since)[0]


def _spent(account: HasKey, *moments: datetime) -> list[int]:
    """What was charged since each of the moments, the last of them the earliest; one query."""
    rows = CreditTransaction.objects.for_account(account)
    spent = rows.filter(type=TransactionType.DEDUCTION, created_at__gte=moments[-1])
    sums = spent.aggregate(
        **{
            f"since_{n}": Sum("amount", filter=Q(created_at__gte=moment))
            for n, moment in enumerate(moments)
        }
    )
    return [-(sums[f"since_{n}"] or 0) for n in range(len(moments))]


def credit_outlook(*, account: HasKey, now: datetime) -> CreditOutlook:
    """What is left, and for how long at today's pace.

    :raises NotFound: no such account.
    """
    with block_of(account):
        wallet = credit_wallet(account=account)
        today, week = _spent(account, now - timedelta(days=1), now - timedelta(days=7))
        return CreditOutlook(
            balance=wallet.balance,
            held=wallet.held,
            available=wallet.available,
            debt=wallet.debt,
            blocked_by=blocks_of(wallet),
            spent_24_hours=today,
            spent_7_days=week,
            days_left=wallet.available // today if today else None,
            period=current_period(account=account, now=now),
        )


def outlook_with(known: CreditOutlook, *, wallet: CreditWallet) -> CreditOutlook:
    """An outlook with a wallet that was read later; its pace and period stay as they were."""
    today = known.spent_24_hours
    return replace(
        known,
        balance=wallet.balance,
        held=wallet.held,
        available=wallet.available,
        debt=wallet.debt,
        blocked_by=blocks_of(wallet),
        days_left=wallet.available // today if today else None,
    )


def usage_logs(
    *,
    account: HasKey,
    operations: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[CreditUsageLog]:
    """What AI work used and was charged, newest first."""
    rows = between(CreditUsageLog.objects.for_account(account), since, until)
    if operations:
        rows = rows.filter(operation_type__in=operations)
    return rows.order_by("-pk")


def newest_usage_log(*, account: HasKey) -> int:
    """The key of the last usage log, 0 before the first: what is logged later has a greater one,
    whatever anybody's clock says.
    """
    newest = (
        CreditUsageLog.objects.for_account(account).order_by("-pk").values_list("pk", flat=True)
    )
    return int(newest.first() or 0)


def between(rows: QuerySet[M], since: datetime | None, until: datetime | None) -> QuerySet[M]:
    """Those that were made from one moment on, and before another."""
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    return rows if until is None else rows.filter(created_at__lt=until)


# --- money, plans, what is for sale


def subscriptions(*, account: HasKey) -> QuerySet[Subscription]:
    """Subscriptions with plans, newest first; ``renewal_minor`` once the next period is priced."""
    fixed = PeriodPrice.objects.for_account(account).filter(
        subscription=OuterRef("pk"), starts_at=OuterRef("current_period_end")
    )
    renewal: Any = {"renewal_minor": Subquery(fixed.values("total_minor"))}
    rows = Subscription.objects.for_account(account).select_related("plan").order_by("-pk")
    shown: QuerySet[Subscription] = rows.annotate(**renewal)
    return shown


def subscription_periods(*, account: HasKey) -> QuerySet[SubscriptionPeriod]:
    """Periods that were opened, with their plans, newest first."""
    rows = SubscriptionPeriod.objects.for_account(account).select_related("plan", "next_plan")
    return rows.order_by("-pk")


def plans() -> QuerySet[Plan]:
    """Plans that are offered, cheapest first."""
    return Plan.objects.filter(is_active=True).order_by("price_minor", "pk")


def credit_packages() -> QuerySet[CreditPackage]:
    """Packages that are offered: featured ones first, then as operators put them."""
    rows = CreditPackage.objects.filter(is_active=True)
    return rows.order_by("-is_featured", "sort_order", "pk")


def offered_methods(*, country_code: str) -> QuerySet[PaymentMethodConfig]:
    """How one can pay in a country: what is offered there, else everywhere, and set up here."""
    own = PaymentMethodConfig.objects.filter(country_code=country_code)
    rows = PaymentMethodConfig.objects.filter(
        Q(country_code=country_code)
        | Q(country_code="") & ~Q(payment_method__in=own.values("payment_method")),
        is_enabled=True,
        payment_method__in=[*MANUAL_METHODS, *configured()],
    )
    return rows.order_by("sort_order", "pk")


def invoices(*, account: HasKey, statuses: Collection[str] = ()) -> QuerySet[Invoice]:
    """Invoices, drafts included, newest first."""
    rows = Invoice.objects.for_account(account)
    if statuses:
        rows = rows.filter(status__in=statuses)
    return rows.order_by("-pk")


def invoice(*, account: HasKey, invoice_id: int) -> Invoice:
    """One invoice of the account.

    :raises NotFound: unknown, or another account's.
    """
    found: Invoice | None = Invoice.objects.for_account(account).filter(pk=invoice_id).first()
    if found is None:
        raise NotFound("no such invoice", invoice_id=invoice_id)
    return found


def payments(
    *, account: HasKey, invoice: Invoice | None = None, statuses: Collection[str] = ()
) -> QuerySet[Payment]:
    """Attempts to pay, newest first."""
    rows = Payment.objects.for_account(account)
    if invoice is not None:
        rows = rows.filter(invoice=invoice)
    if statuses:
        rows = rows.filter(status__in=statuses)
    return rows.order_by("-pk")


def payment(*, account: HasKey, payment_id: int) -> Payment:
    """One payment of the account.

    :raises NotFound: unknown, or another account's.
    """
    found: Payment | None = Payment.objects.for_account(account).filter(pk=payment_id).first()
    if found is None:
        raise NotFound("no such payment", payment_id=payment_id)
    return found


def credit_notes(*, account: HasKey, invoice: Invoice | None = None) -> QuerySet[CreditNote]:
    """What was taken back of the account's invoices, newest first."""
    rows = CreditNote.objects.for_account(account).select_related("reverses")
    return (rows if invoice is None else rows.filter(invoice=invoice)).order_by("-pk")


def refunds(*, account: HasKey) -> QuerySet[Refund]:
    """Money that went or goes back, newest first."""
    return Refund.objects.for_account(account).order_by("-pk")


def account_payment_methods(*, account: HasKey) -> QuerySet[AccountPaymentMethod]:
    """How the account pays, the oldest first."""
    return AccountPaymentMethod.objects.for_account(account).order_by("pk")


def price_list(*, now: datetime) -> Sequence[CreditCostConfig]:
    """The prices that hold at a moment, in the order in which people see them."""
    rows = CreditCostConfig.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=now))
    return list(rows.filter(active_from__lte=now).order_by("sort_order", "operation_type", "unit"))
