"""A site is connected once, changed, paused, disconnected; nobody outside is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import IntegrationExists, IntegrationInUse
from igny8_core.business.integration.models import SiteIntegration, SyncEvent
from igny8_core.business.integration.services import integrations
from igny8_core.business.integration.services.credentials import open_credentials
from igny8_core.business.integration.states import SYNC, SyncStatus
from igny8_core.common.errors import InvalidInput, NotFound, TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import publishing as make_publishing
from tests.make.integration import CREDENTIALS, SECRET, integration, sync_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from igny8_core.auth.models import Account, Site

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NEW_SECRET = "another secret of 30 letters.."


@pytest.fixture
def site() -> Site:
    return make.site(make.account())


def change(row: SiteIntegration, **changes: Any) -> SiteIntegration:
    return integrations.change_integration(
        account=row.account, integration_id=row.pk, now=NOW, **changes
    )


def in_state(row: SiteIntegration, status: str) -> None:
    SiteIntegration.unscoped.filter(pk=row.pk).update(sync_status=status)


@pytest.mark.parametrize(
    ("platform", "kind", "address"),
    [
        ("wordpress", "cms", "https://shop.example.com/blog"),
        ("shopify", "ecommerce", "https://shop.myshopify.com"),
        ("custom", "custom_api", "https://api.example.com"),
    ],
)
def test_a_site_is_connected(platform: str, kind: str, address: str, site: Site) -> None:
    row = integration(site, platform)

    row.refresh_from_db()
    assert (row.platform_type, row.is_active, row.sync_status) == (kind, True, "idle")
    assert row.config == {"base_url": address, "conflict_policy": "ask"}


def test_a_site_has_one_connection_to_a_platform(site: Site) -> None:
    row = integration(site)
    integration(site, "custom")

    with pytest.raises(IntegrationExists) as refused:
        integration(site)

    assert refused.value.data == {"integration_id": row.pk}
    assert SiteIntegration.unscoped.count() == 2


@pytest.mark.parametrize(
    ("platform", "changes", "field"),
    [
        ("wordpress", {"config": {}}, "config.base_url"),
        ("wordpress", {"config": {"base_url": "http://example.com"}}, "config.base_url"),
        ("wordpress", {"config": {"base_url": "https://10.0.0.1"}}, "config.base_url"),
        ("shopify", {"config": {"base_url": "https://example.com"}}, "config.base_url"),
        ("shopify", {"config": {"base_url": "https://a.myshopify.com/x"}}, "config.base_url"),
        (
            "custom",
            {"config": {"base_url": "https://a.example.com", "conflict_policy": "fight"}},
            "config.conflict_policy",
        ),
        (
            "custom",
            {"config": {"base_url": "https://a.example.com", "colour": "red"}},
            "config.colour",
        ),
        ("wordpress", {"credentials": {"username": "me"}}, "credentials.application_password"),
        ("wordpress", {"credentials": CREDENTIALS["custom"]}, "credentials.username"),
        ("custom", {"credentials": {"secret": "short"}}, "credentials.secret"),
        ("custom", {"credentials": {"secret": "x" * 501}}, "credentials.secret"),
        ("custom", {"credentials": {"secret": " " * 30}}, "credentials.secret"),
        ("custom", {"credentials": {"secret": SECRET, "token": "x"}}, "credentials.token"),
    ],
)
def test_what_cannot_work_is_refused(
    platform: str, changes: dict[str, Any], field: str, site: Site
) -> None:
    with pytest.raises(InvalidInput) as refused:
        integration(site, platform, **changes)

    assert field in refused.value.data
    assert SECRET not in str(refused.value.data)
    assert not SiteIntegration.unscoped.exists()


def test_an_operator_may_allow_private_addresses(site: Site, settings: Settings) -> None:
    settings.SITE_PRIVATE_ADDRESSES = True

    row = integration(site, config={"base_url": "http://10.0.0.1:8080/wp"})

    assert row.config["base_url"] == "http://10.0.0.1:8080/wp"


def test_what_is_left_out_stays(site: Site) -> None:
    row = integration(site)

    changed = change(row, config={"conflict_policy": "skip"}, is_sync_enabled=True)

    assert changed.config == {
        "base_url": "https://shop.example.com/blog",
        "conflict_policy": "skip",
    }
    assert (changed.is_sync_enabled, changed.is_active) == (True, True)
    assert open_credentials(changed) == CREDENTIALS["wordpress"]


def test_another_host_does_not_get_the_old_secret(site: Site) -> None:
    row = integration(site)
    elsewhere = {"base_url": "https://evil.example.net/blog"}

    with pytest.raises(InvalidInput) as refused:
        change(row, config=elsewhere)
    moved = change(row, config={"base_url": "https://shop.example.com/news"})
    given = CREDENTIALS["wordpress"] | {"application_password": NEW_SECRET}
    changed = change(row, config=elsewhere, credentials=given)

    assert list(refused.value.data) == ["credentials"]
    assert moved.config["base_url"] == "https://shop.example.com/news"
    assert changed.config["base_url"] == elsewhere["base_url"]
    assert open_credentials(changed) == given


def test_new_credentials_let_a_refused_connection_go_on(site: Site) -> None:
    row = integration(site, "custom")
    in_state(row, "auth_failed")
    SiteIntegration.unscoped.filter(pk=row.pk).update(sync_error="401")

    changed = change(row, credentials={"secret": NEW_SECRET})

    assert (changed.sync_status, changed.sync_error) == ("idle", "")


def test_a_disconnected_site_has_no_secret_and_does_nothing(site: Site) -> None:
    row = integration(site)
    change(row, is_sync_enabled=True)

    for _repeat in range(2):
        away = integrations.disconnect_integration(account=site.account, integration_id=row.pk)
        assert (away.credentials, away.is_active, away.is_sync_enabled) == ({}, False, False)
        assert open_credentials(away) == {}
    for flag in ("is_active", "is_sync_enabled"):
        with pytest.raises(InvalidInput):
            change(row, **{flag: True})
    back = change(row, credentials=CREDENTIALS["wordpress"], is_active=True)

    assert back.is_active
    assert back.config["base_url"] == "https://shop.example.com/blog"


def test_a_disconnected_site_may_move_to_another_host(site: Site) -> None:
    row = integration(site)
    integrations.disconnect_integration(account=site.account, integration_id=row.pk)

    moved = change(row, config={"base_url": "https://new.example.net"})

    assert moved.config["base_url"] == "https://new.example.net"


def test_a_connection_goes_with_its_log_unless_something_was_published(site: Site) -> None:
    sector = make.sector(site)
    unused, used = integration(site, "custom"), integration(site)
    sync_event(unused)
    kept = sync_event(used)
    make_publishing.record(make_publishing.article(sector), integration=used)

    integrations.delete_integration(account=site.account, integration_id=unused.pk)
    with pytest.raises(IntegrationInUse):
        integrations.delete_integration(account=site.account, integration_id=used.pk)

    assert list(SiteIntegration.unscoped.all()) == [used]
    assert list(SyncEvent.unscoped.all()) == [kept]


@pytest.mark.parametrize("source", list(SyncStatus))
@pytest.mark.parametrize(
    ("service", "target"),
    [
        (integrations.pause_sync, SyncStatus.PAUSED),
        (integrations.resume_sync, SyncStatus.IDLE),
    ],
)
def test_pause_and_resume_follow_the_table(
    service: Callable[..., SiteIntegration], target: SyncStatus, source: SyncStatus, site: Site
) -> None:
    row = integration(site)
    in_state(row, source)

    try:
        service(account=site.account, integration_id=row.pk, now=NOW)
        found = True
    except TransitionNotAllowed:
        found = False

    row.refresh_from_db()
    assert found is (source == target or SYNC.allows(source, target))
    assert row.sync_status == (target if found else source)


def test_another_accounts_connection_is_not_there(site: Site) -> None:
    row, other = integration(site), make.account()
    key = {"account": other, "integration_id": row.pk}
    calls: list[Callable[[], object]] = [
        lambda: integrations.change_integration(**key, is_active=False, now=NOW),  # type: ignore[arg-type]
        lambda: integrations.disconnect_integration(**key),  # type: ignore[arg-type]
        lambda: integrations.delete_integration(**key),  # type: ignore[arg-type]
        lambda: integrations.pause_sync(**key, now=NOW),  # type: ignore[arg-type]
    ]

    for call in calls:
        with pytest.raises(NotFound):
            call()

    row.refresh_from_db()
    assert (row.is_active, row.sync_status) == (True, "idle")


def test_events_are_found_by_what_they_are_about(site: Site) -> None:
    account: Account = site.account
    article = make_publishing.article(make.sector(site))
    row, other = integration(site), integration(make.site(account), "custom")
    made = sync_event(row, content=article)
    failed = sync_event(row, event_type="test", action="read", success=False, error="401")
    elsewhere = sync_event(other)
    sync_event(integration(make.site(make.account())))

    def found(**filters: Any) -> list[SyncEvent]:
        with tenant(account.pk):
            return list(selectors.sync_events(account=account, **filters))

    assert found() == [made, failed, elsewhere]
    assert found(site=site) == [made, failed]
    assert found(integration=other) == [elsewhere]
    assert found(content_id=article.pk) == [made]
    assert found(event_type="test", action="read", success=False) == [failed]
    with tenant(account.pk), pytest.raises(NotFound):
        selectors.integration(account=account, integration_id=row.pk + 100)
