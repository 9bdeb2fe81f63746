"""The screens of an account's people and keys; invitations from mail to first screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from igny8_core.auth import selectors, services
from igny8_core.auth.models import ApiKey, Invitation, Membership, Plan, User
from igny8_core.auth.states import Role
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

PASSWORD = "correct horse 7"


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def site() -> Site:
    services.load_reference_data()
    return make.site(make.account(plan=Plan.objects.get(code="starter")))


def client_of(account: Account, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make.member(account, role))
    return client


@pytest.fixture
def link(site: Site, django_capture_on_commit_callbacks: Any) -> str:
    """The link of an invitation that an owner sent from the screen."""
    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of(site.account).post(
            "/settings/team/invite/", {"email": "New@Example.com", "role": "editor"}
        )
    assert answer.status_code == 303
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert found is not None
    return found[1]


def test_a_new_person_joins_and_lands_on_the_first_screen(site: Site, link: str) -> None:
    client = Client()

    page = client.get(link).content.decode()
    weak = client.post(link, {"name": "Eve", "password": "password"})
    joined = client.post(link, {"name": "Eve", "password": PASSWORD})
    first = client.get(joined["Location"], follow=True)

    person = User.objects.get(email="new@example.com")
    assert site.account.name in page
    assert 'autocomplete="new-password"' in page
    assert (weak.status_code, joined.status_code) == (200, 302)
    assert site.name in first.content.decode()
    assert selectors.memberships_of(person.pk) == [(site.account_id, Role.EDITOR)]
    assert "accepted already" in Client().get(link).content.decode()


def test_a_person_who_exists_signs_in_and_joins(site: Site, link: str) -> None:
    make.member(make.account(), email="new@example.com")
    client = Client()

    asked = client.get(link).content.decode()
    refused = client.post(link, {"name": "Eve", "password": PASSWORD})
    answer = client.post(
        f"/sign-in/?next={link}", {"username": "new@example.com", "password": "pw"}
    )
    page = client.get(answer["Location"]).content.decode()
    joined = client.post(link)
    first = client.get(joined["Location"], follow=True)

    assert f"/sign-in/?next={link}" in asked
    assert refused.status_code == 409
    assert (answer["Location"], joined.status_code) == (link, 303)
    assert ">Join</button>" in page
    assert site.name in first.content.decode()


def test_somebody_else_cannot_take_the_invitation(site: Site, link: str) -> None:
    client = client_of(make.account())

    page = client.get(link).content.decode()
    answer = client.post(link)

    assert "Sign out to go on" in page
    assert answer.status_code == 403
    assert not Membership.unscoped.filter(account=site.account, role="editor").exists()
    assert Client().get("/invitations/guess/").status_code == 404


@pytest.mark.parametrize("role", list(Role))
def test_the_screens_by_role(site: Site, role: Role) -> None:
    client = client_of(site.account, role)
    may = role.includes(Role.ADMIN)

    team = client.get("/settings/team/")
    keys = client.get("/settings/api-keys/")
    asked = client.post("/settings/team/invite/", {"email": "a@example.com", "role": "viewer"})

    assert team.status_code == 200
    assert ("Send the invitation" in team.content.decode()) is may
    assert (keys.status_code, asked.status_code) == ((200, 303) if may else (403, 403))
    assert Invitation.unscoped.count() == may


def test_the_plan_says_how_many_people(site: Site) -> None:
    Plan.objects.filter(code="starter").update(max_users=1)

    answer = client_of(site.account).post(
        "/settings/team/invite/", {"email": "a@example.com", "role": "viewer"}
    )

    assert answer.status_code == 403
    assert "The plan Starter allows 1 person" in answer.content.decode()
    assert 'value="a@example.com"' in answer.content.decode()


def test_members_change_and_the_last_owner_stays(site: Site) -> None:
    client = client_of(site.account)
    owner = Membership.unscoped.get(account=site.account)
    editor = Membership.unscoped.get(user=make.member(site.account, Role.EDITOR))

    changed = client.post(f"/settings/team/{editor.pk}/role/", {"role": "admin"})
    kept = client.post(f"/settings/team/{owner.pk}/role/", {"role": "viewer"})
    stays = client.post(f"/settings/team/{owner.pk}/remove/")
    gone = client.post(f"/settings/team/{editor.pk}/remove/")

    assert [a.status_code for a in (changed, kept, stays, gone)] == [303, 409, 409, 303]
    assert "needs an owner" in kept.content.decode()
    assert Membership.unscoped.get(account=site.account).role == "owner"


def test_who_removes_somebody_is_told_of_keys_that_they_may_know(site: Site) -> None:
    client = client_of(site.account)
    admin = make.member(site.account, Role.ADMIN)
    made = client_of(site.account)
    made.force_login(admin)
    for name in ("robot", "second robot"):
        made.post("/settings/api-keys/", {"name": name, "scope": "write", "days": "30"})
    key = ApiKey.unscoped.get(name="robot")
    client.post(f"/settings/api-keys/{key.pk}/revoke/")
    row = Membership.unscoped.get(user=admin)

    answer = client.post(f"/settings/team/{row.pk}/remove/", follow=True)

    text = answer.content.decode()
    assert f"{admin.email} no longer belongs to the account." in text
    assert "that still work: 1." in text


def test_an_invitation_is_taken_back(site: Site, link: str) -> None:
    client = client_of(site.account)
    row = Invitation.unscoped.get()

    answer = client.post(f"/settings/team/invitations/{row.pk}/revoke/")

    assert answer.status_code == 303
    assert "taken back" in Client().get(link).content.decode()


def test_a_key_is_shown_once_and_revoked(site: Site) -> None:
    client = client_of(site.account)

    made = client.post("/settings/api-keys/", {"name": "CI", "scope": "read", "days": "30"})
    found = re.search(r"igny8_\w{10}_[\w-]+", made.content.decode())
    assert found is not None
    later = client.get("/settings/api-keys/").content.decode()
    headers = {"Authorization": f"Bearer {found[0]}"}
    url = f"/api/v1/accounts/{site.account_id}/sites/"
    works = Client().get(url, headers=headers)
    client.post(f"/settings/api-keys/{ApiKey.unscoped.get().pk}/revoke/")
    refused = Client().get(url, headers=headers)

    assert found[0] not in later
    assert "CI" in later
    assert (works.status_code, refused.status_code) == (200, 401)
    assert made["Content-Encoding"] == "identity"
    assert "no-store" in made["Cache-Control"]


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"scope": "root"}, {"days": "7000"}], ids=["name", "scope", "days"]
)
def test_a_bad_key_is_explained(site: Site, changes: dict[str, str]) -> None:
    body = {"name": "CI", "scope": "read", "days": "30"} | changes

    answer = client_of(site.account).post("/settings/api-keys/", body)

    assert answer.status_code == 422
    assert not ApiKey.unscoped.exists()


def test_every_query_of_the_screens_is_as_the_own_account(site: Site) -> None:
    client, theirs = client_of(site.account), make.account()
    make.member(theirs, email="canary@example.com")

    with CaptureQueriesContext(connection) as queries:
        pages = [client.get(f"/settings/{name}/") for name in ("team", "api-keys")]

    accounts = set(re.findall(r"'igny8.account_id', '(\d*)'", " ".join(q["sql"] for q in queries)))
    assert accounts - {""} == {str(site.account_id)}
    assert all("canary" not in page.content.decode() for page in pages)


def test_rows_of_another_account_are_not_there(site: Site, link: str) -> None:
    stranger = client_of(make.account())
    row, member = Invitation.unscoped.get(), Membership.unscoped.filter(account=site.account)[0]
    paths = [
        f"team/{member.pk}/role/",
        f"team/{member.pk}/remove/",
        f"team/invitations/{row.pk}/revoke/",
        "api-keys/1/revoke/",
    ]

    answers = [stranger.post(f"/settings/{path}", {"role": "viewer"}) for path in paths]
    wrong = stranger.get("/settings/team/", {"account": site.account_id})

    assert [a.status_code for a in answers] == [404, 404, 404, 404]
    assert wrong.status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None


def test_a_person_of_two_accounts_names_one(site: Site) -> None:
    newer = make.account(name="The newer one")
    person = make.member(newer)
    Membership.unscoped.create(account=site.account, user=person, role=Role.VIEWER)
    client = Client()
    client.force_login(person)

    first = client.get("/settings/team/").content.decode()
    second = client.get("/settings/team/", {"account": newer.pk}).content.decode()

    assert "The newer one" not in first
    assert "The newer one" in second


def test_members_and_invitations_over_the_api(
    site: Site, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(site.account, Role.ADMIN)
    base = f"/api/v1/accounts/{site.account_id}/"
    owner = Membership.unscoped.get(user=make.member(site.account))
    json: Any = {"content_type": "application/json"}

    with django_capture_on_commit_callbacks(execute=True):
        asked = client.post(
            f"{base}invitations/", {"email": "a@example.com", "role": "editor"}, **json
        )
    again = client.post(f"{base}invitations/", {"email": "b@example.com", "role": "owner"}, **json)
    full = client.post(f"{base}invitations/", {"email": "c@example.com", "role": "viewer"}, **json)
    listed = client.get(f"{base}invitations/").json()["results"]
    taken = client.delete(f"{base}invitations/{asked.json()['id']}/")
    beyond = client.patch(f"{base}members/{owner.pk}/", {"role": "viewer"}, **json)
    mine = Membership.unscoped.get(account=site.account, role="admin")
    less = client.patch(f"{base}members/{mine.pk}/", {"role": "editor"}, **json)
    after = client.delete(f"{base}members/{mine.pk}/")

    assert (asked.status_code, again.status_code, full.status_code) == (201, 403, 403)
    assert full.json()["code"] == "plan_limit_reached"
    assert [row["email"] for row in listed] == ["a@example.com"]
    assert "/invitations/" in mail.outbox[0].body
    assert (taken.status_code, beyond.status_code, less.status_code) == (204, 403, 200)
    assert less.json()["role"] == "editor"
    assert after.status_code == 403
