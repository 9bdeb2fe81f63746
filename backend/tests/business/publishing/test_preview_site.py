"""Previews: drafts for those who have the link, and nothing for anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client

from igny8_core.business.content.models import Content
from igny8_core.business.publishing.errors import BuildBroken, NothingToDeploy, NothingToPreview
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services import preview_site as module
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.export_site import export_site
from igny8_core.business.publishing.services.preview_site import current_preview, preview_site
from igny8_core.business.publishing.services.release_store import PREVIEWS, release_store
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.services.site_build import render_site
from igny8_core.common.errors import Conflict, NotFound, Transient
from tests.make import publishing as make

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Sector
    from igny8_core.business.publishing.services.preview_site import SitePreview

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    """A site with one live article, one in review and one draft."""
    made = make.sector()
    make.cover(make.article(made, title="Live one"))
    make.deployed(made)
    nothing = {"approved_version": None, "approved_at": None}
    make.cover(make.article(made, title="In review", **nothing))
    make.cover(make.article(made, title="A draft", status="draft", **nothing))
    return made


def preview(sector: Sector, clock: make.Clock | None = None, **more: bool) -> SitePreview:
    now = (clock or make.Clock())()
    return preview_site(account=sector.account, site_id=sector.site_id, now=now, **more)


def path_of(shown: SitePreview) -> str:
    return "/" + shown.url.split("/", 3)[3]


def test_a_preview_holds_the_drafts_and_publishes_nothing(sector: Sector) -> None:
    before = list(Content.unscoped.order_by("pk").values_list("status", "published_at"))

    shown = preview(sector)

    assert (shown.articles, shown.drafts) == (3, 2)
    assert shown.url.startswith(f"{settings.PUBLIC_URL}/sites/{sector.site_id}/preview/")
    assert len(shown.url.rstrip("/").rpartition("/")[2]) == 32
    assert list(Content.unscoped.order_by("pk").values_list("status", "published_at")) == before
    assert DeploymentRecord.unscoped.count() == PublishingRecord.unscoped.count() == 1
    assert make.folder(sector).live_version() == 1
    assert publishing_problems() == []


def test_whoever_has_the_link_sees_it_and_nobody_keeps_it(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = make.Clock()
    shown = preview(sector, clock)
    monkeypatch.setattr("igny8_core.web.views.sites.timezone.now", clock)
    client, path = Client(), path_of(shown)

    page = client.get(f"{path}articles/a-draft/")

    assert page.status_code == 200
    assert b"Preview, not public" in page.content
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"].startswith("noindex")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"{path}articles/a-draft").headers["Location"] == "a-draft/"
    assert client.get(f"{path}none/").status_code == 404
    assert client.get(path[:-2] + "x/").status_code == 404
    assert client.get(f"/sites/{sector.site_id}/articles/a-draft/").status_code == 404
    clock.wait(days=8)
    assert client.get(path).status_code == 404


def test_the_link_stays_until_it_runs_out_or_a_new_one_is_asked_for(sector: Sector) -> None:
    clock = make.Clock()
    first = preview(sector, clock)
    clock.wait(days=5)
    again = preview(sector, clock)
    other = preview(sector, clock, is_new_link=True)
    clock.wait(days=8)
    assert current_preview(account=sector.account, site=sector.site, now=clock()) is None
    late = preview(sector, clock)

    assert again.url == first.url
    assert (again.expires_at - first.expires_at).days == 5
    assert len({first.url, other.url, late.url}) == 3
    assert current_preview(account=sector.account, site=sector.site, now=clock()) == late
    store = release_store(account_id=sector.account_id, site_id=sector.site_id, area=PREVIEWS)
    assert len(store.versions()) == 1


def test_the_next_preview_takes_over_what_did_not_change(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = make.Clock()
    preview(sector, clock)
    clock.wait(minutes=5)
    rendered: list[str] = []
    real = render_site

    def watch(*args: object, **more: object) -> object:
        build = real(*args, **more)  # type: ignore[arg-type]
        rendered.extend(path for path in build.texts if path.endswith(".html"))
        return build

    monkeypatch.setattr(module, "render_site", watch)

    shown = preview(sector, clock)

    assert rendered == []
    assert shown.articles == 3


def test_a_preview_that_was_damaged_is_built_anew(sector: Sector) -> None:
    clock = make.Clock()
    first = preview(sector, clock)
    store = release_store(account_id=sector.account_id, site_id=sector.site_id, area=PREVIEWS)
    assert isinstance(store, ReleaseFolder)
    store.file(store.versions()[0], "index.html").unlink()
    clock.wait(minutes=5)

    again = preview(sector, clock)

    assert again.url != first.url
    assert store.damage(store.live_version() or 0) == []


class Killed(BaseException):
    """Nothing of ours runs any more."""


def test_a_preview_that_was_killed_before_it_was_shown_is_passed_over(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = make.Clock()
    first = preview(sector, clock)

    def die(_place: str) -> None:
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(module, "failpoint", die)
        with pytest.raises(Killed):
            preview(sector, clock)
    again = preview(sector, clock)  # in the same second

    assert again.url == first.url
    store = release_store(account_id=sector.account_id, site_id=sector.site_id, area=PREVIEWS)
    assert store.versions() == [store.live_version()]


def test_a_broken_preview_leaves_the_earlier_one(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = make.Clock()
    first = preview(sector, clock)
    clock.wait(minutes=5)

    def broken(*_args: object, **_more: object) -> None:
        raise BuildBroken("broken", problems=["x"])

    monkeypatch.setattr(module, "render_site", broken)
    with pytest.raises(BuildBroken):
        preview(sector, clock)
    assert current_preview(account=sector.account, site=sector.site, now=clock()) == first

    def gone(*_args: object, **_more: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(module, "render_site", gone)
    with pytest.raises(Transient):
        preview(sector, clock)


def test_there_must_be_something_to_see_and_a_site() -> None:
    empty = make.sector()

    with pytest.raises(NothingToPreview):
        preview(empty)
    with pytest.raises(NotFound):
        preview_site(account=empty.account, site_id=make.sector().site_id, now=make.FIRST_DAY)


def test_a_site_is_written_for_another_web_server(sector: Sector, tmp_path: Path) -> None:
    target = tmp_path / "out"

    built = export_site(
        account=sector.account, site_id=sector.site_id, target=target, base_url="https://sofa.test"
    )

    files = {str(f.relative_to(target)) for f in target.rglob("*") if f.is_file()}
    assert files == {*built.entries, "_redirects"}
    assert (target / "articles" / "live-one" / "index.html").is_file()
    assert not (target / "articles" / "a-draft").exists()
    assert "https://sofa.test/articles/live-one/" in (target / "sitemap.xml").read_text()
    with pytest.raises(Conflict):
        export_site(account=sector.account, site_id=sector.site_id, target=target)
    drafts = export_site(
        account=sector.account, site_id=sector.site_id, target=tmp_path / "d", with_drafts=True
    )
    assert "articles/a-draft/index.html" in drafts.entries


def test_moved_addresses_are_exported(sector: Sector, tmp_path: Path) -> None:
    Content.unscoped.filter(slug="live-one").update(slug="new-name", version=2)

    export_site(account=sector.account, site_id=sector.site_id, target=tmp_path / "out")

    prefix = f"/sites/{sector.site_id}"
    assert (tmp_path / "out" / "_redirects").read_text() == (
        f"{prefix}/articles/live-one/ {prefix}/articles/new-name/ 301\n"
    )


def test_nothing_is_exported_of_an_empty_site(tmp_path: Path) -> None:
    empty = make.sector()

    with pytest.raises(NothingToDeploy):
        export_site(account=empty.account, site_id=empty.site_id, target=tmp_path / "out")
