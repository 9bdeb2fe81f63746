"""What operators see of the planner."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.planning.models import (
    ClusterEdit,
    ClusterProposal,
    Clusters,
    ContentIdeas,
    KeywordImport,
    Keywords,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(Keywords)
class KeywordsAdmin(StaffModelAdmin):
    list_display = ("id", "keyword", "sector_id", "volume", "difficulty", "status", "deleted_at")
    list_filter = ("status", "intent", "is_disabled")
    search_fields = ("=id", "keyword_norm__startswith")


@admin.register(Clusters)
class ClustersAdmin(StaffModelAdmin):
    list_display = ("id", "name", "sector_id", "keywords_count", "volume", "status", "deleted_at")
    list_filter = ("status", "is_disabled", "is_locked")
    search_fields = ("=id", "name_norm__startswith")


@admin.register(ContentIdeas)
class ContentIdeasAdmin(StaffModelAdmin):
    list_display = ("id", "title", "content_structure", "status", "estimated_words", "deleted_at")
    list_filter = ("status", "content_type", "content_structure")
    search_fields = ("=id", "title__istartswith")


@admin.register(KeywordImport)
class KeywordImportAdmin(StaffModelAdmin):
    list_display = ("id", "file_name", "status", "rows_read", "created", "skipped", "error_code")
    list_filter = ("status",)
    search_fields = ("=id", "=sha256", "file_name__istartswith")


@admin.register(ClusterEdit)
class ClusterEditAdmin(StaffModelAdmin):
    """What to undo when a customer asks; the rows behind it are not shown."""

    list_display = ("id", "sector_id", "kind", "summary", "actor", "created_at", "undone_at")
    list_filter = ("kind",)
    search_fields = ("=id", "=sector__id", "actor__istartswith")
    exclude = ("before", "after")


@admin.register(ClusterProposal)
class ClusterProposalAdmin(StaffModelAdmin):
    list_display = ("id", "sector_id", "status", "changes_count", "changes_applied", "decided_by")
    list_filter = ("status",)
    search_fields = ("=id", "=sector__id")
    exclude = ("build", "input_fingerprint")
