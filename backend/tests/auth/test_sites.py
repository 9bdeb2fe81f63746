"""Sites and sectors: changed, at rest, removed; and the plan, whatever two do at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from igny8_core.auth import plan_limits, selectors, services
from igny8_core.auth.errors import PlanLimitReached, SiteNotEmpty
from igny8_core.auth.models import Plan, Sector, Site
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import planning

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

PETS = {"industry_slug": "pets", "sector_slugs": ["dogs"]}


@pytest.fixture
def account() -> Account:
    services.load_reference_data()
    return make.account(plan=Plan.objects.get(code="starter"))


@pytest.fixture
def site(account: Account) -> Site:
    return new_site(account)


def new_site(account: Account, name: str = "Paws") -> Site:
    return services.create_site(account=account, name=name, **PETS)  # type: ignore[arg-type]  # a mapping


def test_a_site_is_changed_where_it_is_named(account: Account, site: Site) -> None:
    changed = services.update_site(
        account=account,
        site_id=site.pk,
        domain=" HTTPS://Shop.Example.com:8000/pets ",
        country_code="de",
        timezone="Europe/Berlin",
        settings={"voice": "plain"},
    )

    site.refresh_from_db()
    assert changed == site
    assert (site.name, site.slug, site.language) == ("Paws", "paws", "en")
    assert (site.domain, site.country_code) == ("shop.example.com", "DE")
    assert (site.timezone, site.settings) == ("Europe/Berlin", {"voice": "plain"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"domain": "not a host"}, "domain"),
        ({"domain": "-x.example.com"}, "domain"),
        ({"language": "English"}, "language"),
        ({"country_code": "XX"}, "country_code"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"settings": []}, "settings"),
        ({"settings": {"voice": "x" * 100_001}}, "settings"),
        ({"slug": "mine"}, "slug"),
        ({"is_active": False}, "is_active"),
    ],
)
def test_bad_changes_of_a_site_are_explained(
    account: Account, site: Site, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.update_site(account=account, site_id=site.pk, **changes)

    assert list(refused.value.data) == [field]
    site.refresh_from_db()
    assert (site.name, site.is_active) == ("Paws", True)


def test_a_new_site_with_a_bad_domain_is_explained(account: Account) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.create_site(account=account, name="P", domain="a b", language="", **PETS)  # type: ignore[arg-type]  # a mapping

    assert sorted(refused.value.data) == ["domain", "language"]
    assert not Site.unscoped.exists()


def test_sites_of_one_name_get_different_addresses(account: Account, site: Site) -> None:
    again = new_site(account)
    theirs = new_site(make.account())

    assert [site.slug, again.slug, theirs.slug] == ["paws", "paws-2", "paws"]


def test_a_site_at_rest_does_not_count_and_wakes_only_where_there_is_room(
    account: Account, site: Site
) -> None:
    Plan.objects.filter(code="starter").update(max_sites=1)
    with pytest.raises(PlanLimitReached) as full:
        new_site(account, "Second")
    resting = services.set_site_active(account=account, site_id=site.pk, is_active=False)
    second = new_site(account, "Second")

    with pytest.raises(PlanLimitReached) as refused:
        services.set_site_active(account=account, site_id=site.pk, is_active=True)
    services.set_site_active(account=account, site_id=second.pk, is_active=False)
    woken = services.set_site_active(account=account, site_id=site.pk, is_active=True)
    again = services.set_site_active(account=account, site_id=site.pk, is_active=True)

    assert (resting.is_active, woken.is_active, again.is_active) == (False, True, True)
    assert full.value.data == refused.value.data == {"limit": 1, "in_use": 1}
    assert full.value.message == "The plan Starter allows 1 active site."
    assert plan_limits.use_of_sites(account=selectors.account(account.pk)).is_full


def test_an_empty_site_is_removed_with_its_sectors(account: Account, site: Site) -> None:
    kept = new_site(account)

    services.delete_site(account=account, site_id=site.pk)

    assert list(Site.unscoped.all()) == [kept]
    assert Sector.unscoped.get().site_id == kept.pk


def test_a_site_with_work_stays(account: Account, site: Site) -> None:
    planning.cluster(Sector.unscoped.get(), "Collars")

    with pytest.raises(SiteNotEmpty) as refused:
        services.delete_site(account=account, site_id=site.pk)

    assert refused.value.data == {"holds": "clusters"}
    assert (Site.unscoped.count(), Sector.unscoped.count()) == (1, 1)


def test_a_sector_is_added_once_and_renamed(account: Account, site: Site) -> None:
    added = services.add_sector(account=account, site_id=site.pk, sector_slug="cats")
    named = services.rename_sector(account=account, sector_id=added.pk, name=" Felines ")

    with pytest.raises(Conflict):
        services.add_sector(account=account, site_id=site.pk, sector_slug="cats")
    with pytest.raises(InvalidInput) as unknown:
        services.add_sector(account=account, site_id=site.pk, sector_slug="dental")
    with pytest.raises(InvalidInput):
        services.rename_sector(account=account, sector_id=added.pk, name="")

    assert (added.name, named.name, named.slug) == ("Cats", "Felines", "cats")
    assert list(unknown.value.data) == ["sector_slug"]
    assert Sector.unscoped.count() == 2


def test_a_sector_may_have_a_name_of_its_own(account: Account, site: Site) -> None:
    added = services.add_sector(account=account, site_id=site.pk, sector_slug="cats", name="Kitty")

    assert (added.name, added.slug) == ("Kitty", "cats")


def test_the_last_active_sector_stays(account: Account, site: Site) -> None:
    first = Sector.unscoped.get()
    second = services.add_sector(account=account, site_id=site.pk, sector_slug="cats")

    resting = services.set_sector_active(account=account, sector_id=first.pk, is_active=False)
    with pytest.raises(Conflict):
        services.set_sector_active(account=account, sector_id=second.pk, is_active=False)
    woken = services.set_sector_active(account=account, sector_id=first.pk, is_active=True)

    second.refresh_from_db()
    assert (resting.is_active, woken.is_active, second.is_active) == (False, True, True)


def test_a_site_has_at_most_fifty_sectors(
    account: Account, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igny8_core.auth.services.sites.MAX_SECTORS", 1)

    with pytest.raises(Conflict):
        services.add_sector(account=account, site_id=site.pk, sector_slug="cats")


@pytest.mark.parametrize(
    "act",
    [
        lambda account, site, _: services.update_site(account=account, site_id=site, name="x"),
        lambda account, site, _: services.delete_site(account=account, site_id=site),
        lambda account, site, _: services.set_site_active(
            account=account, site_id=site, is_active=False
        ),
        lambda account, site, _: services.add_sector(
            account=account, site_id=site, sector_slug="cats"
        ),
        lambda account, _, sector: services.rename_sector(
            account=account, sector_id=sector, name="x"
        ),
        lambda account, _, sector: services.set_sector_active(
            account=account, sector_id=sector, is_active=False
        ),
    ],
)
def test_another_accounts_site_is_not_found(
    account: Account, site: Site, act: Callable[[Account, int, int], Any]
) -> None:
    stranger = make.account()

    with pytest.raises(NotFound):
        act(stranger, site.pk, Sector.unscoped.get().pk)

    site.refresh_from_db()
    assert (site.name, site.is_active) == ("Paws", True)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_two_new_sites_at_once_cannot_both_be_the_last() -> None:
    services.load_reference_data()
    Plan.objects.filter(code="free").update(max_sites=1)
    account = make.account(plan=Plan.objects.get(code="free"))
    ready, outcomes = threading.Barrier(4), []

    def create(number: int) -> None:
        ready.wait()
        try:
            new_site(account, f"Site {number}")
            outcomes.append("made")
        except PlanLimitReached as exc:
            outcomes.append(f"refused {exc.data['in_use']}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["made", "refused 1", "refused 1", "refused 1"]
    with tenant(account.pk):
        assert selectors.active_sites(account=account) == 1
