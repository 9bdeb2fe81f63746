"""Where a person is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession

from igny8_core.common.errors import Conflict, NotFound

if TYPE_CHECKING:
    from igny8_core.auth.models import User


def signed_in_devices(*, person: User) -> list[UserSession]:
    """The sessions that still hold, newest first; what has ended is removed on the way."""
    found = UserSession.objects.purge_and_list(person)
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def end_device(*, person: User, device_id: int) -> None:
    """Sign one device of the person out, at once.

    :raises NotFound: the person is not signed in there.
    :raises Conflict: it is the device that asks: that is signing out.
    """
    found = UserSession.objects.filter(user_id=person.pk, pk=device_id).first()
    if found is None:
        raise NotFound("This device is not signed in any more.")
    if found.is_current():
        raise Conflict("This is the device you are using: sign out instead.")
    found.end()
