from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.models import Content
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import DeploymentRunning, VersionNotAvailable
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services import deploy_site as deploying
from igny8_core.business.publishing.services import rollback_site as module
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.release_manifest import digest_of
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.services.serving import SiteFile, site_file
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import current_account_id, tenant
from tests import make as make_tenancy
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


class Crash(BaseException):
    """The process dies here."""


def three_versions() -> tuple[Sector, Content, make.Clock]:
    """A site whose one article changed twice."""
    sector, clock = make.sector(), make.Clock()
    article = make.article(sector)
    make.deployed(sector, clock)
    for version in (2, 3):
        clock.wait(hours=1)
        Content.unscoped.filter(pk=article.pk).update(
            version=version,
            title=f"Title {version}",
            revised_at=make.FIRST_DAY + timedelta(days=version),
        )
        make.deployed(sector, clock)
    clock.wait(hours=1)
    return sector, article, clock


def roll_back(sector: Sector, version: int, clock: make.Clock) -> DeploymentRecord:
    return module.rollback_site(
        account=sector.account, site_id=sector.site_id, version=version, clock=clock
    )


def statuses(sector: Sector) -> list[tuple[int | None, str, int | None]]:
    rows = DeploymentRecord.unscoped.filter(site=sector.site).order_by("version")
    return [(row.version, row.status, row.deployed_version) for row in rows]


def live_revision(article: Content) -> int:
    (row,) = PublishingRecord.unscoped.filter(
        content=article, status="published", retired_at__isnull=True
    )
    return row.revision


def test_a_rollback_moves_the_pointer_and_builds_nothing() -> None:
    sector, article, clock = three_versions()
    folder = make.folder(sector)
    before = digest_of(folder.version_path(2) / "index.html")

    record = roll_back(sector, 2, clock)

    assert record.version == 2
    assert folder.live_version() == 2
    assert folder.versions() == [1, 2, 3]
    assert digest_of(folder.path / "current" / "index.html") == before
    assert statuses(sector) == [(1, "deployed", 1), (2, "deployed", 2), (3, "rolled_back", 2)]
    assert live_revision(article) == 2
    assert publishing_problems() == []


def test_a_rollback_over_two_versions() -> None:
    sector, article, clock = three_versions()

    roll_back(sector, 1, clock)

    assert statuses(sector) == [(1, "deployed", 1), (2, "rolled_back", 1), (3, "rolled_back", 1)]
    assert live_revision(article) == 1
    rolled = DeploymentRecord.unscoped.get(site=sector.site, version=3)
    assert rolled.rolled_back_at == clock.now
    with tenant(sector.account_id):
        live = selectors.live_deployment(account=sector.account, site=sector.site)
        assert live is not None
        assert live.version == 1


def test_a_repeated_rollback_changes_nothing() -> None:
    sector, article, clock = three_versions()
    roll_back(sector, 2, clock)
    before = statuses(sector)

    roll_back(sector, 2, clock)

    assert statuses(sector) == before
    assert live_revision(article) == 2


def test_the_next_deployment_brings_the_newest_back() -> None:
    sector, article, clock = three_versions()
    roll_back(sector, 1, clock)

    record = make.deployed(sector, clock)

    assert record.version == 4
    assert live_revision(article) == 3
    assert make.folder(sector).manifest(4).files == make.folder(sector).manifest(3).files
    assert publishing_problems() == []


@pytest.mark.parametrize("version", [0, 3, 4, 99])
def test_only_what_was_live_can_come_back(version: int) -> None:
    sector, article, clock = three_versions()
    roll_back(sector, 2, clock)

    with pytest.raises(VersionNotAvailable):
        roll_back(sector, version, clock)

    assert make.folder(sector).live_version() == 2
    assert live_revision(article) == 2


def test_a_damaged_version_does_not_come_back() -> None:
    sector, _article, clock = three_versions()
    (make.folder(sector).version_path(2) / "index.html").write_text("other")

    with pytest.raises(VersionNotAvailable):
        roll_back(sector, 2, clock)

    assert make.folder(sector).live_version() == 3


