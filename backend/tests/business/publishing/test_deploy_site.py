from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection

from igny8_core.business.content.models import Content
from igny8_core.business.content.services.review import take_down
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import (
    BuildBroken,
    DeploymentLost,
    DeploymentRunning,
    NothingToDeploy,
    ReleaseDamaged,
)
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services import deploy_site as module
from igny8_core.business.publishing.services import follow_pointer
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.states import DeploymentStatus, PublishingStatus
from igny8_core.common.errors import Conflict, InvalidInput, NotFound, StaleState
from igny8_core.common.tenancy.context import tenant
from tests import make as make_tenancy
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


class Crash(BaseException):
    """The process dies here: nothing is caught, nothing is put right."""


def records(sector: Sector) -> list[tuple[int | None, str]]:
    rows = DeploymentRecord.unscoped.filter(site=sector.site).order_by("pk")
    return [(row.version, row.status) for row in rows]


def live_revisions(sector: Sector) -> dict[int, int]:
    rows = PublishingRecord.unscoped.filter(
        site=sector.site, status="published", retired_at__isnull=True
    )
    return {row.content_id: row.revision for row in rows}


def read(sector: Sector, path: str) -> str:
    folder = make.folder(sector)
    return folder.file(folder.live_version() or 0, path).read_text()


def change(content: Content, **fields: object) -> None:
    """A published text changes, as an accepted edit leaves it."""
    version = content.version + 1
    Content.unscoped.filter(pk=content.pk).update(
        version=version, revised_at=make.FIRST_DAY + timedelta(days=version), **fields
    )
    content.refresh_from_db()


def test_a_deployment_publishes_what_was_approved() -> None:
    sector = make.sector()
    approved, waiting = make.article(sector), make.article(sector, approved_version=None)
    make.cover(approved, b"cover")
    clock = make.Clock()

    record = make.deployed(sector, clock)

    assert (record.version, record.deployed_version, record.status) == (1, 1, "deployed")
    assert record.deployed_at == clock.now
    assert record.deployment_url == f"http://testserver/sites/{sector.site_id}/"
    assert record.manifest["contents"] == {str(approved.pk): 1}
    assert record.lease_expires_at is None
    approved.refresh_from_db()
    waiting.refresh_from_db()
    assert (approved.status, approved.published_at) == ("published", clock.now)
    assert waiting.status == "review"
    published = PublishingRecord.unscoped.get(site=sector.site)
    assert (published.status, published.destination) == ("published", "sites")
    assert published.published_at == clock.now
    assert published.destination_url == (
        f"http://testserver/sites/{sector.site_id}/articles/{approved.slug}/"
    )
    assert published.metadata == {"version": 1}
    folder = make.folder(sector)
    assert folder.live_version() == 1
    assert folder.damage(1) == []
    assert approved.title in read(sector, f"articles/{approved.slug}/index.html")
    assert "Written by the built-in demo model" in read(
        sector, f"articles/{approved.slug}/index.html"
    )
    assets = [f.name for f in (folder.version_path(1) / "assets").iterdir()]
    assert len([name for name in assets if name.endswith(".webp")]) == 1
    assert publishing_problems() == []


def test_a_repeat_makes_no_new_version() -> None:
    sector = make.sector()
    make.cover(make.article(sector))
    clock = make.Clock()
    first = make.deployed(sector, clock)
    clock.wait(days=2)

    again = make.deployed(sector, clock)

    assert again == first
    assert records(sector) == [(1, "deployed")]
    assert make.folder(sector).versions() == [1]
    assert PublishingRecord.unscoped.filter(site=sector.site).count() == 1
    assert publishing_problems() == []


def test_a_new_revision_replaces_the_old_one() -> None:
    sector = make.sector()
    changed, kept = make.article(sector), make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    change(changed, title="A better title")
    clock.wait(hours=1)

    record = make.deployed(sector, clock)

    assert record.version == 2
    assert records(sector) == [(1, "deployed"), (2, "deployed")]
    assert live_revisions(sector) == {changed.pk: 2, kept.pk: 1}
    old = PublishingRecord.unscoped.get(content=changed, revision=1)
    assert (old.status, old.retired_at) == ("published", clock.now)
    assert "A better title" in read(sector, f"articles/{changed.slug}/index.html")
    assert publishing_problems() == []


