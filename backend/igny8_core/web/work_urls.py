"""Addresses of a sector's screens: ``/s/<site>/<sector>/…``. The address says where one is."""

from __future__ import annotations

from django.urls import path

from igny8_core.web.views import (
    article,
    clusters,
    contents,
    ideas,
    imports,
    keywords,
    writing_tasks,
)

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
    path("clusters/", clusters.clusters, name="clusters"),
    path("clusters/map/", clusters.cluster_map, name="cluster_map"),
    path("clusters/bulk/", clusters.bulk, name="cluster_bulk"),
    path("clusters/restore/", clusters.restore, name="cluster_restore"),
    path("clusters/ideas/", clusters.make_ideas, name="cluster_ideas"),
    path("clusters/edits/<int:edit_id>/undo/", clusters.undo_edit, name="cluster_undo"),
    path("clusters/<int:cluster_id>/", clusters.cluster, name="cluster"),
    path("clusters/<int:cluster_id>/change/", clusters.change_cluster, name="cluster_change"),
    path("ideas/", ideas.ideas, name="ideas"),
    path("ideas/accept/", ideas.accept, name="idea_accept"),
    path("ideas/take-back/", ideas.take_back, name="idea_take_back"),
    path("ideas/delete/", ideas.delete, name="idea_delete"),
    path("ideas/restore/", ideas.restore, name="idea_restore"),
    path("ideas/<int:idea_id>/", ideas.idea, name="idea"),
    path("ideas/<int:idea_id>/override/", ideas.override, name="idea_override"),
]
WRITING = [
    path("tasks/", writing_tasks.writing_tasks, name="tasks"),
    path("tasks/write/", writing_tasks.write, name="task_write"),
    path("tasks/delete/", writing_tasks.delete, name="task_delete"),
    path("tasks/restore/", writing_tasks.restore, name="task_restore"),
    path("content/", contents.contents, name="contents"),
    path("content/bulk/", contents.bulk, name="content_bulk"),
    path("content/restore/", contents.restore, name="content_restore"),
    path("content/<int:content_id>/", article.content, name="content"),
    path("content/<int:content_id>/save/", article.save, name="content_save"),
    path("content/<int:content_id>/submit/", article.submit, name="content_submit"),
    path("content/<int:content_id>/approve/", article.approve, name="content_approve"),
    path("content/<int:content_id>/send-back/", article.send_back, name="content_send_back"),
    path("content/<int:content_id>/take-down/", article.take_down, name="content_take_down"),
    path(
        "content/<int:content_id>/versions/<int:version_id>/",
        article.version,
        name="content_version",
    ),
    path(
        "content/<int:content_id>/versions/<int:version_id>/restore/",
        article.restore_version,
        name="content_version_restore",
    ),
]
