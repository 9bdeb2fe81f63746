"""What all of our Stripe client needs: its errors as ours, names of objects, odd currencies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import stripe

from igny8_core.common.errors import ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_FAULT: Final = 500
SAME_KEY_BUSY: Final = 409
"""Another request with the key is being worked on: what comes of it is not known yet."""
HUNDREDFOLD: Final = {"ISK": 100, "UGX": 100}
"""Currencies without decimals that Stripe counts in hundredths all the same."""


@contextmanager
def translated() -> Iterator[None]:
    """Stripe's errors as ours. What may have happened in spite of the error is ``Transient``."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as exc:
        raise Transient("Stripe does not answer.", error=type(exc).__name__) from exc
    except stripe.StripeError as exc:
        text = exc.user_message or str(exc)
        status = exc.http_status
        if status is None or status == SAME_KEY_BUSY or status >= SERVER_FAULT:
            raise Transient("Stripe does not answer.", error=type(exc).__name__) from exc
        raise ProviderRejected(text, error=type(exc).__name__, code=exc.code or "") from exc


def named(found: Any) -> str:
    """The name of an object that may be expanded, or missing."""
    return found if isinstance(found, str) else str(getattr(found, "id", "") or "")


def metadata_of(found: Any, name: str) -> str:
    """One word of an object's metadata; empty when it is not there."""
    metadata = getattr(found, "metadata", None)
    return str(metadata[name]) if metadata is not None and name in metadata else ""


def reference_of(about: Any, kind: str) -> str:
    """Our own word for what an event's object is about; empty when it has none."""
    if kind == "checkout.session":
        return str(getattr(about, "client_reference_id", None) or "")
    if kind == "subscription":
        return metadata_of(about, "reference")
    if kind == "invoice":
        parent = getattr(about, "parent", None)
        return metadata_of(getattr(parent, "subscription_details", None), "reference")
    return ""


def subscription_of(about: Any, kind: str) -> str:
    """The subscription that an event's object belongs to; empty when to none."""
    if kind == "subscription":
        return str(about.id)
    if kind != "invoice":
        return ""
    parent = getattr(about, "parent", None)
    details = getattr(parent, "subscription_details", None)
    return named(getattr(details, "subscription", None))
