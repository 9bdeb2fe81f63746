"""What can be read about credits. Amounts are whole credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, Sum

from igny8_core.auth.states import RUNNING
from igny8_core.business.billing.models import (
    CreditCostConfig,
    CreditLot,
    CreditReservation,
    CreditTransaction,
    CreditUsageLog,
    CreditWallet,
    SubscriptionPeriod,
)
from igny8_core.business.billing.states import (
    OperationType,
    ReservationStatus,
    TransactionType,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.common.tenancy.context import HasKey


@dataclass(frozen=True)
class OperationUsage:
    """What one kind of AI work used in all."""

    operation: OperationType
    runs: int
    credits: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd_micros: int


def credit_wallet(*, account: HasKey) -> CreditWallet:
    """The wallet as it is now.

    :raises NotFound: no such account.
    """
    with tenant(account.pk):
        wallet: CreditWallet | None = CreditWallet.objects.for_account(account).first()
    if wallet is None:
        raise NotFound("no such account", account_id=account.pk)
    return wallet


def current_period(*, account: HasKey, now: datetime) -> SubscriptionPeriod | None:
    """The period of its plan that the account is in; None between periods, and without a plan."""
    rows = SubscriptionPeriod.objects.for_account(account).select_related("plan", "next_plan")
    found: SubscriptionPeriod | None = (
        rows.filter(starts_at__lte=now, ends_at__gt=now, subscription__status__in=RUNNING)
        .order_by("-starts_at", "-pk")
        .first()
    )
    return found


def credit_transactions(*, account: HasKey) -> QuerySet[CreditTransaction]:
    """The ledger, newest first."""
    return CreditTransaction.objects.for_account(account).order_by("-seq")


def credit_lots(*, account: HasKey) -> QuerySet[CreditLot]:
    """Lots with credits left, in the order in which they burn."""
    lots = CreditLot.objects.for_account(account).filter(remaining__gt=0)
    return lots.order_by("priority", "expires_at", "pk")


def credit_reservation(*, account: HasKey, reservation_id: int) -> CreditReservation:
    """One reservation of the account.

    :raises NotFound: unknown, or another account's.
    """
    with tenant(account.pk):
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
    rows = CreditTransaction.objects.for_account(account)
    spent = rows.filter(type=TransactionType.DEDUCTION, created_at__gte=since)
    return -(spent.aggregate(total=Sum("amount"))["total"] or 0)


def usage_logs(*, account: HasKey) -> QuerySet[CreditUsageLog]:
    """What AI work used and was charged, newest first."""
    return CreditUsageLog.objects.for_account(account).order_by("-pk")


def usage_by_operation(*, account: HasKey, since: datetime | None = None) -> list[OperationUsage]:
    """What each kind of AI work used in all, the dearest first.

    :param since: count from this moment on; by default everything.
    """
    with tenant(account.pk):
        rows = CreditUsageLog.objects.for_account(account)
        if since is not None:
            rows = rows.filter(created_at__gte=since)
        sums = rows.values("operation_type").annotate(
            runs=Count("pk"),
            credits=Sum("credits_used"),
            prompt=Sum("prompt_tokens"),
            completion=Sum("completion_tokens"),
            cost=Sum("cost_usd_micros"),
        )
        return [
            OperationUsage(
                operation=OperationType(row["operation_type"]),
                runs=row["runs"],
                credits=row["credits"],
                prompt_tokens=row["prompt"] or 0,
                completion_tokens=row["completion"] or 0,
                cost_usd_micros=row["cost"] or 0,
            )
            for row in sums.order_by("-credits", "operation_type")
        ]


def price_list(*, now: datetime) -> Sequence[CreditCostConfig]:
    """The prices that hold at a moment, in the order in which people see them."""
    rows = CreditCostConfig.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=now))
    return list(rows.filter(active_from__lte=now).order_by("sort_order", "operation_type", "unit"))
