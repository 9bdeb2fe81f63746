"""A person's own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from igny8_core.auth import selectors
from igny8_core.auth.models import User
from igny8_core.common.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_NAME = 150
FORGOTTEN = "@forgotten.invalid"
"""How the addresses of people end who are known by number alone; none is delivered (RFC 2606)."""


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


def forget_people(*, user_ids: Iterable[int], leaving: int, using: str) -> int:
    """Take name, address, password, second factors and sessions from people of no other account.

    Their rows stay, because books name them by number; nobody can sign in with them again. Staff
    is left alone. Outside tenant blocks; safe to repeat.

    :param leaving: the account that does not count any more.
    :param using: the database as the owner of the tables: nobody else removes addresses.
    :returns: how many were forgotten now.
    """
    count = 0
    for person in User.objects.using(using).filter(pk__in=[*user_ids], is_staff=False):
        others = {pk for pk, _, _ in selectors.all_memberships_of(person.pk)} - {leaving}
        if others or person.email.endswith(FORGOTTEN):
            continue
        with transaction.atomic(using=using):
            sessions = UserSession.objects.using(using).filter(user=person)
            keys = list(sessions.values_list("session_key", flat=True))
            Session.objects.using(using).filter(session_key__in=keys).delete()
            sessions.delete()
            for rows in (Authenticator.objects, EmailAddress.objects):
                rows.using(using).filter(user=person).delete()
            person.email, person.name = f"{person.pk}{FORGOTTEN}", ""
            person.is_active, person.email_verified_at = False, None
            person.set_unusable_password()
            person.save(using=using)
        count += 1
    return count
