"""Every lifecycle leaves a trail, or says here why it does not."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from igny8_core.auth.models import StatusChange
from igny8_core.business.planning.models import Keywords
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.context import acting, because, tenant
from tests.make import planning as make_planning

WITHOUT_TRAIL = {
    "ai.AiCall": "the row is a journal entry itself: started, then its one end",
    "automation.AutomationStage": "follows its run, whose trail and events tell",
    "automation.WorkItem": "RunEvent and the attempt's columns tell; it moves in sets, all day",
    "billing.CreditReservation": "the ledger's chained rows are its trail",
}


def test_every_status_has_a_trail_or_a_reason() -> None:
    with_status = {
        model._meta.label: any(isinstance(c, StatusTrail) for c in model._meta.constraints)
        for model in apps.get_models()
        if model.__module__.startswith("igny8_core.")
        and any(isinstance(f, models.CharField) and f.name == "status" for f in model._meta.fields)
    }

    assert {label for label, has in with_status.items() if not has} == set(WITHOUT_TRAIL)


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
