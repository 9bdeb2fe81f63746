"""What work would cost, before anything is started: the arithmetic of the charge itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.ai.selectors import enabled_settings
from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import prices
from igny8_core.business.billing.states import OperationType
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.prices import Price

WRITTEN = {
    OperationType.CONTENT.value,
    OperationType.IMAGE_PROMPT.value,
    OperationType.REPARSE.value,
    OperationType.OPTIMIZATION.value,
}
DRAWN = {OperationType.IMAGE.value}
"""What models of an account do; clusters and ideas come from rules."""

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
    """What some work would cost; each run is rounded up by itself, as it is charged.

    :ivar is_own_key: the account pays its provider, and us the platform fee alone.
    """

    operation: str
    runs: int
    credits_each: int
    credits: int
    is_own_key: bool
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


def estimate(*, account: Account, works: Sequence[Work], now: datetime) -> Estimate:
    """Price work at today's prices. Nothing is reserved, and nothing is promised.

    With the quantities that a run reserves, this is what it holds; with those that it delivers,
    what it is charged.

    :raises InvalidInput: nothing to price or too much, or a priced unit without a quantity.
    :raises PriceMissing: an operation has no active price.
    """
    if not 1 <= len(works) <= WORKS_MAX:
        raise InvalidInput("Nothing was priced.", works=[f"From 1 to {WORKS_MAX}."])
    own_keys = own_key_operations(account=account)
    known = list(selectors.price_list(now=now))
    found = []
    for work in works:
        if not 1 <= work.runs <= RUNS_MAX:
            raise InvalidInput("Nothing was priced.", runs=[f"From 1 to {RUNS_MAX}."])
        is_own_key = work.operation in own_keys
        kept = prices.snapshot(
            operation=work.operation, is_own_key=is_own_key, now=now, known=known
        )
        each = prices.cost(kept, work.quantities)
        price = prices.Price.model_validate(kept)
        found.append(
            EstimatedWork(work.operation, work.runs, each, each * work.runs, is_own_key, price)
        )
    total = sum(work.credits for work in found)
    wallet = selectors.credit_wallet(account=account)
    is_blocked = wallet.debt > 0 or bool(selectors.blocks_of(wallet))
    missing = max(0, total - wallet.available) + wallet.debt
    return Estimate(found, total, wallet.available, missing, is_blocked=is_blocked)


def own_key_operations(*, account: Account) -> set[str]:
    """Operations for which the account has a provider of its own, which it pays itself.

    An account with providers of its own uses only those (``ai.registry``).
    """
    found: set[str] = set()
    for setting in enabled_settings(account=account):
        found |= WRITTEN if setting.model else set()
        found |= DRAWN if setting.image_model else set()
    return found
