"""Scores of articles: what each text reached, by which version of the scorer, and why."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel
from igny8_core.business.content.model_keys import within_sector
from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.managers import aligned


class ContentScore(AccountBaseModel):
    """The score of one text for one target, with its whole explanation.

    Scores of different versions of the scorer are never compared. ``earned`` and ``max`` are
    hundredths of a point; ``score`` is NULL where the page cannot be scored, and ``reason`` says
    why.
    """

    content = aligned("content.Content")
    version = models.PositiveIntegerField(help_text="The article's version that was scored.")
    content_hash = models.CharField(max_length=64)
    target_hash = models.CharField(max_length=64)
    scorer_version = models.CharField(max_length=24)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    earned = models.PositiveIntegerField(default=0)
    max = models.PositiveIntegerField(default=0)
    word_count = models.PositiveIntegerField(default=0, help_text="As the scorer counts.")
    caps = models.JSONField(default=list, blank=True)
    checks = models.JSONField(default=list, blank=True)
    target = models.JSONField(default=dict, blank=True, help_text="What it was scored against.")
    scored_at = models.DateTimeField()

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="contentscore_content",
                fields=["account", "content"],
                rel="content",
                to_fields=["account", "id"],
                error_field="content",
                violation_error_message="Content is of another account.",
            ),
            models.UniqueConstraint(
                fields=["account", "content", "content_hash", "target_hash", "scorer_version"],
                name="contentscore_once",
            ),
            models.CheckConstraint(
                name="contentscore_points",
                condition=Q(earned__lte=F("max")) & (Q(score__isnull=True) | Q(score__lte=100)),
            ),
            models.CheckConstraint(
                name="contentscore_or_reason",
                condition=Q(score__isnull=True) & ~Q(reason="")
                | Q(score__isnull=False, reason="", max__gt=0),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "content", "scored_at"], name="contentscore_history"),
            models.Index(fields=["account", "id"], name="contentscore_by_id"),
        ]

    def __str__(self) -> str:
        return f"content {self.content_id}: {self.score}"


class SerpSample(SiteSectorBaseModel):
    """What the pages that a search found say on a cluster, as terms; their texts are not kept."""

    cluster = aligned("planning.Clusters")
    market = models.CharField(max_length=2, help_text="The country whose results these are.")
    taken_on = models.DateField()
    documents = models.PositiveSmallIntegerField(help_text="How many pages were read.")
    terms = models.JSONField(default=list, help_text="Text, and on how many of the pages.")

    class Meta(SiteSectorBaseModel.Meta):
        constraints = [
            within_sector("serpsample_cluster", "cluster", "Cluster is in another sector."),
            models.CheckConstraint(
                name="serpsample_documents", condition=Q(documents__gte=3, documents__lte=20)
            ),
            models.CheckConstraint(
                name="serpsample_market", condition=Q(market__regex=r"^[A-Z]{2}$")
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "cluster", "-taken_on", "-id"], name="serpsample_newest"
            ),
            models.Index(fields=["account", "id"], name="serpsample_by_id"),
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.taken_on}"
