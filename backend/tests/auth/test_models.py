from __future__ import annotations

import pytest
from django.db import connection

from igny8_core.auth.models import Account, Membership, User

pytestmark = pytest.mark.django_db


def test_memberships_of_finds_accounts_before_one_is_chosen() -> None:
    account = Account.objects.create(name="a", slug="a")
    user = User.objects.create_user("a@example.com", "pw")
    Membership.unscoped.create(account=account, user=user, role="owner")

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM memberships_of(%s)", [user.pk])
        found = cursor.fetchall()

    assert found == [(account.pk, "owner", "active")]
