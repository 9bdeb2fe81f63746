from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from igny8_core.business.integration.models import SiteIntegration, SyncEvent
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.common.tenancy.context import TenantError, tenant
from tests import make as make_tenancy
from tests.make import publishing as make

pytestmark = pytest.mark.django_db

NOW = make.FIRST_DAY
HASH = "a" * 64


def refused_by(row: Any, **columns: Any) -> str:
    """The constraint that refuses raw SQL with these values."""
    names = ", ".join(f'"{name}" = %s' for name in columns)
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as c:
        c.execute(
            f'UPDATE "{row._meta.db_table}" SET {names} WHERE id = %s',
            [*columns.values(), row.pk],
        )
    cause: Any = refused.value.__cause__
    return str(cause.diag.constraint_name)


def record(**fields: Any) -> PublishingRecord:
    content = fields.pop("content", None) or make.article(make.sector())
    values = {"destination": "wordpress", "idempotency_key": make_tenancy.unique("key")}
    made: PublishingRecord = PublishingRecord.unscoped.create(content=content, **values | fields)
    return made


def deployment(**fields: Any) -> DeploymentRecord:
    made: DeploymentRecord = DeploymentRecord.unscoped.create(
        sector=fields.pop("sector", None) or make.sector(), **fields
    )
    return made


def integration(**fields: Any) -> SiteIntegration:
    values = {"site": make.sector().site, "platform": "wordpress"}
    made: SiteIntegration = SiteIntegration.unscoped.create(**values | fields)
    return made


def optimization(**fields: Any) -> OptimizationTask:
    made: OptimizationTask = OptimizationTask.unscoped.create(
        content=make.article(make.sector()), **fields
    )
    return made


# --- scope


def test_a_record_takes_its_scope_from_the_content() -> None:
    content = make.article(make.sector())

    made = record(content=content)

    assert (made.account_id, made.site_id, made.sector_id) == (
        content.account_id,
        content.site_id,
        content.sector_id,
    )


def test_an_optimization_takes_its_account_from_the_content() -> None:
    content = make.article(make.sector())

    made = OptimizationTask(content_id=content.pk)
    made.save()

    assert made.account_id == content.account_id


def test_an_event_takes_its_scope_from_the_integration() -> None:
    connected = integration()

    made = SyncEvent.unscoped.create(
        integration=connected, event_type="test", action="read", success=True
    )

    assert (made.account_id, made.site_id) == (connected.account_id, connected.site_id)


def test_the_platform_says_its_type() -> None:
    site = make.sector().site

    types = {
        platform: integration(site=site, platform=platform).platform_type
        for platform in ("wordpress", "shopify", "custom")
    }

    assert types == {"wordpress": "cms", "shopify": "ecommerce", "custom": "custom_api"}


def test_a_misaligned_row_is_refused_in_words() -> None:
    content, other = make.article(make.sector()), make.sector()

    with pytest.raises(ValidationError) as refused:
        PublishingRecord(
            content=content, sector=other, destination="sites", idempotency_key="x"
        ).save()

    assert set(refused.value.message_dict) == {"content", "sector"}


def test_rows_ask_whose_they_are() -> None:
    for model in (
        PublishingRecord,
        DeploymentRecord,
        SiteIntegration,
        SyncEvent,
        OptimizationTask,
    ):
        with pytest.raises(TenantError):
            model.objects.all()


def test_another_accounts_rows_are_not_seen() -> None:
    made = record()
    deployment()
    integration()
    optimization()
    stranger = make_tenancy.account()

    with tenant(stranger.pk):
        for model in (PublishingRecord, DeploymentRecord, SiteIntegration, OptimizationTask):
            assert list(model.unscoped.all()) == []
    with tenant(made.account_id):
        assert list(PublishingRecord.unscoped.all()) == [made]


# --- what raw SQL cannot do


def test_a_record_stays_with_its_content() -> None:
    made, other = record(), make.sector()
    stranger = make.article(make.sector())

    assert refused_by(made, content_id=stranger.pk) == "publishingrecord_content"
    assert refused_by(made, account_id=other.account_id) in {
        "publishingrecord_content",
        "publishing_publishingrecord_sector",
    }
    assert refused_by(made, site_id=other.site_id) in {
        "publishingrecord_content",
        "publishing_publishingrecord_sector",
    }
    sibling = make_tenancy.sector(made.site, "Rugs")
    assert refused_by(made, sector_id=sibling.pk) == "publishingrecord_content"


def test_a_record_goes_through_an_integration_of_its_site() -> None:
    made, connected = record(), integration()

    assert refused_by(made, integration_id=connected.pk) == "publishingrecord_integration"


def test_a_deployment_stays_in_its_sector() -> None:
    made, other = deployment(), make.sector()

    for column, value in (
        ("account_id", other.account_id),
        ("site_id", other.site_id),
        ("sector_id", other.pk),
    ):
        assert refused_by(made, **{column: value}) == "publishing_deploymentrecord_sector"


def test_an_integration_stays_with_its_site() -> None:
    made, other = integration(), make.sector()

    assert refused_by(made, site_id=other.site_id) == "siteintegration_site"


def test_an_event_stays_with_its_integration() -> None:
    connected, other = integration(), integration()
    made = SyncEvent.unscoped.create(
        integration=connected, event_type="test", action="read", success=True
    )
    stranger = make.article(make.sector())

    assert refused_by(made, integration_id=other.pk) == "syncevent_integration"
    assert refused_by(made, content_id=stranger.pk) == "syncevent_content"
    assert refused_by(made, site_id=other.site_id) in {"syncevent_site", "syncevent_integration"}


