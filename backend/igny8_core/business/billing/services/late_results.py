"""Results that came after their reservation had ended: paid at once, or offered for a while.

A worker that was slower than its reservation finds it expired when it stores its result. If the
account can still pay, it does so in the same transaction. If not, nothing is stored; the answers
stay in the journal of calls, and after a top-up the work is repeated without asking the provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from igny8_core.ai.errors import CapReached
from igny8_core.ai.ports import Hold
from igny8_core.business.billing.errors import CreditsBlocked, ResultWithheld
from igny8_core.business.billing.models import CreditReservation, CreditWallet, ReservationResult
from igny8_core.business.billing.services import reservations
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.errors import IdempotencyConflict, InsufficientCredits, StaleState
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.ai.ports import CapPort
    from igny8_core.business.billing.services.reservations import Captured
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

OVERTAKEN = "another attempt at this work has begun"
AT_ONCE = timedelta(minutes=5)  # the new reservation is captured in the same transaction
RESULTS_PER_ROUND = 500


@dataclass(frozen=True)
class Payable:
    """A withheld result that its account could pay by now."""

    account_id: int
    operation: str
    related_type: str
    related_id: int


@tenant_atomic()
def capture_late(
    *,
    account: HasKey,
    expired: CreditReservation,
    amount: int,
    caps: Sequence[CapPort] = (),
    now: datetime,
) -> tuple[int, Captured]:
    """Charge a result whose reservation has expired, at the price of that reservation.

    Like any capture the last statement of the transaction that stores the result. It is reserved
    under the key that the next attempt at this work would take: only one of the two can have it.

    :param caps: limits that hold for this charge as for any other.
    :returns: the reservation that was captured, and what was charged.
    :raises ResultWithheld: the account cannot pay, or not today; roll back, then
        :func:`withhold_result`.
    :raises StaleState: the next attempt has begun; roll back.
    """
    related = None
    if expired.related_id is not None:
        related = (expired.related_type, expired.related_id)
    try:
        made = reservations.reserve(
            account=account,
            amount=amount,
            operation=expired.operation,
            idempotency_key=next_key(expired.idempotency_key),
            related=related,
            price=expired.price_snapshot,
            ttl=AT_ONCE,
            now=now,
        )
    except (InsufficientCredits, CreditsBlocked) as exc:
        raise ResultWithheld(
            "The result came too late for its reservation, and the credits for it are gone.",
            needed=amount,
            **exc.data,
        ) from exc
    except IdempotencyConflict as exc:
        raise StaleState(OVERTAKEN, reservation_id=expired.pk) from exc
    if not made.is_new:
        raise StaleState(OVERTAKEN, reservation_id=expired.pk)
    hold = Hold(made.reservation_id, made.attempt, made.amount)
    try:
        for cap in caps:  # the wallet is locked until this transaction ends
            cap.check(hold, now=now)
    except CapReached as exc:
        raise ResultWithheld(
            f"The result came too late for its reservation. {exc.message}", needed=amount
        ) from exc
    captured = reservations.capture_credits(
        account=account,
        reservation_id=made.reservation_id,
        amount=amount,
        attempt=made.attempt,
        now=now,
    )
    return made.reservation_id, captured


def next_key(idempotency_key: str) -> str:
    """The key of the reservation that follows one that was given up: ``run``, ``run#2``, …"""
    base, _, generation = idempotency_key.rpartition("#")
    if base and generation.isdecimal():
        return f"{base}#{int(generation) + 1}"
    return f"{idempotency_key}#2"


@tenant_atomic()
def withhold_result(
    *, account: HasKey, reservation_id: int, attempt: int, amount: int, now: datetime
) -> None:
    """Note that a result waits for credits. Safe to repeat.

    :param amount: whole credits that it costs.
    """
    ReservationResult.unscoped.bulk_create(
        [
            ReservationResult(
                account_id=account.pk,
                reservation_id=reservation_id,
                attempt=attempt,
                payload={"credits": amount},
                received_at=now,
                withheld_until=now + timedelta(hours=settings.LATE_RESULT_HOURS),
            )
        ],
        ignore_conflicts=True,
    )
    log.info("billing.result.withheld", reservation_id=reservation_id, credits=amount)


def settle_withheld(*, now: datetime, limit: int = BATCH) -> int:
    """Put away withheld results that were paid meanwhile, and those whose time is over.

    :returns: how many were put away; at most ``limit``.
    """
    waiting = _waiting().filter(Q(withheld_until__lte=now) | Exists(_paid_since()))
    rows = list(waiting.order_by("pk").values_list("account_id", "pk")[:limit])
    settling = Round("settle_withheld")
    done = 0
    for account_id, result_id in rows:
        account = AccountKey(account_id)
        done += settling.attempt(_put_away, account=account, result_id=result_id, now=now) or 0
    settling.end()
    return done


def payable_results(*, now: datetime, limit: int = RESULTS_PER_ROUND) -> list[Payable]:
    """Withheld results whose accounts could reserve the most they may cost, the oldest first.

    Whoever owns the work repeats it. Each is judged alone: what the first takes, the next lacks,
    and waits again.
    """
    wallet = CreditWallet.objects.across_accounts(reason="withheld results").filter(
        account_id=OuterRef("account_id"),
        debt=0,
        is_dispute_blocked=False,
        is_dunning_blocked=False,
        is_staff_blocked=False,
        balance__gte=F("held") + OuterRef("reservation__amount"),
    )
    rows = (
        _waiting()
        .filter(withheld_until__gt=now)
        .filter(Exists(wallet), ~Exists(_paid_since()), reservation__related_id__isnull=False)
        .select_related("reservation")
        .order_by("pk")
    )
    return [
        Payable(
            account_id=row.account_id,
            operation=row.reservation.operation,
            related_type=row.reservation.related_type,
            related_id=row.reservation.related_id,
        )
        for row in rows[:limit]
    ]


@tenant_atomic()
def _put_away(*, account: HasKey, result_id: int, now: datetime) -> int:
    rows = ReservationResult.objects.for_account(account).filter(
        pk=result_id, used_at=None, payload__isnull=False
    )
    paid = rows.filter(Exists(_paid_since(account))).update(used_at=now, updated_at=now)
    return paid or rows.update(payload=None, updated_at=now)


def _waiting() -> QuerySet[ReservationResult]:
    rows: QuerySet[ReservationResult] = ReservationResult.objects.across_accounts(
        reason="withheld results"
    )
    return rows.filter(used_at__isnull=True, payload__isnull=False, withheld_until__isnull=False)


def _paid_since(account: HasKey | None = None) -> QuerySet[CreditReservation]:
    """A later reservation for the same work that was captured; for use in a subquery."""
    manager = CreditReservation.objects
    rows: QuerySet[CreditReservation] = (
        manager.across_accounts(reason="withheld results")
        if account is None
        else manager.for_account(account)
    )
    return rows.filter(
        account_id=OuterRef("account_id"),
        operation=OuterRef("reservation__operation"),
        related_type=OuterRef("reservation__related_type"),
        related_id=OuterRef("reservation__related_id"),
        pk__gt=OuterRef("reservation_id"),
        status=ReservationStatus.CAPTURED,
    )
