"""What operators see of optimisations."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(OptimizationTask)
class OptimizationTaskAdmin(StaffModelAdmin):
    list_display = ("id", "content_id", "status", "outcome", "credits_used", "completed_at")
    list_filter = ("status", "outcome")
    search_fields = ("=id", "=content__id")
    exclude = ("html_before", "html_after", "scores_before", "scores_after", "metadata")
