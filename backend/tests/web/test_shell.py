"""The shell: health, sign-in, roles, other accounts, the operators' admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from igny8_core import urls
from igny8_core.api.errors import exception_handler
from igny8_core.auth.states import Role
from igny8_core.web.lists import text
from tests import make
from tests.make import planning as make_planning

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]  # a user
    return client


def test_healthz_answers_without_a_query(client: Client, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]  # pytest-django's fixture
        answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")


def test_readyz_refuses_a_login_that_row_security_does_not_hold(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"].startswith("is superuser; bypasses row-level")
    assert "are missing" not in answer.json()["checks"]["database"]
    assert answer.json()["degraded"] == {"workers": "none is alive"}


AWAY = {
    "default": {
        "BACKEND": "igny8_core.common.cache.ForgivingRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",  # nobody listens there
    }
}


def test_without_a_cache_people_sign_in_and_work(client: Client, settings: Any) -> None:
    settings.CACHES = AWAY
    site = make.site(account := make.account())
    make.sector(site)
    person = make.member(account, Role.EDITOR)
    person.set_password("correct horse battery")
    person.save()

    signed = client.post(
        reverse("account_login"), {"username": person.email, "password": "correct horse battery"}
    )
    home = client.get(reverse("overview", args=[site.pk]))
    listed = client.get(f"/api/v1/accounts/{account.pk}/sites/")
    probe = client.get("/readyz").json()

    assert (signed.status_code, home.status_code, listed.status_code) == (302, 200, 200)
    assert probe["degraded"]["cache"] == "unreachable (ConnectionError)"
    assert "cache" not in probe["checks"]


def test_a_database_that_is_busy_is_no_bug_of_ours() -> None:
    factory = RequestFactory()
    found: list[Any] = []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(5)")
    except OperationalError as exc:
        found = [urls.server_error(factory.get(path)) for path in ("/", "/api/v1/")]
        found.append(exception_handler(exc, {}))
    try:
        raise OperationalError("server closed the connection unexpectedly")
    except OperationalError as exc:
        found.append(exception_handler(exc, {}))
    try:
        raise ValueError("a bug")
    except ValueError:
        found += [urls.server_error(factory.get(path)) for path in ("/", "/api/v1/")]

    assert [answer.status_code for answer in found] == [503, 503, 503, 503, 500, 500]
    assert b"Try again in a moment" in found[0].content


def test_readyz_refuses_a_machine_whose_clock_is_wrong(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: wrong)

    checks = client.get("/readyz").json()["checks"]

    assert checks["database"] in {f"this machine's clock is {n} s off" for n in (3599, 3600)}


def test_a_person_signs_in_and_out() -> None:
    person = make.member(make.site(make.account()).account)
    client = Client()

    anonymous = client.get("/")
    wrong = client.post("/sign-in/", {"username": person.email, "password": "no"})
    right = client.post("/sign-in/", {"username": person.email.upper(), "password": "pw"})
    home = client.get("/", follow=True)
    client.post("/sign-out/")
    after = client.get("/")

    assert (anonymous.status_code, anonymous["Location"]) == (302, "/sign-in/?next=/")
    assert (wrong.status_code, b"Please enter a correct" in wrong.content) == (200, True)
    assert (right.status_code, home.status_code, after.status_code) == (302, 200, 302)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_sees_the_overview_of_its_site(role: Role) -> None:
    site = make.site(make.account())
    client = signed_in(make.member(site.account, role))

    answer = client.get(reverse("overview", args=[site.pk]))

    assert answer.status_code == 200
    assert site.name in answer.content.decode()


def test_another_accounts_site_is_not_there() -> None:
    site = make.site(make.account())
    client = signed_in(make.member(make.account()))

    theirs = client.get(reverse("overview", args=[site.pk]))
    unknown = client.get(reverse("overview", args=[999_999]))

    assert (theirs.status_code, unknown.status_code) == (404, 404)
    assert site.name not in theirs.content.decode()


def test_an_account_without_a_site_says_so() -> None:
    answer = signed_in(make.member(make.account())).get("/")

    assert answer.status_code == 200
    assert "No site yet" in answer.content.decode()


def test_unknown_addresses_have_a_page_of_ours(client: Client) -> None:
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert "Not here" in answer.content.decode()


def test_pages_carry_a_strict_policy(client: Client) -> None:
    policy = client.get("/sign-in/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_only_staff_reach_the_operators_admin() -> None:
    account = make.account(name="Canary of B")
    owner = signed_in(make.member(account))
    staff = signed_in(make.user(is_staff=True, is_superuser=True))

    refused = owner.get("/ops/admin/igny8_auth/account/")
    seen = staff.get("/ops/admin/igny8_auth/account/")

    assert refused.status_code == 302
    assert "Canary of B" in seen.content.decode()


def test_every_admin_list_opens(admin_client: Client) -> None:
    from django.contrib import admin

    make.member(make.account())
    for model, options in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert admin_client.get(address).status_code == 200, options


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5_000])
def test_numbers_that_no_row_can_have_are_no_bugs(number: str) -> None:
    client = signed_in(make.member(make.account()))

    pages = [f"/s/{number}/", f"/sites/{number}/", f"{reverse('team')}?account={number}"]

    assert [client.get(page).status_code for page in pages[:2]] == [404, 404]
    assert client.get(pages[2]).status_code in {200, 404}


def test_a_form_with_what_no_column_can_hold_is_no_bug() -> None:
    sector = make.sector(make.site(make.account()))
    client = signed_in(make.member(sector.account, Role.EDITOR))
    cluster = make_planning.cluster(sector)
    address = reverse("cluster_change", args=[sector.site_id, sector.pk, cluster.pk])

    answer = client.post(address, {"name": "Sofas", "description": "soft\x00"})

    assert answer.status_code == 422
    assert "cannot be stored" in answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("canapé\u00a0: guide", "canapé : guide"),
        ("two\nlines\u2028more", "two lines more"),
        ("क्\u200dष", "क्\u200dष"),
        ("\u202etxt\x00\ud800", "txt"),
    ],
)
def test_a_line_keeps_the_words_that_were_typed(typed: str, kept: str) -> None:
    query = QueryDict(mutable=True)
    query["name"] = typed

    assert text(query, "name") == kept
