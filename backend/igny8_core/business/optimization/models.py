"""Optimisations of contents: what there was before, what came out, what it cost."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.optimization.states import OPEN, OptimizationStatus
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned


class OptimizationTask(AccountBaseModel):
    """One optimisation run of a content, with its scores and HTML before and after."""

    content = aligned("content.Content")
    status = models.CharField(
        max_length=16, choices=OptimizationStatus, default=OptimizationStatus.PENDING
    )
    scores_before = models.JSONField(default=dict, blank=True)
    scores_after = models.JSONField(default=dict, blank=True)
    html_before = models.TextField(blank=True)
    html_after = models.TextField(blank=True)
    credits_used = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="optimizationtask_content",
                fields=["account", "content"],
                rel="content",
                to_fields=["account", "id"],
                error_field="content",
                violation_error_message="Content is of another account.",
            ),
            models.UniqueConstraint(
                fields=["account", "content"],
                condition=Q(status=OptimizationStatus.RUNNING),
                name="optimizationtask_one_running",
            ),
            models.UniqueConstraint(
                fields=["account", "content"],
                condition=Q(status__in=OPEN),
                name="optimizationtask_one_open",
            ),
            choices_check("status", OptimizationStatus, "optimizationtask_status"),
            StatusTrail(name="optimizationtask_status_trail"),
            models.CheckConstraint(
                name="optimizationtask_credits_not_negative", condition=Q(credits_used__gte=0)
            ),
            models.CheckConstraint(
                name="optimizationtask_completed_is_complete",
                condition=~Q(status=OptimizationStatus.COMPLETED)
                | (Q(completed_at__isnull=False) & ~Q(html_after="")),
            ),
            models.CheckConstraint(
                name="optimizationtask_failed_says_why",
                condition=~Q(status=OptimizationStatus.FAILED) | ~Q(error=""),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "content", "-id"], name="optimizationtask_history"),
            models.Index(fields=["account", "status", "-id"], name="optimizationtask_list"),
            models.Index(fields=["account", "id"], name="optimizationtask_by_id"),
        ]

    def __str__(self) -> str:
        return f"content {self.content_id}: {self.status}"

    def fill_context(self) -> None:
        """The account is the content's."""
        if not self.account_id and self.content_id:
            self.account_id = self.content.account_id
        super().fill_context()
