"""Addresses of a sector's screens: ``/s/<site>/<sector>/…``. The address says where one is."""

from __future__ import annotations

from django.urls import path

from igny8_core.web.views import imports, keywords

PLANNING = [
    path("keywords/", keywords.keywords, name="keywords"),
    path("keywords/add/", keywords.add_keyword, name="keyword_add"),
    path("keywords/bulk/", keywords.bulk, name="keyword_bulk"),
    path("keywords/restore/", keywords.undelete, name="keyword_undelete"),
    path("keywords/cluster/", keywords.cluster_new, name="keyword_cluster"),
    path("keywords/export/", keywords.export, name="keyword_export"),
    path("keywords/views/", keywords.save_view, name="keyword_view_save"),
    path("keywords/views/<int:view_id>/delete/", keywords.delete_view, name="keyword_view_delete"),
    path("keywords/<int:keyword_id>/", keywords.keyword, name="keyword"),
    path("keywords/<int:keyword_id>/change/", keywords.change_keyword, name="keyword_change"),
    path("imports/", imports.imports, name="keyword_imports"),
    path("imports/upload/", imports.upload, name="keyword_upload"),
    path("imports/<int:import_id>/", imports.keyword_import, name="keyword_import"),
    path("imports/<int:import_id>/start/", imports.start, name="keyword_import_start"),
    path("imports/<int:import_id>/cancel/", imports.cancel, name="keyword_import_cancel"),
    path("imports/<int:import_id>/undo/", imports.undo, name="keyword_import_undo"),
    path("imports/<int:import_id>/repeat/", imports.repeat, name="keyword_import_repeat"),
    path("imports/<int:import_id>/issues/", imports.issues, name="keyword_import_issues"),
]
