"""People are invited, join, change their role and leave; an account keeps an owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from igny8_core.auth import selectors, services
from igny8_core.auth.access import members
from igny8_core.auth.errors import InvitationOver, LastOwner, PlanLimitReached
from igny8_core.auth.models import Account, Invitation, Membership, Plan, User
from igny8_core.auth.states import Role
from igny8_core.common.errors import Conflict, InvalidInput, NotFound, Refused
from igny8_core.common.tenancy.context import tenant
from tests import make

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

NOW = timezone.now()
Invite = Callable[..., str]


@pytest.fixture
def account() -> Account:
    services.load_reference_data()
    return make.account(plan=Plan.objects.get(code="starter"))  # three people


@pytest.fixture
def invite(account: Account, django_capture_on_commit_callbacks: Any) -> Invite:
    """Ask somebody and return the token of the mail."""

    def ask(email: str = "new@example.com", **changes: Any) -> str:
        wanted: dict[str, Any] = {"role": "editor", "invited_by": None, "granting": Role.OWNER}
        with django_capture_on_commit_callbacks(execute=True):
            members.invite_member(
                account=account,
                email=email,
                accept_url=lambda token: f"https://x/{token}/",
                **({"now": NOW} | wanted | changes),
            )
        found = re.search(r"https://x/(\S+)/", str(mail.outbox[-1].body))
        assert found is not None
        return found[1]

    return ask


def membership(person: User) -> Membership:
    return Membership.unscoped.get(user=person)


def test_a_new_person_joins_with_name_and_password(account: Account, invite: Invite) -> None:
    token = invite("New@Example.com")

    asked = members.invitation_of(token=token, now=NOW)
    person = members.join_as_new_person(token=token, name=" Eve ", password="pw", now=NOW)

    row = Invitation.unscoped.get()
    assert (asked.account, asked.is_known) == (account, False)
    assert (person.email, person.name, person.check_password("pw")) == (
        "new@example.com",
        "Eve",
        True,
    )
    assert person.email_verified_at == NOW
    assert selectors.memberships_of(person.pk) == [(account.pk, Role.EDITOR)]
    assert (row.accepted_at, row.token_hash == token) == (NOW, False)


def test_a_person_who_exists_joins_and_keeps_other_accounts(
    account: Account, invite: Invite
) -> None:
    person = make.member(make.account(), email="new@example.com")
    token = invite()

    joined = members.accept_invitation(token=token, person=person, now=NOW)

    assert joined == account
    assert sorted(role for _, role in selectors.memberships_of(person.pk)) == ["editor", "owner"]


def test_an_invitation_is_for_its_address_alone(invite: Invite) -> None:
    token = invite()
    other = make.user()

    with pytest.raises(Refused, match=r"is for new@example\.com"):
        members.accept_invitation(token=token, person=other, now=NOW)
    make.user(email="new@example.com")
    with pytest.raises(Conflict, match="Sign in to accept"):
        members.join_as_new_person(token=token, name="x", password="pw", now=NOW)

    assert not Membership.unscoped.exists()
    assert Invitation.unscoped.get().accepted_at is None


def test_unknown_expired_revoked_and_used_links_do_not_work(
    account: Account, invite: Invite
) -> None:
    person = make.user(email="new@example.com")
    token = invite()

    with pytest.raises(NotFound):
        members.accept_invitation(token="guess", person=person, now=NOW)
    with pytest.raises(InvitationOver, match="expired"):
        members.accept_invitation(token=token, person=person, now=NOW + members.LASTS)
    members.accept_invitation(token=token, person=person, now=NOW)
    with pytest.raises(InvitationOver, match="accepted already"):
        members.accept_invitation(token=token, person=person, now=NOW)

    other = invite("other@example.com")
    row = Invitation.unscoped.get(email="other@example.com")
    members.revoke_invitation(account=account, invitation_id=row.pk, now=NOW)
    with pytest.raises(InvitationOver, match="taken back"):
        members.invitation_of(token=other, now=NOW)


def test_asking_again_makes_a_new_link_but_not_at_once(invite: Invite) -> None:
    first = invite()
    later = NOW + timedelta(minutes=2)

    with pytest.raises(Conflict, match="a moment ago"):
        invite()
    second = invite(now=later, role="viewer")

    with pytest.raises(NotFound):
        members.invitation_of(token=first, now=later)
    assert members.invitation_of(token=second, now=later).invitation.role == "viewer"
    assert Invitation.unscoped.count() == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"email": "no"}, InvalidInput),
        ({"role": "king"}, InvalidInput),
        ({"role": "owner", "granting": Role.ADMIN}, Refused),
    ],
)
def test_a_bad_invitation_writes_and_sends_nothing(
    invite: Invite, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        invite(**changes)

    assert (Invitation.unscoped.count(), len(mail.outbox)) == (0, 0)


def test_a_member_is_not_invited(account: Account, invite: Invite) -> None:
    make.member(account, email="new@example.com")

    with pytest.raises(Conflict, match="member already"):
        invite()


def test_the_plan_limits_people_and_open_invitations(account: Account, invite: Invite) -> None:
    make.member(account)
    invite("one@example.com")
    token = invite("two@example.com")

    with pytest.raises(PlanLimitReached) as refused:
        invite("three@example.com")
    assert refused.value.data == {"limit": 3, "in_use": 3}

    Plan.objects.filter(code="starter").update(max_users=1)
    with pytest.raises(PlanLimitReached, match="allows 1 person"):
        members.join_as_new_person(token=token, name="x", password="pw", now=NOW)
    assert not User.objects.filter(email="two@example.com").exists()


def test_an_expired_invitation_takes_no_place(invite: Invite) -> None:
    for name in ("one", "two", "three"):
        invite(f"{name}@example.com")

    later = NOW + members.LASTS
    assert invite("four@example.com", now=later)


def test_roles_change_within_the_role_of_whoever_asks(account: Account) -> None:
    make.member(account)
    row = membership(make.member(account, Role.EDITOR))
    change = members.change_role

    changed = change(account=account, membership_id=row.pk, role="admin", granting=Role.ADMIN)
    with pytest.raises(Refused):
        change(account=account, membership_id=row.pk, role="owner", granting=Role.ADMIN)
    with pytest.raises(InvalidInput):
        change(account=account, membership_id=row.pk, role="king", granting=Role.OWNER)

    row.refresh_from_db()
    assert (changed.role, row.role) == ("admin", "admin")


def test_the_last_owner_stays(account: Account) -> None:
    first = membership(make.member(account))
    idle = membership(make.member(account, is_active=False))

    with pytest.raises(LastOwner):
        members.change_role(
            account=account, membership_id=first.pk, role="admin", granting=Role.OWNER
        )
    with pytest.raises(LastOwner):
        members.remove_member(account=account, membership_id=first.pk, granting=Role.OWNER)
    members.remove_member(account=account, membership_id=idle.pk, granting=Role.OWNER)
    make.member(account)
    members.remove_member(account=account, membership_id=first.pk, granting=Role.OWNER)

    assert selectors.memberships_of(first.user_id) == []
    assert Membership.unscoped.get().role == Role.OWNER


def test_an_admin_does_not_touch_an_owner(account: Account) -> None:
    row = membership(make.member(account))
    make.member(account)

    with pytest.raises(Refused):
        members.remove_member(account=account, membership_id=row.pk, granting=Role.ADMIN)
    with pytest.raises(Refused):
        members.change_role(
            account=account, membership_id=row.pk, role="viewer", granting=Role.ADMIN
        )


def test_members_and_invitations_of_another_account_are_not_found(
    account: Account, invite: Invite
) -> None:
    other = make.account()
    row = membership(make.member(account))
    invite()
    asked = Invitation.unscoped.get()

    with pytest.raises(NotFound):
        members.remove_member(account=other, membership_id=row.pk, granting=Role.OWNER)
    with pytest.raises(NotFound):
        members.revoke_invitation(account=other, invitation_id=asked.pk, now=NOW)
    with tenant(other.pk):
        assert list(selectors.invitations(account=other)) == []
