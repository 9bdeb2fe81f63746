"""What operators see of the planner."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.planning.models import Clusters, ContentIdeas, KeywordImport, Keywords
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
