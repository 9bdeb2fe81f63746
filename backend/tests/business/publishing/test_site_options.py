from __future__ import annotations

from typing import Any

import pytest

from igny8_core.auth.models import Site
from igny8_core.business.publishing.services.site_options import (
    SiteOptions,
    change_site_options,
    identity_of,
    is_site_address,
    options_of,
)
from igny8_core.common.errors import InvalidInput, NotFound
from tests.make import publishing as make

pytestmark = pytest.mark.django_db


def test_a_site_that_says_nothing_gets_the_usual() -> None:
    sector = make.sector()

    assert options_of(sector.site) == SiteOptions()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("theme", "../default"),
        ("theme", 7),
        ("colour_scheme", "pink"),
        ("has_search", "yes"),
        ("indexnow_key", "x/y"),
        ("base_url", "javascript:x"),
    ],
)
def test_what_cannot_be_read_counts_as_unsaid(field: str, value: object) -> None:
    site = Site(name="x", settings={"static_site": {field: value}})

    assert options_of(site) == SiteOptions()
    assert options_of(Site(name="x", settings={"static_site": "x"})) == SiteOptions()


def test_changes_are_kept_beside_other_settings() -> None:
    sector = make.sector(settings={"author": {"name": "M"}, "static_site": {"mine": 1}})
    change = {
        "theme": "gazette",
        "accent": "#aa0000",
        "tagline": "All about sofas",
        "base_url": "https://sofa.test/blog/",
        "has_llms_txt": True,
    }

    changed = change_site_options(account=sector.account, site_id=sector.site_id, changes=change)

    sector.site.refresh_from_db()
    assert options_of(sector.site) == changed
    assert (changed.theme, changed.base_url) == ("gazette", "https://sofa.test/blog")
    assert (changed.accent, changed.tagline, changed.has_search) == (
        "#aa0000",
        "All about sofas",
        True,
    )
    assert sector.site.settings["author"] == {"name": "M"}
    assert sector.site.settings["static_site"]["mine"] == 1
    identity = identity_of(sector.site, base_url=changed.base_url)
    assert (identity.theme, identity.has_llms_txt) == ("gazette", True)


def test_a_key_for_indexnow_is_made_once_and_dropped() -> None:
    sector = make.sector()

    def change(*, on: bool) -> str:
        return change_site_options(
            account=sector.account, site_id=sector.site_id, changes={"indexnow": on}
        ).indexnow_key

    first = change(on=True)
    assert len(first) == 32
    assert change(on=True) == first
    assert change(on=False) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"theme": "none"},
        {"colour_scheme": "pink"},
        {"accent": "red"},
        {"tagline": "x" * 161},
        {"base_url": "sofa.test"},
        {"indexnow_key": "x"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_used_changes_nothing(changes: dict[str, Any]) -> None:
    sector = make.sector()

    with pytest.raises(InvalidInput) as refused:
        change_site_options(
            account=sector.account, site_id=sector.site_id, changes={"has_search": False} | changes
        )

    assert list(refused.value.data) == list(changes)
    sector.site.refresh_from_db()
    assert options_of(sector.site) == SiteOptions()


def test_another_accounts_site_is_not_there() -> None:
    with pytest.raises(NotFound):
        change_site_options(
            account=make.sector().account, site_id=make.sector().site_id, changes={}
        )


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://a.test", True),
        ("http://a.test:8080/x", True),
        ("https://a.test:x", False),
        ("https://u:p@a.test", False),
        ("https://a.test/?q", False),
        ("https://a.test/#x", False),
        ("https:///x", False),
        ('https://a.test/"', False),
        ("ftp://a.test", False),
    ],
)
def test_addresses_of_sites(text: str, *, is_one: bool) -> None:
    assert is_site_address(text) is is_one
