"""The ledger of one account, as ``ai.run`` needs it: implements ``ai.ports.CreditPort``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from igny8_core.ai.ports import Hold
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import AlreadySettled, ResultWithheld
from igny8_core.business.billing.models import CreditReservation
from igny8_core.business.billing.services import late_results, prices, reservations
from igny8_core.business.billing.services.caps import DayCap
from igny8_core.business.billing.services.usage import log_usage
from igny8_core.business.billing.states import ReservationStatus
from igny8_core.common.errors import Conflict, StaleState, TransitionNotAllowed
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from igny8_core.ai.ports import CapPort, Usage
    from igny8_core.common.tenancy.context import HasKey

MAX_GENERATIONS = 50
"""How often work of one key may be given up and begun anew."""

_GIVEN_UP = {ReservationStatus.RELEASED, ReservationStatus.EXPIRED}


class AccountCredits:
    """Credits for paid AI work of one account.

    :param caps: limits of this work beside the account's own limit of the day.
    """

    def __init__(self, account: HasKey, *, caps: Sequence[CapPort] = ()) -> None:
        self.account = account
        self.caps = (DayCap(account), *caps)
        self._withheld: dict[int, int] = {}  # credits of results that came too late, by hold

    def reserve(
        self,
        *,
        operation: str,
        quantities: Mapping[str, int],
        idempotency_key: str,
        related_type: str,
        related_id: int,
        is_own_key: bool = False,
        ttl: timedelta,
        now: datetime,
    ) -> Hold:
        """Hold what ``quantities`` cost at most, or take over what an earlier attempt holds.

        A reservation that was released or has expired is done with: the same key then gets the
        next one, ``key#2``, ``key#3`` … So at most one of them is ever captured.

        :param quantities: by price unit; the most that the work may need.
        :param is_own_key: the account pays its provider: the price is the operation's platform
            fee, whatever the quantities. When that is 0, nothing is held.
        :param ttl: how long this attempt may take.
        :raises InsufficientCredits: nothing was written.
        :raises CreditsBlocked: the account may not reserve; nothing was written.
        :raises CapReached: a new hold would lead over a limit; nothing was written.
        :raises AlreadySettled: this work was captured; ``data`` names the reservation.
        :raises PriceMissing: the operation has no active price.
        :raises IdempotencyConflict: the key was used for other work or other quantities.
        :raises Conflict: the key was given up too often.
        """
        with tenant(self.account.pk):
            key, earlier = self._newest(idempotency_key, is_own_key=is_own_key, ttl=ttl, now=now)
            if earlier is None:
                snapshot = prices.snapshot(operation=operation, is_own_key=is_own_key, now=now)
            else:  # the price of its time, or a price change in between would be a conflict
                snapshot = earlier.price_snapshot
            amount = prices.cost(snapshot, quantities)
            if not amount:
                return Hold(0, 1, 0, purpose=(operation, related_type, related_id))
            reserved = reservations.reserve(
                account=self.account,
                amount=amount,
                operation=operation,
                idempotency_key=key,
                related=(related_type, related_id),
                price=snapshot,
                ttl=ttl,
                now=now,
            )
            if not reserved.is_new:
                return self._take_over(reserved, ttl=ttl, now=now)
            hold = Hold(reserved.reservation_id, reserved.attempt, reserved.amount)
            for cap in self.caps:  # the wallet is locked until this transaction ends
                cap.check(hold, now=now)
            return hold

    def capture(
        self, hold: Hold, *, quantities: Mapping[str, int], usage: Usage, now: datetime
    ) -> int:
        """Charge what was delivered, at the price of the reservation, and log the usage.

        Belongs into the transaction that stores the result, as its last statement.

        :param quantities: what was delivered, by price unit; charged at most as reserved.
        A hold that has expired meanwhile is paid anew, once.

        :returns: credits charged.
        :raises StaleState: a later attempt owns the hold; roll back.
        :raises AlreadySettled: captured before; roll back and use the stored result.
        :raises ResultWithheld: expired, and the account cannot pay; roll back and release.
        :raises TransitionNotAllowed: released; roll back.
        """
        if hold.purpose is not None:
            self._log_free(hold.purpose, usage)
            return 0
        with tenant(self.account.pk):
            row = selectors.credit_reservation(
                account=self.account, reservation_id=hold.reservation_id
            )
            amount = min(prices.cost(row.price_snapshot, quantities), row.amount)
            reservation_id, captured = self._charge(row, hold, amount, now=now)
            if captured.is_replay:
                raise AlreadySettled(
                    "this work was captured before", reservation_id=hold.reservation_id
                )
            is_own_key = prices.OWN_KEY_FEE in row.price_snapshot
            log_usage(
                account=self.account,
                operation=row.operation,
                credits_used=captured.credits,
                usage=_our_part(usage) if is_own_key else usage,
                reservation_id=reservation_id,
                transaction_id=captured.transaction_id,
                related=(row.related_type, row.related_id),
                metadata={"quantities": dict(quantities)}
                | (_own_key_note(usage) if is_own_key else {}),
            )
        return captured.credits

    def release(self, hold: Hold, *, now: datetime) -> None:
        """Give everything back: the work failed. Harmless when the sweep was faster.

        A result that came too late and could not be paid is offered from now on.

        :raises StaleState: a later attempt owns the hold.
        :raises TransitionNotAllowed: it was captured.
        """
        if hold.purpose is not None:
            return
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
        if (amount := self._withheld.pop(hold.reservation_id, None)) is not None:
            late_results.withhold_result(
                account=self.account,
                reservation_id=hold.reservation_id,
                attempt=hold.attempt,
                amount=amount,
                now=now,
            )

    def _charge(
        self, row: CreditReservation, hold: Hold, amount: int, *, now: datetime
    ) -> tuple[int, reservations.Captured]:
        """Capture the hold, or what takes its place when it has expired: which, and what."""
        try:
            captured = reservations.capture_credits(
                account=self.account,
                reservation_id=row.pk,
                amount=amount,
                attempt=hold.attempt,
                now=now,
            )
        except TransitionNotAllowed as exc:
            if exc.data.get("outcome") != "already_expired":
                raise
        else:
            return row.pk, captured
        try:
            return late_results.capture_late(
                account=self.account, expired=row, amount=amount, caps=self.caps, now=now
            )
        except ResultWithheld:
            self._withheld[row.pk] = amount
            raise

    def _newest(
        self, idempotency_key: str, *, is_own_key: bool, ttl: timedelta, now: datetime
    ) -> tuple[str, CreditReservation | None]:
        """The key to use, and the reservation under it, if there is one that is not given up.

        One that is held at the other kind of price is given up here: the account has brought a
        key of its own meanwhile, or taken it away.
        """
        rows = CreditReservation.objects.for_account(self.account)
        for generation in range(1, MAX_GENERATIONS + 1):
            key = idempotency_key if generation == 1 else f"{idempotency_key}#{generation}"
            if len(key) > KEY_LENGTH:
                break
            found = rows.filter(idempotency_key=key).first()
            if found is None:
                return key, None
            is_same_kind = (prices.OWN_KEY_FEE in found.price_snapshot) == is_own_key
            if found.status == ReservationStatus.HELD and not is_same_kind:
                self._give_up(found, ttl=ttl, now=now)
            elif found.status not in _GIVEN_UP:
                return key, found
        raise Conflict("this work was given up too often", idempotency_key=idempotency_key)

    def _give_up(self, row: CreditReservation, *, ttl: timedelta, now: datetime) -> None:
        attempt = reservations.take_over_reservation(
            account=self.account, reservation_id=row.pk, ttl=ttl, now=now
        )
        if attempt is None:
            raise StaleState("the reservation was just settled; repeat")
        reservations.release_credits(
            account=self.account, reservation_id=row.pk, attempt=attempt, now=now
        )

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

    def _log_free(self, purpose: tuple[str, str, int], usage: Usage) -> None:
        """Work that costs nothing leaves its usage behind, and nothing else."""
        operation, related_type, related_id = purpose
        log_usage(
            account=self.account,
            operation=operation,
            credits_used=0,
            usage=_our_part(usage),
            related=(related_type, related_id),
            metadata=_own_key_note(usage),
        )


def _our_part(usage: Usage) -> Usage:
    """What work with the account's own key costs us: nothing."""
    return replace(usage, cost_usd_micros=0)


def _own_key_note(usage: Usage) -> dict[str, Any]:
    return {"is_own_key": True, "account_cost_usd_micros": usage.cost_usd_micros}
