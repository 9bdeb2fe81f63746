"""The screens of accounts, sites and people's own data, as a person uses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from igny8_core.auth import selectors, services
from igny8_core.auth.models import Account, Membership, Plan, Sector, Site, User
from igny8_core.auth.states import Role
from tests import make
from tests.make import planning

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

SITE = {"site_name": "Paws", "sectors": ["dogs"], "language": "en", "domain": "paws.example.com"}
DETAILS = {
    "name": "Acme & Co",
    "country_code": "DE",
    "timezone": "Europe/Berlin",
    "retention_days": "60",
    "max_credits_per_day": "",
}


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def site() -> Site:
    services.load_reference_data()
    account = make.account(plan=Plan.objects.get(code="starter"))
    return services.create_site(
        account=account, name="Home page", industry_slug="pets", sector_slugs=["dogs"]
    )


def client_of(account: Account, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make.member(account, role))
    return client


def signed_in(person: User) -> Client:
    client = Client()
    assert client.post("/sign-in/", {"username": person.email, "password": "pw"}).status_code == 302
    return client


def confirmed(person: User) -> Client:
    client = signed_in(person)
    assert client.post("/confirm/", {"password": "pw"}).status_code == 302
    return client


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_admins_change_the_account_and_everybody_reads_it(site: Site) -> None:
    admin, viewer = client_of(site.account, Role.ADMIN), client_of(site.account, Role.VIEWER)

    form = text_of(admin.get("/settings/account/"))
    saved = admin.post("/settings/account/save/", DETAILS)
    refused = viewer.post("/settings/account/save/", DETAILS)
    page = text_of(viewer.get("/settings/account/"))

    account = selectors.account(site.account_id)
    assert 'name="retention_days"' in form
    assert (saved.status_code, refused.status_code) == (303, 403)
    assert (account.name, account.timezone, account.retention_days, account.country_code) == (
        "Acme & Co",
        "Europe/Berlin",
        60,
        "DE",
    )
    assert "<dd>Europe/Berlin</dd>" in page
    assert 'name="retention_days"' not in page
    assert "1 of 3" in page


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"retention_days": "0"}, {"timezone": "x"}, {"country_code": "XX"}]
)
def test_a_bad_account_is_explained(site: Site, changes: dict[str, str]) -> None:
    answer = client_of(site.account).post("/settings/account/save/", DETAILS | changes)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in text_of(answer)
    assert selectors.account(site.account_id).retention_days == 30


def test_a_member_leaves(site: Site) -> None:
    client_of(site.account)
    client = client_of(site.account, Role.EDITOR)

    left = client.post("/settings/account/leave/")
    home = client.get("/", follow=True)

    assert left["Location"] == "/"
    assert home.redirect_chain[-1][0] == "/accounts/new/"
    assert "You belong to no account" in text_of(home)
    assert "You have left" in text_of(home)
    assert Membership.unscoped.get().role == Role.OWNER


def test_the_last_owner_does_not_leave(site: Site) -> None:
    answer = client_of(site.account).post("/settings/account/leave/")

    assert answer.status_code == 409
    assert Membership.unscoped.count() == 1


def test_an_owner_closes_the_account_by_its_short_name(site: Site) -> None:
    owner = client_of(site.account)
    admin = client_of(site.account, Role.ADMIN)
    slug = {"slug": site.account.slug}

    refused = admin.post("/settings/account/close/", slug)
    wrong = owner.post("/settings/account/close/", {"slug": "nothing"})
    done = owner.post("/settings/account/close/", slug)
    named = owner.get("/settings/account/", {"account": site.account_id})
    home = owner.get("/", follow=True)

    assert (refused.status_code, wrong.status_code, done.status_code) == (403, 422, 302)
    assert f"Type {site.account.slug}" in text_of(wrong)
    assert (named.status_code, "was closed" in text_of(named)) == (403, True)
    assert "Your account was closed" in text_of(home)
    assert Account.objects.get(pk=site.account_id).status == "closed"


def test_a_suspended_account_is_read_and_left_and_not_changed(site: Site) -> None:
    client_of(site.account)
    client = client_of(site.account, Role.ADMIN)
    Account.objects.filter(pk=site.account_id).update(status="suspended")

    page = client.get("/settings/account/")
    changes = [
        client.post("/settings/account/save/", DETAILS),
        client.post("/settings/team/invite/", {"email": "a@example.com", "role": "viewer"}),
        client.post(f"/settings/sites/{site.pk}/", {"name": "x"}),
    ]
    left = client.post("/settings/account/leave/")

    assert page.status_code == 200
    assert "This account is suspended" in text_of(page)
    assert [answer.status_code for answer in changes] == [403, 403, 403]
    assert all("suspended" in text_of(answer) for answer in changes)
    assert left.status_code == 302


def test_a_site_is_added_in_two_steps(site: Site) -> None:
    client = client_of(site.account, Role.ADMIN)

    first = text_of(client.get("/settings/sites/new/"))
    form = text_of(client.get("/settings/sites/new/?industry=pets"))
    bad = client.post("/settings/sites/new/?industry=pets", SITE | {"domain": "no host"})
    made = client.post("/settings/sites/new/?industry=pets", SITE)
    found = text_of(client.get("/settings/sites/"))

    assert "industry=pets" in first
    assert 'value="dogs"' in form
    assert (bad.status_code, made.status_code) == (422, 303)
    assert "Write a host name" in text_of(bad)
    assert "paws.example.com" in found
    assert Site.unscoped.filter(name="Paws", account=site.account).count() == 1


def test_the_plan_limits_sites_on_the_screen(site: Site) -> None:
    Plan.objects.filter(code="starter").update(max_sites=1)

    answer = client_of(site.account).post("/settings/sites/new/?industry=pets", SITE)

    assert answer.status_code == 403
    assert "The plan Starter allows 1 active site." in text_of(answer)


def test_a_site_is_changed_rested_and_removed(site: Site) -> None:
    client = client_of(site.account)
    url = f"/settings/sites/{site.pk}/"
    details = {"name": "New", "language": "de", "timezone": "UTC", "country_code": "", "domain": ""}

    page = client.get(url)
    saved = client.post(url, details)
    bad = client.post(url, details | {"domain": "x y"})
    rested = client.post(f"{url}rest/", {"is_active": "0"})
    shut = client.post(f"{url}sectors/", {"sector": "cats"})
    woken = client.post(f"{url}rest/", {"is_active": "1"})
    added = client.post(f"{url}sectors/", {"sector": "cats"})
    planning.cluster(Sector.unscoped.filter(site=site)[0])
    kept = client.post(f"{url}remove/")

    assert page.status_code == 200
    assert [a.status_code for a in (saved, bad, rested, shut, woken, added, kept)] == [
        303,
        422,
        303,
        409,
        303,
        303,
        409,
    ]
    assert "at rest" in text_of(shut)
    assert "still holds clusters" in text_of(kept)
    site.refresh_from_db()
    assert (site.name, site.language, site.is_active) == ("New", "de", True)


def test_an_empty_site_is_removed_on_the_screen(site: Site) -> None:
    answer = client_of(site.account).post(f"/settings/sites/{site.pk}/remove/")

    assert answer.status_code == 303
    assert not Site.unscoped.exists()


def test_sectors_are_renamed_and_rested(site: Site) -> None:
    client = client_of(site.account)
    services.add_sector(account=site.account, site_id=site.pk, sector_slug="cats")
    dogs = Sector.unscoped.get(slug="dogs")
    elsewhere = make.sector(make.site(site.account))
    url = f"/settings/sites/{site.pk}/sectors/{dogs.pk}/"

    renamed = client.post(url, {"name": "Puppies"})
    nameless = client.post(url, {"name": ""})
    rested = client.post(url, {"is_active": "0"})
    wrong = client.post(f"/settings/sites/{site.pk}/sectors/{elsewhere.pk}/", {"name": "x"})

    dogs.refresh_from_db()
    assert [a.status_code for a in (renamed, nameless, rested, wrong)] == [303, 422, 303, 404]
    assert (dogs.name, dogs.is_active) == ("Puppies", False)


def test_the_page_of_an_account_without_a_site_leads_on() -> None:
    page = text_of(client_of(make.account(), Role.ADMIN).get("/"))
    viewer = text_of(client_of(make.account(), Role.VIEWER).get("/"))

    assert "/settings/sites/new/" in page
    assert "/settings/sites/new/" not in viewer


def test_a_person_of_no_account_opens_one() -> None:
    services.load_reference_data()
    person = make.user()
    client = Client()
    client.force_login(person)
    form = SITE | {"account_name": "Mine"}

    home = client.get("/", follow=True)
    bad = client.post("/accounts/new/?industry=pets", form | {"account_name": ""})
    made = client.post("/accounts/new/?industry=pets", form)
    first = client.get(made["Location"], follow=True)

    assert "What is your website about?" in text_of(home)
    assert (bad.status_code, made.status_code) == (200, 303)
    assert "Paws" in text_of(first)
    assert len(selectors.memberships_of(person.pk)) == 1


def test_a_person_changes_their_name(site: Site) -> None:
    client = client_of(site.account)

    saved = client.post("/settings/profile/", {"name": " Ada  Lovelace "})
    page = text_of(client.get("/settings/profile/"))
    bad = client.post("/settings/profile/", {"name": "a\u202eb"})

    assert saved["Location"] == "/settings/profile/"
    assert 'value="Ada Lovelace"' in page
    assert site.account.name in page
    assert "readable" in text_of(bad)
    assert Membership.unscoped.get().user.name == "Ada Lovelace"


def test_an_address_changes_once_its_link_was_opened(site: Site) -> None:
    person = make.member(site.account, email="old@example.com")
    client = confirmed(person)

    asked = client.post("/settings/profile/email/", {"action_add": "1", "email": "New@Example.com"})
    waiting = text_of(client.get("/settings/profile/email/"))
    person.refresh_from_db()
    before = person.email
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    client.post(found[1])
    person.refresh_from_db()
    right = Client().post("/sign-in/", {"username": "new@example.com", "password": "pw"})

    assert asked["Location"] == "/settings/profile/email/"
    assert "new@example.com" in waiting
    assert mail.outbox[0].to == ["new@example.com"]
    assert (before, person.email) == ("old@example.com", "new@example.com")
    assert right["Location"] == "/"
    assert [m.to for m in mail.outbox[1:]] == [["old@example.com"]]
    assert "from old@example.com to new@example.com" in mail.outbox[-1].body


def test_a_change_of_address_needs_the_password_again(site: Site) -> None:
    person = make.member(site.account)
    client = signed_in(person)
    cache.clear()
    session = client.session
    session["account_authentication_methods"] = []
    session.save()

    answer = client.post("/settings/profile/email/", {"action_add": "1", "email": "n@example.com"})

    assert answer["Location"].startswith("/confirm/?next=")
    assert not mail.outbox


def test_an_address_of_somebody_else_is_not_taken_over(site: Site) -> None:
    person = make.member(site.account)
    client = confirmed(person)
    client.post("/settings/profile/email/", {"action_add": "1", "email": "late@example.com"})
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    User.objects.create_user("late@example.com", "pw", is_verified=False)

    answer = client.post(found[1], follow=True)

    person.refresh_from_db()
    assert answer.status_code == 200
    assert "Somebody else signs in with this address" in text_of(answer)
    assert person.email != "late@example.com"


def test_one_device_is_signed_out(site: Site) -> None:
    person = make.member(site.account)
    here, there, third = (signed_in(person) for _ in range(3))
    stranger = signed_in(make.member(site.account))
    page = text_of(here.get("/settings/security/"))
    ends = re.findall(r'action="(/settings/security/sessions/\d+/end/)"', page)
    own = re.findall(
        r'action="(/settings/security/sessions/\d+/end/)"',
        text_of(there.get("/settings/security/")),
    )
    mine = (set(own) - set(ends)).pop()

    foreign = stranger.post(ends[0])
    current = here.post(mine)
    ended = here.post(ends[-1])
    again = here.post(ends[-1])

    statuses = [c.get("/settings/security/").status_code for c in (here, there, third)]
    assert [a.status_code for a in (foreign, current, ended, again)] == [404, 409, 302, 404]
    assert sorted(statuses) == [200, 200, 302]
    assert statuses[0] == 200


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make.user(is_staff=True))
    return client


def test_operators_suspend_and_reactivate(operator: Client, site: Site) -> None:
    def move(name: str, **changes: str) -> Any:
        body = {"account": site.account.slug, "move": name, "reason": "Ticket 7"}
        return operator.post("/ops/accounts/", body | changes)

    def status() -> str:
        return Account.objects.get(pk=site.account_id).status

    steps: list[Callable[[], Any]] = [
        lambda: move("suspend"),
        lambda: move("suspend"),
        lambda: move("reactivate"),
        lambda: move("burn"),
        lambda: move("close", reason=""),
        lambda: move("close", account="nothing"),
        lambda: move("close"),
    ]
    found = [(step().status_code, status()) for step in steps]

    assert found == [
        (302, "suspended"),
        (409, "suspended"),
        (302, "active"),
        (422, "active"),
        (422, "active"),
        (422, "active"),
        (302, "closed"),
    ]
    assert client_of(make.account()).get("/ops/accounts/").status_code == 404


def test_every_new_page_keeps_to_the_policy(site: Site) -> None:
    client = client_of(site.account)
    paths = [
        "settings/account/",
        "settings/sites/",
        "settings/sites/new/",
        "settings/sites/new/?industry=pets",
        f"settings/sites/{site.pk}/",
        "settings/profile/",
        "settings/profile/email/",
        "accounts/new/",
        "accounts/new/?industry=pets",
    ]

    for path in paths:
        page = text_of(client.get(f"/{path}"))
        assert "<h1>" in page, path
        assert not re.search(r"\s(style|on\w+)=", page), path
