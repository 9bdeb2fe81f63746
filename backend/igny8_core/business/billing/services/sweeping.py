"""What nobody settled in time: reservations are freed, lots expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from django.db.models import F, Q

from igny8_core.business.billing.models import CreditLot, CreditReservation
from igny8_core.business.billing.services.lots import expire_lots
from igny8_core.business.billing.services.reservations import expire_reservation
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.business.billing.states import ReservationStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sweep:
    """What one sweep did."""

    reservations: int = 0
    credits: int = 0


class Due(NamedTuple):
    """A row whose time has come, and whose it is."""

    expires_at: datetime
    pk: int
    account_id: int = 0


_FIRST = Due(datetime.min.replace(tzinfo=UTC), 0)


def expire_due(*, now: datetime, limit: int = BATCH) -> Sweep:
    """Free due reservations and expire due lots, the oldest first, in bounded batches.

    Candidates are listed without locks as the staff role; each is then settled in a short
    transaction of its own. Two sweeps at once do no harm. A busy wallet waits for the next sweep,
    and an account whose books are broken does not keep the others waiting.

    :param limit: rows of a batch.
    :returns: how many reservations were freed, how many credits expired.
    """
    sweep = Round("expire_due")
    freed, expired = 0, 0
    for due in _due_reservations(now, limit):
        account = AccountKey(due.account_id)
        freed += sweep.attempt(_free, account=account, reservation_id=due.pk, now=now) or 0
    for account_id in dict.fromkeys(due.account_id for due in _due_lots(now, limit)):
        expired += sweep.attempt(expire_lots, account=AccountKey(account_id), now=now) or 0
    if freed or expired:
        log.info("billing.sweep.done", reservations=freed, credits=expired)
    sweep.end()
    return Sweep(reservations=freed, credits=expired)


def _free(*, account: HasKey, reservation_id: int, now: datetime) -> int:
    expire_reservation(account=account, reservation_id=reservation_id, now=now)
    return 1


def _due_reservations(now: datetime, limit: int) -> Iterator[Due]:
    rows = CreditReservation.objects.across_accounts(reason="expiry of reservations")
    due = rows.filter(status=ReservationStatus.HELD, expires_at__lte=now)
    return batches(lambda after, size: _after(due, after, size), first=_FIRST, limit=limit)


def _due_lots(now: datetime, limit: int) -> Iterator[Due]:
    rows = CreditLot.objects.across_accounts(reason="expiry of lots")
    due = rows.filter(is_open=True).filter(remaining__gt=F("held"), expires_at__lte=now)
    return batches(lambda after, size: _after(due, after, size), first=_FIRST, limit=limit)


def _after(due: QuerySet[Any], last: Due, limit: int) -> list[Due]:
    later = Q(expires_at__gt=last.expires_at) | Q(expires_at=last.expires_at, pk__gt=last.pk)
    rows = due.filter(later).order_by("expires_at", "pk")
    return [Due(*row) for row in rows.values_list("expires_at", "pk", "account_id")[:limit]]
