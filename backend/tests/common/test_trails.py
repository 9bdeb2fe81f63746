"""Every lifecycle leaves a trail, or says here why it does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import models

from igny8_core.auth.models import StatusChange
from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.integration.states import SYNC, SyncStatus
from igny8_core.business.planning.models import Keywords
from igny8_core.common.errors import TransitionNotAllowed
from igny8_core.common.states import advance
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.context import acting, because, tenant
from tests import make
from tests.make import planning as make_planning

NOW = datetime(2026, 1, 2, tzinfo=UTC)

WITHOUT_TRAIL = {
    "ai.AiCall": "the row is a journal entry itself: started, then its one end",
    "automation.AutomationStage": "follows its run, whose trail and events tell",
    "automation.WebhookDelivery": "each of its attempts has a row of its own",
    "automation.WorkItem": "RunEvent and the attempt's columns tell; it moves in sets, all day",
    "billing.CreditReservation": "the ledger's chained rows are its trail",
    "billing.PaymentWebhook": "of no account; its attempts and its error tell",
}


def test_every_status_has_a_trail_or_a_reason() -> None:
    statuses = {
        (model._meta.label, field.name)
        for model in apps.get_models()
        if model.__module__.startswith("igny8_core.")
        for field in model._meta.fields
        if isinstance(field, models.CharField) and field.name in {"status", "sync_status", "state"}
    }
    trails = {
        (model._meta.label, trail.field)
        for model in apps.get_models()
        for trail in model._meta.constraints
        if isinstance(trail, StatusTrail)
    }

    assert {label for label, _ in statuses - trails} == set(WITHOUT_TRAIL)
    assert trails <= statuses


@pytest.mark.django_db
def test_a_second_lifecycle_of_a_row_is_told_apart() -> None:
    site = make.site(make.account())
    integration = SiteIntegration.unscoped.create(site=site, platform="wordpress")

    with acting("user:7"), tenant(integration.account_id):
        advance(integration, SyncStatus.PAUSED, table=SYNC, now=NOW, field="sync_status")

    row = StatusChange.unscoped.get(label="integration.SiteIntegration")
    assert (row.row_id, row.field, row.source, row.target, row.actor) == (
        integration.pk,
        "sync_status",
        "idle",
        "paused",
        "user:7",
    )
    with pytest.raises(TransitionNotAllowed):
        advance(integration, SyncStatus.SYNCING, table=SYNC, now=NOW, field="sync_status")


@pytest.mark.django_db
def test_keywords_that_move_in_a_set_leave_a_row_each() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    moved = [make_planning.keyword(sector) for _ in range(3)]
    left = make_planning.keyword(sector)

    with acting("user:7"), tenant(sector.account_id), because("clustering"):
        rows = Keywords.objects.filter(pk__in=[row.pk for row in moved])
        rows.update(cluster=cluster, status="mapped")
        Keywords.objects.filter(pk=left.pk).update(volume=5, volume_kind="typed")

    found = StatusChange.unscoped.filter(label="planning.Keywords").order_by("row_id")
    columns = ("account_id", "row_id", "source", "target", "actor", "reason")
    assert list(found.values_list(*columns)) == [
        (sector.account_id, row.pk, "new", "mapped", "user:7", "clustering") for row in moved
    ]
