"""A site's look, its preview and what is live, through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import working
from igny8_core.business.automation.services.items import Worker
from igny8_core.business.publishing.services.site_look import themes
from tests.api.asking import Api, api_of
from tests.make import automation as make_automation
from tests.make import publishing as make

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "admin"])


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SITES_ROOT, settings.MEDIA_ROOT = tmp_path / "sites", tmp_path / "media"
    monkeypatch.setattr("igny8_core.common.queue.publish", lambda *_args, **_ids: True)


@pytest.fixture
def sector() -> Sector:
    return make.sector()


@pytest.fixture
def api(sector: Sector) -> Api:
    return api_of(sector.account, Role.ADMIN)


def run(api: Api, item_id: int) -> dict[str, Any]:
    """A worker takes the item; how it is afterwards."""
    make_automation.queued(item_id)
    worker = Worker(node="worker-1@test", boot_id=uuid4())
    from django.utils import timezone

    working.run_item(account_id=api.account.pk, item_id=item_id, worker=worker, clock=timezone.now)
    found: dict[str, Any] = api.get(f"work-items/{item_id}/").json()
    return found


def test_a_site_is_shown_with_its_choices(api: Api, sector: Sector) -> None:
    shown = api.get(f"static-sites/{sector.site_id}/").json()

    assert shown["themes"] == list(themes()) == ["default", "gazette", "studio"]
    assert shown["options"]["theme"] == "default"
    assert (shown["live_version"], shown["live_deployment"], shown["preview"]) == (None, None, None)
    live = make.deployment(sector)
    again = api.get(f"static-sites/{sector.site_id}/").json()
    assert (again["live_version"], again["live_deployment"]) == (1, live.pk)


def test_its_look_is_changed_as_a_whole_or_not_at_all(api: Api, sector: Sector) -> None:
    path = f"static-sites/{sector.site_id}/"

    changed = api.patch(path, {"theme": "studio", "accent": "#1f6391", "indexnow": True}).json()
    refused = api.patch(path, {"theme": "none", "has_search": False})

    assert (changed["options"]["theme"], changed["options"]["accent"]) == ("studio", "#1f6391")
    assert len(changed["options"]["indexnow_key"]) == 32
    assert refused.status_code == 422
    assert "theme" in str(refused.json())
    assert api.get(path).json()["options"]["has_search"] is True


def test_a_preview_is_work_for_a_worker(api: Api, sector: Sector) -> None:
    make.cover(make.article(sector, approved_version=None, approved_at=None))

    asked = api.post(f"static-sites/{sector.site_id}/preview/")
    done = run(api, asked.json()["id"])

    assert (asked.status_code, asked.json()["kind"]) == (202, "site.preview")
    assert done["status"] == "done"
    preview = api.get(f"static-sites/{sector.site_id}/").json()["preview"]
    assert (preview["articles"], preview["drafts"]) == (1, 1)
    assert f"/sites/{sector.site_id}/preview/" in preview["url"]


def test_a_deployment_is_announced_where_the_site_wants_that(api: Api, sector: Sector) -> None:
    make.cover(make.article(sector))
    quiet = api.post("deployments/", {"site": sector.site_id}).json()
    assert run(api, quiet["id"])["status"] == "done"
    assert not WorkItem.unscoped.filter(kind="site.announce").exists()
    api.patch(f"static-sites/{sector.site_id}/", {"indexnow": True})
    make.cover(make.article(sector), b"another")
    loud = api.post("deployments/", {"site": sector.site_id}).json()

    done = run(api, loud["id"])

    (item,) = WorkItem.unscoped.filter(kind="site.announce")
    assert (item.related_type, item.related_id) == ("deployment", done["result_id"])


def test_editors_preview_and_only_admins_change_the_look(sector: Sector) -> None:
    path = f"static-sites/{sector.site_id}/"
    editor, viewer = (api_of(sector.account, role) for role in (Role.EDITOR, Role.VIEWER))

    assert editor.patch(path, {"theme": "studio"}).status_code == 403
    assert viewer.post(f"{path}preview/").status_code == 403
    assert viewer.get(path).status_code == 200


def test_another_accounts_site_is_not_there(api: Api) -> None:
    theirs = make.sector()
    path = f"static-sites/{theirs.site_id}/"

    answers = [api.get(path), api.patch(path, {"theme": "studio"}), api.post(f"{path}preview/")]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert not WorkItem.unscoped.exists()
