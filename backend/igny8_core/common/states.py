"""Lifecycles: one table of edges per status, and the only writer of a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db.models import TextChoices

from igny8_core.common.errors import StaleState, TransitionNotAllowed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from django.db import models

S = TypeVar("S", bound=TextChoices)


class TransitionTable(Generic[S]):
    """The edges between the states of one lifecycle.

    :param edges: every state of the enumeration, with the states that may follow it.
    :raises ValueError: a state has no entry.
    """

    def __init__(self, edges: Mapping[S, Collection[S]]) -> None:
        if not edges:
            raise ValueError("a lifecycle has states")
        self.states = type(next(iter(edges)))
        if missing := set(self.states) - set(edges):
            raise ValueError(f"{self.states.__name__}: no entry for {sorted(missing)}")
        self.edges: dict[S, frozenset[S]] = {a: frozenset(b) for a, b in edges.items()}

    def allows(self, source: str, target: str) -> bool:
        """Whether one step leads from ``source`` to ``target``."""
        return self.states(target) in self.edges[self.states(source)]

    def is_terminal(self, state: str) -> bool:
        """Whether nothing follows ``state``."""
        return not self.edges[self.states(state)]

    def mermaid(self) -> str:
        """The lifecycle as a Mermaid state diagram, for the documentation."""
        lines = ["stateDiagram-v2"]
        for state in self.states:
            lines += [f"    {state.value} --> {t.value}" for t in sorted(self.edges[state])]
            if self.is_terminal(state):
                lines.append(f"    {state.value} --> [*]")
        return "\n".join(lines)


def advance(
    row: models.Model,
    to: TextChoices,
    *,
    table: TransitionTable[Any],
    now: datetime,
    expect: Mapping[str, Any] | None = None,
    field: str = "status",
    using: str | None = None,
    **columns: Any,
) -> None:
    """Move ``row.status`` along one edge, with the columns that belong to the new state.

    One ``UPDATE … WHERE pk = … AND status = <old>``. The row in memory follows the database.

    :param field: the lifecycle's column, where a model has another one besides ``status``.
    :param using: the staff role's alias, for rows of no account.
    :param expect: further columns that must still have these values, for example a lease token.
    :raises TransitionNotAllowed: the table has no such edge; nothing was written.
    :raises StaleState: the row is no longer in the expected state; nothing was written.
    """
    old: str = getattr(row, field)
    if not table.allows(old, to):
        raise TransitionNotAllowed(
            f"{type(row).__name__} cannot go from {old} to {to}", source=old, target=str(to)
        )
    values = {field: to.value, **columns}
    names = {field.name for field in row._meta.fields}
    if "updated_at" in names:
        values.setdefault("updated_at", now)
    manager = type(row)._base_manager.using(using)
    conditions = {"pk": row.pk, field: old, **(expect or {})}
    if "account" in names:
        conditions["account_id"] = row.account_id  # type: ignore[attr-defined]  # a tenant row
    if manager.filter(**conditions).update(**values) != 1:
        raise StaleState(f"{type(row).__name__} was changed meanwhile", expected=old)
    for name, value in values.items():
        setattr(row, name, value)
