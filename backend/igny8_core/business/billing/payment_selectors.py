"""What operators read of money, of every account; outside of tenant blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef

from igny8_core.business.billing.models import (
    CreditAdjustment,
    CreditCostConfig,
    CreditTransaction,
    Dispute,
    InvoiceSeries,
    Payment,
    PaymentMethodConfig,
    PaymentWebhook,
    ReconcileCursor,
    Refund,
    SellerEntity,
    TaxRule,
)
from igny8_core.business.billing.states import (
    MANUAL_METHODS,
    AdjustmentStatus,
    PaymentStatus,
    RefundStatus,
    WebhookStatus,
)
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

QUEUE_MAX = 200
LATEST_MAX = 50


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
        status=PaymentStatus.SUCCEEDED, review_closed_at=None
    )
    return list(rows.select_related("account", "invoice").order_by("pk")[:QUEUE_MAX])


def payments_decided() -> Sequence[Payment]:
    """Payments by hand that somebody has decided on, the newest first."""
    rows = Payment.objects.across_accounts(reason="operators' queue of payments").filter(
        payment_method__in=MANUAL_METHODS,
        status__in=[PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.REFUNDED],
    )
    people = ("approved_by", "second_approved_by", "rejected_by")
    shown = rows.select_related("account", "invoice", *people)
    return list(shown.order_by("-updated_at", "-pk")[:LATEST_MAX])


def any_payment(payment_id: int) -> Payment:
    """One payment of any account, for an operator.

    :raises NotFound: there is none.
    """
    rows = Payment.objects.across_accounts(reason="an operator opens a payment")
    found: Payment | None = rows.select_related("account", "invoice").filter(pk=payment_id).first()
    if found is None:
        raise NotFound("There is no such payment.", payment_id=payment_id)
    return found


def latest_refunds() -> Sequence[Refund]:
    """Money that went or goes back, the newest first."""
    rows = Refund.objects.across_accounts(reason="operators look at refunds")
    notes = ("credit_note", "reversal")
    shown = rows.select_related("account", "payment__invoice", "requested_by", *notes)
    return list(shown.order_by("-pk")[:LATEST_MAX])


def refunds_to_review() -> Sequence[Refund]:
    """Money that could not be given back, and nothing was done about it yet; the oldest first."""
    rows = Refund.objects.across_accounts(reason="operators look at refunds")
    again = rows.filter(account_id=OuterRef("account_id"), retry_of=OuterRef("pk"))
    failed = rows.filter(~Exists(again), status=RefundStatus.FAILED, reviewed_at__isnull=True)
    shown = failed.select_related("account", "payment__invoice", "credit_note", "reversal")
    return list(shown.order_by("pk")[:QUEUE_MAX])


def any_refund(refund_id: int) -> Refund:
    """One refund of any account, for an operator.

    :raises NotFound: there is none.
    """
    rows = Refund.objects.across_accounts(reason="an operator decides on a refund")
    found: Refund | None = rows.select_related("account", "payment").filter(pk=refund_id).first()
    if found is None:
        raise NotFound("There is no such refund.", refund_id=refund_id)
    return found


def latest_disputes() -> Sequence[Dispute]:
    """Disputes with customers' banks, the newest first."""
    rows = Dispute.objects.across_accounts(reason="operators look at disputes")
    shown = rows.select_related("account", "payment__invoice")
    return list(shown.order_by("-pk")[:QUEUE_MAX])


def adjustments_to_decide() -> Sequence[CreditAdjustment]:
    """Adjustments that wait for a second person, the oldest first."""
    rows = CreditAdjustment.objects.across_accounts(reason="operators' queue of adjustments")
    waiting = rows.filter(status=AdjustmentStatus.REQUESTED)
    return list(waiting.select_related("account", "requested_by").order_by("pk")[:QUEUE_MAX])


def adjustments_decided() -> Sequence[tuple[CreditAdjustment, bool]]:
    """Adjustments that were decided on, the newest first, each with whether the ledger has it."""
    rows = CreditAdjustment.objects.across_accounts(reason="operators look at adjustments")
    decided = rows.exclude(status=AdjustmentStatus.REQUESTED)
    people = ("requested_by", "approved_by")
    found = list(decided.select_related("account", *people).order_by("-pk")[:LATEST_MAX])
    booked = adjustments_in_ledger(found)
    return [(row, row.pk in booked) for row in found]


def adjustments_in_ledger(rows: Sequence[CreditAdjustment]) -> set[int]:
    """Which of them the ledger has: their keys."""
    keys = CreditTransaction.objects.across_accounts(reason="adjustments in the ledger").filter(
        account_id__in={row.account_id for row in rows}, type="adjustment"
    )
    own = keys.filter(idempotency_key__startswith="adjustment:").values_list(
        "idempotency_key", flat=True
    )
    known = {row.pk for row in rows}
    return known & {int(key.split(":")[1]) for key in own}


def any_adjustment(adjustment_id: int) -> CreditAdjustment:
    """One adjustment of any account, for an operator.

    :raises NotFound: there is none.
    """
    rows = CreditAdjustment.objects.across_accounts(reason="an operator decides on credits")
    found: CreditAdjustment | None = rows.select_related("account").filter(pk=adjustment_id).first()
    if found is None:
        raise NotFound("There is no such adjustment.", adjustment_id=adjustment_id)
    return found


def price_versions(*, operation: str, unit: str) -> Sequence[CreditCostConfig]:
    """Every version of one price, the newest first."""
    rows = CreditCostConfig.objects.filter(operation_type=operation, unit=unit)
    return list(rows.select_related("created_by").order_by("-version"))


def sellers() -> Sequence[SellerEntity]:
    """Everybody who sells, the default one first."""
    return list(SellerEntity.objects.order_by("-is_default", "code"))


def tax_rules() -> Sequence[TaxRule]:
    """Every rule of tax, by seller, country and kind, the newest first."""
    rows = TaxRule.objects.select_related("entity")
    return list(rows.order_by("entity_id", "buyer_country", "buyer_kind", "-active_from"))


def number_series() -> Sequence[InvoiceSeries]:
    """Counters of documents, the newest year first."""
    rows = InvoiceSeries.objects.select_related("entity")
    return list(rows.order_by("-year", "entity_id", "doc_type"))


def method_configs() -> Sequence[PaymentMethodConfig]:
    """Ways to pay of every country, switched on or not."""
    return list(PaymentMethodConfig.objects.order_by("country_code", "sort_order", "pk"))


def reconcile_cursors() -> Sequence[ReconcileCursor]:
    """How far each provider's events were read."""
    rows = ReconcileCursor.objects.using(settings.TENANCY_STAFF_ALIAS)
    return list(rows.order_by("provider", "stream"))


def webhooks_failed() -> Sequence[PaymentWebhook]:
    """Events that were given up, the newest first."""
    rows = PaymentWebhook.objects.using(settings.TENANCY_STAFF_ALIAS)
    return list(rows.filter(status=WebhookStatus.FAILED).order_by("-pk")[:LATEST_MAX])


def payments_unknown() -> Sequence[Payment]:
    """Payments at providers whose outcome is not known, the oldest first."""
    rows = Payment.objects.across_accounts(reason="payments whose outcome is unknown")
    unknown = rows.filter(outcome_unknown_since__isnull=False, status=PaymentStatus.PROCESSING)
    return list(unknown.select_related("account", "invoice").order_by("pk")[:QUEUE_MAX])
