"""Accounts, sites and reference data."""

from __future__ import annotations

import pytest

from igny8_core.auth import reference, selectors, services
from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import Account, Membership, Sector, Site, User
from igny8_core.auth.states import Role
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])


@pytest.fixture
def account() -> Account:
    services.load_reference_data()
    return services.open_account(name="Acme", owner_email="Ada@Example.com", owner_password="pw")


def test_reference_data_has_industries_with_sectors_and_can_be_repeated() -> None:
    first = services.load_reference_data()
    second = services.load_reference_data()

    assert first == second
    assert first["industries"] == len(reference.industries()) >= 12
    assert all(len(one.sectors) >= 4 for one in reference.industries())


def test_an_account_opens_with_owner_wallet_and_plan(account: Account) -> None:
    owner = User.objects.get(email="ada@example.com")

    assert (account.name, account.slug, account.credits, account.credits_held) == (
        "Acme",
        "acme",
        0,
        0,
    )
    assert account.plan is not None
    assert account.plan.code == "free"
    assert selectors.memberships_of(owner.pk) == [(account.pk, Role.OWNER)]


def test_the_same_name_gets_another_slug_and_the_person_is_kept(account: Account) -> None:
    again = services.open_account(name="Acme", owner_email="ada@example.com", owner_password="x")

    assert again.slug == "acme-2"
    assert User.objects.filter(email="ada@example.com").count() == 1
    assert User.objects.get(email="ada@example.com").check_password("pw")


def test_a_bad_account_is_explained_and_nothing_is_written() -> None:
    services.load_reference_data()
    with pytest.raises(InvalidInput) as refused:
        services.open_account(name=" ", owner_email="no", owner_password="pw", plan_code="gold")

    assert set(refused.value.data) == {"name", "owner_email", "plan_code"}
    assert (Account.objects.count(), User.objects.count()) == (0, 0)


def test_a_site_gets_its_sectors(account: Account) -> None:
    site = services.create_site(
        account=account,
        name="Sofas & more",
        industry_slug="home-and-furniture",
        sector_slugs=["furniture", "lighting", "furniture"],
    )

    with tenant(account.pk):
        sectors = list(selectors.sectors(account=account, site=site))
    assert (site.slug, site.account_id) == ("sofas-more", account.pk)
    assert [s.slug for s in sectors] == ["furniture", "lighting"]
    assert {s.industry_id for s in sectors} == {site.industry_id}
    assert selectors.account_id_of_site(site.pk) == account.pk


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"industry_slug": "nowhere"}, "industry_slug"),
        ({"sector_slugs": []}, "sector_slugs"),
        ({"sector_slugs": ["dental"]}, "sector_slugs"),
    ],
)
def test_a_bad_site_is_explained(account: Account, changes: dict[str, object], field: str) -> None:
    good = {"name": "S", "industry_slug": "home-and-furniture", "sector_slugs": ["furniture"]}

    with pytest.raises(InvalidInput) as refused:
        services.create_site(account=account, **(good | changes))  # type: ignore[arg-type]  # on purpose

    assert list(refused.value.data) == [field]
    assert not Site.unscoped.exists()


def test_the_plan_limits_sites(account: Account) -> None:
    wanted = {"industry_slug": "pets", "sector_slugs": ["dogs"]}
    services.create_site(account=account, name="One", **wanted)  # type: ignore[arg-type]  # a mapping

    with pytest.raises(PlanLimitReached) as refused:
        services.create_site(account=account, name="Two", **wanted)  # type: ignore[arg-type]  # a mapping

    assert refused.value.data == {"limit": 1, "in_use": 1}
    assert (Site.unscoped.count(), Sector.unscoped.count()) == (1, 1)


def test_unknown_sites_accounts_and_sectors_are_not_found(account: Account) -> None:
    theirs = make.sector(make.site(make.account()))

    with pytest.raises(NotFound):
        selectors.account_id_of_site(999_999)
    with pytest.raises(NotFound):
        selectors.account(999_999)
    with tenant(account.pk):
        with pytest.raises(NotFound):
            selectors.site(account=account, site_id=theirs.site_id)
        with pytest.raises(NotFound):
            selectors.sector(account=account, sector_id=theirs.pk)


def test_a_closed_account_is_no_longer_entered(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(status="closed")

    assert selectors.memberships_of(Membership.unscoped.get().user_id) == []


def test_roles_include_weaker_ones() -> None:
    assert [role.includes(Role.EDITOR) for role in Role] == [False, True, True, True]
