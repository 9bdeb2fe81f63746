"""Ideas worth writing, and the keywords that they serve."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import SiteSectorBaseModel, choices_check
from igny8_core.business.planning.model_keys import (
    KEYWORD_LENGTH,
    SCOPE,
    loaded,
    optional_choice,
    scope_key,
    sector_key,
)
from igny8_core.business.planning.states import (
    BLOCKING_VERDICTS,
    ClusterRole,
    ContentStructure,
    ContentType,
    IdeaSource,
    IdeaStatus,
    Intent,
    OverlapVerdict,
)
from igny8_core.common.soft_delete import LIVE, SoftDeletableModel, bin_index
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.managers import aligned


class ContentIdeas(SoftDeletableModel, SiteSectorBaseModel):
    """One article worth writing, for one page of a cluster."""

    noun = "idea"

    cluster = aligned("planning.Clusters", models.RESTRICT)
    keywords: Any = models.ManyToManyField(
        "planning.Keywords", through="planning.ContentIdeaKeyword", related_name="+", blank=True
    )
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=IdeaStatus, default=IdeaStatus.NEW)
    content_type = models.CharField(max_length=16, choices=ContentType, default=ContentType.POST)
    content_structure = models.CharField(
        max_length=24, choices=ContentStructure, default=ContentStructure.ARTICLE
    )
    role = models.CharField(max_length=10, choices=ClusterRole, default=ClusterRole.SUPPORTING)
    target_keyword = models.CharField(max_length=KEYWORD_LENGTH)
    intent = models.CharField(max_length=16, choices=Intent, blank=True)
    volume = models.BigIntegerField(
        null=True, blank=True, help_text="Sum of its keywords' known volumes."
    )
    estimated_words = models.PositiveIntegerField()
    estimated_credits = models.PositiveIntegerField(
        null=True, blank=True, help_text="NULL: no price is set."
    )
    reason = models.TextField(blank=True, help_text="Why this is worth writing, with figures.")
    outline = models.JSONField(default=list, blank=True)
    page = models.PositiveIntegerField(
        null=True, blank=True, help_text="Page of the cluster that it was made for."
    )
    source = models.CharField(max_length=8, choices=IdeaSource, default=IdeaSource.RULES)
    provenance = models.JSONField(
        default=dict, blank=True, help_text="Model and prompt that worded it."
    )
    overlap = models.CharField(
        max_length=16, choices=OverlapVerdict, blank=True, help_text="Empty: not compared yet."
    )
    overlap_reason = models.TextField(blank=True, help_text="The verdict in words.")
    overlap_matches = models.JSONField(
        default=list, blank=True, help_text="Pages and ideas it was found to overlap with."
    )
    overlap_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    override_reason = models.CharField(
        max_length=500, blank=True, help_text="Why a person wants it written all the same."
    )
    overridden_at = models.DateTimeField(null=True, blank=True, editable=False)
    overridden_by = models.CharField(max_length=100, blank=True, editable=False)
    queued_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("contentideas_key"),
            models.UniqueConstraint(
                fields=[*SCOPE, "cluster", "page"],
                condition=LIVE & Q(page__isnull=False),
                name="contentideas_once_per_page",
            ),
            sector_key("contentideas_cluster", "cluster", "Cluster is in another sector."),
            choices_check("status", IdeaStatus, "contentideas_status"),
            StatusTrail(name="contentideas_status_trail"),
            choices_check("content_type", ContentType, "contentideas_type"),
            choices_check("content_structure", ContentStructure, "contentideas_structure"),
            choices_check("role", ClusterRole, "contentideas_role"),
            choices_check("source", IdeaSource, "contentideas_source"),
            optional_choice("intent", Intent, "contentideas_intent"),
            optional_choice("overlap", OverlapVerdict, "contentideas_overlap"),
            models.CheckConstraint(
                condition=Q(overlap="", overlap_checked_at__isnull=True)
                | ~Q(overlap="") & Q(overlap_checked_at__isnull=False),
                name="contentideas_overlap_checked_at",
            ),
            models.CheckConstraint(
                condition=Q(override_reason="", overridden_at__isnull=True)
                | ~Q(override_reason="") & Q(overridden_at__isnull=False),
                name="contentideas_overridden_at",
            ),
            models.CheckConstraint(
                condition=Q(estimated_words__gt=0), name="contentideas_has_words"
            ),
            models.CheckConstraint(
                condition=Q(status=IdeaStatus.NEW) | Q(queued_at__isnull=False),
                name="contentideas_queued_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=IdeaStatus.COMPLETED) | Q(completed_at__isnull=False),
                name="contentideas_completed_at",
            ),
        ]
        indexes = [
            models.Index(
                F("account"),
                F("sector"),
                F("status"),
                F("volume").desc(nulls_last=True),
                F("id"),
                condition=LIVE,
                name="contentideas_by_status",
            ),
            models.Index(fields=["account", "cluster"], name="contentideas_by_cluster"),
            models.Index(
                F("account"),
                F("sector"),
                F("volume").desc(nulls_last=True),
                F("id"),
                condition=LIVE,
                name="contentideas_by_volume",
            ),
            models.Index(fields=["account", "id"], name="contentideas_by_id"),
            bin_index("contentideas_bin"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_blocked(self) -> bool:
        """Whether the guard holds it back: it would repeat what there is, and nobody said go on."""
        return self.overlap in BLOCKING_VERDICTS and self.overridden_at is None


class ContentIdeaKeyword(SiteSectorBaseModel):
    """A keyword that an idea serves; one of them is its target."""

    idea = aligned("planning.ContentIdeas")
    keyword = aligned("planning.Keywords")
    is_target = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "idea", "keyword"], name="contentideakeyword_once"
            ),
            models.UniqueConstraint(
                fields=["account", "idea"],
                condition=Q(is_target=True),
                name="contentideakeyword_one_target",
            ),
            sector_key("contentideakeyword_idea", "idea", "Idea is in another sector."),
            sector_key("contentideakeyword_keyword", "keyword", "Keyword is in another sector."),
        ]
        indexes = [models.Index(fields=["account", "keyword"], name="contentideakeyword_by_kw")]

    def fill_context(self) -> None:
        """Account, site and sector are the idea's."""
        idea = loaded(self, "idea")
        if idea is not None:
            self.account_id = self.account_id or idea.account_id
            self.site_id = self.site_id or idea.site_id
            self.sector_id = self.sector_id or idea.sector_id
        super().fill_context()
