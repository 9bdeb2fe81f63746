"""Stripe's subscriptions: ordered on its page, followed, changed for the next period, ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.payments import (
    RemoteCheckout,
    RemoteInvoice,
    RemoteStatus,
    RemoteSubscription,
    SubscriptionState,
)
from igny8_core.clients.stripe_wire import HUNDREDFOLD, metadata_of, named, translated
from igny8_core.common.errors import ProviderRejected

if TYPE_CHECKING:
    import stripe

    from igny8_core.clients.payments import SubscriptionRequest, SubscriptionTerms

KEY_MAX: Final = 255
INVOICES_MAX: Final = 24
"""So many of a subscription's newest invoices are looked at."""
_STATES: Final = {
    "incomplete": SubscriptionState.INCOMPLETE,
    "incomplete_expired": SubscriptionState.ENDED,
    "trialing": SubscriptionState.TRIALING,
    "active": SubscriptionState.ACTIVE,
    "canceled": SubscriptionState.ENDED,
}
"""Every other state (past_due, unpaid, paused) is money that is owed."""


class StripeSubscriptions:
    """Payments that repeat, at one account of Stripe."""

    client: stripe.StripeClient
    changes_interval = True

    def create_subscription(self, request: SubscriptionRequest) -> RemoteCheckout:
        """A page of Stripe's on which to order. The same key is the same page."""
        reference = {"reference": request.reference}
        price: Any = {
            "currency": request.currency.lower(),
            "unit_amount": request.amount_minor * HUNDREDFOLD.get(request.currency, 1),
            "recurring": {"interval": request.interval},
            "product_data": {"name": request.description},
        }
        params: Any = {
            "mode": "subscription",
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.reference,
            "metadata": reference,
            "subscription_data": {"metadata": reference},
        }
        if request.trial_days:
            params["subscription_data"]["trial_period_days"] = request.trial_days
        if request.customer_ref:
            params["customer"] = request.customer_ref
        elif request.email:
            params["customer_email"] = request.email
        with translated():
            made = self.client.v1.checkout.sessions.create(
                params, options={"idempotency_key": request.key}
            )
        return RemoteCheckout(
            ref=made.id,
            status=RemoteStatus.OPEN,
            amount_minor=0,
            currency=request.currency,
            reference=request.reference,
            url=made.url or "",
        )

    def get_subscription(self, ref: str) -> RemoteSubscription:
        """The subscription as it is now. Its periods stand with its only item."""
        with translated():
            row = self.client.v1.subscriptions.retrieve(ref)
        item = row["items"].data[0]
        currency = item.price.currency.upper()
        amount = (item.price.unit_amount or 0) * (getattr(item, "quantity", None) or 1)
        return RemoteSubscription(
            ref=row.id,
            state=_STATES.get(row.status, SubscriptionState.PAST_DUE),
            amount_minor=amount // HUNDREDFOLD.get(currency, 1),
            currency=currency,
            starts_at=_moment(item.current_period_start),
            ends_at=_moment(item.current_period_end),
            cancel_at_period_end=bool(row.cancel_at_period_end),
            customer_ref=named(row.customer),
            reference=metadata_of(row, "reference"),
            trial_ends_at=_moment(row.trial_end) if row.trial_end else None,
        )

    def subscription_invoices(self, ref: str) -> list[RemoteInvoice]:
        """Its newest invoices over more than nothing, the oldest of them first."""
        params: Any = {"subscription": ref, "limit": INVOICES_MAX, "expand": ["data.payments"]}
        with translated():
            rows = self.client.v1.invoices.list(params).data
            return [self._invoice(row) for row in reversed(rows) if row.total > 0]

    def change_subscription(self, ref: str, terms: SubscriptionTerms, *, key: str) -> None:
        """From the next period on: no proration at Stripe, ours is an invoice of its own.

        With another interval Stripe would begin a period at once, and charge it. Until the next
        one begins it is told of a trial therefore, which leaves the date as it is.
        """
        wanted = terms.amount_minor * HUNDREDFOLD.get(terms.currency, 1)
        params: Any = {}
        with translated():
            row = self.client.v1.subscriptions.retrieve(ref)
            item = row["items"].data[0]
            interval = item.price.recurring.interval
            if bool(row.cancel_at_period_end) != terms.cancel_at_period_end:
                params["cancel_at_period_end"] = terms.cancel_at_period_end
            if (item.price.unit_amount, interval) != (wanted, terms.interval):
                price = {
                    "currency": terms.currency.lower(),
                    "product": named(item.price.product),
                    "recurring": {"interval": terms.interval},
                    "unit_amount": wanted,
                }
                params["items"] = [{"id": item.id, "price_data": price}]
            if interval != terms.interval and terms.starts_at is not None:
                params["trial_end"] = int(terms.starts_at.timestamp())
            if not params:
                return  # told before, and the answer was lost
            params["proration_behavior"] = "none"
            named_key = f"{key}:{'-'.join(sorted(params))}"[:KEY_MAX]
            self.client.v1.subscriptions.update(ref, params, options={"idempotency_key": named_key})

    def end_subscription(self, ref: str) -> None:
        """At once, and nothing is given back; one that has ended stays so."""
        try:
            with translated():
                self.client.v1.subscriptions.cancel(ref, {"prorate": False})
        except ProviderRejected:
            if self.get_subscription(ref).state is not SubscriptionState.ENDED:
                raise

    def _invoice(self, row: Any) -> RemoteInvoice:
        currency = row.currency.upper()
        period = row.lines.data[0].period
        money = _money(row)
        status = RemoteStatus.PAID if row.status == "paid" else RemoteStatus.OPEN
        failure, needs_customer = "", False
        if status is RemoteStatus.OPEN and row.attempt_count:
            status = RemoteStatus.FAILED
            failure, needs_customer = self._why(money)
        return RemoteInvoice(
            ref=row.id,
            status=status,
            amount_minor=row.total // HUNDREDFOLD.get(currency, 1),
            currency=currency,
            starts_at=_moment(period.start),
            ends_at=_moment(period.end),
            payment_ref=money,
            url=(row.hosted_invoice_url or "") if row.status == "open" else "",
            failure=failure,
            needs_customer=needs_customer,
        )

    def _why(self, money: str) -> tuple[str, bool]:
        """(what the bank said, whether the customer has to confirm)."""
        if not money:
            return "The card was not charged.", False
        intent = self.client.v1.payment_intents.retrieve(money)
        error = intent.last_payment_error
        said = (getattr(error, "message", None) or "") if error is not None else ""
        if intent.status == "requires_action":
            return said or "The bank asks for a confirmation.", True
        return said or "The card was declined.", False


def _money(row: Any) -> str:
    """The payment intent of an invoice; a paid one where there are several."""
    payments = getattr(row, "payments", None)
    found = [p for p in (payments.data if payments is not None else []) if p.status != "canceled"]
    found.sort(key=lambda p: p.status != "paid")
    return named(getattr(found[0].payment, "payment_intent", None)) if found else ""


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
