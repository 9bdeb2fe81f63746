"""Is this process alive, and can it do its work?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from igny8_core.business.automation.services.health import engine_faults
from igny8_core.common.tenancy.roles import runtime_role_faults

if TYPE_CHECKING:
    from django.http import HttpRequest

ENGINE_SECONDS = 5.0
CLOCK_SECONDS = 60


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while the process answers; asks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when this process can serve: the database answers, as the right role and migrated to
    this release; else 503.

    ``degraded`` names what others have to do for it: cache, queue, workers, ticker. Without them
    pages are served and work waits, so they make no server leave its load balancer.
    """
    checks = {"database": _database()}
    ready = all(fault == "" for fault in checks.values())
    found = {"cache": _cache(), **_engine()}
    body = {
        "ready": ready,
        "checks": {name: fault or "ok" for name, fault in checks.items()},
        "degraded": {name: fault for name, fault in found.items() if fault},
    }
    return JsonResponse(body, status=200 if ready else 503)


class _Remembered:
    """What was found lately: probes come often, and from several sides."""

    def __init__(self) -> None:
        self.until = 0.0
        self.faults: dict[str, str] = {}
        self.is_migrated = False


_REMEMBERED = _Remembered()


def _engine() -> dict[str, str]:
    found = _REMEMBERED
    if time.monotonic() >= found.until:
        try:
            found.faults = engine_faults()
        except DatabaseError as exc:
            found.faults = {"engine": f"unknown ({type(exc).__name__})"}
        found.until = time.monotonic() + ENGINE_SECONDS
    return found.faults


def _missing_migrations() -> str:
    """Once none is missing, none will be: a release only ever adds some of its own."""
    if _REMEMBERED.is_migrated:
        return ""
    executor = MigrationExecutor(connections["default"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _REMEMBERED.is_migrated = not missing
    return f"{len(missing)} migrations are missing" if missing else ""


def _database() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT to_regclass('igny8_auth_account') IS NOT NULL, now()")
            is_there, now = cursor.fetchone()
            if not is_there:
                return "not migrated"
            if abs(off := (timezone.now() - now).total_seconds()) > CLOCK_SECONDS:
                return f"this machine's clock is {off:.0f} s off"  # the ledger would refuse it
        return "; ".join(filter(None, [*runtime_role_faults(), _missing_migrations()]))
    except DatabaseError as exc:
        return f"unreachable ({type(exc).__name__})"


def _cache() -> str:
    cache.set("readyz", "1", timeout=5)
    if cache.get("readyz") == "1":
        return ""
    return str(getattr(cache, "fault", "") or "forgets")
