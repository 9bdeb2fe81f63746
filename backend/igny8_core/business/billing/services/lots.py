"""Credits that come in, run out, and are taken back: one lot for each grant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from igny8_core.business.billing.services import ledger
from igny8_core.business.billing.states import BlockCause, TransactionType
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

PRIORITIES: dict[str, int] = {
    TransactionType.SUBSCRIPTION: 10,
    TransactionType.PROMO: 20,
    TransactionType.ADJUSTMENT: 30,
    TransactionType.PURCHASE: 50,
    TransactionType.REINSTATEMENT: 50,
}
"""Burn order of what may be granted, lowest first: what expires goes before what was bought."""


@dataclass(frozen=True)
class Grant:
    """A lot of credits. ``is_new`` is false when the key had brought it before."""

    lot_id: int
    is_new: bool


@dataclass(frozen=True)
class Revocation:
    """What was taken from a lot, and what could not be taken and is owed now."""

    taken: int
    debt: int
    is_new: bool


@tenant_atomic()
def grant_credits(
    *,
    account: HasKey,
    amount: int,
    type: str,  # noqa: A002 - the ledger's column
    idempotency_key: str,
    priority: int | None = None,
    expires_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    invoice_id: int | None = None,
    payment_id: int | None = None,
    actor_id: int | None = None,
    now: datetime,
) -> Grant:
    """Add a lot of ``amount`` credits. An open debt is paid from it first.

    Safe to repeat: the same key and arguments return the first lot.

    :param type: purchase, subscription, promo, adjustment or reinstatement.
    :param priority: place in the burn order, lowest first; by default that of the type.
    :param expires_at: computed from the period, never from the clock: it is compared on a repeat.
    :raises InvalidInput: fewer than 1 credit; nothing was written.
    :raises IdempotencyConflict: the key was used for something else; nothing was written.
    """
    if type not in PRIORITIES:
        raise InvalidInput(f"credits are not granted as {type}", type=type)
    answer = ledger.call(
        "grant_credits",
        account=account.pk,
        key=idempotency_key,
        type=type,
        amount=amount,
        priority=PRIORITIES[type] if priority is None else priority,
        expires=expires_at,
        now=now,
        metadata=Jsonb(dict(metadata or {})),
        invoice=invoice_id,
        payment=payment_id,
        actor=actor_id,
    )
    ledger.refuse(answer, idempotency_key=idempotency_key)
    return Grant(lot_id=answer["lot_id"], is_new=answer.outcome == "created")


@tenant_atomic()
def revoke_lot(
    *,
    account: HasKey,
    lot_id: int,
    owed: int,
    type: str,  # noqa: A002 - the ledger's column
    idempotency_key: str,
    actor_id: int | None = None,
    now: datetime,
) -> Revocation:
    """Take back at most ``owed`` of what a lot has left and nobody holds.

    Safe to repeat with the same key and arguments.

    :param type: refund, adjustment or chargeback. What a chargeback cannot take becomes debt,
        which blocks reservations and is paid before anything else.
    :raises NotFound: the account has no such lot; nothing was written.
    :raises InvalidInput: ``owed`` is less than 1; nothing was written.
    :raises IdempotencyConflict: the key was used for something else; nothing was written.
    """
    answer = ledger.call(
        "revoke_lot",
        account=account.pk,
        lot=lot_id,
        key=idempotency_key,
        type=type,
        owed=owed,
        now=now,
        actor=actor_id,
    )
    ledger.refuse(answer, idempotency_key=idempotency_key, lot_id=lot_id)
    return Revocation(answer["taken"], answer["new_debt"], is_new=answer.outcome == "created")


@tenant_atomic()
def expire_lots(*, account: HasKey, now: datetime) -> int:
    """Expire the unheld rest of every lot that is due. Safe to repeat.

    :returns: credits that expired.
    """
    return int(ledger.call("expire_lots", account=account.pk, now=now)["expire_lots"])


@tenant_atomic()
def close_lot(*, account: HasKey, lot_id: int, now: datetime) -> int:
    """Expire the unheld rest of a plan's lot before its time: its period is over. Safe to repeat.

    What is held stays with its reservations; once freed it expires with the lot.

    :returns: credits that expired.
    :raises NotFound: the account has no such lot.
    :raises ProgrammingError: not a plan's lot, a bug; the transaction must roll back.
    """
    answer = ledger.call("close_lot", account=account.pk, lot=lot_id, now=now)
    ledger.refuse(answer, lot_id=lot_id)
    return int(answer["amount"])


@tenant_atomic()
def set_wallet_block(*, account: HasKey, cause: BlockCause, is_on: bool, now: datetime) -> None:
    """Stop reservations for one cause, or lift that cause; other causes stay as they are.

    :raises NotFound: no such account.
    """
    answer = ledger.call(
        "set_block", account=account.pk, cause=BlockCause(cause).value, on=is_on, now=now
    )
    ledger.refuse(answer)
