"""What can be wrong with accounts and people."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, DomainError, Refused


class CreditsNotLoaded(RuntimeError):
    """The wallet was not loaded with the account: a bug, since a property never queries."""


class PlanLimitReached(Refused):
    """The plan allows no more of this; ``data`` holds the limit and what is in use."""

    code = "plan_limit_reached"


class ApiKeyRefused(DomainError):
    """The key is wrong, revoked or expired."""

    code = "api_key_refused"
    http_status = 401


class LastOwner(Conflict):
    """An account always has an owner."""

    code = "last_owner"


class InvitationOver(Conflict):
    """The invitation was accepted, taken back, or has expired."""

    code = "invitation_over"
