"""Who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import Client

from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.auth.states import Role


def client_of(account: Account, role: Role) -> Client:
    """A browser in which a new member with this role is signed in."""
    client = Client()
    client.force_login(make.member(account, role))
    return client
