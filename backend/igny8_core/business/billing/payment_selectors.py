"""What operators read of money, of every account; outside of tenant blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.billing.models import CreditAdjustment, Payment
from igny8_core.business.billing.states import MANUAL_METHODS, AdjustmentStatus, PaymentStatus
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

QUEUE_MAX = 200


def payments_to_approve() -> Sequence[Payment]:
    """Payments by hand that wait for somebody who has seen the money, the oldest first."""
    rows = Payment.objects.across_accounts(reason="operators' queue of payments").filter(
        payment_method__in=MANUAL_METHODS,
        status__in=[PaymentStatus.PENDING, PaymentStatus.PROCESSING],
    )
    shown = rows.select_related("account", "invoice", "approved_by")
    return list(shown.order_by("pk")[:QUEUE_MAX])


def payments_to_review() -> Sequence[Payment]:
    """Money that is there and does not fit its invoice, the oldest first."""
    rows = Payment.objects.across_accounts(reason="operators' queue of payments").filter(
        status=PaymentStatus.SUCCEEDED
    )
    return list(rows.select_related("account", "invoice").order_by("pk")[:QUEUE_MAX])


def adjustments_to_approve() -> Sequence[CreditAdjustment]:
    """Adjustments of credits that wait for a second person, the oldest first."""
    rows = CreditAdjustment.objects.across_accounts(reason="operators' queue of adjustments")
    waiting = rows.filter(status=AdjustmentStatus.REQUESTED)
    return list(waiting.select_related("account", "requested_by").order_by("pk")[:QUEUE_MAX])


def recent_adjustments() -> Sequence[CreditAdjustment]:
    """What was decided, the newest first."""
    rows = CreditAdjustment.objects.across_accounts(reason="operators' list of adjustments")
    decided = rows.exclude(status=AdjustmentStatus.REQUESTED)
    shown = decided.select_related("account", "requested_by", "approved_by")
    return list(shown.order_by("-pk")[:QUEUE_MAX])


def any_payment(payment_id: int) -> Payment:
    """One payment of any account, for an operator.

    :raises NotFound: there is none.
    """
    rows = Payment.objects.across_accounts(reason="an operator opens a payment")
    found: Payment | None = rows.select_related("account").filter(pk=payment_id).first()
    if found is None:
        raise NotFound("There is no such payment.", payment_id=payment_id)
    return found
