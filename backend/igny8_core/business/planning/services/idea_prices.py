"""What it will cost to write an idea."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.services.prices import price

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


def writing_quotes(*, now: datetime) -> Callable[[int], int | None]:
    """Credits for writing so many words, at the prices of now; None while there is no price."""
    try:
        writing = price(operation="content", now=now)
    except PriceMissing:
        return lambda _words: None
    return lambda words: writing.credits({"per_words": words})
