"""What operators see of the planner."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.planning.models import Clusters, ContentIdeas, KeywordImport, Keywords
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(Keywords)
class KeywordsAdmin(StaffModelAdmin):
    list_display = ("id", "keyword", "account_id", "sector_id", "volume", "difficulty", "status")
    list_filter = ("status", "intent")


@admin.register(Clusters)
class ClustersAdmin(StaffModelAdmin):
    list_display = ("id", "name", "account_id", "sector_id", "keywords_count", "volume", "status")
    list_filter = ("status", "is_disabled", "is_locked")


@admin.register(ContentIdeas)
class ContentIdeasAdmin(StaffModelAdmin):
    list_display = ("id", "title", "account_id", "content_structure", "status", "estimated_words")
    list_filter = ("status", "content_type", "content_structure")


@admin.register(KeywordImport)
class KeywordImportAdmin(StaffModelAdmin):
    list_display = ("id", "file_name", "account_id", "status", "rows_read", "created", "skipped")
    list_filter = ("status", "profile")
