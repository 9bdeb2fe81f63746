"""What operators see of runs, their items, and the workers."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.automation.models import (
    AutomationConfig,
    AutomationRun,
    AutomationStage,
    PeriodicJob,
    RunEvent,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WorkClass,
    WorkerNode,
    WorkItem,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(AutomationConfig)
class AutomationConfigAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "is_enabled", "frequency", "next_run_at", "last_run_at")
    list_filter = ("is_enabled", "frequency")
    search_fields = ("=id", "=site__id")


@admin.register(AutomationRun)
class AutomationRunAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "trigger", "status", "current_stage", "started_at", "ended_at")
    list_filter = ("status", "trigger", "desired")
    search_fields = ("=id", "=site__id")


@admin.register(AutomationStage)
class AutomationStageAdmin(StaffModelAdmin):
    list_display = ("id", "run_id", "number", "status", "planned", "done", "failed", "credits_used")
    list_filter = ("status", "number")
    search_fields = ("=id", "=run__id")


@admin.register(WorkItem)
class WorkItemAdmin(StaffModelAdmin):
    list_display = ("id", "run_id", "kind", "status", "attempts", "crashes", "error_class", "error")
    list_filter = ("status", "work_class", "error_class")
    search_fields = ("=id", "=run__id", "=kind", "=idempotency_key")


@admin.register(RunEvent)
class RunEventAdmin(StaffModelAdmin):
    list_display = ("id", "run_id", "item_id", "code", "created_at")
    search_fields = ("=id", "=run__id", "=code")


@admin.register(WorkerNode)
class WorkerNodeAdmin(StaffModelAdmin):
    list_display = ("boot_id", "node_name", "host", "pid", "slots", "heartbeat_at", "is_draining")
    list_filter = ("is_draining",)
    search_fields = ("=node_name", "=host")


@admin.register(WorkClass)
class WorkClassAdmin(StaffModelAdmin):
    list_display = ("name", "slots", "is_contended")


@admin.register(PeriodicJob)
class PeriodicJobAdmin(StaffModelAdmin):
    list_display = ("name", "next_run_at", "last_run_at")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(StaffModelAdmin):
    list_display = ("id", "url", "is_enabled", "disabled_reason", "failing_since")
    list_filter = ("is_enabled", "disabled_reason")
    search_fields = ("=id", "url")
    exclude = ("secret",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(StaffModelAdmin):
    list_display = ("id", "endpoint_id", "event_type", "status", "attempts", "status_code", "error")
    list_filter = ("status", "event_type")
    search_fields = ("=id", "=endpoint__id", "=message_id")


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(StaffModelAdmin):
    list_display = ("id", "delivery_id", "number", "status_code", "error", "created_at")
    search_fields = ("=id", "=delivery__id")
