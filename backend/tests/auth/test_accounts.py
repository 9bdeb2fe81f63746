"""An account's settings and lifecycle, and what its status leaves of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from igny8_core.auth import selectors, services
from igny8_core.auth.access import api_keys, members
from igny8_core.auth.access.entrance import Entrance, refuse_unless_open
from igny8_core.auth.errors import AccountClosed, AccountSuspended, InvitationOver, LastOwner
from igny8_core.auth.models import Account, Membership, StatusChange, User
from igny8_core.auth.states import AccountStatus, Role
from igny8_core.common.errors import InvalidInput, NotFound, TransitionNotAllowed
from igny8_core.common.tenancy.context import acting
from tests import make

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def account() -> Account:
    return make.account(name="Acme")


def test_settings_are_changed_where_they_are_named(account: Account) -> None:
    changed = services.update_account(
        account=account,
        name=" Acme & Co ",
        country_code="fr",
        timezone="Europe/Paris",
        retention_days=90,
        max_credits_per_day=500,
    )
    same = services.update_account(account=account, max_credits_per_day=None)

    assert (changed.name, changed.country_code, changed.timezone) == (
        "Acme & Co",
        "FR",
        "Europe/Paris",
    )
    assert (changed.retention_days, changed.max_credits_per_day) == (90, 500)
    assert (same.name, same.max_credits_per_day) == ("Acme & Co", None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"country_code": "XX"}, "country_code"),
        ({"timezone": "UTC+1"}, "timezone"),
        ({"retention_days": 0}, "retention_days"),
        ({"retention_days": 366}, "retention_days"),
        ({"max_credits_per_day": -1}, "max_credits_per_day"),
        ({"status": "closed"}, "status"),
        ({"plan": None}, "plan"),
    ],
)
def test_bad_settings_are_explained(account: Account, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.update_account(account=account, **changes)

    assert list(refused.value.data) == [field]
    account.refresh_from_db()
    assert (account.name, account.status) == ("Acme", "active")


@pytest.mark.parametrize("values", [{"retention_days": 0}, {"max_credits_per_day": -1}])
def test_the_database_keeps_the_ranges(account: Account, values: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=account.pk).update(**values)


def test_a_status_moves_with_a_reason_and_a_trail(
    account: Account, django_capture_on_commit_callbacks: Any
) -> None:
    owner = make.member(account)
    make.member(account, Role.ADMIN)

    with acting("staff:7"), django_capture_on_commit_callbacks(execute=True):
        suspended = services.suspend_account(account=account, reason=" Chargeback ", now=NOW)
        active = services.reactivate_account(account=account, reason="Settled", now=NOW)
        closed = services.close_account(account=account, reason="Asked", now=NOW)

    trail = StatusChange.unscoped.filter(label="igny8_auth.Account").order_by("pk")
    assert [a.status for a in (suspended, active, closed)] == ["suspended", "active", "closed"]
    assert list(trail.values_list("target", "actor", "reason")) == [
        ("suspended", "staff:7", "Chargeback"),
        ("active", "staff:7", "Settled"),
        ("closed", "staff:7", "Asked"),
    ]
    assert [m.bcc for m in mail.outbox] == [[owner.email]] * 3
    assert [m.subject for m in mail.outbox] == [
        "Acme is suspended",
        "Acme is active",
        "Acme is closed",
    ]
    assert all("Chargeback" not in str(m.body) for m in mail.outbox)


MOVES: dict[AccountStatus, Callable[..., Account]] = {
    AccountStatus.ACTIVE: services.reactivate_account,
    AccountStatus.SUSPENDED: services.suspend_account,
    AccountStatus.CLOSED: services.close_account,
}


@pytest.mark.parametrize("source", AccountStatus)
@pytest.mark.parametrize("target", AccountStatus)
def test_every_pair_of_states(source: AccountStatus, target: AccountStatus) -> None:
    account = make.account(status=source)
    allowed = source not in {target, AccountStatus.CLOSED}

    try:
        MOVES[target](account=account, reason="x", now=NOW)
    except TransitionNotAllowed:
        moved = False
    else:
        moved = True

    account.refresh_from_db()
    assert moved is allowed
    assert account.status == (target if allowed else source)


@pytest.mark.parametrize("reason", ["", " ", "x" * 501])
def test_a_move_needs_a_reason(account: Account, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.suspend_account(account=account, reason=reason, now=NOW)

    assert list(refused.value.data) == ["reason"]
    account.refresh_from_db()
    assert account.status == "active"


@pytest.mark.parametrize(
    ("status", "changes", "error"),
    [
        ("active", True, None),
        ("suspended", False, None),
        ("suspended", True, AccountSuspended),
        ("closed", False, AccountClosed),
        ("closed", True, AccountClosed),
    ],
)
def test_what_a_status_leaves(status: str, changes: bool, error: type[Exception] | None) -> None:  # noqa: FBT001 - a case
    account = make.account(status=status)

    try:
        refuse_unless_open(account, changes=changes)
    except (AccountSuspended, AccountClosed) as exc:
        found: type[Exception] | None = type(exc)
    else:
        found = None

    assert found is error


def test_a_closed_account_is_told_apart_from_a_foreign_one() -> None:
    entrance = Entrance({1: Role.OWNER}, "user:1", frozenset({2}))

    assert entrance.role_in(1) is Role.OWNER
    with pytest.raises(AccountClosed):
        entrance.role_in(2)
    with pytest.raises(NotFound):
        entrance.role_in(3)


def test_a_member_leaves_and_the_last_owner_stays(account: Account) -> None:
    owner, editor = make.member(account), make.member(account, Role.EDITOR)

    members.leave_account(account=account, person=editor)
    with pytest.raises(NotFound):
        members.leave_account(account=account, person=editor)
    with pytest.raises(LastOwner):
        members.leave_account(account=account, person=owner)
    second = make.member(account)
    members.leave_account(account=account, person=owner)

    assert list(Membership.unscoped.values_list("user", flat=True)) == [second.pk]
    assert User.objects.filter(pk=editor.pk).exists()


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_nobody_joins_an_account_that_is_not_active(account: Account, status: str) -> None:
    token = []

    def remember(text: str) -> str:
        token.append(text)
        return f"/{text}"

    members.invite_member(
        account=account,
        email="a@example.com",
        role="viewer",
        invited_by=None,
        granting=Role.OWNER,
        accept_url=remember,
        now=NOW,
    )
    Account.objects.filter(pk=account.pk).update(status=status)

    with pytest.raises((AccountSuspended, InvitationOver)):
        members.join_as_new_person(token=token[0], name="A", password="pw", now=NOW)

    assert not Membership.unscoped.exists()
    assert not User.objects.exists()


def test_keys_remember_who_made_them_and_expired_ones_make_room(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 1)
    later = NOW.replace(year=2027)
    new: Any = {"scope": "read", "created_by": None, "granting": Role.ADMIN}

    with acting("key:3"):
        first, _ = api_keys.create_api_key(
            account=account, name="a", expires_at=NOW.replace(month=2), now=NOW, **new
        )
    second, _ = api_keys.create_api_key(account=account, name="b", now=later, **new)

    assert (first.made_by, second.made_by) == ("key:3", "")


def test_a_person_is_renamed() -> None:
    person = make.user(name="Ada")

    services.rename_person(person=person, name="  Ada   Lovelace ")
    with pytest.raises(InvalidInput):
        services.rename_person(person=person, name="x" * 151)
    with pytest.raises(InvalidInput):
        services.rename_person(person=person, name="a\u202eb")

    person.refresh_from_db()
    assert person.name == "Ada Lovelace"


def test_the_trail_of_an_account_is_read_newest_first(account: Account) -> None:
    services.suspend_account(account=account, reason="x", now=NOW)
    services.reactivate_account(account=account, reason="y", now=NOW)
    services.suspend_account(account=make.account(), reason="canary", now=NOW)

    found = selectors.status_changes(account=account)

    assert [(row.source, row.target, row.reason) for row in found] == [
        ("suspended", "active", "y"),
        ("active", "suspended", "x"),
    ]
