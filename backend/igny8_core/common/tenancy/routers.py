"""Which alias, hence which database role, a statement goes to."""

from __future__ import annotations

from typing import Any


class RoleRouter:
    """Only the owner migrates; Django's admin log is written by the staff role."""

    def db_for_read(self, model: type[Any], **_hints: Any) -> str | None:
        return self.db_for_write(model)

    def db_for_write(self, model: type[Any], **_hints: Any) -> str | None:
        return "admin" if model._meta.app_label == "admin" else None

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool | None:
        return True  # the aliases are roles of one database

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        return db == "owner"
