"""States of an optimisation, and the only edges between them."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class OptimizationStatus(TextChoices):
    """One attempt to make a content better."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN = (OptimizationStatus.PENDING, OptimizationStatus.RUNNING)
"""A content has at most one of these."""

OPTIMIZATION = TransitionTable(
    {
        OptimizationStatus.PENDING: {OptimizationStatus.RUNNING},
        OptimizationStatus.RUNNING: {
            OptimizationStatus.COMPLETED,
            OptimizationStatus.FAILED,
            OptimizationStatus.PENDING,  # transient failure, or the lease ran out
        },
        OptimizationStatus.FAILED: {OptimizationStatus.PENDING},  # a person asked for a retry
        OptimizationStatus.COMPLETED: frozenset(),
    }
)
