"""What work would cost, before anything is started: the arithmetic of the charge itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import prices
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.business.billing.services.prices import Price
    from igny8_core.common.tenancy.context import HasKey

WORKS_MAX = 100
RUNS_MAX = 10_000
QUANTITY_MAX = 10_000_000


@dataclass(frozen=True)
class Work:
    """Work to be priced: ``runs`` times the same quantities, by price unit."""

    operation: str
    quantities: Mapping[str, int]
    runs: int = 1


@dataclass(frozen=True)
class EstimatedWork:
    """What some work would cost; each run is rounded up by itself, as it is charged."""

    operation: str
    runs: int
    credits_each: int
    credits: int
    price: Price


@dataclass(frozen=True)
class Estimate:
    """What all of it would cost, and whether that is free now.

    :ivar missing: credits that would have to be added first.
    """

    works: list[EstimatedWork]
    credits: int
    available: int
    missing: int
    is_blocked: bool


def estimate(*, account: HasKey, works: Sequence[Work], now: datetime) -> Estimate:
    """Price work at today's prices. Nothing is reserved, and nothing is promised.

    With the quantities that a run reserves, this is what it holds; with those that it delivers,
    what it is charged.

    :raises InvalidInput: nothing to price or too much, or a priced unit without a quantity.
    :raises PriceMissing: an operation has no active price.
    """
    if not 1 <= len(works) <= WORKS_MAX:
        raise InvalidInput("Nothing was priced.", works=[f"From 1 to {WORKS_MAX}."])
    known: dict[str, Price] = {}
    found = []
    for work in works:
        if not 1 <= work.runs <= RUNS_MAX:
            raise InvalidInput("Nothing was priced.", runs=[f"From 1 to {RUNS_MAX}."])
        if work.operation not in known:
            known[work.operation] = prices.price(operation=work.operation, now=now)
        price = known[work.operation]
        each = price.credits(work.quantities)
        found.append(EstimatedWork(work.operation, work.runs, each, each * work.runs, price))
    total = sum(work.credits for work in found)
    wallet = selectors.credit_wallet(account=account)
    is_blocked = wallet.debt > 0 or bool(selectors.blocks_of(wallet))
    missing = max(0, total - wallet.available) + wallet.debt
    return Estimate(found, total, wallet.available, missing, is_blocked=is_blocked)
