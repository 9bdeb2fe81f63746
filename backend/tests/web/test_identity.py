"""Signing up and in, verification, reset, second factors and devices, through the pages."""

from __future__ import annotations

import re
import time
from smtplib import SMTPServerDisconnected
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from igny8_core.auth import selectors, services
from igny8_core.auth.models import Account, Sector, Site, User
from igny8_core.auth.states import Role
from igny8_core.web.forms.identity import SignUpForm
from tests import make
from tests.web.software_key import SoftwareKey

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

PASSWORD = "correct horse 7"
FORM = {
    "industry": "pets",
    "sectors": ["dogs", "cats"],
    "account_name": "Ada's company",
    "site_name": "Paws",
    "domain": "https://paws.example.com/shop",
    "language": "de",
    "email": "Ada@Example.com",
    "password1": PASSWORD,
}


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


def sign_up(client: Client, **changes: Any) -> Any:
    services.load_reference_data()
    return client.post("/sign-up/?industry=pets", FORM | changes)


def link_in_mail(number: int = -1) -> str:
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[number].body))
    assert found is not None, mail.outbox[number].body
    return found[1]


def signed_in(person: User) -> Client:
    """A client that signed in with the password, as a person does."""
    client = Client()
    answer = client.post("/sign-in/", {"username": person.email, "password": "pw"})
    assert answer.status_code == 302
    return client


def confirmed(person: User) -> Client:
    """A signed-in client that has just typed its password again."""
    client = signed_in(person)
    assert client.post("/confirm/", {"password": "pw"}).status_code == 302
    return client


def code_of(secret: str, steps: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def with_totp(person: User) -> tuple[Client, str, list[str]]:
    """Switch the app on; the client, the secret and the recovery codes."""
    client = confirmed(person)
    secret = client.get("/settings/security/app/").context["form"].secret
    answer = client.post("/settings/security/app/", {"code": code_of(secret)}, follow=True)
    codes = re.findall(r"<code>(\d{8})</code>", answer.content.decode())
    return client, secret, codes


def test_an_address_that_is_none_leads_home() -> None:
    client = signed_in(make.member(make.account()))

    answer = client.get("/sign-in/second-factor/?next=https://[::1")

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_the_first_step_of_sign_up_asks_for_the_industry(client: Client) -> None:
    services.load_reference_data()

    page = client.get("/sign-up/?next=/x").content.decode()
    form = client.get("/sign-up/?industry=pets").content.decode()

    assert "/sign-up/" not in page or "industry=pets" in page
    assert "next=%2Fx" in page or "next=/x" in page
    assert 'value="dogs"' in form
    assert 'value="dental"' not in form


def test_sign_up_makes_person_account_site_and_leads_to_the_first_screen() -> None:
    client = Client()

    answer = sign_up(client)
    before = client.get("/")
    link = link_in_mail()
    asked = client.get(link).content.decode()
    verified = client.post(link)
    first = client.get("/", follow=True)

    person = User.objects.get(email="ada@example.com")
    account_id, role = selectors.memberships_of(person.pk)[0]
    account, site = Account.objects.get(pk=account_id), Site.unscoped.get(account_id=account_id)
    assert (answer.status_code, answer["Location"]) == (302, "/verify/")
    assert (before.status_code, before["Location"]) == (302, "/sign-in/?next=/")
    assert "ada@example.com" in asked
    assert (verified.status_code, verified["Location"]) == (302, "/")
    assert (role, account.name, site.name) == (Role.OWNER, "Ada's company", "Paws")
    assert (site.domain, site.language) == ("paws.example.com", "de")
    assert set(Sector.unscoped.values_list("slug", flat=True)) == {"dogs", "cats"}
    assert first.status_code == 200
    assert "Paws" in first.content.decode()
    assert person.email_verified_at is not None


def test_sign_up_brings_the_credits_of_the_plan() -> None:
    sign_up(Client())

    account = Account.objects.select_related("credit_wallet", "plan").get()
    assert account.plan is not None
    assert (account.plan.code, account.credits) == ("free", account.plan.credits_per_period)


def test_an_unverified_person_cannot_sign_in_and_gets_another_link() -> None:
    sign_up(Client())
    cache.clear()  # a second link is not sent within three minutes
    client = Client()

    answer = client.post("/sign-in/", {"username": FORM["email"], "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/verify/")
    assert client.get("/").status_code == 302
    assert len(mail.outbox) == 2


def test_a_link_works_once_and_only_as_it_was_sent() -> None:
    client = Client()
    sign_up(client)
    link = link_in_mail()

    broken = Client().get(link.replace("verify/", "verify/x"))
    client.post(link)
    again = Client().get(link)

    assert "no longer works" in broken.content.decode()
    assert "no longer works" in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sectors": ["dental"]}, "sectors"),
        ({"sectors": []}, "sectors"),
        ({"account_name": " "}, "account_name"),
        ({"site_name": ""}, "site_name"),
        ({"email": "no"}, "email"),
        ({"password1": "password"}, "password1"),
        ({"language": "xx"}, "language"),
    ],
)
def test_a_bad_sign_up_is_explained_and_writes_nothing(
    changes: dict[str, Any], field: str, client: Client
) -> None:
    answer = sign_up(client, **changes)

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert (User.objects.count(), Account.objects.count(), len(mail.outbox)) == (0, 0, 0)


