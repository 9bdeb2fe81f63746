"""Cards that Stripe keeps for us: saved on its page, used, forgotten. We never see a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.payments import RemoteCard, RemoteCheckout, RemoteStatus
from igny8_core.clients.stripe_wire import translated
from igny8_core.common.errors import ProviderRejected

if TYPE_CHECKING:
    import stripe

CARDS_MAX: Final = 20


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

    def forget_card(self, card_ref: str) -> None:
        """One that is gone stays gone."""
        try:
            with translated():
                self.client.v1.payment_methods.detach(card_ref)
        except ProviderRejected as exc:
            if exc.data.get("code") not in {"resource_missing", "payment_method_unexpected_state"}:
                raise
