"""Which accounts a request may enter, as what, and under which name it acts there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.auth import selectors
from igny8_core.auth.access.impersonation import STAFF, running_impersonation
from igny8_core.auth.errors import AccountClosed, AccountSuspended
from igny8_core.auth.states import AccountStatus, Role
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, Impersonation

SESSION_KEY = "impersonation"
"""In a staff person's session: ``{"account": 7, "id": 3}``."""

UNKNOWN: Any = object()

CLOSED = "This account was closed."
SUSPENDED = (
    "This account is suspended: it can be read, but nothing can be changed or started."
    " Its owners can settle what is open, or ask us."
)


@dataclass(frozen=True)
class Entrance:
    """What a signed-in person may enter.

    :ivar roles: the role by account; while an impersonation runs, of that account alone.
    :ivar actor: who acts, for the trails: ``user:7``, or ``staff:7``.
    :ivar closed: accounts of the person that were closed.
    """

    roles: dict[int, Role]
    actor: str
    closed: frozenset[int] = frozenset()

    @property
    def is_visit(self) -> bool:
        """Whether the person is staff who visit an account."""
        return self.actor.startswith(STAFF)

    def role_in(self, account_id: int) -> Role:
        """What the person may do there.

        :raises NotFound: they do not belong to this account; the same for an unknown one.
        :raises AccountClosed: it was theirs, and was closed.
        """
        if (role := self.roles.get(account_id)) is not None:
            return role
        if account_id in self.closed:
            raise AccountClosed(CLOSED)
        raise NotFound("There is no such account.")


def refuse_unless_open(account: Account, *, changes: bool) -> None:
    """What an account's status leaves of it: for every way in, people and programs alike.

    :param changes: whether something is to be changed or started; reading and what a suspended
        account still may do (paying, leaving, taking keys back, closing) is none.
    :raises AccountClosed: nothing is left.
    :raises AccountSuspended: it can only be read.
    """
    if account.status == AccountStatus.CLOSED:
        raise AccountClosed(CLOSED)
    if changes and account.status == AccountStatus.SUSPENDED:
        raise AccountSuspended(SUSPENDED)


def entrance_of(request: Any, *, now: datetime) -> Entrance:
    """The entrance of a signed-in person's request. Outside tenant blocks."""
    person = request.user
    if (running := impersonation_of(request, now=now)) is not None:
        return Entrance({running.account_id: Role(running.role)}, f"{STAFF}{person.pk}")
    found = selectors.all_memberships_of(person.pk)
    is_open = {pk: role for pk, role, status in found if status != AccountStatus.CLOSED}
    closed = frozenset(pk for pk, _, status in found if status == AccountStatus.CLOSED)
    return Entrance(is_open, f"user:{person.pk}", closed)


def impersonation_of(request: Any, *, now: datetime) -> Impersonation | None:
    """What runs in the request's session, asked for once a request; a past one is forgotten."""
    if (known := getattr(request, "_impersonation", UNKNOWN)) is not UNKNOWN:
        return known  # type: ignore[no-any-return]  # ours
    running, session = None, getattr(request, "session", {})
    if (flag := session.get(SESSION_KEY)) is not None and request.user.is_authenticated:
        running = running_impersonation(
            account_id=flag["account"], impersonation_id=flag["id"], staff=request.user, now=now
        )
        if running is None:
            del session[SESSION_KEY]
    request._impersonation = running  # noqa: SLF001 - our own mark
    return running