def test_an_event_outlives_its_content() -> None:
    connected = integration()
    sector = make_tenancy.sector(connected.site, "Rugs")
    content = make.article(sector)
    made = SyncEvent.unscoped.create(
        integration=connected, content=content, event_type="test", action="read", success=True
    )

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM content_content WHERE id = %s", [content.pk])

    made.refresh_from_db()
    assert made.content_id is None


def test_an_optimization_stays_with_its_content() -> None:
    made = optimization()
    stranger = make.article(make.sector())

    assert refused_by(made, content_id=stranger.pk) == "optimizationtask_content"


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"status": "done"}, "publishingrecord_status"),
        ({"destination": "blog"}, "publishingrecord_destination"),
        ({"stage": "x"}, "publishingrecord_stage"),
        ({"status": "published"}, "publishingrecord_published_has_time"),
        ({"status": "failed"}, "publishingrecord_failed_says_why"),
        ({"status": "publishing"}, "publishingrecord_lease_while_publishing"),
        ({"lease_expires_at": NOW}, "publishingrecord_lease_while_publishing"),
        ({"retired_at": NOW}, "publishingrecord_retired_was_published"),
    ],
)
def test_what_a_record_cannot_be(columns: dict[str, Any], constraint: str) -> None:
    assert refused_by(record(), **columns) == constraint


def test_a_record_of_our_own_sites_has_no_integration() -> None:
    connected = integration()
    content = make.article(make_tenancy.sector(connected.site, "Rugs"))
    made = record(content=content, destination="sites")

    assert refused_by(made, integration_id=connected.pk) == (
        "publishingrecord_sites_has_no_integration"
    )


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({}, "publishingrecord_one_pending"),
        (
            {"status": "publishing", "lease_expires_at": NOW},
            "publishingrecord_one_publishing",
        ),
        ({"status": "published", "published_at": NOW}, "publishingrecord_one_live"),
    ],
)
def test_a_content_is_at_a_destination_once(fields: dict[str, Any], constraint: str) -> None:
    first = record(**fields)
    record(content=first.content, destination="shopify", **fields)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        record(content=first.content, **fields)


def test_a_request_is_recorded_once() -> None:
    first = record(idempotency_key="same")

    with pytest.raises(IntegrityError, match="publishingrecord_once_per_key"), transaction.atomic():
        record(content=first.content, destination="shopify", idempotency_key="same")


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"status": "live"}, "deploymentrecord_status"),
        ({"status": "deploying"}, "deploymentrecord_lease_while_deploying"),
        ({"lease_expires_at": NOW}, "deploymentrecord_lease_while_deploying"),
        ({"status": "failed"}, "deploymentrecord_failed_says_why"),
        ({"status": "deployed"}, "deploymentrecord_deployed_is_complete"),
        (
            {
                "status": "deployed",
                "version": 2,
                "deployed_version": 1,
                "deployed_at": NOW,
                "build_hash": HASH,
            },
            "deploymentrecord_deployed_is_live",
        ),
        (
            {
                "status": "rolled_back",
                "version": 2,
                "deployed_version": 2,
                "deployed_at": NOW,
                "rolled_back_at": NOW,
                "build_hash": HASH,
            },
            "deploymentrecord_rolled_back_is_older",
        ),
    ],
)
def test_what_a_deployment_cannot_be(columns: dict[str, Any], constraint: str) -> None:
    assert refused_by(deployment(), **columns) == constraint


def test_a_site_is_deployed_by_one_and_each_version_once() -> None:
    sector = make.sector()
    deployment(sector=sector, status="deploying", version=1, lease_expires_at=NOW)
    deployment(sector=sector)

    for fields, constraint in (
        (
            {"status": "deploying", "version": 2, "lease_expires_at": NOW},
            "deploymentrecord_one_deploying",
        ),
        ({}, "deploymentrecord_one_pending"),
        (
            {"status": "failed", "version": 1, "error_code": "x"},
            "deploymentrecord_version",
        ),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            deployment(sector=sector, **fields)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"platform": "blogger"}, "siteintegration_platform_known"),
        ({"sync_status": "busy"}, "siteintegration_sync_status"),
        ({"platform_type": "ecommerce"}, "siteintegration_platform_type"),
    ],
)
def test_what_an_integration_cannot_be(columns: dict[str, Any], constraint: str) -> None:
    assert refused_by(integration(), **columns) in {constraint, "siteintegration_platform_type"}


def test_a_site_is_connected_to_a_platform_once() -> None:
    first = integration()

    with pytest.raises(IntegrityError, match="siteintegration_platform"), transaction.atomic():
        integration(site=first.site)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"event_type": "party"}, "syncevent_event_type"),
        ({"action": "dance"}, "syncevent_action"),
        ({"success": False}, "syncevent_failure_says_why"),
    ],
)
def test_what_an_event_cannot_be(columns: dict[str, Any], constraint: str) -> None:
    made = SyncEvent.unscoped.create(
        integration=integration(), event_type="test", action="read", success=True
    )

    assert refused_by(made, **columns) == constraint


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"status": "done"}, "optimizationtask_status"),
        ({"credits_used": -1}, "optimizationtask_credits_not_negative"),
        ({"status": "completed"}, "optimizationtask_completed_is_complete"),
        (
            {"status": "completed", "completed_at": NOW},
            "optimizationtask_completed_is_complete",
        ),
        ({"status": "failed"}, "optimizationtask_failed_says_why"),
    ],
)
def test_what_an_optimization_cannot_be(columns: dict[str, Any], constraint: str) -> None:
    assert refused_by(optimization(), **columns) == constraint


def test_a_content_is_optimized_by_one() -> None:
    first = optimization(status="running")

    with pytest.raises(IntegrityError, match="optimizationtask_one_running"), transaction.atomic():
        OptimizationTask.unscoped.create(content=first.content, status="running")
