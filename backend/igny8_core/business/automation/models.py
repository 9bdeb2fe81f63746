"""Schedules, runs with their stages, and the items that workers lease."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.automation.states import (
    ACTIVE_RUN,
    IN_FLIGHT,
    Desired,
    ErrorClass,
    Frequency,
    RunStatus,
    StageStatus,
    Trigger,
    Weekday,
    WorkItemStatus,
)
from igny8_core.business.automation.states import WorkClass as Classes
from igny8_core.business.automation.webhook_models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

__all__ = [
    "AutomationConfig",
    "AutomationRun",
    "AutomationStage",
    "PeriodicJob",
    "RunEvent",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkClass",
    "WorkItem",
    "WorkerNode",
]

STAGES = 7


def _site_key(name: str) -> CompositeForeignKey:
    return CompositeForeignKey(
        name=name,
        fields=["account", "site"],
        rel="site",
        to_fields=["account", "id"],
        error_field="site",
        violation_error_message="Site is of another account.",
    )


def _run_key(name: str) -> CompositeForeignKey:
    return CompositeForeignKey(
        name=name,
        fields=["account", "run"],
        rel="run",
        to_fields=["account", "id"],
        error_field="run",
        violation_error_message="Run is of another account.",
    )


def _batch_size(default: int) -> Any:
    return models.PositiveIntegerField(default=default, help_text="Items opened at a time.")


class AutomationConfig(AccountBaseModel):
    """When a site's runs start, how big their batches are, and what they may cost.

    Invariant: an enabled config has a ``next_run_at``.
    """

    site = aligned("igny8_auth.Site")
    is_enabled = models.BooleanField(default=False)
    frequency = models.CharField(max_length=8, choices=Frequency, default=Frequency.DAILY)
    scheduled_time = models.TimeField(help_text="Wall time in the time zone below.")
    timezone = models.CharField(max_length=64, help_text="IANA name; the site's at first.")
    weekday = models.PositiveSmallIntegerField(
        null=True, blank=True, choices=Weekday, help_text="Weekly schedules: 0 is Monday."
    )
    day_of_month = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Monthly schedules: 29 to 31 mean the last day there is."
    )
    stage_1_batch_size = _batch_size(1)
    stage_2_batch_size = _batch_size(20)
    stage_3_batch_size = _batch_size(50)
    stage_4_batch_size = _batch_size(10)
    stage_5_batch_size = _batch_size(10)
    stage_6_batch_size = _batch_size(20)
    within_stage_delay_seconds = models.PositiveIntegerField(default=0)
    between_stage_delay_seconds = models.PositiveIntegerField(default=0)
    misfire_grace_seconds = models.PositiveIntegerField(
        default=21_600, help_text="A slot missed by more than this is skipped."
    )
    max_credits_per_run = models.BigIntegerField(null=True, blank=True)
    max_credits_per_month = models.BigIntegerField(
        null=True, blank=True, help_text="All runs of the site, by the month in the time zone."
    )
    max_failure_percent = models.PositiveSmallIntegerField(
        default=50,
        db_default=50,
        help_text="A run fails when more of a stage's items than this have.",
    )
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            _site_key("automationconfig_site"),
            models.UniqueConstraint(fields=["account", "site"], name="automationconfig_once"),
            models.UniqueConstraint(fields=["account", "id"], name="automationconfig_key"),
            choices_check("frequency", Frequency, "automationconfig_frequency"),
            models.CheckConstraint(
                name="automationconfig_weekly_has_weekday",
                condition=~Q(frequency=Frequency.WEEKLY) | Q(weekday__range=(0, 6)),
            ),
            models.CheckConstraint(
                name="automationconfig_monthly_has_day",
                condition=~Q(frequency=Frequency.MONTHLY) | Q(day_of_month__range=(1, 31)),
            ),
            models.CheckConstraint(
                name="automationconfig_enabled_is_due",
                condition=Q(is_enabled=False) | Q(next_run_at__isnull=False),
            ),
            models.CheckConstraint(
                name="automationconfig_batches",
                condition=Q(**{f"stage_{n}_batch_size__gte": 1 for n in range(1, STAGES)}),
            ),
            models.CheckConstraint(
                name="automationconfig_cap_positive",
                condition=Q(max_credits_per_run__isnull=True) | Q(max_credits_per_run__gte=1),
            ),
            models.CheckConstraint(
                name="automationconfig_month_cap_positive",
                condition=Q(max_credits_per_month__isnull=True) | Q(max_credits_per_month__gte=1),
            ),
            models.CheckConstraint(
                name="automationconfig_failure_percent",
                condition=Q(max_failure_percent__range=(1, 100)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"], condition=Q(is_enabled=True), name="automationconfig_due"
            )
        ]


class AutomationRun(AccountBaseModel):
    """One execution of the seven stages for a site.

    ``status`` is where it is, ``desired`` where people want it. ``version`` counts up at every
    change that a page shows.
    """

    site = aligned("igny8_auth.Site")
    config = models.ForeignKey(
        AutomationConfig,
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    trigger = models.CharField(max_length=16, choices=Trigger)
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.RUNNING)
    desired = models.CharField(max_length=8, choices=Desired, default=Desired.RUN)
    pause_reason = models.CharField(max_length=64, blank=True, help_text="An error code.")
    pause_data = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="What the limit was, and what of it is used.",
    )
    resume_at = models.DateTimeField(
        null=True, blank=True, help_text="When a limit begins anew, and the run goes on by itself."
    )
    current_stage = models.PositiveSmallIntegerField(default=1)
    config_snapshot = models.JSONField(default=dict, help_text="Batch sizes, delays and cap.")
    scheduled_for = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True, help_text="Not stepped before this.")
    usage_log_after = models.BigIntegerField(
        default=0, db_default=0, help_text="Credits logged beyond this key may be its own."
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    total_credits_used = models.BigIntegerField(default=0)
    stage_results = models.JSONField(default=dict, help_text="By stage number, when it closes.")
    error_message = models.TextField(blank=True)
    version = models.BigIntegerField(default=1)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            _site_key("automationrun_site"),
            CompositeForeignKey(
                name="automationrun_config",
                fields=["account", "config"],
                rel="config",
                to_fields=["account", "id"],
                set_null=["config"],
                error_field="config",
                violation_error_message="Config is of another account.",
            ),
            StatusTrail(name="automationrun_status_trail"),
            models.UniqueConstraint(fields=["account", "id"], name="automationrun_key"),
            models.UniqueConstraint(
                fields=["account", "config", "scheduled_for"], name="automationrun_once_per_slot"
            ),
            models.UniqueConstraint(
                fields=["account", "site"],
                condition=Q(status__in=ACTIVE_RUN),
                name="automationrun_one_active",
            ),
            choices_check("trigger", Trigger, "automationrun_trigger"),
            choices_check("status", RunStatus, "automationrun_status"),
            choices_check("desired", Desired, "automationrun_desired"),
            models.CheckConstraint(
                name="automationrun_stage", condition=Q(current_stage__range=(1, STAGES))
            ),
            models.CheckConstraint(
                name="automationrun_resumes_while_paused",
                condition=Q(resume_at__isnull=True) | Q(status=RunStatus.PAUSED),
            ),
            models.CheckConstraint(
                name="automationrun_ended",
                condition=Q(status__in=ACTIVE_RUN, ended_at__isnull=True)
                | Q(ended_at__isnull=False) & ~Q(status__in=ACTIVE_RUN),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "site", "-started_at"], name="automationrun_list"),
            models.Index(
                fields=["wake_at"],
                condition=Q(status=RunStatus.RUNNING),
                name="automationrun_wake",
            ),
            models.Index(
                fields=["pause_reason"],
                condition=Q(status=RunStatus.PAUSED),
                name="automationrun_paused",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="automationrun_ended_at",
            ),
        ]


class AutomationStage(AccountBaseModel):
    """One stage of a run, with the counts of its items as the stepper last saw them."""

    run = aligned("automation.AutomationRun")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=StageStatus, default=StageStatus.RUNNING)
    planned = models.PositiveIntegerField(default=0, help_text="Items made.")
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="Failed and dead items.")
    skipped = models.PositiveIntegerField(default=0, help_text="Cancelled items.")
    credits_used = models.BigIntegerField(default=0)
    batch = models.PositiveIntegerField(default=0, help_text="Batches opened.")
    batch_cursor = models.BigIntegerField(default=0, help_text="Last row that got an item.")
    next_batch_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            _run_key("automationstage_run"),
            models.UniqueConstraint(
                fields=["account", "run", "number"], name="automationstage_once"
            ),
            choices_check("status", StageStatus, "automationstage_status"),
            models.CheckConstraint(
                name="automationstage_number", condition=Q(number__range=(1, STAGES))
            ),
        ]


class WorkItem(AccountBaseModel):
    """One piece of work: the outbox of its own message, and the lease of whoever does it.

    ``lease_token`` counts up by one at every claim and is never reused: it fences the effect of
    a worker that outlived its lease. ``status`` moves in sets, so its SQL lives in
    ``services/{items,admission,sweeping}.py`` (ADR 0005).
    """

    run = aligned("automation.AutomationRun", null=True, blank=True)
    stage = models.PositiveSmallIntegerField(null=True, blank=True)
    batch = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=64, help_text="A key of the handler table.")
    work_class = models.CharField(max_length=16, choices=Classes)
    related_type = models.CharField(max_length=32)
    related_id = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=WorkItemStatus, default=WorkItemStatus.READY)
    priority = models.SmallIntegerField(default=5, help_text="The lowest goes first.")
    not_before = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the last attempt.")
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_node = models.CharField(max_length=128, blank=True, help_text="Stable name of a worker.")
    lease_boot_id = models.UUIDField(null=True, blank=True, help_text="One life of that worker.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    error_class = models.CharField(max_length=16, blank=True, choices=ErrorClass)
    error = models.CharField(max_length=500, blank=True)
    result_id = models.BigIntegerField(null=True, blank=True)
    credits_charged = models.BigIntegerField(default=0)
    usage_log_after = models.BigIntegerField(
        default=0, db_default=0, help_text="Credits logged beyond this key may be its own."
    )
    traceparent = models.CharField(max_length=64, blank=True)
    options = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="What was asked for beside the row."
    )

    tenancy_staff = "SELECT, UPDATE, DELETE"

    class Meta:
        constraints = [
            _run_key("workitem_run"),
            models.UniqueConstraint(
                fields=["account", "kind", "idempotency_key"], name="workitem_once_per_key"
            ),
            choices_check("status", WorkItemStatus, "workitem_status"),
            choices_check("work_class", Classes, "workitem_class"),
            models.CheckConstraint(
                name="workitem_lease_while_running",
                condition=Q(status=WorkItemStatus.RUNNING, lease_expires_at__isnull=False)
                | ~Q(status=WorkItemStatus.RUNNING) & Q(lease_expires_at__isnull=True),
            ),
            models.CheckConstraint(
                name="workitem_queued_at",
                condition=~Q(status=WorkItemStatus.QUEUED) | Q(queued_at__isnull=False),
            ),
            models.CheckConstraint(
                name="workitem_run_and_stage",
                condition=Q(run__isnull=True, stage__isnull=True)
                | Q(run__isnull=False, stage__range=(1, STAGES)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["work_class", "account", "priority", "id"],
                condition=Q(status=WorkItemStatus.READY),
                name="workitem_ready",
            ),
            models.Index(
                fields=["account"],
                condition=Q(status__in=IN_FLIGHT),
                name="workitem_in_flight",
            ),
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(status=WorkItemStatus.RUNNING),
                name="workitem_leased",
            ),
            models.Index(
                fields=["queued_at"],
                condition=Q(status=WorkItemStatus.QUEUED),
                name="workitem_hinted",
            ),
            models.Index(
                fields=["account", "run", "stage", "status"],
                condition=Q(run__isnull=False),
                name="workitem_run_stage",
            ),
            models.Index(
                fields=["account", "related_type", "related_id"],
                condition=Q(run__isnull=True),
                name="workitem_asked_for",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="workitem_ended_at",
            ),
            models.Index(fields=["account", "id"], name="workitem_list"),
            models.Index(
                fields=["account", "run", "id"],
                condition=Q(run__isnull=False),
                name="workitem_run_list",
            ),
        ]


class RunEvent(AccountBaseModel):
    """Something that a person may want to know about a run or a schedule. Append-only."""

    run = aligned("automation.AutomationRun", null=True, blank=True)
    item_id = models.BigIntegerField(null=True, blank=True)
    code = models.CharField(max_length=64)
    data = models.JSONField(default=dict, blank=True)

    tenancy_privileges = "SELECT, INSERT"
    tenancy_staff = "SELECT, INSERT"

    class Meta:
        constraints = [_run_key("runevent_run")]
        indexes = [
            models.Index(fields=["account", "run", "id"], name="runevent_history"),
            models.Index(fields=["account", "id"], name="runevent_list"),
        ]


class WorkerNode(models.Model):
    """One life of one worker. Global: a worker serves every account."""

    boot_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    node_name = models.CharField(max_length=128, db_index=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveIntegerField()
    work_classes = ArrayField(models.CharField(max_length=16))
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    last_hint_at = models.DateTimeField(null=True, blank=True)
    is_draining = models.BooleanField(default=False)


class WorkClass(models.Model):
    """What the dispatcher last knew of a class of work. Global."""

    name = models.CharField(max_length=16, primary_key=True, choices=Classes)
    slots = models.PositiveIntegerField(default=0, help_text="Of the workers that are alive.")
    is_contended = models.BooleanField(
        default=False, help_text="Another account waits: finishers hand nothing over."
    )


class PeriodicJob(models.Model):
    """When a job of the ticker is next due. Global; the row is also its lock."""

    name = models.CharField(max_length=64, primary_key=True)
    next_run_at = models.DateTimeField()
    last_run_at = models.DateTimeField(null=True, blank=True)
