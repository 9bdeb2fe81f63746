"""Which accounts a request may enter, as what, and under which name it acts there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.auth import selectors
from igny8_core.auth.access.impersonation import running_impersonation
from igny8_core.auth.states import Role

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Impersonation

SESSION_KEY = "impersonation"
"""In a staff person's session: ``{"account": 7, "id": 3}``."""

UNKNOWN: Any = object()


@dataclass(frozen=True)
class Entrance:
    """What a signed-in person may enter.

    :ivar roles: the role by account; while an impersonation runs, of that account alone.
    :ivar actor: who acts, for the trails: ``user:7``, or ``staff:7``.
    """

    roles: dict[int, Role]
    actor: str


def entrance_of(request: Any, *, now: datetime) -> Entrance:
    """The entrance of a signed-in person's request. Outside tenant blocks."""
    person = request.user
    if (running := impersonation_of(request, now=now)) is not None:
        return Entrance({running.account_id: Role(running.role)}, f"staff:{person.pk}")
    return Entrance(dict(selectors.memberships_of(person.pk)), f"user:{person.pk}")


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
