"""Cards that Stripe keeps for us: saved on its page, used, forgotten. We never see a number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.payments import RemoteCard, RemoteCheckout, RemoteStatus
from igny8_core.clients.stripe_wire import HUNDREDFOLD, metadata_of, named, translated
from igny8_core.common.errors import ProviderRejected

if TYPE_CHECKING:
    import stripe

    from igny8_core.clients.payments import CheckoutRequest

CARDS_MAX: Final = 20
CHARGE: Final = "pi_"
"""How Stripe's names of charges begin."""
CANCELLED: Final = "canceled"
TAKEN: Final = frozenset({RemoteStatus.PAID, RemoteStatus.PROCESSING})
NOT_CHARGED: Final = "The card was not charged."
CONFIRM: Final = "The bank asks for a confirmation."


class StripeCards:
    """Saved cards, at one account of Stripe."""

    client: stripe.StripeClient

    def create_customer(self, *, key: str, name: str, email: str) -> str:
        """Somebody who has cards; the same key is the same, for a day at least."""
        params: Any = {"name": name} | ({"email": email} if email else {})
        with translated():
            return self.client.v1.customers.create(params, options={"idempotency_key": key}).id

    def create_setup(
        self, *, key: str, reference: str, customer_ref: str, page: str
    ) -> RemoteCheckout:
        """A page of Stripe's on which a card is saved, with 3-D Secure where the bank asks."""
        params: Any = {
            "mode": "setup",
            "payment_method_types": ["card"],
            "success_url": page,
            "cancel_url": page,
            "client_reference_id": reference,
            "metadata": {"reference": reference},
            "customer": customer_ref,
        }
        with translated():
            made = self.client.v1.checkout.sessions.create(params, options={"idempotency_key": key})
        return RemoteCheckout(
            ref=made.id,
            status=RemoteStatus.OPEN,
            amount_minor=0,
            currency="",
            reference=reference,
            url=made.url or "",
        )

    def cards(self, customer_ref: str) -> list[RemoteCard]:
        """The cards of a customer, the newest first."""
        params: Any = {"type": "card", "limit": CARDS_MAX}
        with translated():
            rows = self.client.v1.customers.payment_methods.list(customer_ref, params).data
        return [
            RemoteCard(
                ref=row.id,
                brand=str(row.card.brand),
                last4=str(row.card.last4),
                expires=f"{row.card.exp_month:02d}/{row.card.exp_year}",
            )
            for row in rows
            if row.card is not None
        ]

    def use_card(self, *, customer_ref: str, card_ref: str, subscription_ref: str = "") -> None:
        """Charge this one from now on."""
        settings: Any = {"invoice_settings": {"default_payment_method": card_ref}}
        with translated():
            self.client.v1.customers.update(customer_ref, settings)
            if subscription_ref:
                self.client.v1.subscriptions.update(
                    subscription_ref, {"default_payment_method": card_ref}
                )

    def create_charge(
        self, request: CheckoutRequest, *, customer_ref: str, card_ref: str
    ) -> RemoteCheckout:
        """A payment intent that nobody has confirmed: no money moves. The same key is the same."""
        params: Any = {
            "amount": request.amount_minor * HUNDREDFOLD.get(request.currency, 1),
            "currency": request.currency.lower(),
            "customer": customer_ref,
            "payment_method": card_ref,
            "payment_method_types": ["card"],
            "description": request.description,
            "metadata": {"reference": request.reference},
        }
        with translated():
            made = self.client.v1.payment_intents.create(
                params, options={"idempotency_key": request.key}
            )
        return charge(made)

    def confirm_charge(self, ref: str, *, key: str) -> RemoteCheckout:
        """Take the money, once per key; a bank that asks for a confirmation declines."""
        params: Any = {"error_on_requires_action": True}
        try:
            with translated():
                found = self.client.v1.payment_intents.confirm(
                    ref, params, options={"idempotency_key": key}
                )
        except ProviderRejected:
            return self.drop_charge(ref)
        return charge(found)

    def get_charge(self, ref: str) -> RemoteCheckout:
        """The charge as it is now."""
        with translated():
            return charge(self.client.v1.payment_intents.retrieve(ref))

    def drop_charge(self, ref: str) -> RemoteCheckout:
        """Cancel a charge that was not taken. One that was taken meanwhile stays so."""
        before = self.get_charge(ref)
        if before.status in TAKEN or before.version == CANCELLED:
            return before
        try:
            with translated():
                self.client.v1.payment_intents.cancel(ref)
        except ProviderRejected:
            return self.get_charge(ref)
        return replace(before, status=RemoteStatus.FAILED, failure=before.failure or NOT_CHARGED)

    def forget_card(self, card_ref: str) -> None:
        """One that is gone stays gone."""
        try:
            with translated():
                self.client.v1.payment_methods.detach(card_ref)
        except ProviderRejected as exc:
            if exc.data.get("code") not in {"resource_missing", "payment_method_unexpected_state"}:
                raise


def charge(intent: Any) -> RemoteCheckout:
    """A payment intent of a saved card as a checkout without a page."""
    error = getattr(intent, "last_payment_error", None)
    said = (getattr(error, "message", None) or "") if error is not None else ""
    code = getattr(error, "code", "") if error is not None else ""
    status = {
        "succeeded": RemoteStatus.PAID,
        "processing": RemoteStatus.PROCESSING,
        CANCELLED: RemoteStatus.FAILED,
    }.get(intent.status, RemoteStatus.OPEN)
    currency = (intent.currency or "").upper()
    needs_customer = code == "authentication_required" or intent.status == "requires_action"
    return RemoteCheckout(
        ref=intent.id,
        status=status,
        amount_minor=(intent.amount or 0) // HUNDREDFOLD.get(currency, 1),
        currency=currency,
        reference=metadata_of(intent, "reference"),
        payment_ref=intent.id if status in TAKEN else "",
        failure=CONFIRM if needs_customer else said or NOT_CHARGED,
        version=intent.status,
        customer_ref=named(getattr(intent, "customer", None)),
    )
