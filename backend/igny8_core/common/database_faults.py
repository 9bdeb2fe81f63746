"""What the database refuses, and what of it passes by itself when somebody asks again."""

from __future__ import annotations

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError

from igny8_core.common.errors import Conflict, DomainError, InvalidInput, NotFound, Transient
from igny8_core.common.tenancy.violations import violation_of

UNIQUE, FOREIGN_ROW = "23505", "42501"

WAITED_TOO_LONG = frozenset({"55P03", "57014", "40001", "40P01"})
"""A lock, a time limit, a deadlock."""

AWAY = ("08", "53", "57P")
"""Beginnings of codes: no connection, no room for one, shutting down or starting up."""


def sqlstate_of(error: BaseException) -> str:
    """PostgreSQL's code for an error of Django's; empty when it did not come so far."""
    return str(getattr(getattr(error.__cause__, "diag", None), "sqlstate", None) or "")


def is_passing(error: BaseException | None) -> bool:
    """Whether the database was busy or away, and nothing is wrong with what was asked."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    code = sqlstate_of(error)
    if not code:  # the connection broke, or there was none
        return isinstance(error, OperationalError | InterfaceError)
    return code in WAITED_TOO_LONG or code.startswith(AWAY)


def refusal_of(error: DatabaseError | InterfaceError) -> DomainError | None:
    """A refusal of the database as one of ours; None for what only a bug can cause.

    Services check first and say it better: this is for the request that lost a race, and for
    texts that no column can hold.
    """
    if is_passing(error):
        return Transient("The database is busy. Try again in a moment.")
    code = sqlstate_of(error)
    if code == FOREIGN_ROW:  # row-level security: as if the row were not there
        return NotFound("There is no such thing here.")
    if isinstance(error, DataError):
        return InvalidInput("A value cannot be stored: too long, or not text.")
    if isinstance(error, IntegrityError) and (found := violation_of(error)) is not None:
        kind = Conflict if code == UNIQUE else InvalidInput
        return kind("Some values are not accepted.", values=list(found.messages))
    return None
