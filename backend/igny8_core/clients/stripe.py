"""Stripe through its own library: hosted checkout, refunds, webhooks, events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import stripe

from igny8_core.clients.payments import (
    BadSignature,
    DisputeOutcome,
    ProviderEvent,
    RemoteCheckout,
    RemoteDispute,
    RemoteRefund,
    RemoteStatus,
)
from igny8_core.clients.stripe_cards import CHARGE, StripeCards
from igny8_core.clients.stripe_subscriptions import StripeSubscriptions
from igny8_core.clients.stripe_wire import (
    HUNDREDFOLD,
    metadata_of,
    named,
    reference_of,
    subscription_of,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.clients.payments import CheckoutRequest

API_VERSION: Final = "2026-10-28.endive"
TIMEOUT_SECONDS: Final = 20
RETRIES: Final = 2
TOLERANCE_SECONDS: Final = 300
EVENTS_MAX: Final = 5_000
LISTENED: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
_OUTCOMES: Final = {
    "won": DisputeOutcome.WON,
    "warning_closed": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
}
_REFUNDS: Final = {
    "succeeded": RemoteStatus.PAID,
    "failed": RemoteStatus.FAILED,
    "canceled": RemoteStatus.FAILED,
}
_WHY_NOT_BACK: Final = {
    "lost_or_stolen_card": "The card was reported lost or stolen.",
    "expired_or_canceled_card": "The card has expired, or its account was closed.",
    "charge_for_pending_refund_disputed": "The customer's bank asked for the money meanwhile.",
    "insufficient_funds": "There was not enough money on our account at Stripe.",
    "declined": "The customer's bank did not take the money.",
    "merchant_request": "It was stopped in Stripe's own pages.",
}


class StripePayments(StripeSubscriptions, StripeCards):
    """One account at Stripe.

    :param webhook_secrets: newest first; while a secret is changed two of them hold.
    :param address: another server than Stripe's own; tests only.
    """

    def __init__(
        self, *, secret_key: str, webhook_secrets: Sequence[str] = (), address: str = ""
    ) -> None:
        self.webhook_secrets = webhook_secrets
        self.client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            base_addresses={"api": address} if address else None,
        )

    def create_checkout(self, request: CheckoutRequest) -> RemoteCheckout:
        """A page of Stripe's. The same key is the same page, for a day at least."""
        line: Any = {
            "quantity": 1,
            "price_data": {
                "currency": request.currency.lower(),
                "unit_amount": request.amount_minor * HUNDREDFOLD.get(request.currency, 1),
                "product_data": {"name": request.description},
            },
        }
        params: Any = {
            "mode": "payment",
            "line_items": [line],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.reference,
            "metadata": {"reference": request.reference},
            "payment_intent_data": {"metadata": {"reference": request.reference}},
        }
        if request.email:
            params["customer_email"] = request.email
        with translated():
            made = self.client.v1.checkout.sessions.create(
                params, options={"idempotency_key": request.key}
            )
        return _checkout(made)

    def get_checkout(self, ref: str) -> RemoteCheckout:
        """The checkout as it is now; of a saved card the charge."""
        if ref.startswith(CHARGE):
            return self.get_charge(ref)
        with translated():
            return _checkout(self.client.v1.checkout.sessions.retrieve(ref))

    def capture_checkout(self, ref: str, *, key: str) -> RemoteCheckout:  # noqa: ARG002
        """Stripe takes the money by itself: how it is now."""
        return self.get_checkout(ref)

    def refund(
        self, *, payment_ref: str, amount_minor: int, currency: str, key: str
    ) -> RemoteRefund:
        """Send a part of the money back, once per key."""
        factor = HUNDREDFOLD.get(currency, 1)
        with translated():
            made = self.client.v1.refunds.create(
                {
                    "payment_intent": payment_ref,
                    "amount": amount_minor * factor,
                    "metadata": {"key": key},
                },
                options={"idempotency_key": key},
            )
        return _refund(made)

    def refunds_of(self, payment_ref: str) -> list[RemoteRefund]:
        """What went back of a payment, whoever did it; the oldest first."""
        params: Any = {"payment_intent": payment_ref, "limit": 100}
        with translated():
            found = list(self.client.v1.refunds.list(params).auto_paging_iter())
        return [_refund(row) for row in reversed(found)]

    def disputes_of(self, payment_ref: str) -> list[str]:
        """The names of the disputes about a payment."""
        params: Any = {"payment_intent": payment_ref, "limit": 100}
        with translated():
            return [row.id for row in self.client.v1.disputes.list(params).data]

    def get_dispute(self, ref: str) -> RemoteDispute:
        """The dispute as it is now; its balance entries say where the money is."""
        with translated():
            row = self.client.v1.disputes.retrieve(ref)
        currency = row.currency.upper()
        factor = HUNDREDFOLD.get(currency, 1)
        moved = -sum(entry.amount for entry in row.balance_transactions or [])
        return RemoteDispute(
            ref=row.id,
            payment_ref=named(row.payment_intent),
            amount_minor=row.amount // factor,
            currency=currency,
            outcome=_OUTCOMES.get(row.status, DisputeOutcome.OPEN),
            withdrawn_minor=moved // factor,
            reason=row.reason or "",
        )

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """The event of a webhook, if one of our secrets signed it in the last five minutes."""
        signature = headers.get("Stripe-Signature", "")
        for secret in self.webhook_secrets:
            try:
                found = self.client.construct_event(
                    body, signature, secret, tolerance=TOLERANCE_SECONDS
                )
            except stripe.SignatureVerificationError:
                continue
            except (ValueError, UnicodeDecodeError) as exc:
                raise BadSignature("This is no event of Stripe's.") from exc
            return _event(found)
        raise BadSignature("This webhook is not signed by Stripe, or too old.")

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Events that we listen to, newest first, at most ``EVENTS_MAX``."""
        params: Any = {
            "created": {"gte": int(moment.timestamp())},
            "types": list(LISTENED),
            "limit": 100,
        }
        with translated():
            page = self.client.v1.events.list(params)
            for count, found in enumerate(page.auto_paging_iter(), 1):
                yield _event(found)
                if count >= EVENTS_MAX:
                    return


def _checkout(row: Any) -> RemoteCheckout:
    status = RemoteStatus.OPEN
    if row.payment_status in {"paid", "no_payment_required"}:
        status = RemoteStatus.PAID
    elif row.status == "complete":
        status = RemoteStatus.PROCESSING  # a bank is still busy: async_payment_… follows
    elif row.status == "expired":
        status = RemoteStatus.FAILED
    currency = (row.currency or "").upper()
    return RemoteCheckout(
        ref=row.id,
        status=status,
        amount_minor=(row.amount_total or 0) // HUNDREDFOLD.get(currency, 1),
        currency=currency,
        reference=row.client_reference_id or "",
        url=row.url or "",
        payment_ref=named(row.payment_intent),
        failure="The checkout expired." if status is RemoteStatus.FAILED else "",
        customer_ref=named(getattr(row, "customer", None)),
        subscription_ref=named(getattr(row, "subscription", None)),
    )


def _refund(row: Any) -> RemoteRefund:
    return RemoteRefund(
        ref=row.id,
        status=_REFUNDS.get(row.status or "", RemoteStatus.PROCESSING),
        amount_minor=row.amount // HUNDREDFOLD.get((row.currency or "").upper(), 1),
        failure=_failure(getattr(row, "failure_reason", None) or ""),
        key=metadata_of(row, "key"),
        reason=getattr(row, "reason", None) or "",
    )


def _failure(code: str) -> str:
    return _WHY_NOT_BACK.get(code, f"Stripe says: {code}." if code else "")


def _event(found: Any) -> ProviderEvent:
    about = found.data.object
    kind = getattr(about, "object", "")
    is_checkout = kind == "checkout.session"
    ref = about.id if is_checkout else named(getattr(about, "payment_intent", None))
    return ProviderEvent(
        event_id=found.id,
        type=found.type,
        created_at=datetime.fromtimestamp(found.created, UTC),
        object_ref=ref or getattr(about, "id", ""),
        reference=reference_of(about, kind),
        dispute_ref=about.id if kind == "dispute" else "",
        subscription_ref=subscription_of(about, kind),
        payload=found.to_dict(),
    )
