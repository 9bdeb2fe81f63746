"""What operators see of provider settings and of the journal of calls. Read only."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.ai.models import AiCall, ProviderSetting
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(AiCall)
class AiCallAdmin(StaffModelAdmin):
    """Without questions and answers: those are the account's."""

    list_display = (
        "id",
        "account_id",
        "provider",
        "model",
        "status",
        "error_class",
        "cost_usd_micros",
        "is_own_key",
        "started_at",
    )
    list_filter = ("status", "error_class", "provider", "is_own_key")
    search_fields = ("request_hash", "work_key", "provider_ref")
    exclude = ("answer",)


@admin.register(ProviderSetting)
class ProviderSettingAdmin(StaffModelAdmin):
    """Keys are never shown, sealed or not."""

    list_display = ("account_id", "provider", "model", "image_model", "is_enabled", "priority")
    list_filter = ("provider", "is_enabled", "is_free")
    exclude = ("sealed_key",)
