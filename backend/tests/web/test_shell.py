"""The shell: health, sign-in, roles, other accounts, the operators' admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from igny8_core.auth.states import Role
from tests import make

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
    assert answer.json()["checks"]["cache"] == "ok"
    assert "are missing" not in answer.json()["checks"]["database"]
    assert answer.json()["degraded"] == {"workers": "none is alive"}


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
