"""Two changes of who belongs to an account, at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from igny8_core.auth.access import members
from igny8_core.auth.models import Invitation, Membership, Plan, User
from igny8_core.auth.states import Role
from igny8_core.common.errors import DomainError
from tests import make

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()


def at_once(*actions: Callable[[], Any]) -> list[str]:
    """Run the actions in threads that start together; the outcome of each."""
    together = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> str:
        together.wait(timeout=10)
        try:
            action()
        except DomainError as refused:
            return refused.code
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return sorted(pool.map(run, actions))


def test_two_owners_who_remove_each_other_leave_one() -> None:
    account = make.account()
    rows = [Membership.unscoped.get(user=make.member(account)) for _ in range(2)]

    def remove(row: Membership) -> Callable[[], User]:
        return lambda: members.remove_member(
            account=account, membership_id=row.pk, granting=Role.OWNER
        )

    assert at_once(*(remove(row) for row in rows)) == ["done", "last_owner"]
    assert Membership.unscoped.get(account=account).role == Role.OWNER


def test_the_last_place_of_a_plan_is_given_once() -> None:
    plan = Plan.objects.create(code="pair", name="Pair", max_users=2)
    account = make.account(plan=plan)
    make.member(account)

    def ask(email: str) -> Callable[[], Invitation]:
        return lambda: members.invite_member(
            account=account,
            email=email,
            role="viewer",
            invited_by=None,
            granting=Role.OWNER,
            accept_url=lambda token: f"https://x/{token}/",
            now=NOW,
        )

    outcomes = at_once(*(ask(f"p{n}@example.com") for n in range(4)))

    assert outcomes == ["done", *["plan_limit_reached"] * 3]
    assert Invitation.unscoped.count() == 1


def test_an_invitation_is_accepted_once() -> None:
    account, tokens = make.account(), []

    def link(token: str) -> str:
        tokens.append(token)
        return f"https://x/{token}/"

    members.invite_member(
        account=account,
        email="new@example.com",
        role="viewer",
        invited_by=None,
        granting=Role.OWNER,
        accept_url=link,
        now=NOW,
    )

    def join() -> None:
        members.join_as_new_person(token=tokens[0], name="Eve", password="pw", now=NOW)

    assert at_once(join, join, join) == ["done", "invitation_over", "invitation_over"]
    assert Membership.unscoped.filter(account=account).count() == 1
