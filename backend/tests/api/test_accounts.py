"""Accounts, sites and sectors over the API; what a suspended or closed account still answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from igny8_core.auth import selectors, services
from igny8_core.auth.access import api_keys
from igny8_core.auth.access.impersonation import start_impersonation
from igny8_core.auth.models import (
    Account,
    ApiKey,
    IdempotentRequest,
    IndustrySector,
    Membership,
    Plan,
    Sector,
    SeedKeyword,
    Site,
)
from igny8_core.auth.reference import IndustryData, SectorData
from igny8_core.auth.states import KeyScope, Role
from tests import make
from tests.api.callers import client_of
from tests.make import planning

if TYPE_CHECKING:
    from igny8_core.auth.models import User

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

NOW = planning.NOW
DOGS = SectorData("Dogs", "dogs", ("dog bed", "puppy crate"))
PETS = IndustryData("Pets", "pets", (DOGS, SectorData("Cats", "cats", ("cat tree",))))


@pytest.fixture
def site() -> Site:
    services.load_reference_data(industries=[PETS])
    account = make.account(name="Acme", plan=Plan.objects.get(code="starter"))
    return services.create_site(
        account=account, name="Paws", industry_slug="pets", sector_slugs=["dogs"]
    )


def key_of(account: Account, scope: KeyScope) -> dict[str, str]:
    _, text = api_keys.create_api_key(
        account=account, name="k", scope=scope, created_by=None, granting=Role.OWNER, now=NOW
    )
    return {"Authorization": f"Bearer {text}"}


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method,
        f"/api/v1/{path}",
        "" if body is None else json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


def of(account: Account, path: str = "") -> str:
    return f"accounts/{account.pk}/{path}"


def test_the_account_is_read_and_changed(site: Site) -> None:
    account = site.account
    admin, viewer = client_of(account, Role.ADMIN), client_of(account, Role.VIEWER)
    body = {"name": "New", "timezone": "Europe/Berlin", "max_credits_per_day": 5}

    read = send(viewer, "GET", of(account)).json()
    refused = send(viewer, "PATCH", of(account), body)
    changed = send(admin, "PATCH", of(account), body)
    bad = send(admin, "PATCH", of(account), {"timezone": "Mars", "retention_days": 30})
    typed = send(admin, "PATCH", of(account), {"retention_days": "30"})

    assert (read["name"], read["role"], read["plan"], read["credits"]) == (
        "Acme",
        "viewer",
        "starter",
        0,
    )
    assert (refused.status_code, changed.status_code) == (403, 200)
    assert changed.json()["max_credits_per_day"] == 5
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["timezone"])
    assert (typed.status_code, list(typed.json()["errors"])) == (422, ["retention_days"])


def test_the_plan_says_what_is_in_use(site: Site) -> None:
    account = site.account
    planning.keywords(Sector.unscoped.get(), ["a", "b"])
    client = client_of(account, Role.VIEWER)

    plan = send(client, "GET", of(account, "plan/")).json()
    Account.objects.filter(pk=account.pk).update(plan=None)
    without = send(client, "GET", of(account, "plan/")).json()

    assert (plan["code"], plan["credits_per_period"], plan["price_minor"]) == (
        "starter",
        1000,
        4900,
    )
    assert plan["sites"] == {"limit": 3, "in_use": 1}
    assert plan["people"] == {"limit": 3, "in_use": 1}
    assert plan["keywords"] == {"limit": 20_000, "in_use": 2}
    assert (without["code"], without["sites"]) == (None, {"limit": None, "in_use": 1})


def test_a_member_leaves_and_nobody_else_does(site: Site) -> None:
    account = site.account
    owner, editor = client_of(account, Role.OWNER), client_of(account, Role.EDITOR)
    key = key_of(account, KeyScope.ADMIN)
    staff = make.user(is_staff=True)
    visitor = Client()
    visitor.force_login(staff)
    visit = start_impersonation(account=account, staff=staff, reason="x", now=timezone.now())
    session = visitor.session
    session["impersonation"] = {"account": account.pk, "id": visit.pk}
    session.save()

    answers = [
        send(owner, "POST", of(account, "leave/")),
        send(editor, "POST", of(account, "leave/")),
        send(editor, "POST", of(account, "leave/")),
        send(Client(), "POST", of(account, "leave/"), **key),
        send(visitor, "POST", of(account, "leave/")),
    ]

    assert [answer.status_code for answer in answers] == [409, 204, 404, 403, 403]
    assert answers[0].json()["code"] == "last_owner"
    assert Membership.unscoped.get().role == Role.OWNER


def test_an_owner_closes_the_account(site: Site) -> None:
    account = site.account
    owner, admin = client_of(account, Role.OWNER), client_of(account, Role.ADMIN)
    key = key_of(account, KeyScope.READ)
    slug = {"slug": account.slug}

    refused = send(admin, "POST", of(account, "close/"), slug)
    wrong = send(owner, "POST", of(account, "close/"), {"slug": "x"})
    done = send(owner, "POST", of(account, "close/"), slug)
    after = [
        send(owner, "GET", of(account)),
        send(owner, "GET", of(account, "sites/")),
        send(Client(), "GET", of(account, "sites/"), **key),
    ]
    stranger = send(client_of(make.account(), Role.OWNER), "GET", of(account))
    listed = send(owner, "GET", "accounts/").json()

    assert (refused.status_code, wrong.status_code, done.status_code) == (403, 422, 200)
    assert done.json()["status"] == "closed"
    assert [(a.status_code, a.json()["code"]) for a in after] == [(403, "account_closed")] * 3
    assert (stranger.status_code, listed) == (404, [])


def test_a_suspended_account_is_read_left_and_locked_up(site: Site) -> None:
    account = site.account
    client_of(account, Role.OWNER)
    admin = client_of(account, Role.ADMIN)
    key = key_of(account, KeyScope.ADMIN)
    services.suspend_account(account=account, reason="x", now=NOW)

    reads = [
        send(admin, "GET", of(account)),
        send(admin, "GET", of(account, "sites/")),
        send(Client(), "GET", of(account, "sectors/"), **key),
    ]
    writes = [
        send(admin, "PATCH", of(account), {"name": "x"}),
        send(admin, "POST", of(account, f"sites/{site.pk}/rest/")),
        send(Client(), "POST", of(account, "api-keys/"), {"name": "x", "scope": "read"}, **key),
    ]
    still = [
        send(admin, "DELETE", of(account, f"api-keys/{ApiKey.unscoped.get().pk}/")),
        send(admin, "POST", of(account, "leave/")),
    ]

    assert [a.status_code for a in reads] == [200, 200, 200]
    assert reads[0].json()["status"] == "suspended"
    assert [(a.status_code, a.json()["code"]) for a in writes] == [(403, "account_suspended")] * 3
    assert [a.status_code for a in still] == [204, 204]
    site.refresh_from_db()
    assert site.is_active


def test_sites_are_changed_rested_woken_and_removed(site: Site) -> None:
    account, path = site.account, f"sites/{site.pk}/"
    admin = client_of(account, Role.ADMIN)

    changed = send(admin, "PATCH", of(account, path), {"domain": "https://Paws.example.com/"})
    bad = send(admin, "PATCH", of(account, path), {"language": "English!"})
    rested = send(admin, "POST", of(account, f"{path}rest/"))
    Plan.objects.filter(code="starter").update(max_sites=0)
    full = send(admin, "POST", of(account, f"{path}wake/"))
    Plan.objects.filter(code="starter").update(max_sites=1)
    woken = send(admin, "POST", of(account, f"{path}wake/"))
    planning.cluster(Sector.unscoped.get())
    kept = send(admin, "DELETE", of(account, path))
    empty = make.site(account)
    removed = send(admin, "DELETE", of(account, f"sites/{empty.pk}/"))

    assert (changed.status_code, changed.json()["domain"]) == (200, "paws.example.com")
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["language"])
    assert (rested.json()["is_active"], woken.json()["is_active"]) == (False, True)
    assert (full.status_code, full.json()["code"]) == (403, "plan_limit_reached")
    assert full.json()["data"] == {"limit": 0, "in_use": 0}
    assert (kept.status_code, kept.json()["code"]) == (409, "site_not_empty")
    assert kept.json()["data"] == {"holds": "clusters"}
    assert removed.status_code == 204
    assert Site.unscoped.get() == site


def test_sectors_are_added_renamed_and_rested(site: Site) -> None:
    account = site.account
    admin, editor = client_of(account, Role.ADMIN), client_of(account, Role.EDITOR)
    body = {"site": site.pk, "industry_sector": "cats", "name": "Felines"}

    refused = send(editor, "POST", of(account, "sectors/"), body)
    made = send(admin, "POST", of(account, "sectors/"), body)
    twice = send(admin, "POST", of(account, "sectors/"), body)
    path = f"sectors/{made.json()['id']}/"
    renamed = send(admin, "PATCH", of(account, path), {"name": "Cats"})
    rested = send(admin, "POST", of(account, f"{path}rest/"))
    only = send(admin, "POST", of(account, f"sectors/{Sector.unscoped.get(slug='dogs').pk}/rest/"))
    woken = send(admin, "POST", of(account, f"{path}wake/"))

    assert (refused.status_code, made.status_code, twice.status_code) == (403, 201, 409)
    assert (made.json()["name"], made.json()["industry_sector"]) == ("Felines", "cats")
    assert renamed.json()["name"] == "Cats"
    assert (rested.json()["is_active"], woken.json()["is_active"]) == (False, True)
    assert only.status_code == 409


@pytest.mark.parametrize("scope", list(KeyScope))
def test_a_key_makes_no_stronger_key_and_only_admin_keys_make_any(
    site: Site, scope: KeyScope
) -> None:
    account = site.account
    key = key_of(account, scope)

    listed = send(Client(), "GET", of(account, "api-keys/"), **key)
    made = {
        wanted: send(
            Client(), "POST", of(account, "api-keys/"), {"name": "n", "scope": wanted}, **key
        ).status_code
        for wanted in KeyScope.values
    }

    is_admin = scope is KeyScope.ADMIN
    assert listed.status_code == (200 if is_admin else 403)
    assert set(made.values()) == {201 if is_admin else 403}


def test_keys_are_made_listed_and_revoked(site: Site) -> None:
    account = site.account
    admin = client_of(account, Role.ADMIN)
    body = {"name": "CI", "scope": "write", "expires_at": "2099-01-01T00:00:00Z"}

    made = send(admin, "POST", of(account, "api-keys/"), body, **{"Idempotency-Key": "one"})
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    works = send(Client(), "GET", of(account, "sites/"), **key)
    listed = send(admin, "GET", of(account, "api-keys/")).json()["results"]
    one = send(admin, "GET", of(account, f"api-keys/{made.json()['id']}/")).json()
    gone = send(admin, "DELETE", of(account, f"api-keys/{made.json()['id']}/"))
    after = send(Client(), "GET", of(account, "sites/"), **key)
    past = send(admin, "POST", of(account, "api-keys/"), body | {"expires_at": "2000-01-01T00:00Z"})

    row = ApiKey.unscoped.get()
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert made.json()["key"].startswith(f"igny8_{row.prefix}_")
    assert (works.status_code, gone.status_code, after.status_code) == (200, 204, 401)
    assert [found["id"] for found in listed] == [row.pk]
    assert "key" not in listed[0]
    assert one["made_by"].startswith("user:")
    assert one["last_used_at"] is not None
    assert (past.status_code, list(past.json()["errors"])) == (422, ["expires_at"])
    assert not IdempotentRequest.unscoped.exists()  # the answer holds the key


def test_the_trail_is_narrowed_to_a_model_and_a_row(site: Site) -> None:
    account = site.account
    client = client_of(account, Role.VIEWER)
    services.suspend_account(account=account, reason="Why", now=NOW)
    services.reactivate_account(account=account, reason="Settled", now=NOW)
    base = of(account, "status-changes/")
    label = "igny8_auth.Account"

    everything = send(client, "GET", base).json()["results"]
    rows = [
        len(send(client, "GET", f"{base}?{query}").json()["results"])
        for query in (
            f"label={label}",
            f"label={label}&row_id={account.pk}",
            f"label={label}&row_id=999",
            "label=content.Content",
            "label=",
        )
    ]
    nameless = send(client, "GET", f"{base}?row_id=1")

    assert [(row["target"], row["reason"], row["field"]) for row in everything] == [
        ("active", "Settled", "status"),
        ("suspended", "Why", "status"),
    ]
    assert rows == [2, 2, 0, 0, 2]
    assert (nameless.status_code, list(nameless.json()["errors"])) == (422, ["label"])


def test_visits_are_for_admins(site: Site) -> None:
    account = site.account
    start_impersonation(account=account, staff=make.user(is_staff=True), reason="T 7", now=NOW)

    seen = send(client_of(account, Role.ADMIN), "GET", of(account, "impersonations/"))
    hidden = send(client_of(account, Role.EDITOR), "GET", of(account, "impersonations/"))

    assert [(row["reason"], row["role"]) for row in seen.json()["results"]] == [("T 7", "viewer")]
    assert hidden.status_code == 403


def test_industries_come_with_their_sectors(site: Site) -> None:
    client = Client()
    client.force_login(make.user())

    found = send(client, "GET", "industries/").json()

    assert found == [
        {
            "slug": "pets",
            "name": "Pets",
            "sectors": [{"slug": "cats", "name": "Cats"}, {"slug": "dogs", "name": "Dogs"}],
        }
    ]


def test_seed_keywords_are_the_packaged_ones(site: Site) -> None:
    SeedKeyword.objects.create(
        industry_sector=IndustrySector.objects.get(slug="dogs"),
        keyword="canary",
        keyword_norm="canary",
    )
    client = Client()
    client.force_login(make.user())

    def texts(query: str) -> list[str]:
        answer = send(client, "GET", f"seed-keywords/?{query}").json()
        return [row["keyword"] for row in answer["results"]]

    assert texts("") == ["cat tree", "dog bed", "puppy crate"]
    assert texts("order=-keyword&page_size=1") == ["puppy crate"]
    assert texts("sector=dogs&industry=pets&language=en") == ["dog bed", "puppy crate"]
    assert texts("q=Dog") == ["dog bed"]
    assert texts("sector=cats&q=dog") == texts("language=de") == texts("industry=x") == []
    assert send(client, "GET", "seed-keywords/?sectr=dogs").status_code == 422


def test_a_person_is_read_and_renamed(site: Site) -> None:
    person: User = make.member(site.account, name="Ada")
    client = Client()
    client.force_login(person)

    read = send(client, "GET", "me/").json()
    changed = send(client, "PATCH", "me/", {"name": " Ada  Lovelace "})
    bad = send(client, "PATCH", "me/", {"name": "x" * 151})
    anonymous = send(Client(), "GET", "me/")
    key = send(Client(), "GET", "me/", **key_of(site.account, KeyScope.ADMIN))

    assert (read["email"], read["name"]) == (person.email, "Ada")
    assert changed.json()["name"] == "Ada Lovelace"
    assert (bad.status_code, anonymous.status_code, key.status_code) == (422, 401, 401)
    assert selectors.members(account=site.account).get().user.name == "Ada Lovelace"
