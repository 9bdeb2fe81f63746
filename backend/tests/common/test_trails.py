"""Every lifecycle leaves a trail, or says here why it does not."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from igny8_core.common.tenancy.constraints import StatusTrail

WITHOUT_TRAIL = {
    "ai.AiCall": "the row is a journal entry itself: started, then its one end",
    "automation.AutomationStage": "follows its run, whose trail and events tell",
    "automation.WorkItem": "RunEvent and the attempt's columns tell; it moves in sets, all day",
    "billing.CreditReservation": "the ledger's chained rows are its trail",
    "planning.Keywords": "mapped in sets of up to a million; the cluster's trail and run tell",
}


def test_every_status_has_a_trail_or_a_reason() -> None:
    with_status = {
        model._meta.label: any(isinstance(c, StatusTrail) for c in model._meta.constraints)
        for model in apps.get_models()
        if model.__module__.startswith("igny8_core.")
        and any(isinstance(f, models.CharField) and f.name == "status" for f in model._meta.fields)
    }

    assert {label for label, has in with_status.items() if not has} == set(WITHOUT_TRAIL)
