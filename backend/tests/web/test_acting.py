"""Staff in somebody's account: the way in, the banner, the end, the record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from igny8_core.auth.access import impersonation
from igny8_core.auth.access.entrance import SESSION_KEY
from igny8_core.auth.models import ApiKey, Impersonation, Invitation, Membership
from igny8_core.auth.states import Role
from igny8_core.common.errors import InvalidInput, Refused
from igny8_core.common.tenancy.context import tenant
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Site, User

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

BANNER = "You are in <strong>"
NOW = timezone.now()


@pytest.fixture
def site() -> Site:
    return make.site(make.account())


@pytest.fixture
def staff() -> User:
    return make.user(is_staff=True)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def go_in(client: Client, site: Site, **changes: str) -> int:
    body = {"account": site.account.slug, "reason": "Ticket 7", "role": "viewer", "minutes": "30"}
    return client.post("/ops/act/", body | changes).status_code


def test_staff_go_in_with_a_reason_and_see_the_banner(site: Site, staff: User) -> None:
    client = client_of(staff)
    page = reverse("overview", args=[site.pk])

    before = client.get(page)
    started = go_in(client, site)
    inside = client.get(page)
    team = client.get("/settings/team/")
    own = client.get("/settings/security/")
    api = client.get(f"/api/v1/accounts/{site.account_id}/sites/")
    accounts = client.get("/api/v1/accounts/")

    row = Impersonation.unscoped.get()
    assert (before.status_code, started) == (404, 303)
    assert [a.status_code for a in (inside, team, own, api)] == [200, 200, 200, 200]
    assert all(BANNER in a.content.decode() for a in (inside, team, own))
    assert "Ticket 7" in inside.content.decode()
    assert [row["id"] for row in accounts.json()] == [site.account_id]
    assert (row.staff, row.account, row.role, row.reason) == (
        staff,
        site.account,
        "viewer",
        "Ticket 7",
    )


def test_the_role_named_at_the_start_holds(site: Site, staff: User) -> None:
    viewer, admin = client_of(staff), client_of(staff)
    gone = [Membership.unscoped.get(user=make.member(site.account)) for _ in range(2)]

    go_in(viewer, site)
    go_in(admin, site, role="admin")

    assert viewer.get("/settings/api-keys/").status_code == 403
    assert admin.get("/settings/api-keys/").status_code == 200
    url = f"/api/v1/accounts/{site.account_id}/members/"
    assert viewer.delete(f"{url}{gone[0].pk}/").status_code == 403
    assert admin.delete(f"{url}{gone[1].pk}/").status_code == 403  # an owner


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("team/invite/", {"email": "me@example.com", "role": "viewer"}),
        ("team/{}/role/", {"role": "admin"}),
        ("api-keys/", {"name": "mine", "scope": "read", "days": ""}),
    ],
)
def test_a_visit_leaves_no_way_in_behind(
    site: Site, staff: User, path: str, body: dict[str, str]
) -> None:
    member = Membership.unscoped.get(user=make.member(site.account, Role.VIEWER))
    client = client_of(staff)
    go_in(client, site, role="admin")

    answer = client.post(f"/settings/{path.format(member.pk)}", body)

    assert answer.status_code == 403
    assert "Staff who visit an account cannot" in answer.content.decode()
    assert not Invitation.unscoped.exists()
    assert not ApiKey.unscoped.exists()
    member.refresh_from_db()
    assert member.role == Role.VIEWER


def test_only_that_account_opens_while_it_runs(site: Site) -> None:
    other = make.site(make.account())
    staff = make.member(other.account, is_staff=True)
    client = client_of(staff)

    go_in(client, site)
    third = make.site(make.account())
    inside = [
        client.get(reverse("overview", args=[s.pk])).status_code for s in (site, other, third)
    ]
    client.post("/ops/act/stop/")
    after = [client.get(reverse("overview", args=[s.pk])).status_code for s in (site, other)]

    assert inside == [200, 404, 404]
    assert after == [404, 200]
    assert Impersonation.unscoped.get().ended_at is not None


def test_it_ends_by_time(site: Site, staff: User) -> None:
    client = client_of(staff)
    past = NOW - timedelta(hours=2)
    row = impersonation.start_impersonation(
        account=site.account, staff=staff, reason="Ticket", now=past
    )
    session = client.session
    session[SESSION_KEY] = {"account": site.account_id, "id": row.pk}
    session.save()

    answer = client.get(reverse("overview", args=[site.pk]))

    assert answer.status_code == 404
    assert BANNER not in answer.content.decode()
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("change", ["no longer staff", "another person", "another account"])
def test_the_flag_alone_opens_nothing(site: Site, staff: User, change: str) -> None:
    row = impersonation.start_impersonation(
        account=site.account, staff=staff, reason="Ticket", now=NOW
    )
    person, account_id = staff, site.account_id
    if change == "no longer staff":
        type(staff).objects.filter(pk=staff.pk).update(is_staff=False)
    elif change == "another person":
        person = make.user(is_staff=True)
    else:
        account_id = make.account().pk
    client = client_of(person)
    session = client.session
    session[SESSION_KEY] = {"account": account_id, "id": row.pk}
    session.save()

    assert client.get(reverse("overview", args=[site.pk])).status_code == 404


def test_the_actor_is_the_staff_person(site: Site, staff: User) -> None:
    client = client_of(staff)
    go_in(client, site)

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("overview", args=[site.pk]))

    assert any(f"'igny8.actor', 'staff:{staff.pk}'" in query["sql"] for query in queries)


def test_staff_of_no_account_start_at_the_operators_page(staff: User) -> None:
    answer = Client().post("/sign-in/", {"username": staff.email, "password": "pw"})

    assert answer["Location"] == "/ops/act/"


def test_others_have_no_such_page(site: Site) -> None:
    owner = client_of(make.member(site.account))

    assert owner.get("/ops/act/").status_code == 404
    assert go_in(owner, site) == 404
    assert Client().get("/ops/act/")["Location"] == "/sign-in/?next=/ops/act/"
    assert not Impersonation.unscoped.exists()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": " "}, 422),
        ({"account": "nowhere"}, 422),
        ({"role": "owner"}, 422),
        ({"minutes": "61"}, 422),
    ],
)
def test_a_bad_start_is_explained(
    site: Site, staff: User, changes: dict[str, str], status: int
) -> None:
    assert go_in(client_of(staff), site, **changes) == status
    assert not Impersonation.unscoped.exists()


def test_the_service_keeps_its_rules_for_every_caller(site: Site, staff: User) -> None:
    start = impersonation.start_impersonation
    hours = timedelta(hours=1, seconds=1)

    with pytest.raises(Refused):
        start(account=site.account, staff=make.user(), reason="x", now=NOW)
    with pytest.raises(Refused):
        start(account=site.account, staff=staff, reason="x", role=Role.OWNER, now=NOW)
    with pytest.raises(InvalidInput):
        start(account=site.account, staff=staff, reason="x", lasts=hours, now=NOW)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE igny8_auth_impersonation SET reason = 'nothing'",
        "UPDATE igny8_auth_impersonation SET ended_at = NULL",
        "DELETE FROM igny8_auth_impersonation",
    ],
)
def test_the_record_is_append_only(site: Site, staff: User, sql: str) -> None:
    row = impersonation.start_impersonation(
        account=site.account, staff=staff, reason="Ticket", now=NOW
    )
    stop = impersonation.stop_impersonation

    stopped = stop(account=site.account, impersonation_id=row.pk, now=NOW)
    twice = stop(account=site.account, impersonation_id=row.pk, now=NOW)
    foreign = stop(account=make.account(), impersonation_id=row.pk, now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    with pytest.raises(DatabaseError), tenant(site.account_id), connection.cursor() as cursor:
        cursor.execute(sql)

    assert (stopped, twice, foreign) == (True, False, False)
    row.refresh_from_db()
    assert (row.reason, row.ended_at) == ("Ticket", NOW)
