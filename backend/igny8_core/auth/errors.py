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


class AddressTaken(Conflict):
    """Somebody signs in with this e-mail address."""

    code = "address_taken"


class SlugTaken(Conflict):
    """Another account has this short name."""

    code = "slug_taken"


class AccountSuspended(Refused):
    """The account is suspended: it can be read, but nothing can be changed or started."""

    code = "account_suspended"


class AccountClosed(Refused):
    """The account was closed: nobody enters it any more."""

    code = "account_closed"


class SiteInactive(Conflict):
    """The site is at rest: it can be read, but not worked on."""

    code = "site_inactive"


class SiteNotEmpty(Conflict):
    """The site still holds work; ``data['holds']`` names a kind of it."""

    code = "site_not_empty"
