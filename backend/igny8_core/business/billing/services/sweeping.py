"""What nobody settled in time: reservations are freed, lots expire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing.models import CreditLot, CreditReservation
from igny8_core.business.billing.services.lots import expire_lots
from igny8_core.business.billing.services.reservations import expire_reservation
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.errors import Transient, TransitionNotAllowed

if TYPE_CHECKING:
    from datetime import datetime

log = structlog.get_logger(__name__)

BATCH = 500


@dataclass(frozen=True)
class Sweep:
    """What one sweep did."""

    reservations: int = 0
    credits: int = 0


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a sweep needs no more."""

    pk: int


def expire_due(*, now: datetime, limit: int = BATCH) -> Sweep:
    """Free due reservations and expire due lots, the oldest first, at most ``limit`` of each.

    Candidates are listed without locks as the staff role; each is then settled in a short
    transaction of its own. Two sweeps at once do no harm. A busy wallet waits for the next sweep.

    :returns: how many reservations were freed, how many credits expired.
    """
    freed = sum(_free(account_id, pk, now=now) for account_id, pk in _due_reservations(now, limit))
    expired = sum(
        _expire(account_id, now=now) for account_id in _accounts_with_due_lots(now, limit)
    )
    if freed or expired:
        log.info("billing.sweep.done", reservations=freed, credits=expired)
    return Sweep(reservations=freed, credits=expired)


def _due_reservations(now: datetime, limit: int) -> list[tuple[int, int]]:
    rows = CreditReservation.objects.across_accounts(reason="expiry of reservations")
    due = rows.filter(status=ReservationStatus.HELD, expires_at__lte=now)
    return list(due.order_by("expires_at", "pk").values_list("account_id", "pk")[:limit])


def _accounts_with_due_lots(now: datetime, limit: int) -> list[int]:
    rows = CreditLot.objects.across_accounts(reason="expiry of lots")
    due = rows.filter(remaining__gt=F("held"), expires_at__lte=now)
    accounts = due.order_by("expires_at", "pk").values_list("account_id", flat=True)[:limit]
    return list(dict.fromkeys(accounts))


def _free(account_id: int, reservation_id: int, *, now: datetime) -> bool:
    try:
        expire_reservation(account=AccountKey(account_id), reservation_id=reservation_id, now=now)
    except (TransitionNotAllowed, Transient) as exc:  # settled or extended meanwhile, or busy
        log.info("billing.sweep.skipped", reservation_id=reservation_id, code=exc.code)
        return False
    return True


def _expire(account_id: int, *, now: datetime) -> int:
    try:
        return expire_lots(account=AccountKey(account_id), now=now)
    except Transient as exc:
        log.info("billing.sweep.skipped", account_id=account_id, code=exc.code)
        return 0