def test_what_was_taken_down_leaves_the_site() -> None:
    sector = make.sector()
    gone, kept = make.article(sector), make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    with tenant(sector.account_id):
        take_down(account=sector.account, content_id=gone.pk, now=clock.now)

    make.deployed(sector, clock)

    assert live_revisions(sector) == {kept.pk: 1}
    assert not (make.folder(sector).version_path(2) / "articles" / gone.slug).exists()
    assert publishing_problems() == []


def test_the_last_article_can_be_taken_down() -> None:
    sector = make.sector()
    only = make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    with tenant(sector.account_id):
        take_down(account=sector.account, content_id=only.pk, now=clock.now)

    record = make.deployed(sector, clock)

    assert record.version == 2
    assert live_revisions(sector) == {}
    assert "on their way" in read(sector, "index.html")


def test_a_site_without_content_is_not_deployed() -> None:
    sector = make.sector()
    make.article(sector, approved_version=None)

    with pytest.raises(NothingToDeploy):
        make.deployed(sector)

    assert records(sector) == []
    assert not make.folder(sector).path.exists()


def test_another_accounts_site_is_unknown() -> None:
    sector = make.sector()
    make.article(sector)
    other = make_tenancy.account()

    with pytest.raises(NotFound):
        module.deploy_site(
            account=other, site_id=sector.site_id, fence=lambda: None, clock=make.Clock()
        )

    assert records(sector) == []


def test_a_site_without_sector_says_so() -> None:
    account = make_tenancy.account()
    site = make_tenancy.site(account)

    with tenant(account.pk), pytest.raises(Conflict):
        selectors.site_sector_id(account=account, site=site)


def test_the_sites_own_address_is_used() -> None:
    sector = make.sector(settings={"static_site": {"base_url": "https://sofa.test/"}})
    article = make.article(sector)

    record = make.deployed(sector)

    assert record.deployment_url == "https://sofa.test/"
    assert f'<link rel="canonical" href="https://sofa.test/articles/{article.slug}/">' in read(
        sector, f"articles/{article.slug}/index.html"
    )


@pytest.mark.parametrize(
    "address", ["sofa.test", "javascript:alert(1)", "ftp://sofa.test", "https://", "https://x/?a=b"]
)
def test_an_address_that_is_none_is_said(address: str) -> None:
    sector = make.sector(settings={"static_site": {"base_url": address}})
    make.article(sector)

    with pytest.raises(InvalidInput) as refused:
        make.deployed(sector)

    assert refused.value.data == {"base_url": [address.rstrip("/")]}
    assert records(sector) == [(1, "failed")]


def test_a_script_as_an_authors_address_goes_nowhere() -> None:
    author = {"name": "Ada", "kind": "person", "url": "javascript:alert(1)"}
    sector = make.sector(settings={"author": author})
    make.article(sector)

    with pytest.raises(BuildBroken):
        make.deployed(sector)

    assert make.folder(sector).live_version() is None


