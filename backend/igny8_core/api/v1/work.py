"""Work that a request asks for: the answer says what waits, a worker does it."""

from __future__ import annotations

from rest_framework import serializers

from igny8_core.business.automation.models import WorkItem


class WorkItemSerializer(serializers.ModelSerializer[WorkItem]):
    """One piece of work: who asked what of which row, how it went, what it cost."""

    class Meta:
        model = WorkItem
        fields = (
            "id",
            "run",
            "stage",
            "batch",
            "kind",
            "work_class",
            "related_type",
            "related_id",
            "status",
            "priority",
            "attempts",
            "error_class",
            "error",
            "result_id",
            "credits_charged",
            "not_before",
            "started_at",
            "ended_at",
            "created_at",
        )
        read_only_fields = fields
