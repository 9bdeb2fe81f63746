"""PayPal's events as ours: which object each is about. Only hints: what counts is fetched."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.payments import BadSignature, ProviderEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDERS: Final = ("CHECKOUT.ORDER.", "CHECKOUT.PAYMENT-APPROVAL.")
DISPUTES: Final = "CUSTOMER.DISPUTE."
SUBSCRIPTIONS: Final = "BILLING.SUBSCRIPTION."
ORDERED: Final = "BILLING.SUBSCRIPTION.ACTIVATED"
SALES: Final = "PAYMENT.SALE."
LISTENED: Final = frozenset(
    {
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.COMPLETED",
        "CHECKOUT.ORDER.VOIDED",
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.PENDING",
        "PAYMENT.CAPTURE.DENIED",
        "PAYMENT.CAPTURE.DECLINED",
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.CAPTURE.REVERSED",
        "CUSTOMER.DISPUTE.CREATED",
        "CUSTOMER.DISPUTE.UPDATED",
        "CUSTOMER.DISPUTE.RESOLVED",
        "BILLING.SUBSCRIPTION.ACTIVATED",
        "BILLING.SUBSCRIPTION.UPDATED",
        "BILLING.SUBSCRIPTION.SUSPENDED",
        "BILLING.SUBSCRIPTION.CANCELLED",
        "BILLING.SUBSCRIPTION.EXPIRED",
        "BILLING.SUBSCRIPTION.PAYMENT.FAILED",
        "PAYMENT.SALE.COMPLETED",
    }
)
_ID_MAX: Final = 100


def event_of(found: Mapping[str, Any]) -> ProviderEvent:
    """:raises BadSignature: it is no event of PayPal's."""
    try:
        kind, about = str(found["event_type"]), found["resource"]
        if kind.startswith((SUBSCRIPTIONS, SALES)):
            ref, reference, dispute = _ordered(kind, about), about.get("custom_id", ""), ""
        else:
            ref, reference, dispute = _about(kind, about)
        is_running = kind.startswith((SUBSCRIPTIONS, SALES)) and kind != ORDERED
        # one that was just ordered is found by our reference: a crash may have lost its name
        return ProviderEvent(
            event_id=str(found["id"])[:_ID_MAX],
            type=kind[:_ID_MAX],
            created_at=datetime.fromisoformat(found["create_time"]),
            object_ref=ref[:_ID_MAX],
            reference=reference,
            dispute_ref=dispute,
            subscription_ref=ref[:_ID_MAX] if is_running else "",
            payload=found,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as exc:
        raise BadSignature("This is no event of PayPal's.") from exc


def _about(kind: str, about: Mapping[str, Any]) -> tuple[str, str, str]:
    """(order or capture, our reference if it is an order, dispute)."""
    if kind.startswith(DISPUTES):
        money = about["disputed_transactions"][0]["seller_transaction_id"]
        return money, "", about["dispute_id"]
    if kind.startswith(ORDERS):
        units = about.get("purchase_units") or [{}]
        return about.get("order_id") or about["id"], units[0].get("custom_id", ""), ""
    order = about.get("supplementary_data", {}).get("related_ids", {}).get("order_id", "")
    if order and not kind.endswith((".REFUNDED", ".REVERSED")):
        return order, about.get("custom_id", ""), ""
    return _capture_of(about), "", ""


def _ordered(kind: str, about: Mapping[str, Any]) -> str:
    """The subscription that it is about."""
    return str(about["billing_agreement_id"] if kind.startswith(SALES) else about["id"])


def _capture_of(about: Mapping[str, Any]) -> str:
    """The capture that a refund is of, else the capture itself."""
    for link in about.get("links") or []:
        if link.get("rel") == "up" and "/captures/" in link.get("href", ""):
            return str(link["href"].rstrip("/").rsplit("/", 1)[-1])
    return str(about["id"])
