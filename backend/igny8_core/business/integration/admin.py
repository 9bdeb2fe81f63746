"""What operators see of connections. Credentials are never shown."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.integration.models import (
    ContentImport,
    ExternalItem,
    InboundWebhook,
    SiteIntegration,
    SyncEvent,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(SiteIntegration)
class SiteIntegrationAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "platform", "is_active", "sync_status", "last_sync_at")
    list_filter = ("platform", "sync_status")
    search_fields = ("=id", "=site__id")
    exclude = ("credentials", "webhook_secrets")


@admin.register(SyncEvent)
class SyncEventAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "integration_id", "event_type", "action", "success")
    list_filter = ("event_type", "action", "success")
    search_fields = ("=id", "=integration__id", "=content__id", "=external_id")


@admin.register(ContentImport)
class ContentImportAdmin(StaffModelAdmin):
    list_display = ("id", "file_name", "status", "pages_total", "pages_done", "error_code")
    list_filter = ("status",)
    search_fields = ("=id", "=sha256", "file_name__istartswith")


@admin.register(ExternalItem)
class ExternalItemAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "integration_id", "content_id", "state", "site_status")
    list_filter = ("state", "external_type")
    search_fields = ("=id", "=integration__id", "=content__id", "=external_id")


@admin.register(InboundWebhook)
class InboundWebhookAdmin(StaffModelAdmin):
    list_display = ("id", "integration_id", "event_type", "status", "attempts", "created_at")
    list_filter = ("status", "event_type")
    search_fields = ("=id", "=integration__id", "=event_id")
