"""Where a person is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession

if TYPE_CHECKING:
    from igny8_core.auth.models import User


def signed_in_devices(*, person: User) -> list[UserSession]:
    """The sessions that still hold, newest first; what has ended is removed on the way."""
    found = UserSession.objects.purge_and_list(person)
    return sorted(found, key=lambda one: one.created_at, reverse=True)
