"""One round trip to a function of the ledger, and what its outcomes mean to a caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from igny8_core.business.billing.errors import CreditsBlocked
from igny8_core.common.errors import (
    DomainError,
    IdempotencyConflict,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
    Transient,
    TransitionNotAllowed,
)

LOCK_FAULTS = {"55P03", "40P01", "40001"}  # lock timeout, deadlock, serialisation

_REFUSALS: dict[str, tuple[type[DomainError], str]] = {
    "insufficient": (InsufficientCredits, "not enough credits"),
    "blocked": (CreditsBlocked, "reservations are blocked for this account"),
    "mismatch": (IdempotencyConflict, "the idempotency key was used for another request"),
    "exceeds": (TransitionNotAllowed, "more than was reserved"),
    "already_captured": (TransitionNotAllowed, "the reservation is captured"),
    "already_released": (TransitionNotAllowed, "the reservation is released"),
    "already_expired": (TransitionNotAllowed, "the reservation has expired"),
    "not_due": (TransitionNotAllowed, "the reservation has not expired yet"),
    "stale_attempt": (StaleState, "a later attempt owns the reservation"),
    "bad_amount": (InvalidInput, "not a possible amount of credits"),
    "no_wallet": (NotFound, "no such account"),
    "not_found": (NotFound, "no such reservation or lot"),
}


@dataclass(frozen=True)
class Answer:
    """What a ledger function said: its outcome, and its other columns by name."""

    outcome: str
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


def call(function: str, **arguments: Any) -> Answer:
    """Call ``ledger.<function>``; arguments are the function's, without the prefix ``p_``.

    :raises Transient: the wallet stayed locked for longer than ``lock_timeout``.
    """
    named = ", ".join(f"p_{name} => %({name})s" for name in arguments)
    sql = f"SELECT * FROM ledger.{function}({named})"  # noqa: S608 - names from our own code
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql, arguments)
        except DatabaseError as exc:
            if getattr(exc.__cause__, "sqlstate", None) in LOCK_FAULTS:
                raise Transient("the wallet is busy", function=function) from exc
            raise
        row = cursor.fetchone()
        values = dict(zip([column.name for column in cursor.description], row, strict=True))
    return Answer(outcome=str(values.get("outcome", "")), values=values)


def refuse(answer: Answer, **data: Any) -> None:
    """Raise what the outcome means, if it is a refusal; nothing else happens.

    :param data: goes into the error, for people and logs.
    """
    if answer.outcome in _REFUSALS:
        error, message = _REFUSALS[answer.outcome]
        if (available := answer.values.get("available")) is not None:
            data["available"] = available
        raise error(message, **data)
