"""What operators see of publishing."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(DeploymentRecord)
class DeploymentRecordAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "version", "status", "deployed_at", "error_code")
    list_filter = ("status",)
    search_fields = ("=id", "=site__id", "=build_hash")
    exclude = ("manifest",)


@admin.register(PublishingRecord)
class PublishingRecordAdmin(StaffModelAdmin):
    list_display = ("id", "content_id", "destination", "revision", "status", "published_at")
    list_filter = ("destination", "status")
    search_fields = ("=id", "=content__id", "=destination_id", "=idempotency_key")
