"""Optimisations of contents: what there was before, what came out, what it cost."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.optimization.states import OPEN, OptimizationStatus, Outcome
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
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    is_automatic = models.BooleanField(
        default=False, help_text="What wins points and loses nothing is accepted without a person."
    )
    is_by_rules = models.BooleanField(
        default=False, help_text="No model is asked; it costs nothing."
    )
    content_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The article's version that it is made of."
    )
    accepted_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The version that accepting it made."
    )
    undone_at = models.DateTimeField(null=True, blank=True)
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
            models.CheckConstraint(
                name="optimizationtask_outcome",
                condition=Q(outcome="")
                | Q(outcome__in=list(Outcome.values), status=OptimizationStatus.COMPLETED),
            ),
            models.CheckConstraint(
                name="optimizationtask_accepted_made_a_version",
                condition=~Q(outcome=Outcome.ACCEPTED)
                | Q(accepted_version__isnull=False, content_version__isnull=False),
            ),
            models.CheckConstraint(
                name="optimizationtask_undone_was_accepted",
                condition=Q(undone_at__isnull=True) | Q(outcome=Outcome.ACCEPTED),
            ),
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
            models.Index(
                fields=["account", "outcome", "-id"],
                condition=~Q(outcome=""),
                name="optimizationtask_outcomes",
            ),
            models.Index(fields=["account", "id"], name="optimizationtask_by_id"),
        ]

    def __str__(self) -> str:
        return f"content {self.content_id}: {self.status}"

    def fill_context(self) -> None:
        """The account is the content's."""
        if not self.account_id and self.content_id:
            self.account_id = self.content.account_id
        super().fill_context()
