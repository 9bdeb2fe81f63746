"""Money on pages: amounts in the currency's own decimals, rates, statuses as words and tones."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from django import template

from igny8_core.common.money import decimals, major

if TYPE_CHECKING:
    from collections.abc import Mapping

register = template.Library()

UNKNOWN: Final = "\N{EN DASH}"
SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£"}
TONES: Final[Mapping[str, str]] = {
    "active": "ok",
    "approved": "ok",
    "cancelled": "",
    "completed": "ok",
    "draft": "",
    "expired": "",
    "failed": "bad",
    "incomplete": "warn",
    "lost": "bad",
    "open": "warn",
    "paid": "ok",
    "past_due": "bad",
    "pending": "warn",
    "processing": "info",
    "refunded": "violet",
    "reinstated": "ok",
    "rejected": "bad",
    "requested": "warn",
    "succeeded": "ok",
    "trialing": "info",
    "uncollectible": "bad",
    "void": "",
    "withdrawn": "bad",
    "won": "ok",
}
WAYS: Final = {
    "stripe": "Card",
    "paypal": "PayPal",
    "bank_transfer": "Bank transfer",
    "local_wallet": "Wallet",
    "manual": "By arrangement",
}
KEEPERS: Final = {"stripe": "Stripe", "paypal": "PayPal"}
ICONS: Final = {
    "stripe": "credit-card",
    "paypal": "wallet-cards",
    "bank_transfer": "landmark",
    "local_wallet": "wallet",
    "manual": "handshake",
}


@register.filter
def amount(minor: int | Fraction | None, currency: str) -> str:
    """Minor units as an amount: ``€1,190.00``, ``JPY 12,000``; a minus stands in front."""
    if minor is None:
        return UNKNOWN
    digits = decimals(currency)
    sign = "\N{MINUS SIGN}" if minor < 0 else ""
    whole = major(abs(round(minor)), currency)
    return f"{sign}{_sign(currency)}{whole:,.{digits}f}"


@register.filter
def plain_amount(minor: int, currency: str) -> str:
    """Minor units as one types them into a field: ``1190.00``."""
    return f"{major(minor, currency):.{decimals(currency)}f}"


@register.filter
def each(minor: int, of: int) -> Fraction:
    """A price for one of many, exact: for :func:`small_amount`."""
    return Fraction(minor, of or 1)


@register.filter
def small_amount(minor: Fraction, currency: str) -> str:
    """An amount that may be a part of a cent: two decimals, or as many as it takes, to four."""
    exact = Decimal(minor.numerator) / Decimal(minor.denominator)
    value = exact.scaleb(-decimals(currency)).quantize(Decimal("0.0001"))
    text = f"{value:,.4f}".rstrip("0")
    return _sign(currency) + text + "0" * max(0, 2 - len(text.rpartition(".")[2]))


@register.filter
def percent(basis_points: int) -> str:
    """Hundredths of a percent: ``19 %``, ``7.5 %``."""
    text = f"{Decimal(basis_points) / 100:.2f}".rstrip("0").rstrip(".")
    return f"{text}\N{NO-BREAK SPACE}%"


@register.filter
def dollars(micros: int | None) -> str:
    """Millionths of a dollar; small sums keep four decimals."""
    if micros is None:
        return UNKNOWN
    value = Decimal(micros) / 1_000_000
    return f"${value:,.2f}" if abs(value) >= 1 or not value else f"${value:,.4f}"


@register.filter
def units(price: Any) -> str:
    """What a price is for: ``100 words``, ``image``, ``request``."""
    word = str(price.unit).removeprefix("per_")
    size = price.unit_size
    return f"{size:,} {word.removesuffix('s')}s" if size > 1 else word.removesuffix("s")


@register.filter
def tone(status: str) -> str:
    """The tone of a pill for a status; empty for a quiet one."""
    return TONES.get(status, "")


@register.filter
def way(method: str) -> str:
    """A way to pay in words."""
    return WAYS.get(method, method)


@register.filter
def keeper(method: str) -> str:
    """The provider that keeps a card."""
    return KEEPERS.get(method, method)


@register.filter
def way_icon(method: str) -> str:
    """The picture of a way to pay."""
    return ICONS.get(method, "banknote")


def _sign(currency: str) -> str:
    return SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}" if currency else "")
