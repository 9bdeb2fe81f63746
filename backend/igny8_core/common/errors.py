"""What can go wrong in a way that a caller can act on. Anything else is a bug."""

from __future__ import annotations

from typing import ClassVar

Scalar = str | int | float | bool | None


class DomainError(Exception):
    """An expected refusal.

    :ivar code: stable, snake_case, never carries data.
    :ivar http_status: what an HTTP edge answers.
    :ivar message: for people.
    :ivar data: JSON scalars, or lists of strings by field name.
    """

    code: ClassVar[str] = "domain_error"
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, **data: Scalar | list[str]) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    @property
    def texts(self) -> list[str]:
        """What is wrong, field by field."""
        return [text for value in self.data.values() if isinstance(value, list) for text in value]


class InvalidInput(DomainError):
    """Fix the request; ``data`` holds messages by field."""

    code = "invalid_input"
    http_status = 422


class Refused(DomainError):
    """The role or the plan does not allow it."""

    code = "refused"
    http_status = 403


class NotFound(DomainError):
    """Unknown, or another account's row: the same answer for both."""

    code = "not_found"
    http_status = 404


class Conflict(DomainError):
    """The state is not what the caller believed; read it again."""

    code = "conflict"
    http_status = 409


class TransitionNotAllowed(Conflict):
    """The lifecycle has no such edge. Nothing was written."""

    code = "transition_not_allowed"


class IdempotencyConflict(Conflict):
    """The idempotency key was used for another request."""

    code = "idempotency_conflict"


class Transient(DomainError):
    """Try again later; nothing was lost."""

    code = "transient"
    http_status = 503


class StaleState(Transient):
    """Somebody else moved the row first. Nothing was written."""

    code = "stale_state"
    http_status = 409


class InsufficientCredits(DomainError):
    """Fewer credits are free than the work needs; ``data['available']`` says how many."""

    code = "insufficient_credits"
    http_status = 402


class ProviderRejected(DomainError):
    """A provider refused for good; its reason is in the message and stored on the row."""

    code = "provider_rejected"
    http_status = 502
