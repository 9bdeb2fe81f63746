"""How PayPal writes amounts and errors."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import requests
from apimatic_core.exceptions.auth_validation_exception import AuthValidationException
from paypalserversdk.exceptions.api_exception import ApiException

from igny8_core.common.errors import ProviderRejected, Transient
from igny8_core.common.money import decimals, major

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_FAULT: Final = 500
UNSURE: Final = frozenset({408, 409, 425, 429})
WHOLE: Final = frozenset({"HUF", "TWD"})
"""Currencies of which PayPal takes no parts, though they have some."""
APPROVE: Final = frozenset({"payer-action", "approve"})
"""How PayPal calls the link to the page on which the customer agrees."""


@contextmanager
def translated() -> Iterator[None]:
    """PayPal's errors as ours. What may have happened in spite of the error is ``Transient``."""
    try:
        yield
    except (requests.RequestException, AuthValidationException) as exc:
        raise Transient("PayPal does not answer.", error=type(exc).__name__) from exc
    except ApiException as exc:
        if exc.response_code >= SERVER_FAULT or exc.response_code in UNSURE:
            raise Transient("PayPal does not answer.", status=exc.response_code) from exc
        details = getattr(exc, "details", None) or []
        issue = str(getattr(details[0], "issue", "")) if details else ""
        told = getattr(details[0], "description", "") if details else ""
        text = told or getattr(exc, "message", "") or exc.reason
        raise ProviderRejected(str(text), status=exc.response_code, issue=issue) from exc
    except (AttributeError, KeyError, TypeError, InvalidOperation, ValueError) as exc:
        raise Transient("PayPal's answer is not understood.", error=type(exc).__name__) from exc


def page_of(row: Any) -> str:
    """Where the customer agrees; empty when that is over."""
    links = {link.rel: link.href for link in getattr(row, "links", None) or []}
    return next((links[rel] for rel in sorted(APPROVE & set(links))), "")


def money(amount_minor: int, currency: str) -> dict[str, str]:
    """An amount as PayPal writes it.

    :raises ProviderRejected: PayPal takes no such amount.
    """
    if currency in WHOLE:
        whole = major(amount_minor, currency)
        if whole != whole.to_integral_value():
            raise ProviderRejected(f"PayPal takes whole {currency} only.", currency=currency)
        return {"currency_code": currency, "value": f"{whole:.0f}"}
    value = f"{major(amount_minor, currency):.{decimals(currency)}f}"
    return {"currency_code": currency, "value": value}


def minor(value: str, currency: str) -> int:
    """:raises ValueError: finer than the currency."""
    exact = Decimal(value).scaleb(decimals(currency))
    if exact != exact.to_integral_value():
        raise ValueError("finer than the currency")
    return int(exact)
