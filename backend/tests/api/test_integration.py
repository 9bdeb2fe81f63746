"""Connections to sites through the API: made, changed, and never showing a secret."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.models import IdempotentRequest
from igny8_core.auth.states import Role
from igny8_core.business.integration.models import SiteIntegration, SyncEvent
from tests import make
from tests.api.asking import Api, api_of, assert_constant
from tests.make import publishing as make_publishing
from tests.make.integration import ADDRESSES, CREDENTIALS, SECRET, integration, sync_event

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def site() -> Site:
    return make.site(make.account())


@pytest.fixture
def api(site: Site) -> Api:
    return api_of(site.account, Role.ADMIN)


def body(site: Site, platform: str = "wordpress", **changes: Any) -> dict[str, Any]:
    return {
        "site": site.pk,
        "platform": platform,
        "config": {"base_url": ADDRESSES[platform]},
        "credentials": CREDENTIALS[platform],
    } | changes


def test_a_site_is_connected_changed_and_disconnected(api: Api, site: Site) -> None:
    made = api.post("integrations/", body(site))
    row = made.json()
    path = f"integrations/{row['id']}/"
    changed = api.patch(path, {"is_sync_enabled": True, "config": {"conflict_policy": "skip"}})
    away = api.post(f"{path}disconnect/").json()
    gone = api.delete(path)

    assert made.status_code == 201
    assert (row["platform_type"], row["is_active"], row["sync_status"]) == ("cms", True, "idle")
    assert row["config"] == {"base_url": ADDRESSES["wordpress"], "conflict_policy": "ask"}
    assert row["credentials"] == {"username": "editor", "last4": "UVWX", "secret_set": True}
    assert changed.json()["config"]["conflict_policy"] == "skip"
    assert changed.json()["is_sync_enabled"] is True
    assert (away["is_active"], away["credentials"]) == (False, {"secret_set": False})
    assert (gone.status_code, api.get(path).status_code) == (204, 404)


def test_no_answer_log_or_row_shows_a_secret(
    api: Api, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        api.post("integrations/", body(site), key="once"),
        api.post("integrations/", body(site), key="once"),
        api.post("integrations/", body(site)),
        api.post("integrations/", body(site, credentials={"username": SECRET})),
        api.post("integrations/", body(site) | {"platform": SECRET}),
        api.get("integrations/"),
    ]
    row = SiteIntegration.unscoped.get()
    answers += [
        api.patch(f"integrations/{row.pk}/", {"credentials": CREDENTIALS["wordpress"]}),
        api.get(f"integrations/{row.pk}/"),
        api.post(f"integrations/{row.pk}/pause/"),
    ]

    shown = [answer.content.decode() for answer in answers]
    shown += [record.getMessage() for record in caplog.records]
    shown += [json.dumps(kept.body) for kept in IdempotentRequest.unscoped.all()]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [201, 201, 409, 409, 422, 200, 200, 200, 200]
    assert [text for text in shown if SECRET in text] == []
    assert not SyncEvent.unscoped.exists()


@pytest.mark.parametrize(
    ("platform", "changes", "field"),
    [
        ("wordpress", {"platform": "drupal"}, "platform"),
        ("wordpress", {"config": {"base_url": "http://example.com"}}, "config.base_url"),
        ("wordpress", {"config": {"base_url": "https://127.0.0.1"}}, "config.base_url"),
        ("wordpress", {"config": {"base_url": 5}}, "config.base_url"),
        ("wordpress", {"config": "https://example.com"}, "config.non_field_errors"),
        ("wordpress", {"config": {"conflict_policy": "x"}}, "config.conflict_policy"),
        ("shopify", {"config": {"base_url": "https://example.com"}}, "config.base_url"),
        ("custom", {"credentials": {}}, "credentials.secret"),
        ("custom", {"credentials": {"secret": "short"}}, "credentials.secret"),
        ("custom", {"credentials": {"secret": ["x" * 20]}}, "credentials.secret"),
    ],
)
def test_what_cannot_work_is_explained(
    platform: str, changes: dict[str, Any], field: str, api: Api, site: Site
) -> None:
    answer = api.post("integrations/", body(site, platform) | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not SiteIntegration.unscoped.exists()


def test_another_host_needs_its_credentials(api: Api, site: Site) -> None:
    row = integration(site)

    refused = api.patch(f"integrations/{row.pk}/", {"config": {"base_url": "https://a.example"}})

    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["credentials"])


def test_a_connection_is_paused_and_resumed(api: Api, site: Site) -> None:
    path = f"integrations/{integration(site).pk}/"

    paused = api.post(f"{path}pause/").json()
    resumed = api.post(f"{path}resume/").json()
    SiteIntegration.unscoped.update(sync_status="auth_failed")
    refused = api.post(f"{path}pause/")

    assert (paused["sync_status"], resumed["sync_status"]) == ("paused", "idle")
    assert (refused.status_code, refused.json()["code"]) == (409, "transition_not_allowed")


def test_a_connection_that_published_stays(api: Api, site: Site) -> None:
    row = integration(site)
    article = make_publishing.article(make.sector(site))
    make_publishing.record(article, integration=row)

    refused = api.delete(f"integrations/{row.pk}/")

    assert (refused.status_code, refused.json()["code"]) == (409, "integration_in_use")
    assert SiteIntegration.unscoped.filter(pk=row.pk).exists()


def test_a_shop_takes_a_blog_and_a_refresh_token_that_nobody_sees(api: Api, site: Site) -> None:
    blog, token = "gid://shopify/Blog/7", "shprt_of_the_installation"
    given = CREDENTIALS["shopify"] | {"refresh_token": token}

    made = api.post("integrations/", body(site, "shopify", credentials=given))
    path = f"integrations/{made.json()['id']}/"
    changed = api.patch(path, {"config": {"blog_id": blog}})
    refused = api.patch(path, {"config": {"blog_id": "7"}})
    without = api.patch(path, {"credentials": CREDENTIALS["shopify"]})

    assert [answer.status_code for answer in (made, changed, refused, without)] == [
        201, 200, 422, 200,
    ]  # fmt: skip
    assert made.json()["credentials"]["refresh_token_set"] is True
    assert without.json()["credentials"]["refresh_token_set"] is False
    assert without.json()["config"]["blog_id"] == blog
    assert token not in "".join(a.content.decode() for a in (made, changed, refused, without))
    short = api.patch(path, {"credentials": given | {"refresh_token": "short"}})
    assert (short.status_code, "credentials.refresh_token" in short.content.decode()) == (422, True)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_only_an_admin_connects(role: Role, site: Site) -> None:
    row, api = integration(site, "custom"), api_of(site.account, role)

    answers = [
        api.post("integrations/", body(site)),
        api.patch(f"integrations/{row.pk}/", {"is_active": False}),
        api.delete(f"integrations/{row.pk}/"),
        api.post(f"integrations/{row.pk}/disconnect/"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert api.get(f"integrations/{row.pk}/").status_code == 200
    assert SiteIntegration.unscoped.get().is_active


def test_connections_and_events_are_found_by_their_columns(api: Api, site: Site) -> None:
    article = make_publishing.article(make.sector(site))
    wordpress, custom = integration(site), integration(site, "custom")
    elsewhere = integration(make.site(site.account))
    first = sync_event(wordpress, content=article)
    failed = sync_event(custom, event_type="test", action="read", success=False, error="no")

    assert api.ids("integrations/") == [wordpress.pk, custom.pk, elsewhere.pk]
    assert api.ids("integrations/", site=site.pk, platform="custom") == [custom.pk]
    assert api.ids("integrations/", is_active="false") == []
    assert api.ids("integrations/", sync_status="paused") == []
    assert api.ids("sync-events/") == [failed.pk, first.pk]
    assert api.ids("sync-events/", integration=wordpress.pk) == [first.pk]
    assert api.ids("sync-events/", content=article.pk, site=site.pk) == [first.pk]
    assert api.ids("sync-events/", event_type="test", action="read") == [failed.pk]
    assert api.ids("sync-events/", success="false") == [failed.pk]
    assert api.ids("sync-events/", q="N") == [failed.pk]
    assert api.ids("sync-events/", q="no such text") == []
    sync_event(custom, success=False, error="cut", details={"code": "outcome_unknown"})
    late = sync_event(custom, external_id="4711")
    assert len(api.ids("sync-events/", code="outcome_unknown")) == 1
    assert api.ids("sync-events/", q="4711") == [late.pk]
    moment = late.created_at.isoformat()
    assert api.ids("sync-events/", since=moment) == [late.pk]
    assert late.pk not in api.ids("sync-events/", until=moment)
    assert api.get("sync-events/", since="yesterday").status_code in {400, 422}
    assert api.get(f"sync-events/{failed.pk}/").json()["error"] == "no"


def test_another_accounts_connection_is_not_there(api: Api, site: Site) -> None:
    theirs = integration(make.site(make.account()))
    event = sync_event(theirs)

    answers = [
        api.get(f"integrations/{theirs.pk}/"),
        api.get(f"sync-events/{event.pk}/"),
        api.get("sync-events/", integration=theirs.pk),
        api.patch(f"integrations/{theirs.pk}/", {"is_active": False}),
        api.delete(f"integrations/{theirs.pk}/"),
        api.post("integrations/", body(site) | {"site": theirs.site_id}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 6
    assert SiteIntegration.unscoped.get().is_active


def test_lists_take_the_same_queries_whatever_the_rows(site: Site) -> None:
    account: Account = site.account
    api, row = api_of(account, Role.VIEWER), integration(site)

    assert_constant(api, "integrations/", lambda: integration(make.site(account)))
    assert_constant(api, "sync-events/", lambda: sync_event(row))