def test_a_taken_address_is_told_by_mail_and_not_by_the_page(client: Client) -> None:
    person = make.member(make.account(), email="ada@example.com")

    answer = sign_up(client)

    assert (answer.status_code, answer["Location"]) == (302, "/verify/")
    assert "tried to open an account" in mail.outbox[0].body
    assert User.objects.count() == 1
    assert len(selectors.memberships_of(person.pk)) == 1


def test_an_address_taken_in_the_meantime_is_told_by_mail_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.member(make.account(), email="ada@example.com")
    monkeypatch.setattr(SignUpForm, "validate_unique_email", lambda _form, value: value)

    answer = sign_up(client)

    assert (answer.status_code, answer["Location"]) == (302, "/verify/")
    assert "tried to open an account" in mail.outbox[0].body
    assert (User.objects.count(), Account.objects.count()) == (1, 1)


def test_a_dead_mail_server_loses_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise SMTPServerDisconnected

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)

    page = sign_up(client).client.get("/verify/").content.decode()

    assert "could not send the e-mail" in page
    assert User.objects.filter(email="ada@example.com").exists()


def test_a_password_is_reset_by_mail(client: Client) -> None:
    person = make.member(make.account())
    elsewhere = signed_in(person)

    client.post("/password/reset/", {"email": person.email})
    form = client.get(link_in_mail(), follow=True)
    done = client.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})
    used = Client().get(link_in_mail(0), follow=True)
    right = client.post("/sign-in/", {"username": person.email, "password": PASSWORD})

    assert form.status_code == 200
    assert done["Location"] == "/password/reset/done/"
    assert "no longer works" in used.content.decode()
    assert right["Location"] == "/"
    assert elsewhere.get("/").status_code == 302


def test_a_reset_for_an_unknown_address_looks_the_same(client: Client) -> None:
    answer = client.post("/password/reset/", {"email": "nobody@example.com"})

    assert answer["Location"] == "/password/reset/sent/"
    assert "nobody here signs in" in mail.outbox[0].body


def test_a_password_is_changed_and_told_by_mail() -> None:
    person = make.member(make.account())
    client = signed_in(person)

    wrong = client.post(
        "/settings/security/password/",
        {"oldpassword": "no", "password1": PASSWORD, "password2": PASSWORD},
    )
    right = client.post(
        "/settings/security/password/",
        {"oldpassword": "pw", "password1": PASSWORD, "password2": PASSWORD},
    )

    person.refresh_from_db()
    assert wrong.status_code == 200
    assert right["Location"] == "/settings/security/"
    assert person.check_password(PASSWORD)
    assert client.get("/settings/security/").status_code == 200
    assert len(mail.outbox) == 1


def test_sign_in_is_throttled_for_the_person(client: Client) -> None:
    person = make.member(make.account())

    for _ in range(5):
        client.post("/sign-in/", {"username": person.email, "password": "no"})
    right = client.post("/sign-in/", {"username": person.email, "password": "pw"})

    assert right.status_code == 200
    assert "Too many failed attempts" in right.content.decode()


def test_sign_in_is_throttled_for_the_address(client: Client) -> None:
    for _ in range(30):
        client.get("/sign-in/")
        client.post("/sign-in/", {})

    answer = client.post("/sign-in/", {})

    assert answer.status_code == 429
    assert "too often" in answer.content.decode()


