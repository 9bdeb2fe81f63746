"""Accounts are opened whole or not at all, under short names that are free."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from igny8_core.auth import selectors, services
from igny8_core.auth.errors import AddressTaken, SlugTaken
from igny8_core.auth.models import Account, Membership, Sector, Site, User
from igny8_core.auth.services import opening, sites
from igny8_core.auth.states import Role
from igny8_core.common.errors import Conflict, InvalidInput
from tests import make

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

NEW: Any = {
    "account_name": "Acme",
    "site_name": "Paws",
    "industry_slug": "pets",
    "sector_slugs": ["dogs"],
}


@pytest.fixture(autouse=True)
def reference_data() -> None:
    services.load_reference_data()


def sign_up(**changes: Any) -> tuple[User, Site]:
    return services.sign_up(**({"email": "a@example.com", "password": "pw"} | NEW | changes))


def counts() -> tuple[int, ...]:
    models: list[Any] = [User, Account, Membership, Site, Sector]
    return tuple(model._base_manager.count() for model in models)


def test_signing_up_makes_everything_at_once() -> None:
    person, site = sign_up()

    account = selectors.account(site.account_id)
    assert selectors.memberships_of(person.pk) == [(account.pk, Role.OWNER)]
    assert (account.name, account.slug, account.credits) == ("Acme", "acme", 0)
    assert account.plan is not None
    assert account.plan.code == "free"
    assert not person.emailaddress_set.get().verified  # type: ignore[attr-defined]  # allauth's


def test_a_failure_on_the_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise IntegrityError("somebody else's")

    monkeypatch.setattr(Sector, "save", fail)

    with pytest.raises(IntegrityError):
        sign_up()

    assert counts() == (0, 0, 0, 0, 0)


def test_a_taken_address_leaves_nothing() -> None:
    make.user(email="a@example.com")

    with pytest.raises(AddressTaken):
        sign_up()

    assert counts() == (1, 0, 0, 0, 0)


def test_a_short_name_that_is_taken_in_the_meantime_gets_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_up()
    asked: list[str] = []
    real = selectors.account_slugs

    def late(base: str) -> list[str]:
        asked.append(base)
        return [] if len(asked) == 1 else real(base)

    monkeypatch.setattr(selectors, "account_slugs", late)

    _, site = sign_up(email="b@example.com")

    assert selectors.account(site.account_id).slug == "acme-2"
    assert len(asked) == 2


def test_after_three_races_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    monkeypatch.setattr(selectors, "account_slugs", lambda _base: [])

    with pytest.raises(SlugTaken):
        sign_up(email="b@example.com")

    assert counts()[:2] == (1, 1)


def test_ids_are_never_given_twice() -> None:
    first, second = opening.reserve_account("Acme"), opening.reserve_account("Acme")
    _, site = sign_up()

    assert len({first.pk, second.pk, site.account_id}) == 3
    assert Account.objects.count() == 1


def test_a_signed_in_person_opens_a_further_account(monkeypatch: pytest.MonkeyPatch) -> None:
    person, first = sign_up()

    second = services.open_own_account(person=person, **NEW)
    monkeypatch.setattr(opening, "MAX_OWN_ACCOUNTS", 2)
    with pytest.raises(Conflict):
        services.open_own_account(person=person, **NEW)

    assert selectors.memberships_of(person.pk) == [
        (first.account_id, Role.OWNER),
        (second.account_id, Role.OWNER),
    ]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account_name": ""}, "account_name"),
        ({"account_name": "x" * 201}, "account_name"),
        ({"site_name": ""}, "name"),
        ({"industry_slug": "x"}, "industry_slug"),
        ({"sector_slugs": ["x"]}, "sector_slugs"),
    ],
)
def test_a_bad_opening_is_explained(changes: dict[str, Any], field: str) -> None:
    person = make.user()

    with pytest.raises(InvalidInput) as refused:
        services.open_own_account(person=person, **(NEW | changes))

    assert list(refused.value.data) == [field]
    assert counts() == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://Paws.example.com:8443/shop?x=1", "paws.example.com"),
        (" paws.example.com ", "paws.example.com"),
        ("", ""),
    ],
)
def test_a_host_is_read_from_whatever_was_pasted(text: str, host: str) -> None:
    assert sites.host_of(text) == host
