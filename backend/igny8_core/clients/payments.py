"""What we ask of a payment provider, whichever it is. Amounts are minor units.

Nothing here knows an account or an invoice: ``reference`` is our own word for the payment, which
a provider keeps and gives back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

CLIENTS = {
    "stripe": "igny8_core.clients.stripe.StripePayments",
    "paypal": "igny8_core.clients.paypal.PayPalPayments",
}


class BadSignature(InvalidInput):
    """A webhook that the provider did not send, or sent too long ago."""

    code = "bad_signature"
    http_status = 400


class RemoteStatus(Enum):
    """How far a provider is with a checkout or refund.

    ``approved``: the customer agreed, and nothing is paid until we capture it.
    """

    OPEN = "open"
    APPROVED = "approved"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True)
class CheckoutRequest:
    """A page of the provider on which somebody pays once.

    :ivar key: repeats with the same key are one checkout.
    """

    key: str
    reference: str
    amount_minor: int
    currency: str
    description: str
    success_url: str
    cancel_url: str
    email: str = ""


@dataclass(frozen=True)
class RemoteCheckout:
    """A checkout as the provider has it now.

    :ivar url: where to pay; empty once that is over.
    :ivar payment_ref: the money itself, of which refunds are made; empty before there is any.
    :ivar version: another one whenever the customer approved it anew.
    """

    ref: str
    status: RemoteStatus
    amount_minor: int
    currency: str
    reference: str = ""
    url: str = ""
    payment_ref: str = ""
    failure: str = ""
    version: str = ""
    customer_ref: str = ""
    subscription_ref: str = ""


@dataclass(frozen=True)
class SubscriptionRequest:
    """A page of the provider on which somebody orders payments that repeat.

    :ivar amount_minor: of each period, with tax.
    :ivar interval: ``month`` or ``year``.
    """

    key: str
    reference: str
    amount_minor: int
    currency: str
    interval: str
    description: str
    success_url: str
    cancel_url: str
    email: str = ""
    customer_ref: str = ""
    trial_days: int = 0


class SubscriptionState(Enum):
    """How a provider sees a subscription."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


@dataclass(frozen=True)
class RemoteSubscription:
    """A subscription as the provider has it now.

    :ivar amount_minor: what the next period will cost, with tax.
    """

    ref: str
    state: SubscriptionState
    amount_minor: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    cancel_at_period_end: bool
    customer_ref: str = ""
    reference: str = ""
    trial_ends_at: datetime | None = None


@dataclass(frozen=True)
class RemoteInvoice:
    """One period of a subscription, as the provider asks money for it.

    :ivar url: where the customer can pay or confirm; empty once that is over.
    :ivar needs_customer: the bank wants the customer to confirm (3-D Secure).
    """

    ref: str
    status: RemoteStatus
    amount_minor: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    payment_ref: str = ""
    url: str = ""
    failure: str = ""
    needs_customer: bool = False


@dataclass(frozen=True)
class SubscriptionTerms:
    """What a provider is told of a subscription's next period. ``amount_minor`` is with tax.

    :ivar starts_at: when that period begins; None for one that nobody has ordered yet.
    """

    amount_minor: int
    currency: str
    interval: str
    cancel_at_period_end: bool
    starts_at: datetime | None = None


@dataclass(frozen=True)
class RemoteCard:
    """A saved card: what a person knows it by, and nothing else."""

    ref: str
    brand: str
    last4: str
    expires: str = ""


@dataclass(frozen=True)
class RemoteRefund:
    """Money on its way back.

    :ivar key: our own word for it; empty when somebody made it at the provider.
    """

    ref: str
    status: RemoteStatus
    amount_minor: int
    failure: str = ""
    key: str = ""
    reason: str = ""


class DisputeOutcome(Enum):
    """What a bank decided."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class RemoteDispute:
    """A dispute as the provider has it now.

    :ivar withdrawn_minor: what the bank has taken and not given back, by the provider's books.
    """

    ref: str
    payment_ref: str
    amount_minor: int
    currency: str
    outcome: DisputeOutcome
    withdrawn_minor: int
    reason: str = ""


@dataclass(frozen=True)
class ProviderEvent:
    """Something happened there. Only a hint: what counts is fetched.

    :ivar object_ref: the checkout that it is about, or the money (``payment_ref``) of one.
    :ivar reference: our own word for the payment or subscription, where the event has it.
    :ivar subscription_ref: the subscription that it is about; then nothing else is.
    """

    event_id: str
    type: str
    created_at: datetime
    object_ref: str
    reference: str = ""
    dispute_ref: str = ""
    subscription_ref: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


class PaymentClient(Protocol):
    """A provider.

    Every call may raise ``Transient`` (the outcome is unknown: ask again with the same key) or
    ``ProviderRejected`` (it did not happen, and will not).
    """

    def create_checkout(self, request: CheckoutRequest) -> RemoteCheckout: ...

    def get_checkout(self, ref: str) -> RemoteCheckout: ...

    def capture_checkout(self, ref: str, *, key: str) -> RemoteCheckout:
        """Take the money of a checkout that is ``approved``, once per key."""
        ...

    def refund(
        self, *, payment_ref: str, amount_minor: int, currency: str, key: str
    ) -> RemoteRefund: ...

    def get_dispute(self, ref: str) -> RemoteDispute: ...

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """:raises BadSignature: nothing that the provider sent just now."""
        ...

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Events from a moment on, of the kinds that we listen to; in any order."""
        ...


