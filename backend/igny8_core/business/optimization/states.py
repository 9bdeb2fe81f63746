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


class Outcome(TextChoices):
    """What came of a completed optimisation."""

    ACCEPTED = "accepted"  # the article has it, as a version that can be undone
    REJECTED = "rejected"  # it would have cost something, or a person did not want it
    NEEDS_REVIEW = "needs_review"  # a person has to say yes
    NOTHING_TO_GAIN = "nothing_to_gain"  # no model was asked


OPEN = (OptimizationStatus.PENDING, OptimizationStatus.RUNNING)
"""A content has at most one of these."""

OUTCOME = TransitionTable(
    {
        Outcome.NEEDS_REVIEW: {Outcome.ACCEPTED, Outcome.REJECTED},
        Outcome.ACCEPTED: frozenset(),
        Outcome.REJECTED: frozenset(),
        Outcome.NOTHING_TO_GAIN: frozenset(),
    }
)
"""What a person may decide."""

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
