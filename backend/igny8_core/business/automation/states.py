"""Lifecycles of automation runs, their stages and their work items."""

from __future__ import annotations

from django.db.models import IntegerChoices, TextChoices

from igny8_core.common.states import TransitionTable


class Frequency(TextChoices):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Weekday(IntegerChoices):
    """As in :meth:`datetime.date.weekday`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class Trigger(TextChoices):
    MANUAL = "manual"
    SCHEDULED = "scheduled"


class Desired(TextChoices):
    """What people want of a run; the stepper makes it so."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class RunStatus(TextChoices):
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"


class StageStatus(TextChoices):
    """A stage that a run has not reached has no row."""

    RUNNING = "running"
    COMPLETED = "completed"


class WorkItemStatus(TextChoices):
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"


class WorkClass(TextChoices):
    """A queue with slots of its own, the most urgent first; the declared queues of the broker."""

    INTERACTIVE = "interactive"
    AI_TEXT = "ai_text"
    AI_IMAGE = "ai_image"
    PUBLISH = "publish"
    CONTROL = "control"
    PLANNING_HEAVY = "planning_heavy"


class ErrorClass(TextChoices):
    """Why an attempt failed, and so what happens next."""

    TRANSIENT = "transient"  # again later, five times
    RATE = "rate"  # again when the provider says; not counted
    CREDITS = "credits"  # when there are credits again; not counted
    UNEXPECTED = "unexpected"  # a bug: again later, five times
    PERMANENT = "permanent"  # failed at once
    POISON = "poison"  # dead: its worker died with it again and again


class DeliveryStatus(TextChoices):
    """Of a message to an address outside."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


RUN = TransitionTable(
    {
        RunStatus.RUNNING: {
            RunStatus.PAUSED,
            RunStatus.COMPLETED,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
        },
        RunStatus.PAUSED: {RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED},
        RunStatus.CANCELLED: frozenset(),
        RunStatus.COMPLETED: frozenset(),
        RunStatus.FAILED: frozenset(),
    }
)

STAGE = TransitionTable(
    {
        StageStatus.RUNNING: {StageStatus.COMPLETED},
        StageStatus.COMPLETED: frozenset(),
    }
)

WORK_ITEM = TransitionTable(
    {
        WorkItemStatus.READY: {WorkItemStatus.QUEUED, WorkItemStatus.CANCELLED},
        WorkItemStatus.QUEUED: {
            WorkItemStatus.RUNNING,
            WorkItemStatus.READY,  # the hint was lost
            WorkItemStatus.CANCELLED,
        },
        WorkItemStatus.RUNNING: {
            WorkItemStatus.DONE,
            WorkItemStatus.FAILED,
            WorkItemStatus.DEAD,
            WorkItemStatus.CANCELLED,
            WorkItemStatus.READY,  # again later, or the lease ran out
        },
        WorkItemStatus.FAILED: {WorkItemStatus.READY},  # a person asked for a retry
        WorkItemStatus.DEAD: {WorkItemStatus.READY},
        WorkItemStatus.DONE: frozenset(),
        WorkItemStatus.CANCELLED: frozenset(),
    }
)

DELIVERY = TransitionTable(
    {
        DeliveryStatus.PENDING: {DeliveryStatus.DELIVERED, DeliveryStatus.FAILED},
        DeliveryStatus.DELIVERED: {DeliveryStatus.PENDING},  # a person asked for a replay
        DeliveryStatus.FAILED: {DeliveryStatus.PENDING},
    }
)

ACTIVE_RUN = (RunStatus.RUNNING, RunStatus.PAUSED)
OPEN_ITEM = (WorkItemStatus.READY, WorkItemStatus.QUEUED, WorkItemStatus.RUNNING)
IN_FLIGHT = (WorkItemStatus.QUEUED, WorkItemStatus.RUNNING)
FAILED_ITEM = (WorkItemStatus.FAILED, WorkItemStatus.DEAD)
