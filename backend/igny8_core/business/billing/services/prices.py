"""What work costs: versions of prices, quoted exactly and rounded up once a run."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from pydantic import BaseModel, ConfigDict

from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.models import CreditCostConfig
from igny8_core.business.billing.states import OperationType, PriceUnit
from igny8_core.common.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

ONE_REQUEST = {PriceUnit.PER_REQUEST.value: 1}  # every run is one, whether the caller says so
OWN_KEY_FEE = "own_key_fee"
"""In a snapshot: the fee of a run for which the account pays its provider itself."""

_DECIMALS = Decimal("0.0001")


class PriceLine(BaseModel):
    """The price of one unit, as a reservation remembers it."""

    model_config = ConfigDict(frozen=True)

    config_id: int
    version: int
    unit: PriceUnit
    unit_size: int
    credits_per_unit: Decimal
    min_credits: int


class Price(BaseModel):
    """What an operation costs at a moment; the lines of all its units add up."""

    model_config = ConfigDict(frozen=True)

    operation: OperationType
    lines: tuple[PriceLine, ...]
    platform_fee: int = 0

    def credits(self, quantities: Mapping[str, int]) -> int:
        """Whole credits for one run: exact, rounded up once, at least 1.

        :param quantities: by unit; units without a price do not count.
        :raises InvalidInput: a priced unit has no quantity, or a negative one.
        """
        known = ONE_REQUEST | dict(quantities)
        total = Fraction(0)
        for line in self.lines:
            quantity = known.get(line.unit.value)
            if quantity is None or quantity < 0:
                raise InvalidInput(
                    f"{self.operation.value} is priced {line.unit.value}", unit=line.unit.value
                )
            total += Fraction(quantity, line.unit_size) * Fraction(line.credits_per_unit)
        return max(1, *(line.min_credits for line in self.lines), ceil(total))

    def snapshot(self) -> dict[str, Any]:
        """The price as JSON, for ``CreditReservation.price_snapshot``."""
        return self.model_dump(mode="json", exclude={"platform_fee"})


def price(
    *, operation: str, now: datetime, known: Sequence[CreditCostConfig] | None = None
) -> Price:
    """The price of an operation at a moment.

    :param known: the price list of that moment, where somebody has read it already.
    :raises PriceMissing: there is none, or it is switched off.
    """
    listed = selectors.price_list(now=now) if known is None else known
    rows = [row for row in listed if row.operation_type == operation]
    if not rows or not all(row.is_active for row in rows):
        raise PriceMissing(f"no active price for {operation}", operation=operation)
    lines = (
        PriceLine(
            config_id=row.pk,
            version=row.version,
            unit=PriceUnit(row.unit),
            unit_size=row.unit_size,
            credits_per_unit=row.credits_per_unit,
            min_credits=row.min_credits,
        )
        for row in sorted(rows, key=lambda row: row.unit)
    )
    return Price(
        operation=OperationType(operation),
        lines=tuple(lines),
        platform_fee=sum(row.platform_fee_credits for row in rows),
    )


def snapshot(
    *,
    operation: str,
    is_own_key: bool,
    now: datetime,
    known: Sequence[CreditCostConfig] | None = None,
) -> dict[str, Any]:
    """Today's price as a reservation keeps it.

    :param known: as of :func:`price`.
    :param is_own_key: the account pays its provider itself, and us the platform fee of the run,
        whatever the quantities.
    :raises PriceMissing: there is none, or it is switched off.
    """
    found = price(operation=operation, now=now, known=known)
    kept = found.snapshot()
    if is_own_key:
        kept[OWN_KEY_FEE] = found.platform_fee
    return kept


def cost(kept: Mapping[str, Any], quantities: Mapping[str, int]) -> int:
    """What a run costs at a price that was kept; 0 only for the account's own key.

    :raises InvalidInput: a priced unit has no quantity, or a negative one.
    """
    if OWN_KEY_FEE in kept:
        return int(kept[OWN_KEY_FEE])
    return Price.model_validate(kept).credits(quantities)


def quote(*, operation: str, quantities: Mapping[str, int], now: datetime) -> int:
    """What a run would cost now, in whole credits: for a page, before anything is started.

    :raises PriceMissing: the operation has no active price.
    :raises InvalidInput: a priced unit has no quantity.
    """
    return price(operation=operation, now=now).credits(quantities)


def change_price(
    *,
    operation: str,
    unit: str,
    credits_per_unit: Decimal | int | str,
    unit_size: int,
    reason: str,
    min_credits: int = 0,
    platform_fee_credits: int | None = None,
    is_active: bool = True,
    actor_id: int | None = None,
    seen_version: int | None = None,
    now: datetime,
) -> CreditCostConfig:
    """Make a new version of a price; the version before it ends at the same instant.

    Work that is reserved already keeps the price of its reservation. Runs as the staff role.

    :param platform_fee_credits: of a run with the account's own key; by default as before.
    :param seen_version: the version that the person has looked at, 0 for none. It makes a repeat
        harmless: the same price again, by the same person, is the version that it has made.
    :raises Conflict: there is a later version than the one that was looked at.
    :raises InvalidInput: an operation, unit or amount that cannot be, or a version that began
        later than ``now``; nothing was written.
    """
    cost = Decimal(credits_per_unit)
    _refuse_unless_price(operation, unit, unit_size, cost)
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using):
        versions = CreditCostConfig.objects.using(using).select_for_update()
        last = versions.filter(operation_type=operation, unit=unit).order_by("-version").first()
        asked = (unit_size, cost, min_credits, is_active, reason, actor_id)
        if seen_version is not None and (made := _made_by_it(last, seen_version, asked)):
            return made
        if last is not None:
            if last.active_from >= now:
                raise InvalidInput("a later version exists", version=last.version)
            versions.filter(pk=last.pk).update(active_to=now, updated_at=now, updated_by=actor_id)
        fee = platform_fee_credits
        if fee is None:
            fee = last.platform_fee_credits if last else 0
        return CreditCostConfig.objects.using(using).create(
            operation_type=operation,
            unit=unit,
            version=last.version + 1 if last else 1,
            unit_size=unit_size,
            credits_per_unit=cost,
            min_credits=min_credits,
            platform_fee_credits=fee,
            active_from=now,
            is_active=is_active,
            display_name=last.display_name if last else OperationType(operation).label,
            description=last.description if last else "",
            sort_order=last.sort_order if last else 0,
            previous_credits_per_unit=last.credits_per_unit if last else None,
            created_by_id=actor_id,
            updated_by_id=actor_id,
            change_reason=reason,
        )


def _refuse_unless_price(operation: str, unit: str, unit_size: int, cost: Decimal) -> None:
    if operation not in OperationType.values or OperationType(operation).is_legacy:
        raise InvalidInput("unknown operation", operation=operation)
    if unit not in PriceUnit.values:
        raise InvalidInput("unknown unit", unit=unit)
    if unit_size < 1 or cost < 0 or cost != cost.quantize(_DECIMALS):
        raise InvalidInput("not a price", credits_per_unit=str(cost), unit_size=unit_size)


def _made_by_it(
    last: CreditCostConfig | None, seen_version: int, asked: tuple[Any, ...]
) -> CreditCostConfig | None:
    """The version that the same request has made before; None when it made none yet.

    :raises Conflict: somebody else has made a later version.
    """
    if seen_version == (last.version if last else 0):
        return None
    if last is not None and last.version == seen_version + 1:
        says = (last.unit_size, last.credits_per_unit, last.min_credits, last.is_active)
        if (*says, last.change_reason, last.created_by_id) == asked:
            return last
    raise Conflict("Somebody has changed this price since you looked.")