class SubscriptionClient(Protocol):
    """A provider that takes payments which repeat. Errors as of :class:`PaymentClient`.

    ``changes_interval``: whether one that runs can go from months to years, and back.
    """

    changes_interval: bool

    def create_subscription(self, request: SubscriptionRequest) -> RemoteCheckout:
        """A page on which to order; its ``subscription_ref`` comes once somebody did."""
        ...

    def get_checkout(self, ref: str) -> RemoteCheckout: ...

    def get_subscription(self, ref: str) -> RemoteSubscription: ...

    def subscription_invoices(self, ref: str) -> Sequence[RemoteInvoice]:
        """Its latest invoices over more than nothing, the oldest first."""
        ...

    def change_subscription(self, ref: str, terms: SubscriptionTerms, *, key: str) -> None:
        """From the next period on; nothing is charged or given back for the present one."""
        ...

    def end_subscription(self, ref: str) -> None:
        """At once, and nothing is given back; one that has ended stays so."""
        ...


class RefundBook(Protocol):
    """A provider that says what went back of a payment. Errors as of :class:`PaymentClient`."""

    def refunds_of(self, payment_ref: str) -> Sequence[RemoteRefund]:
        """What went back of a payment, whoever did it; the oldest first."""
        ...

    def disputes_of(self, payment_ref: str) -> Sequence[str]:
        """The names of the disputes about a payment."""
        ...


class CardClient(Protocol):
    """A provider that keeps cards. Errors as of :class:`PaymentClient`."""

    def create_customer(self, *, key: str, name: str, email: str) -> str:
        """Somebody who has cards; the same key is the same."""
        ...

    def create_setup(
        self, *, key: str, reference: str, customer_ref: str, page: str
    ) -> RemoteCheckout:
        """A page on which a card is saved, without a payment."""
        ...

    def cards(self, customer_ref: str) -> Sequence[RemoteCard]: ...

    def use_card(self, *, customer_ref: str, card_ref: str, subscription_ref: str = "") -> None:
        """Charge this one from now on."""
        ...

    def forget_card(self, card_ref: str) -> None:
        """One that is gone stays gone."""
        ...

    def create_charge(
        self, request: CheckoutRequest, *, customer_ref: str, card_ref: str
    ) -> RemoteCheckout:
        """Prepare to take money from a saved card; none is taken yet. The same key is the same."""
        ...

    def confirm_charge(self, ref: str, *, key: str) -> RemoteCheckout:
        """Take the money, once per key.

        ``failed`` when the bank declines, or wants the customer to confirm: nothing was taken.
        """
        ...

    def drop_charge(self, ref: str) -> RemoteCheckout:
        """Never take the money of a charge that was not taken; how it is then."""
        ...


def is_set_up(provider: str) -> bool:
    """Whether this installation has keys of the provider."""
    return provider in CLIENTS and bool(settings.PAYMENT_KEYS.get(provider, {}).get("secret_key"))


def configured() -> list[str]:
    """The providers that this installation has keys of."""
    return [provider for provider in CLIENTS if is_set_up(provider)]


def payment_client(provider: str) -> PaymentClient:
    """The client of a provider that is set up.

    :raises InvalidInput: it is not.
    """
    if not is_set_up(provider):
        raise InvalidInput("This way to pay is not set up here.", payment_method=[provider])
    keys = settings.PAYMENT_KEYS[provider]
    return _made(provider, tuple((name, _frozen(keys[name])) for name in sorted(keys)))


def subscription_client(provider: str) -> SubscriptionClient:
    """The client of a provider that takes payments which repeat.

    :raises InvalidInput: it is not set up, or takes none.
    """
    found: Any = payment_client(provider)
    if not hasattr(found, "create_subscription"):
        raise InvalidInput("This way to pay takes no subscriptions.", payment_method=[provider])
    client: SubscriptionClient = found
    return client


def refund_book(provider: str) -> RefundBook | None:
    """The client of a provider that says what went back; None when it does not.

    :raises InvalidInput: it is not set up.
    """
    found: Any = payment_client(provider)
    return found if hasattr(found, "refunds_of") else None


def keeps_cards(provider: str) -> bool:
    """Whether cards can be saved at a provider: it is set up here, and does such a thing."""
    return is_set_up(provider) and hasattr(payment_client(provider), "create_setup")


def card_client(provider: str) -> CardClient:
    """The client of a provider that keeps cards.

    :raises InvalidInput: it is not set up, or keeps none.
    """
    found: Any = payment_client(provider)
    if not hasattr(found, "create_setup"):
        raise InvalidInput("This provider keeps no cards.", payment_method=[provider])
    client: CardClient = found
    return client


@lru_cache(maxsize=8)
def _made(provider: str, keys: tuple[tuple[str, Any], ...]) -> PaymentClient:
    """One client for each set of keys: it keeps connections."""
    made: PaymentClient = import_string(CLIENTS[provider])(**dict(keys))
    return made


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
