"""The ledger of one account, as ``ai.run`` needs it: implements ``ai.ports.CreditPort``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.ai.ports import Hold
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import AlreadySettled
from igny8_core.business.billing.models import CreditReservation
from igny8_core.business.billing.services import prices, reservations
from igny8_core.business.billing.services.usage import log_usage
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.errors import Conflict, StaleState, TransitionNotAllowed
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from igny8_core.ai.ports import Usage
    from igny8_core.common.tenancy.context import HasKey

MAX_GENERATIONS = 50
"""How often work of one key may be given up and begun anew."""

_GIVEN_UP = {ReservationStatus.RELEASED, ReservationStatus.EXPIRED}


class AccountCredits:
    """Credits for paid AI work of one account."""

    def __init__(self, account: HasKey) -> None:
        self.account = account

    def reserve(
        self,
        *,
        operation: str,
        quantities: Mapping[str, int],
        idempotency_key: str,
        related_type: str,
        related_id: int,
        ttl: timedelta,
        now: datetime,
    ) -> Hold:
        """Hold what ``quantities`` cost at most, or take over what an earlier attempt holds.

        A reservation that was released or has expired is done with: the same key then gets the
        next one, ``key#2``, ``key#3`` … So at most one of them is ever captured.

        :param quantities: by price unit; the most that the work may need.
        :param ttl: how long this attempt may take.
        :raises InsufficientCredits: nothing was written.
        :raises CreditsBlocked: the account may not reserve; nothing was written.
        :raises AlreadySettled: this work was captured; ``data`` names the reservation.
        :raises PriceMissing: the operation has no active price.
        :raises IdempotencyConflict: the key was used for other work or other quantities.
        :raises Conflict: the key was given up too often.
        """
        with tenant(self.account.pk):
            key, earlier = self._newest(idempotency_key)
            if earlier is None:
                price = prices.price(operation=operation, now=now)
            else:  # the price of its time, or a price change in between would be a conflict
                price = prices.Price.model_validate(earlier.price_snapshot)
            reserved = reservations.reserve(
                account=self.account,
                amount=price.credits(quantities),
                operation=operation,
                idempotency_key=key,
                related=(related_type, related_id),
                price=price.snapshot(),
                ttl=ttl,
                now=now,
            )
            if reserved.is_new:
                return Hold(reserved.reservation_id, reserved.attempt, reserved.amount)
            return self._take_over(reserved, ttl=ttl, now=now)

    def capture(
        self, hold: Hold, *, quantities: Mapping[str, int], usage: Usage, now: datetime
    ) -> int:
        """Charge what was delivered, at the price of the reservation, and log the usage.

        Belongs into the transaction that stores the result, as its last statement.

        :param quantities: what was delivered, by price unit; charged at most as reserved.
        :returns: credits charged.
        :raises StaleState: a later attempt owns the hold; roll back.
        :raises AlreadySettled: captured before; roll back and use the stored result.
        :raises TransitionNotAllowed: released, or expired; roll back.
        """
        with tenant(self.account.pk):
            row = selectors.credit_reservation(
                account=self.account, reservation_id=hold.reservation_id
            )
            price = prices.Price.model_validate(row.price_snapshot)
            captured = reservations.capture_credits(
                account=self.account,
                reservation_id=hold.reservation_id,
                amount=min(price.credits(quantities), row.amount),
                attempt=hold.attempt,
                now=now,
            )
            if captured.is_replay:
                raise AlreadySettled(
                    "this work was captured before", reservation_id=hold.reservation_id
                )
            log_usage(
                account=self.account,
                operation=row.operation,
                credits_used=captured.credits,
                usage=usage,
                reservation_id=row.pk,
                transaction_id=captured.transaction_id,
                related=(row.related_type, row.related_id),
            )
        return captured.credits

    def release(self, hold: Hold, *, now: datetime) -> None:
        """Give everything back: the work failed. Harmless when the sweep was faster.

        :raises StaleState: a later attempt owns the hold.
        :raises TransitionNotAllowed: it was captured.
        """
        try:
            reservations.release_credits(
                account=self.account,
                reservation_id=hold.reservation_id,
                attempt=hold.attempt,
                now=now,
            )
        except TransitionNotAllowed as exc:
            if exc.data.get("outcome") != "already_expired":
                raise

    def _newest(self, idempotency_key: str) -> tuple[str, CreditReservation | None]:
        """The key to use, and the reservation under it, if there is one that is not given up."""
        rows = CreditReservation.objects.for_account(self.account)
        for generation in range(1, MAX_GENERATIONS + 1):
            key = idempotency_key if generation == 1 else f"{idempotency_key}#{generation}"
            if len(key) > KEY_LENGTH:
                break
            found = rows.filter(idempotency_key=key).first()
            if found is None or found.status not in _GIVEN_UP:
                return key, found
        raise Conflict("this work was given up too often", idempotency_key=idempotency_key)

    def _take_over(self, reserved: reservations.Reserved, *, ttl: timedelta, now: datetime) -> Hold:
        if reserved.status == ReservationStatus.CAPTURED:
            raise AlreadySettled(
                "this work was captured before", reservation_id=reserved.reservation_id
            )
        attempt = reservations.take_over_reservation(
            account=self.account, reservation_id=reserved.reservation_id, ttl=ttl, now=now
        )
        if attempt is None:  # given up between the look and the lock
            raise StaleState("the reservation was just given up; repeat")
        return Hold(reserved.reservation_id, attempt, reserved.amount)
