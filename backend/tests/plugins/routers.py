"""Tests flush the tables between cases through the alias that made the rows."""

from __future__ import annotations

from typing import Any

from igny8_core.common.tenancy.routers import RoleRouter


class FlushRouter(RoleRouter):
    """Django truncates only what an alias may migrate; ``default`` is the superuser in tests."""

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        return db in {"owner", "default"}
