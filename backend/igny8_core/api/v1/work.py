"""Work that a request asks for: the answer says what waits, a worker does it."""

from __future__ import annotations

from rest_framework import serializers

from igny8_core.business.automation.models import WorkItem


class WorkItemSerializer(serializers.ModelSerializer[WorkItem]):
    """A piece of work that a worker does as soon as it has a slot."""

    class Meta:
        model = WorkItem
        fields = ("id", "kind", "status", "related_type", "related_id", "created_at")
        read_only_fields = fields
