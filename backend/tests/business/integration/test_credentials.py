"""Credentials are sealed for their row: nothing shows them, and no other row opens them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, connection, transaction

from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.integration.services.credentials import (
    open_credentials,
    rotate_credentials,
    seal_credentials,
    shown_credentials,
)
from igny8_core.common.vault import VaultError
from tests import make
from tests.make.integration import CREDENTIALS, SECRET, integration

if TYPE_CHECKING:
    from pytest_django import Settings

    from igny8_core.auth.models import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make.site(make.account())


@pytest.mark.parametrize("platform", ["wordpress", "shopify", "custom"])
def test_what_is_stored_opens_for_its_row_and_shows_no_secret(platform: str, site: Site) -> None:
    row = integration(site, platform)

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM integration_siteintegration t")
        stored = cursor.fetchone()[0]
    assert SECRET not in stored
    assert SECRET not in json.dumps(shown_credentials(row)) + repr(row) + str(row)
    assert shown_credentials(row)["last4"] == "UVWX"
    assert open_credentials(row) == CREDENTIALS[platform]


def test_the_name_that_signs_in_is_shown(site: Site) -> None:
    assert shown_credentials(integration(site)) == {
        "username": "editor",
        "last4": "UVWX",
        "secret_set": True,
    }
    assert shown_credentials(integration(site, "custom")) == {"last4": "UVWX", "secret_set": True}


def test_a_moved_row_does_not_open(site: Site) -> None:
    row = integration(site)
    other_site = make.site(site.account)
    other_account = make.site(make.account())

    for place in (other_site, other_account):
        moved = SiteIntegration.unscoped.create(
            account=place.account, site=place, platform="wordpress", credentials=row.credentials
        )
        with pytest.raises(VaultError, match="another context"):
            open_credentials(moved)


def test_a_row_that_is_not_stored_seals_nothing(site: Site) -> None:
    row = SiteIntegration(account=site.account, site=site, platform="custom")

    with pytest.raises(VaultError):
        seal_credentials(row, CREDENTIALS["custom"])


def test_credentials_in_clear_are_refused_by_the_database(site: Site) -> None:
    row = integration(site)

    with (
        pytest.raises(IntegrityError, match="siteintegration_credentials_sealed"),
        transaction.atomic(),
    ):
        SiteIntegration.unscoped.filter(pk=row.pk).update(credentials={"secret": SECRET})

    row.refresh_from_db()
    assert open_credentials(row) == CREDENTIALS["wordpress"]


def test_a_new_vault_key_seals_every_set_again(site: Site, settings: Settings) -> None:
    row, away = integration(site), integration(site, "custom")
    SiteIntegration.unscoped.filter(pk=away.pk).update(credentials={})
    settings.CREDENTIAL_KEYS = ["n" * 32]

    first = rotate_credentials(account=site.account)
    again = rotate_credentials(account=site.account)

    before = row.credentials["sealed"]
    row.refresh_from_db()
    assert (first, again) == (1, 0)
    assert row.credentials["sealed"] != before
    assert open_credentials(row) == CREDENTIALS["wordpress"]