def test_files_are_read_before_anything_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large site takes longer than the database waits for an idle transaction."""
    sector, _article, clock = three_versions()
    blocks: list[int | None] = []
    read = ReleaseFolder.damage

    def damage(folder: ReleaseFolder, version: int) -> list[str]:
        blocks.append(current_account_id())
        return read(folder, version)

    monkeypatch.setattr(ReleaseFolder, "damage", damage)

    roll_back(sector, 2, clock)

    assert blocks == [None]
    assert make.folder(sector).live_version() == 2


def test_another_account_cannot_roll_back() -> None:
    sector, _article, clock = three_versions()

    with pytest.raises(NotFound):
        module.rollback_site(
            account=make_tenancy.account(), site_id=sector.site_id, version=1, clock=clock
        )

    assert make.folder(sector).live_version() == 3


def test_a_deployment_on_its_way_would_undo_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sector, _article, clock = three_versions()

    def crash(name: str) -> None:
        raise Crash(name)

    monkeypatch.setattr(deploying, "failpoint", crash)
    with pytest.raises(Crash):
        make.deployed(sector, clock)
    with pytest.raises(DeploymentRunning):
        roll_back(sector, 1, clock)
    clock.wait(seconds=121)

    roll_back(sector, 1, clock)

    assert make.folder(sector).live_version() == 1


def test_a_crash_after_the_pointer_moved_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    sector, article, clock = three_versions()

    def crash(_name: str) -> None:
        raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        roll_back(sector, 1, clock)
    monkeypatch.undo()
    site = sector.site_id
    assert publishing_problems() == [f"site {site}: the pointer names version 1, the record 3"]

    roll_back(sector, 1, clock)

    assert statuses(sector) == [(1, "deployed", 1), (2, "rolled_back", 1), (3, "rolled_back", 1)]
    assert live_revision(article) == 1
    assert publishing_problems() == []


def test_an_article_that_was_deleted_meanwhile_gets_no_record() -> None:
    sector, clock = make.sector(), make.Clock()
    article, other = make.article(sector), make.article(sector)
    make.deployed(sector, clock)
    PublishingRecord.unscoped.filter(content=article).delete()
    Content.unscoped.filter(pk=article.pk).update(status="review", deleted_at=clock.now)
    make.deployed(sector, clock)

    roll_back(sector, 1, clock)

    live = PublishingRecord.unscoped.filter(site=sector.site, retired_at__isnull=True)
    assert [row.content_id for row in live] == [other.pk]


def as_before_pages_were_files(sector: Sector, version: int) -> None:
    """Give a version the form of early ones: a folder for each page, assets of its own."""
    folder = make.folder(sector)
    home = folder.version_path(version)
    for path in folder.manifest(version).files:
        if path.endswith("/index.html"):
            page = home / path
            page.parent.mkdir(parents=True, exist_ok=True)
            folder.file(version, path).rename(page)
    shared = (home / "assets").resolve()
    (home / "assets").unlink()
    shutil.copytree(shared, home / "assets")
    (home / ".reuse").unlink()


def test_a_version_from_before_pages_were_files_comes_back_and_is_served() -> None:
    sector, article, clock = three_versions()
    as_before_pages_were_files(sector, 1)
    address = f"articles/{article.slug}/"
    before = (make.folder(sector).version_path(1) / address / "index.html").read_bytes()

    record = roll_back(sector, 1, clock)

    assert (record.version, live_revision(article)) == (1, 1)
    shown = site_file(site_id=sector.site_id, path=address)
    assert isinstance(shown, SiteFile)
    assert shown.data == before
    styles = [p for p in make.folder(sector).manifest(1).files if p.endswith(".css")]
    assert all(isinstance(site_file(site_id=sector.site_id, path=p), SiteFile) for p in styles)
    assert publishing_problems() == []
    newest = make.deployed(sector, clock)
    assert (newest.version, live_revision(article)) == (4, 3)
    assert publishing_problems() == []


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (99, "There is no version 99."),
        (3, "Version 3 was rolled back itself."),
        (1, "Version 1 is not what it was (1 files: index.html is missing)."),
    ],
)
def test_what_cannot_come_back_says_why_and_what_can(version: int, reason: str) -> None:
    sector, _article, clock = three_versions()
    roll_back(sector, 2, clock)
    (make.folder(sector).version_path(1) / "index.html").unlink()

    with pytest.raises(VersionNotAvailable) as refused:
        roll_back(sector, version, clock)

    assert refused.value.message.startswith(reason)
    assert "igny8 site releases" in refused.value.message
    assert make.folder(sector).live_version() == 2


def test_removed_and_unreadable_versions_say_so() -> None:
    sector, _article, clock = three_versions()
    folder = make.folder(sector)
    folder.remove(1)
    (folder.version_path(2) / "manifest.json").write_text("{")

    for version, reason in [(1, "were removed"), (2, "cannot be read")]:
        with pytest.raises(VersionNotAvailable, match=reason):
            roll_back(sector, version, clock)
