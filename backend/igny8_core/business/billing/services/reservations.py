"""Reservations: credits set aside, then captured, released or expired, exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from psycopg.types.json import Jsonb

from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import ledger
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from igny8_core.business.billing.models import CreditReservation
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

FINGERPRINT_VERSION = 1
NO_PRICE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Reserved:
    """A reservation as its key finds it; ``is_new`` is false on a repeat."""

    reservation_id: int
    status: ReservationStatus
    attempt: int
    amount: int
    is_new: bool


@dataclass(frozen=True)
class Captured:
    """What was charged. On a replay nothing was written: roll back and use the stored result."""

    credits: int
    transaction_id: int | None
    is_replay: bool


@tenant_atomic()
def reserve(
    *,
    account: HasKey,
    amount: int,
    operation: str,
    idempotency_key: str,
    related: tuple[str, int] | None = None,
    price: Mapping[str, Any] = NO_PRICE,
    ttl: timedelta | None = None,
    now: datetime,
) -> Reserved:
    """What :func:`reserve_credits` does, without reading the row again: one round trip."""
    related_type, related_id = related or ("", None)
    answer = ledger.call(
        "reserve",
        account=account.pk,
        key=idempotency_key,
        fingerprint=fingerprint(
            FINGERPRINT_VERSION,
            operation=operation,
            amount=amount,
            related=[related_type, related_id],
            price=price,
        ),
        amount=amount,
        ttl=settings.HOLD_TTL if ttl is None else ttl,
        operation=operation,
        related_type=related_type,
        related_id=related_id,
        price=Jsonb(dict(price)),
        now=now,
    )
    ledger.refuse(answer, idempotency_key=idempotency_key)
    return Reserved(
        reservation_id=answer["reservation_id"],
        status=ReservationStatus(answer["status"]),
        attempt=answer["attempt"],
        amount=answer["amount"],
        is_new=answer.outcome == "created",
    )


@tenant_atomic()
def reserve_credits(
    *,
    account: HasKey,
    amount: int,
    operation: str,
    idempotency_key: str,
    related: tuple[str, int] | None = None,
    price: Mapping[str, Any] = NO_PRICE,
    ttl: timedelta | None = None,
    now: datetime,
) -> CreditReservation:
    """Hold ``amount`` credits for work that has not happened yet.

    Safe to repeat: the same key and arguments return the first reservation, whatever became of
    it. Only who made it, or took it over, may release it.

    :param amount: whole credits, at least 1: the most that the work may cost.
    :param idempotency_key: unique per account, at most 64 characters.
    :param related: what the work is about, as a type and an id.
    :param price: kept with the reservation; the capture is priced with it.
    :param ttl: how long it is held; the sweep frees it afterwards.
    :raises InsufficientCredits: fewer are free; nothing was written.
    :raises CreditsBlocked: a dispute, an overdue invoice, an open debt or staff stops the account.
    :raises IdempotencyConflict: the key was used for something else.
    :raises InvalidInput: fewer than 1 credit.
    """
    reserved = reserve(
        account=account,
        amount=amount,
        operation=operation,
        idempotency_key=idempotency_key,
        related=related,
        price=price,
        ttl=ttl,
        now=now,
    )
    return selectors.credit_reservation(account=account, reservation_id=reserved.reservation_id)


@tenant_atomic()
def extend_reservation(
    *, account: HasKey, reservation_id: int, amount: int, attempt: int, now: datetime
) -> None:
    """Raise a reservation to ``amount``: more work than estimated, before it is spent.

    Safe to repeat.

    :raises InsufficientCredits: the difference is not free; nothing was written.
    :raises CreditsBlocked: the account may not reserve.
    :raises StaleState: a later attempt owns the reservation.
    :raises TransitionNotAllowed: it is no longer held.
    :raises InvalidInput: less than is reserved already.
    """
    answer = ledger.call(
        "extend",
        account=account.pk,
        reservation=reservation_id,
        amount=amount,
        attempt=attempt,
        now=now,
    )
    ledger.refuse(answer, reservation_id=reservation_id)


@tenant_atomic()
def take_over_reservation(
    *, account: HasKey, reservation_id: int, ttl: timedelta | None = None, now: datetime
) -> int | None:
    """Become the owner of a reservation that an earlier attempt left behind.

    :returns: the new attempt, for the caller's own memory; None when it is no longer held: the
        work is finished, or the reservation ran out.
    """
    answer = ledger.call(
        "take_over",
        account=account.pk,
        reservation=reservation_id,
        ttl=settings.HOLD_TTL if ttl is None else ttl,
        now=now,
    )
    attempt: int | None = answer["attempt"]
    return attempt


@tenant_atomic()
def capture_credits(
    *, account: HasKey, reservation_id: int, amount: int, attempt: int, now: datetime
) -> Captured:
    """Charge ``amount``, at most what is reserved; the rest is free again.

    The last statement of the transaction that stores the result: it locks the wallet.

    :raises StaleState: a later attempt owns the reservation; roll everything back.
    :raises TransitionNotAllowed: released, expired, captured with another amount, or more than
        was reserved; roll everything back.
    """
    answer = ledger.call(
        "capture",
        account=account.pk,
        reservation=reservation_id,
        amount=amount,
        attempt=attempt,
        now=now,
    )
    if answer.outcome == "exceeds":  # somebody estimated less than the most
        log.error("billing.capture.exceeds", reservation_id=reservation_id, credits=amount)
    ledger.refuse(answer, reservation_id=reservation_id, outcome=answer.outcome)
    return Captured(amount, answer["transaction_id"], is_replay=answer.outcome == "replay")


@tenant_atomic()
def release_credits(*, account: HasKey, reservation_id: int, attempt: int, now: datetime) -> None:
    """Give everything back: the work failed. Safe to repeat.

    :raises StaleState: a later attempt owns the reservation.
    :raises TransitionNotAllowed: it is captured or has expired.
    """
    answer = ledger.call(
        "release", account=account.pk, reservation=reservation_id, attempt=attempt, now=now
    )
    ledger.refuse(answer, reservation_id=reservation_id, outcome=answer.outcome)


@tenant_atomic()
def expire_reservation(*, account: HasKey, reservation_id: int, now: datetime) -> None:
    """Free a reservation that nobody settled in time. Safe to repeat.

    :raises TransitionNotAllowed: captured, released, or not due yet.
    """
    answer = ledger.call("expire", account=account.pk, reservation=reservation_id, now=now)
    ledger.refuse(answer, reservation_id=reservation_id, outcome=answer.outcome)
