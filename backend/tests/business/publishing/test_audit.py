from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from igny8_core.business.content.models import Content
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services.audit import publishing_problems
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    """A site with one live article."""
    made = make.sector()
    make.article(made)
    make.deployed(made)
    return made


def test_a_deployed_site_has_no_problems(sector: Sector) -> None:
    assert publishing_problems() == []


def test_files_that_changed_or_went_are_named(sector: Sector) -> None:
    home = make.folder(sector).version_path(1)
    (home / "robots.txt").write_text("Disallow: /")
    (home / "feed.xml").unlink()

    assert publishing_problems() == [
        f"site {sector.site_id}: version 1: feed.xml is missing",
        f"site {sector.site_id}: version 1: robots.txt was changed",
    ]


def test_a_pointer_that_disagrees_is_named(sector: Sector) -> None:
    (make.folder(sector).path / "current").unlink()

    assert publishing_problems() == [
        f"site {sector.site_id}: the pointer names version None, the record 1"
    ]


def test_a_version_whose_manifest_is_gone_is_named(sector: Sector) -> None:
    (make.folder(sector).version_path(1) / "manifest.json").unlink()

    assert publishing_problems() == [f"site {sector.site_id}: version 1: the release is not there"]


def test_another_build_than_the_recorded_one_is_named(sector: Sector) -> None:
    DeploymentRecord.unscoped.filter(site=sector.site).update(build_hash="0" * 64)

    assert publishing_problems() == [
        f"site {sector.site_id}: version 1 is not the build of its record"
    ]


def test_a_site_on_disk_that_no_record_knows_is_named(sector: Sector) -> None:
    DeploymentRecord.unscoped.filter(site=sector.site).delete()

    assert publishing_problems() == [
        f"site {sector.site_id}: a version is live on disk but no deployment says so"
    ]


def test_records_and_release_must_agree(sector: Sector) -> None:
    record = PublishingRecord.unscoped.get(site=sector.site)
    stranger = make.article(sector, approved_version=None)
    PublishingRecord.unscoped.create(
        content=stranger,
        destination="sites",
        idempotency_key="x",
        status="published",
        published_at=make.FIRST_DAY,
        destination_url="https://x.test/",
    )
    PublishingRecord.unscoped.filter(pk=record.pk).update(revision=7)

    assert publishing_problems() == [
        f"site {sector.site_id}: content {stranger.pk} is recorded as live"
        " but version 1 does not hold it",
        f"site {sector.site_id}: content {record.content_id} is live as revision 1, not 7",
    ]


def test_a_published_content_without_any_record_is_named(sector: Sector) -> None:
    article = make.article(sector, status="published", published_at=make.FIRST_DAY)

    assert publishing_problems() == [
        f"published content that no destination holds: content {article.pk}"
    ]
    Content.unscoped.filter(pk=article.pk).update(source="wordpress")
    assert publishing_problems() == []


def test_a_published_record_without_address_is_named(sector: Sector) -> None:
    record = PublishingRecord.unscoped.get(site=sector.site)
    PublishingRecord.unscoped.filter(pk=record.pk).update(destination_url="")

    assert publishing_problems() == [f"published without an address: record {record.pk}"]


def test_forgotten_leases_are_named(sector: Sector) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    deployment = DeploymentRecord.unscoped.create(
        sector=sector, status="deploying", version=9, lease_expires_at=long_ago
    )
    record = PublishingRecord.unscoped.create(
        content=make.article(sector, approved_version=None),
        destination="shopify",
        idempotency_key="x",
        status="publishing",
        lease_expires_at=long_ago,
    )

    assert publishing_problems() == [
        f"forgotten lease of a deployment: deployment {deployment.pk}",
        f"forgotten lease of a publishing record: record {record.pk}",
    ]
