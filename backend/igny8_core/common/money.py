"""Amounts in minor units: how many decimals a currency has, and how an amount is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_DECIMALS: Final[dict[str, int]] = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),  # noqa: SIM905
        0,
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905
}
"""ISO 4217, where it is not two."""


def decimals(currency: str) -> int:
    """How many digits stand behind the point."""
    return _DECIMALS.get(currency.upper(), 2)


def major(amount_minor: int, currency: str) -> Decimal:
    """The amount in the currency's main unit, exact."""
    return Decimal(amount_minor).scaleb(-decimals(currency))


def written(amount_minor: int, currency: str) -> str:
    """For people: ``1,234.50 EUR``, ``1,200 JPY``."""
    return f"{major(amount_minor, currency):,.{decimals(currency)}f} {currency}"


def share(amount: int, part: int, whole: int) -> int:
    """``amount * part / whole``, rounded half away from zero; exact integers.

    :param whole: at least 1.
    """
    sign = -1 if (amount < 0) != (part < 0) else 1
    return sign * ((2 * abs(amount) * abs(part) + whole) // (2 * whole))
