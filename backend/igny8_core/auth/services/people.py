"""A person's own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.models import User
from igny8_core.common.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from datetime import datetime

MAX_NAME = 150


def mark_verified(*, user_id: int, now: datetime) -> None:
    """The person proved that the address is theirs; the first proof counts."""
    User.objects.filter(pk=user_id, email_verified_at=None).update(email_verified_at=now)


def rename_person(*, person: User, name: str) -> User:
    """How the others in their accounts see them; an empty name shows the address.

    :raises InvalidInput: more than 150 characters, or an unreadable one.
    """
    shown = " ".join(name.split())
    if len(shown) > MAX_NAME or not shown.isprintable():
        raise InvalidInput("Nothing was changed.", name=["At most 150 readable characters."])
    person.name = shown
    person.save(update_fields=["name"])
    return person


def set_password(*, email: str, password: str) -> None:
    """Give a person a new password; their other sessions end.

    :raises NotFound: nobody has this address.
    """
    person = User.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise NotFound("nobody has this address", email=email)
    person.set_password(password)
    person.save(update_fields=["password"])
