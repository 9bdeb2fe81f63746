"""Stripe through its own library: hosted checkout, refunds, webhooks, events."""

from __future__ import annotations

from contextlib import contextmanager
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
from igny8_core.common.errors import ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.clients.payments import CheckoutRequest

API_VERSION: Final = "2026-10-28.endive"
TIMEOUT_SECONDS: Final = 20
RETRIES: Final = 2
TOLERANCE_SECONDS: Final = 300
EVENTS_MAX: Final = 5_000
SERVER_FAULT: Final = 500
LISTENED: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
HUNDREDFOLD: Final = {"ISK": 100, "UGX": 100}
"""Currencies without decimals that Stripe counts in hundredths all the same."""
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


class StripePayments:
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
        with _translated():
            made = self.client.v1.checkout.sessions.create(
                params, options={"idempotency_key": request.key}
            )
        return _checkout(made)

    def get_checkout(self, ref: str) -> RemoteCheckout:
        """The checkout as it is now."""
        with _translated():
            return _checkout(self.client.v1.checkout.sessions.retrieve(ref))

    def capture_checkout(self, ref: str, *, key: str) -> RemoteCheckout:  # noqa: ARG002
        """Stripe takes the money by itself: how it is now."""
        return self.get_checkout(ref)

    def refund(
        self, *, payment_ref: str, amount_minor: int, currency: str, key: str
    ) -> RemoteRefund:
        """Send a part of the money back, once per key."""
        factor = HUNDREDFOLD.get(currency, 1)
        with _translated():
            made = self.client.v1.refunds.create(
                {"payment_intent": payment_ref, "amount": amount_minor * factor},
                options={"idempotency_key": key},
            )
        status = _REFUNDS.get(made.status or "", RemoteStatus.PROCESSING)
        failure = getattr(made, "failure_reason", None) or ""
        return RemoteRefund(made.id, status, made.amount // factor, failure=failure)

    def get_dispute(self, ref: str) -> RemoteDispute:
        """The dispute as it is now; its balance entries say where the money is."""
        with _translated():
            row = self.client.v1.disputes.retrieve(ref)
        currency = row.currency.upper()
        factor = HUNDREDFOLD.get(currency, 1)
        moved = -sum(entry.amount for entry in row.balance_transactions or [])
        intent = row.payment_intent
        return RemoteDispute(
            ref=row.id,
            payment_ref=intent if isinstance(intent, str) else getattr(intent, "id", ""),
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
        with _translated():
            page = self.client.v1.events.list(params)
            for count, found in enumerate(page.auto_paging_iter(), 1):
                yield _event(found)
                if count >= EVENTS_MAX:
                    return


@contextmanager
def _translated() -> Iterator[None]:
    """Stripe's errors as ours. What may have happened in spite of the error is ``Transient``."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as exc:
        raise Transient("Stripe does not answer.", error=type(exc).__name__) from exc
    except stripe.StripeError as exc:
        text = exc.user_message or str(exc)
        if exc.http_status is None or exc.http_status >= SERVER_FAULT:
            raise Transient("Stripe does not answer.", error=type(exc).__name__) from exc
        raise ProviderRejected(text, error=type(exc).__name__) from exc


def _checkout(row: Any) -> RemoteCheckout:
    status = RemoteStatus.OPEN
    if row.payment_status in {"paid", "no_payment_required"}:
        status = RemoteStatus.PAID
    elif row.status == "complete":
        status = RemoteStatus.PROCESSING  # a bank is still busy: async_payment_… follows
    elif row.status == "expired":
        status = RemoteStatus.FAILED
    intent, currency = row.payment_intent, (row.currency or "").upper()
    return RemoteCheckout(
        ref=row.id,
        status=status,
        amount_minor=(row.amount_total or 0) // HUNDREDFOLD.get(currency, 1),
        currency=currency,
        reference=row.client_reference_id or "",
        url=row.url or "",
        payment_ref=intent if isinstance(intent, str) else getattr(intent, "id", ""),
        failure="The checkout expired." if status is RemoteStatus.FAILED else "",
    )


def _event(found: Any) -> ProviderEvent:
    about = found.data.object
    is_checkout = getattr(about, "object", "") == "checkout.session"
    intent = getattr(about, "payment_intent", None)
    ref = about.id if is_checkout else (intent if isinstance(intent, str) else "")
    return ProviderEvent(
        event_id=found.id,
        type=found.type,
        created_at=datetime.fromtimestamp(found.created, UTC),
        object_ref=ref or getattr(about, "id", ""),
        reference=(getattr(about, "client_reference_id", None) or "") if is_checkout else "",
        dispute_ref=about.id if getattr(about, "object", "") == "dispute" else "",
        payload=found.to_dict(),
    )