def test_an_authenticator_app_is_asked_for_at_sign_in() -> None:
    person = make.member(make.account())
    client, secret, codes = with_totp(person)
    stored = Authenticator.objects.get(user=person, type="totp").data["secret"]
    client.post("/sign-out/")

    half = client.post("/sign-in/", {"username": person.email, "password": "pw"})
    outside = client.get("/")
    wrong = client.post(half["Location"], {"code": "000000"})
    right = client.post(half["Location"], {"code": code_of(secret, 1)})

    assert half["Location"] == "/sign-in/second-factor/"
    assert (outside.status_code, outside["Location"]) == (302, "/sign-in/?next=/")
    assert (wrong.status_code, right["Location"]) == (200, "/")
    assert len(codes) == 10
    assert stored.startswith("v1:")
    assert secret not in stored


def test_a_recovery_code_gets_in_once() -> None:
    person = make.member(make.account())
    client, _secret, codes = with_totp(person)
    seen_again = client.get("/settings/security/codes/").content.decode()

    outcomes = []
    for _ in range(2):
        client.post("/sign-out/")
        client.post("/sign-in/", {"username": person.email, "password": "pw"})
        answer = client.post("/sign-in/second-factor/", {"code": codes[0]})
        outcomes.append(answer.status_code)

    assert outcomes == [302, 200]
    assert codes[1] not in seen_again


def test_second_factors_need_the_password_again() -> None:
    person = make.member(make.account())
    client = signed_in(person)

    for path in ("app/", "passkeys/add/"):
        answer = client.get(f"/settings/security/{path}")
        assert unquote(answer["Location"]) == f"/confirm/?next=/settings/security/{path}"


def test_the_app_is_switched_off_and_recovery_codes_go_with_it() -> None:
    person = make.member(make.account())
    client, _secret, _codes = with_totp(person)

    answer = client.post("/settings/security/app/off/", follow=True)

    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_a_passkey_page_carries_its_data_and_no_script() -> None:
    client = confirmed(make.member(make.account()))

    page = client.get("/settings/security/passkeys/add/").content.decode()

    assert '<script id="js_data" type="application/json">' in page
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)
    assert not re.search(r"\s(style|on\w+)=", page)


def test_a_passkey_signs_in_alone() -> None:
    person = make.member(make.account())
    client, key = Client(), SoftwareKey("testserver")
    client.post("/sign-in/", {"username": person.email, "password": "pw"}, secure=True)
    client.post("/confirm/", {"password": "pw"}, secure=True)

    page = client.get("/settings/security/passkeys/add/", secure=True)
    made = key.register(page.context["js_data"]["creation_options"])
    added = client.post(
        "/settings/security/passkeys/add/",
        {"name": "Phone", "credential": made, "passwordless": "on"},
        secure=True,
    )
    stranger = Client()
    options = stranger.get(
        "/sign-in/passkey/", secure=True, headers={"Accept": "application/json"}
    ).json()["request_options"]
    forged = SoftwareKey("testserver").answer(options, person_id=key.person_id)
    refused = stranger.post("/sign-in/passkey/", {"credential": forged}, secure=True)
    options = stranger.get(
        "/sign-in/passkey/", secure=True, headers={"Accept": "application/json"}
    ).json()["request_options"]
    entered = stranger.post("/sign-in/passkey/", {"credential": key.answer(options)}, secure=True)

    assert added["Location"] == "/settings/security/codes/"
    assert refused["Location"] == "/sign-in/"
    assert entered["Location"] == "/"
    assert "Phone" in stranger.get("/settings/security/", secure=True).content.decode()


def test_devices_are_listed_and_the_others_signed_out() -> None:
    person = make.member(make.account())
    here, there = signed_in(person), signed_in(person)
    stranger = signed_in(make.member(make.account()))

    page = here.get("/settings/security/").content.decode()
    answer = here.post("/settings/security/sessions/")

    assert page.count("<tr>") == 3
    assert "This one" in page
    assert answer["Location"] == "/settings/security/"
    assert there.get("/settings/security/").status_code == 302
    assert here.get("/settings/security/").status_code == 200
    assert stranger.get("/settings/security/").status_code == 200


def test_people_made_by_an_operator_need_no_mail() -> None:
    person = User.objects.create_user("op@example.com", "pw")

    address = EmailAddress.objects.get(user=person)
    assert (address.email, address.verified, address.primary) == ("op@example.com", True, True)
    assert person.email_verified_at is None


def test_every_page_of_the_entrance_opens_under_the_policy(client: Client) -> None:
    services.load_reference_data()
    for name in (
        "sign_in",
        "sign_up",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
        "account_email_verification_sent",
        "account_inactive",
    ):
        answer = client.get(reverse(name))
        assert answer.status_code == 200, name
        assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.content.decode())
