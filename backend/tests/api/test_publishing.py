"""What went where, deployments and ways back through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import working
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.publishing.models import DeploymentRecord
from tests.api.asking import Api, api_of, assert_constant
from tests.make import automation as make_automation
from tests.make import publishing as make_publishing
from tests.make.integration import integration
from tests.make.publishing import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_publishing.sector()


@pytest.fixture
def api(sector: Sector) -> Api:
    return api_of(sector.account, Role.EDITOR)


def test_records_are_found_by_what_they_are_about(api: Api, sector: Sector) -> None:
    article, other = make_publishing.article(sector), make_publishing.article(sector)
    row = integration(sector.site)
    live = make_publishing.record(
        article, status="published", published_at=make_publishing.FIRST_DAY, integration=row
    )
    waiting = make_publishing.record(other, destination="shopify")

    assert api.ids("publishing-records/") == [waiting.pk, live.pk]
    assert api.ids("publishing-records/", content=article.pk) == [live.pk]
    assert api.ids("publishing-records/", site=sector.site_id, status="pending") == [waiting.pk]
    assert api.ids("publishing-records/", destination="wordpress") == [live.pk]
    assert api.ids("publishing-records/", is_live="true") == [live.pk]
    assert api.ids("publishing-records/", is_live="false") == [waiting.pk]
    shown = api.get(f"publishing-records/{live.pk}/").json()
    assert (shown["content"], shown["integration"], shown["status"]) == (
        article.pk,
        row.pk,
        "published",
    )


def test_deployments_are_shown_with_their_size(api: Api, sector: Sector) -> None:
    live = make_publishing.deployment(sector)
    failed = DeploymentRecord.unscoped.create(
        account=sector.account, site=sector.site, sector=sector, status="failed", error_code="x"
    )

    assert api.ids("deployments/", site=sector.site_id) == [failed.pk, live.pk]
    assert api.ids("deployments/", status="deployed") == [live.pk]
    shown = [api.get(f"deployments/{row.pk}/").json() for row in (live, failed)]
    assert [(row["version"], row["files"], row["size_bytes"]) for row in shown] == [
        (1, 12, 34_567),
        (None, None, None),
    ]


def test_a_deployment_is_work_for_a_worker(api: Api, sector: Sector) -> None:
    without = api.post("deployments/", {"site": sector.site_id}, key="")
    first = api.post("deployments/", {"site": sector.site_id}, key="k-1")
    again = api.post("deployments/", {"site": sector.site_id}, key="k-1")
    another = api.post("deployments/", {"site": sector.site_id}, key="k-2")

    assert (without.status_code, first.status_code, again.status_code) == (422, 202, 202)
    assert (first.json()["kind"], first.json()["status"]) == ("site.publish", "ready")
    assert again.json() == first.json()
    assert another.json()["id"] == first.json()["id"]  # it has not begun
    assert not DeploymentRecord.unscoped.exists()
    assert WorkItem.unscoped.count() == 1


def test_a_way_back_needs_a_version_that_was_live(api: Api, sector: Sector) -> None:
    live = make_publishing.deployment(sector)
    pruned = make_publishing.deployment(sector, 2, pruned_at=make_publishing.FIRST_DAY)

    asked = api.post(f"deployments/{live.pk}/rollback/")
    refused = api.post(f"deployments/{pruned.pk}/rollback/")

    assert (asked.status_code, asked.json()["kind"]) == (202, "site.rollback")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_not_available")


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_worker_deploys_and_goes_back(
    api: Api, sector: Sector, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITES_ROOT, settings.MEDIA_ROOT = tmp_path / "sites", tmp_path / "media"
    monkeypatch.setattr("igny8_core.common.queue.publish", lambda *_args, **_ids: True)
    clock = Clock()

    def deploy() -> dict[str, Any]:
        made = api.post("deployments/", {"site": sector.site_id}).json()
        return run(api, made["id"], clock)

    make_publishing.cover(make_publishing.article(sector))
    first = deploy()
    make_publishing.cover(make_publishing.article(sector))
    second = deploy()
    back = api.post(f"deployments/{first['result_id']}/rollback/").json()
    done = run(api, back["id"], clock)

    assert [item["status"] for item in (first, second, done)] == ["done"] * 3
    shown = api.get("deployments/").json()["results"]
    assert [(row["version"], row["status"]) for row in shown] == [
        (2, "rolled_back"),
        (1, "deployed"),
    ]
    assert make_publishing.folder(sector).live_version() == 1


def run(api: Api, item_id: int, clock: Clock) -> dict[str, Any]:
    """A worker takes the item; how it is afterwards."""
    make_automation.queued(item_id)
    working.run_item(
        account_id=api.account.pk,
        item_id=item_id,
        worker=Worker(node="worker-1@test", boot_id=uuid4()),
        clock=clock,
    )
    clock.wait(hours=2)
    found: dict[str, Any] = api.get(f"work-items/{item_id}/").json()
    return found


def test_another_accounts_rows_are_not_there(api: Api) -> None:
    theirs = make_publishing.sector()
    record = make_publishing.record(make_publishing.article(theirs))
    live = make_publishing.deployment(theirs)

    answers = [
        api.get(f"publishing-records/{record.pk}/"),
        api.get(f"deployments/{live.pk}/"),
        api.get("publishing-records/", content=record.content_id),
        api.post(f"deployments/{live.pk}/rollback/"),
        api.post("deployments/", {"site": theirs.site_id}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert (api.ids("publishing-records/"), api.ids("deployments/")) == ([], [])
    assert not WorkItem.unscoped.exists()


def test_a_viewer_deploys_nothing(sector: Sector) -> None:
    live, api = make_publishing.deployment(sector), api_of(sector.account, Role.VIEWER)

    answers = [
        api.post("deployments/", {"site": sector.site_id}),
        api.post(f"deployments/{live.pk}/rollback/"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert not WorkItem.unscoped.exists()


def test_lists_take_the_same_queries_whatever_the_rows(api: Api, sector: Sector) -> None:
    versions = iter(range(1, 100))

    def record() -> object:
        return make_publishing.record(make_publishing.article(sector))

    assert_constant(api, "publishing-records/", record)
    assert_constant(api, "deployments/", lambda: make_publishing.deployment(sector, next(versions)))
