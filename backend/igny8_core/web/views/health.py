"""Is this process alive, and can it do its work?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError, connections
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from igny8_core.common.tenancy.roles import runtime_role_faults

if TYPE_CHECKING:
    from django.http import HttpRequest


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while the process answers; asks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when the database (as the right role, migrated) and the cache answer, else 503."""
    checks = {"database": _database(), "cache": _cache()}
    ready = all(fault == "" for fault in checks.values())
    body = {"ready": ready, "checks": {name: fault or "ok" for name, fault in checks.items()}}
    return JsonResponse(body, status=200 if ready else 503)


def _database() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT to_regclass('igny8_auth_account') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return "not migrated"
        return "; ".join(runtime_role_faults())
    except DatabaseError as exc:
        return f"unreachable ({type(exc).__name__})"


def _cache() -> str:
    try:
        cache.set("readyz", "1", timeout=5)
        return "" if cache.get("readyz") == "1" else "forgets"
    except (RedisError, OSError) as exc:
        return f"unreachable ({type(exc).__name__})"
