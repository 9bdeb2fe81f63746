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
    from collections.abc import Iterator, Mapping
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


@dataclass(frozen=True)
class RemoteRefund:
    """Money on its way back."""

    ref: str
    status: RemoteStatus
    amount_minor: int
    failure: str = ""


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
    :ivar reference: our own word for the payment, where the event has it.
    """

    event_id: str
    type: str
    created_at: datetime
    object_ref: str
    reference: str = ""
    dispute_ref: str = ""
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


@lru_cache(maxsize=8)
def _made(provider: str, keys: tuple[tuple[str, Any], ...]) -> PaymentClient:
    """One client for each set of keys: it keeps connections."""
    made: PaymentClient = import_string(CLIENTS[provider])(**dict(keys))
    return made


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
