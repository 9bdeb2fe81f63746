from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from igny8_core.business.content.services.review import take_down
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import (
    BuildBroken,
    NothingToDeploy,
    ReleaseDamaged,
)
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services import deploy_site as module
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.states import PublishingStatus
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make as make_tenancy
from tests.make import publishing as make
from tests.make.deploying import change, live_revisions, read, records

pytestmark = pytest.mark.django_db


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