def test_what_cannot_be_removed_does_not_undo_a_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sector = make.sector()
    make.article(sector)

    def fail(**_values: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(module, "prune_releases", fail)

    assert make.deployed(sector).status == "deployed"


def test_a_moved_site_moves_its_records() -> None:
    sector = make.sector()
    article = make.article(sector)
    make.deployed(sector)
    site = sector.site
    site.settings = {"static_site": {"base_url": "https://sofa.test"}}
    site.save()

    make.deployed(sector)

    (record,) = PublishingRecord.unscoped.filter(content=article)
    assert record.destination_url == f"https://sofa.test/articles/{article.slug}/"


def test_a_broken_build_leaves_the_live_version() -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    change(article, html='<p><a href="#nowhere">x</a></p>')

    with pytest.raises(BuildBroken):
        make.deployed(sector, clock)

    assert records(sector) == [(1, "deployed"), (2, "failed")]
    failed = DeploymentRecord.unscoped.get(site=sector.site, version=2)
    assert (failed.error_code, failed.deployed_version) == ("build_broken", 1)
    assert f"dead link /articles/{article.slug}/#nowhere" in failed.error
    assert make.folder(sector).live_version() == 1
    assert make.folder(sector).versions() == [1]
    assert live_revisions(sector) == {article.pk: 1}


def test_a_missing_image_is_said_by_name() -> None:
    sector = make.sector()
    image = make.cover(make.article(sector))
    (Path(settings.MEDIA_ROOT) / image.path).unlink()

    with pytest.raises(ReleaseDamaged) as refused:
        make.deployed(sector)

    assert refused.value.data == {"path": image.path}
    assert records(sector) == [(1, "failed")]


def test_the_fence_decides() -> None:
    sector = make.sector()
    make.article(sector)

    def lost() -> None:
        raise StaleState("another worker has the item")

    with pytest.raises(StaleState):
        make.deployed(sector, fence=lost)

    assert records(sector) == [(1, "pending")]
    assert make.folder(sector).live_version() is None
    assert live_revisions(sector) == {}
    assert make.deployed(sector).version == 2
    assert records(sector) == [(2, "deployed")]


def test_the_fence_is_called_once_before_anything_moves() -> None:
    sector = make.sector()
    make.article(sector)
    seen: list[tuple[int | None, bool]] = []

    def fence() -> None:
        seen.append((make.folder(sector).live_version(), connection.in_atomic_block))

    make.deployed(sector, fence=fence)
    make.deployed(sector, fence=fence)

    assert seen == [(None, True), (1, True)]


CRASHES = ["after_claim", "before_write", "after_build"]


@pytest.mark.parametrize("point", CRASHES)
def test_a_crash_before_the_pointer_moves_is_made_good(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    change(article, title="Changed")

    def crash(name: str) -> None:
        if name == f"publishing.{point}":
            raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        make.deployed(sector, clock)
    monkeypatch.undo()
    with pytest.raises(DeploymentRunning):
        make.deployed(sector, clock)
    clock.wait(seconds=121)

    record = make.deployed(sector, clock)

    folder = make.folder(sector)
    assert record.status == "deployed"
    assert folder.live_version() == record.version
    assert "Changed" in read(sector, f"articles/{article.slug}/index.html")
    assert live_revisions(sector) == {article.pk: 2}
    assert [status for _version, status in records(sector)] == ["deployed", "deployed"]
    assert list(folder.path.glob(".build-*")) == []
    assert publishing_problems() == []


def test_the_pointer_decides_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()

    def crash(name: str) -> None:
        if name == "publishing.after_activate":
            raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        make.deployed(sector, clock)
    monkeypatch.undo()
    assert make.folder(sector).live_version() == 1
    assert records(sector) == [(1, "deploying")]
    assert live_revisions(sector) == {}

    record = make.deployed(sector, clock)

    assert records(sector) == [(1, "deployed")]
    assert record.version == 1
    assert live_revisions(sector) == {article.pk: 1}


def test_an_error_after_the_pointer_moved_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    article = make.article(sector)
    calls = []

    def fail_once(**_values: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the database went away")

    monkeypatch.setattr(follow_pointer, "settle_contents", fail_once)
    with pytest.raises(RuntimeError):
        make.deployed(sector)

    assert records(sector) == [(1, "deployed")]
    assert make.folder(sector).live_version() == 1
    assert len(calls) == 2
    monkeypatch.undo()
    make.deployed(sector)
    assert live_revisions(sector) == {article.pk: 1}


def test_an_unexpected_error_is_kept_on_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    make.article(sector)

    def fail(*_args: object, **_values: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(ReleaseFolder, "write", fail)
    with pytest.raises(RuntimeError):
        make.deployed(sector)

    record = DeploymentRecord.unscoped.get(site=sector.site)
    assert (record.status, record.error_code) == ("failed", "unexpected")
    assert "disk full" in record.error


def test_a_worker_that_outlived_its_lease_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sector = make.sector()
    article = make.article(sector)
    slow, fast = make.Clock(), make.Clock(make.FIRST_DAY + timedelta(minutes=5))

    def overtaken(name: str) -> None:
        if name == "publishing.after_build":
            monkeypatch.undo()
            make.deployed(sector, fast)

    monkeypatch.setattr(module, "failpoint", overtaken)
    with pytest.raises(DeploymentLost):
        make.deployed(sector, slow)

    folder = make.folder(sector)
    assert records(sector) == [(2, "deployed")]
    assert folder.live_version() == 2
    assert live_revisions(sector) == {article.pk: 1}
    assert publishing_problems() == []


def test_a_damaged_live_version_is_built_anew() -> None:
    sector = make.sector()
    article = make.article(sector)
    make.deployed(sector)
    folder = make.folder(sector)
    folder.file(1, f"articles/{article.slug}/index.html").unlink()

    record = make.deployed(sector)

    assert record.version == 2
    assert folder.damage(2) == []


def test_records_of_another_life_do_not_stop_a_deployment() -> None:
    sector = make.sector()
    make.article(sector)
    make.deployed(sector)
    with tenant(sector.account_id):
        DeploymentRecord.objects.filter(site=sector.site).delete()

    record = make.deployed(sector)

    assert record.version == 2
    assert make.folder(sector).live_version() == 2


def test_old_versions_are_removed_and_their_records_stay() -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    for _number in range(13):
        make.deployed(sector, clock)
        change(article, title=f"Title {article.version}")
        clock.wait(hours=2)

    folder = make.folder(sector)
    assert folder.versions() == list(range(4, 14))
    assert len(records(sector)) == 13
    pruned = DeploymentRecord.unscoped.filter(site=sector.site, pruned_at__isnull=False)
    assert sorted(row.version or 0 for row in pruned) == [1, 2, 3]
    assert publishing_problems() == []


def test_young_versions_stay_for_those_who_are_reading_them() -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    for _number in range(12):
        make.deployed(sector, clock)
        change(article, title=f"Title {article.version}")
        clock.wait(minutes=1)

    assert len(make.folder(sector).versions()) == 12


def test_a_waiting_request_of_a_content_is_settled_by_the_deployment() -> None:
    sector = make.sector()
    article = make.article(sector)
    waiting = PublishingRecord.unscoped.create(
        content=article, destination="sites", idempotency_key="asked"
    )

    make.deployed(sector)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.revision) == (PublishingStatus.PUBLISHED, 1)
    assert PublishingRecord.unscoped.filter(content=article).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_racing_deployers_one_builds() -> None:
    sector = make.sector()
    article = make.article(sector)
    outcomes: list[object] = []
    gate = threading.Barrier(2)

    def deploy() -> None:
        gate.wait()
        try:
            outcomes.append(make.deployed(sector).version)
        except DeploymentRunning:
            outcomes.append("running")
        finally:
            connection.close()

    workers = [threading.Thread(target=deploy) for _number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert outcomes in (["running", 1], [1, "running"], [1, 1])
    assert records(sector) == [(1, "deployed")]
    assert live_revisions(sector) == {article.pk: 1}
    assert make.folder(sector).live_version() == 1
    assert publishing_problems() == []


@pytest.mark.django_db(transaction=True)
def test_a_deployment_runs_under_the_runtime_role_and_commits_its_claim() -> None:
    sector = make.sector()
    make.article(sector)
    seen: list[object] = []

    def fence() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            seen.append(cursor.fetchone()[0])

    record = make.deployed(sector, fence=fence)

    assert seen == ["igny8_app"]
    assert record.status == DeploymentStatus.DEPLOYED


def test_selectors_tell_what_is_live() -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    first = make.deployed(sector, clock)
    change(article, title="Second")
    second = make.deployed(sector, clock)
    account, site = sector.account, sector.site

    with tenant(account.pk):
        assert list(selectors.deployments(account=account, site=site)) == [second, first]
        assert selectors.live_deployment(account=account, site=site) == second
        assert list(selectors.rollback_targets(account=account, site=site)) == [second, first]
        assert selectors.deployment(account=account, deployment_id=first.pk) == first
        live = selectors.live_records(account=account, content_id=article.pk)
        assert {name: row.revision for name, row in live.items()} == {"sites": 2}
        history = selectors.publishing_records(account=account, content_id=article.pk)
        assert [row.revision for row in history] == [2, 1]
        with pytest.raises(NotFound):
            selectors.deployment(account=account, deployment_id=0)
