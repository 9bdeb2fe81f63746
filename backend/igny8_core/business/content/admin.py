"""What operators see of the writer: where things stand, not what is written."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.content.models import Content, Images, SitePage, Tasks
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(Tasks)
class TasksAdmin(StaffModelAdmin):
    list_display = ("id", "title", "site_id", "status", "target_word_count", "deleted_at")
    list_filter = ("status", "content_type", "content_structure")
    search_fields = ("=id", "title__istartswith")
    exclude = ("taxonomy",)  # not open to the staff role


@admin.register(Content)
class ContentAdmin(StaffModelAdmin):
    list_display = ("id", "title", "site_id", "status", "version", "word_count", "published_at")
    list_filter = ("status", "source", "sync_status")
    search_fields = ("=id", "=slug", "=external_id", "title__istartswith")
    exclude = ("html", "blocks", "taxonomies")


@admin.register(Images)
class ImagesAdmin(StaffModelAdmin):
    list_display = ("id", "site_id", "content_id", "image_type", "status", "attempt", "path")
    list_filter = ("status", "image_type")
    search_fields = ("=id", "=content__id", "=path")


@admin.register(SitePage)
class SitePageAdmin(StaffModelAdmin):
    list_display = ("id", "url", "site_id", "source", "status_code", "word_count", "last_seen_at")
    list_filter = ("source", "is_indexable")
    search_fields = ("=id", "=url_hash", "=site__id")
