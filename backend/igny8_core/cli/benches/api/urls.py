"""Every address, and a bare view: what one indexed query and its rows as JSON cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django.http import JsonResponse
from django.urls import path

from igny8_core.common.tenancy.context import tenant
from igny8_core.urls import handler404, handler500
from igny8_core.urls import urlpatterns as product

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["handler404", "handler500", "urlpatterns"]

QUERY = """
SELECT id, site_id, sector_id, keyword, status, cluster_id, page, page_place, role, volume,
       volume_max, volume_kind, volume_observed_on, difficulty, difficulty_kind,
       difficulty_observed_on, cpc_minor, cpc_currency, intent, intent_source, intent_confidence,
       is_disabled, is_pinned, created_at, updated_at, deleted_at
  FROM planning_keywords
 WHERE account_id = %s AND deleted_at IS NULL ORDER BY id LIMIT 50
"""


def bare(_request: HttpRequest, account_id: int) -> JsonResponse:
    """The columns of the keyword list, for anybody: no sign-in, no framework above Django's."""
    with tenant(account_id), connection.cursor() as cursor:
        cursor.execute(QUERY, [account_id])
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return JsonResponse({"results": rows})


urlpatterns = [*product, path("bench/bare/<int:account_id>/", bare)]
