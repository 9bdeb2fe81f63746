"""Accounts, sites and sectors, pages and problems. Who may ask what: `tests/routes`."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth import services
from igny8_core.auth.models import Site
from igny8_core.auth.states import Role
from tests import make
from tests.api.callers import client_of

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def site() -> Site:
    return make.site(make.account())


def test_my_accounts_say_my_role_and_credits(site: Site) -> None:
    answer = client_of(site.account, Role.EDITOR).get("/api/v1/accounts/").json()

    assert [(a["id"], a["role"], a["credits"]) for a in answer] == [(site.account_id, "editor", 0)]


def test_another_accounts_row_is_not_found_below_my_account(site: Site) -> None:
    theirs = make.site(make.account())
    client = client_of(site.account, Role.OWNER)

    answer = client.get(f"/api/v1/accounts/{site.account_id}/sites/{theirs.pk}/")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert theirs.slug not in answer.content.decode()


def test_a_site_is_created_by_an_admin_and_by_nobody_weaker() -> None:
    services.load_reference_data()
    account = make.account()
    body = {"name": "Shop", "industry": "pets", "sectors": ["dogs", "cats"]}
    url = f"/api/v1/accounts/{account.pk}/sites/"

    refused = client_of(account, Role.EDITOR).post(url, body, content_type="application/json")
    made = client_of(account, Role.ADMIN).post(url, body, content_type="application/json")

    assert (refused.status_code, refused.json()["code"]) == (403, "refused")
    assert (made.status_code, made.json()["slug"], made.json()["industry"]) == (201, "shop", "pets")
    assert Site.unscoped.filter(account=account).count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"sectors": []}, "sectors"),
        ({"sectors": ["x", "y z"]}, "sectors.1"),
        ({"industry": "nowhere"}, "industry_slug"),
        ({"sectors": ["dental"]}, "sector_slugs"),
    ],
)
def test_field_errors_are_named(changes: dict[str, Any], field: str) -> None:
    services.load_reference_data()
    account = make.account()
    body = {"name": "Shop", "industry": "pets", "sectors": ["dogs"]} | changes

    answer = client_of(account, Role.ADMIN).post(
        f"/api/v1/accounts/{account.pk}/sites/", body, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert list(answer.json()["errors"]) == [field]
    assert not Site.unscoped.exists()


@pytest.mark.parametrize("order", ["name", "-name", "id", "-id"])
def test_pages_hold_every_row_once(order: str) -> None:
    account = make.account()
    names = [make.site(account, slug=f"s{n % 4}-{n}").name for n in range(11)]
    client = client_of(account, Role.VIEWER)
    url, cursor = f"/api/v1/accounts/{account.pk}/sites/", ""
    seen: list[str] = []

    for _ in range(6):
        query: dict[str, str | int] = {"order": order, "page_size": 2, "cursor": cursor}
        page = client.get(url, query).json()
        seen += [row["name"] for row in page["results"]]
        cursor = page["next_cursor"] or ""

    by_name = sorted(names) if "name" in order else names
    assert seen == (by_name[::-1] if order.startswith("-") else by_name)
    assert cursor == ""


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"order": "secret"}, "order"),
        ({"cursor": "x"}, "cursor"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "²"}, "page_size"),
        ({"page_size": "201"}, "page_size"),
        ({"page_size": "000000001999"}, "page_size"),
        ({"page_size": "1" * 5_000}, "page_size"),
    ],
)
def test_bad_page_parameters_are_explained(query: dict[str, str], field: str, site: Site) -> None:
    answer = client_of(site.account, Role.VIEWER).get(
        f"/api/v1/accounts/{site.account_id}/sites/", query
    )

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("name", ["sites", "sectors", "members"])
def test_lists_take_the_same_number_of_queries_whatever_the_rows(name: str, site: Site) -> None:
    client = client_of(site.account, Role.VIEWER)
    url = f"/api/v1/accounts/{site.account_id}/{name}/"

    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for _ in range(20):
        make.sector(make.site(site.account))
        make.member(site.account)
    with CaptureQueriesContext(connection) as many:
        answer = client.get(url)

    assert len(answer.json()["results"]) >= 20
    assert len(many) == len(few) <= 14


def test_a_write_that_fails_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    services.load_reference_data()

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("igny8_core.api.v1.accounts.SiteViewSet.get_serializer", fail)
    client = client_of(site.account, Role.ADMIN)
    client.raise_request_exception = False
    answer = client.post(
        f"/api/v1/accounts/{site.account_id}/sites/",
        {"name": "Half", "industry": "pets", "sectors": ["dogs"]},
        content_type="application/json",
    )

    assert answer.status_code == 500
    assert not Site.unscoped.filter(name="Half").exists()
