"""Order operations so that a key's target exists whenever the key does, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations import (
    AddConstraint,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameModel,
)

from igny8_core.common.tenancy.constraints import CompositeForeignKey

if TYPE_CHECKING:
    from django.db.migrations import Migration
    from django.db.migrations.operations.base import Operation


class TenancyAutodetector(MigrationAutodetector):
    """Composite keys are removed first (after renamed models) and added last.

    Other constraints and indexes are removed next: Django may drop a column before an index on
    it, which has no way back. Both happen while the optimizer does not look: it stops at them.
    """

    def _optimize_migrations(self) -> None:
        aside = []
        made: dict[str, list[Any]] = getattr(self, "migrations")  # noqa: B009 - not in the stubs
        for migration in [m for group in made.values() for m in group]:
            operations = migration.operations
            removed = [op for op in operations if isinstance(op, RemoveConstraint | RemoveIndex)]
            added = [op for op in operations if _adds_key(op)]
            migration.operations = [op for op in operations if op not in removed + added]
            aside.append((migration, removed, added))
        super()._optimize_migrations()  # type: ignore[misc]  # not in the stubs
        for migration, removed, added in aside:
            kept = migration.operations
            renames = [i + 1 for i, op in enumerate(kept) if isinstance(op, RenameModel)]
            start = max(renames, default=0)
            first = sorted(removed + self._of_deleted_models(migration), key=self._removal_order)
            migration.operations = [*kept[:start], *first, *kept[start:], *added]

    def _of_deleted_models(self, migration: Migration) -> list[Operation]:
        """A deleted model loses its keys first; if it loses fields first, all that names them."""
        operations = migration.operations
        deleted = {op.name_lower for op in operations if isinstance(op, DeleteModel)}
        emptied = {op.model_name_lower for op in operations if isinstance(op, RemoveField)}
        removals: list[Operation] = []
        for name in sorted(deleted):
            options = self.from_state.models[migration.app_label, name].options
            removals += [
                RemoveConstraint(name, constraint.name)
                for constraint in options.get("constraints", [])
                if name in emptied or isinstance(constraint, CompositeForeignKey)
            ]
            if name in emptied:
                removals += [RemoveIndex(name, index.name) for index in options.get("indexes", [])]
        return removals

    def _removal_order(self, operation: Operation) -> int:
        if isinstance(operation, RemoveIndex):
            return 2
        return int(getattr(operation, "name", "") not in self._existing_keys())

    def _existing_keys(self) -> set[str]:
        return {
            constraint.name
            for model in self.from_state.models.values()
            for constraint in model.options.get("constraints", [])
            if isinstance(constraint, CompositeForeignKey)
        }


def _adds_key(operation: Operation) -> bool:
    return isinstance(operation, AddConstraint) and isinstance(
        operation.constraint, CompositeForeignKey
    )
