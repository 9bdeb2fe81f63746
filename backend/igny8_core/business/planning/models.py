"""Keywords, their clusters and their files; with every other model of the planner by name."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import SiteSectorBaseModel, choices_check
from igny8_core.business.planning.cluster_models import (
    ClusterBuild,
    ClusterChange,
    ClusterEdit,
    ClusterProposal,
)
from igny8_core.business.planning.idea_models import ContentIdeaKeyword, ContentIdeas
from igny8_core.business.planning.import_models import (
    KeywordImport,
    KeywordImportChange,
    KeywordImportIssue,
    KeywordMapping,
)
from igny8_core.business.planning.model_keys import (
    KEYWORD_LENGTH,
    SCOPE,
    loaded,
    optional_choice,
    scope_key,
    sector_key,
)
from igny8_core.business.planning.states import (
    ClusterRole,
    ClusterSource,
    ClusterStatus,
    FigureKind,
    Intent,
    IntentSource,
    KeywordStatus,
)
from igny8_core.business.planning.view_models import SavedView
from igny8_core.common.soft_delete import LIVE, SoftDeletableModel, bin_index
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

__all__ = [
    "KEYWORD_LENGTH",
    "ClusterBuild",
    "ClusterChange",
    "ClusterEdit",
    "ClusterProposal",
    "Clusters",
    "ContentIdeaKeyword",
    "ContentIdeas",
    "KeywordImport",
    "KeywordImportChange",
    "KeywordImportIssue",
    "KeywordMapping",
    "Keywords",
    "SavedView",
]


class Clusters(SoftDeletableModel, SiteSectorBaseModel):
    """A topic: keywords that belong together, in pages that one article each can serve.

    Its figures are the database's: triggers keep them (ADR 0014), and a direct write to them is
    without effect. Counts and volumes are of live keywords that are not disabled, ``mapped_pages``
    of live contents.
    """

    noun = "cluster"

    name = models.CharField(max_length=KEYWORD_LENGTH)
    name_norm = models.CharField(max_length=KEYWORD_LENGTH, editable=False, db_collation="C")
    description = models.TextField(blank=True)
    status = models.CharField(max_length=8, choices=ClusterStatus, default=ClusterStatus.NEW)
    source = models.CharField(
        max_length=10, choices=ClusterSource, default=ClusterSource.CLUSTERING
    )
    intent = models.CharField(max_length=16, choices=Intent, blank=True)
    is_named = models.BooleanField(
        default=False, help_text="A person gave the name; later runs keep it."
    )
    keywords_count = models.PositiveIntegerField(default=0, editable=False)
    volume = models.BigIntegerField(
        default=0, editable=False, help_text="Sum of the known volumes."
    )
    volume_distinct = models.BigIntegerField(
        default=0,
        editable=False,
        help_text="Of close variants only the highest volume: tools report one figure for all.",
    )
    mapped_pages = models.PositiveIntegerField(
        default=0, editable=False, help_text="Contents about this topic."
    )
    is_disabled = models.BooleanField(default=False)
    is_locked = models.BooleanField(default=False, help_text="No run changes it without a person.")
    clusterer_version = models.PositiveIntegerField(default=0)
    import_id = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="The import whose group it was."
    )
    taken_along = models.JSONField(
        default=dict, editable=False, help_text="In the bin: what the deletion took out or along."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("clusters_key"),
            models.UniqueConstraint(
                fields=[*SCOPE, "name_norm"], condition=LIVE, name="clusters_name"
            ),
            choices_check("status", ClusterStatus, "clusters_status"),
            StatusTrail(name="clusters_status_trail"),
            choices_check("source", ClusterSource, "clusters_source"),
            optional_choice("intent", Intent, "clusters_intent"),
            models.CheckConstraint(
                condition=Q(
                    volume__gte=0, volume_distinct__gte=0, volume_distinct__lte=F("volume")
                ),
                name="clusters_volume",
            ),
            models.CheckConstraint(condition=~Q(name_norm=""), name="clusters_named"),
        ]
        indexes = [
            models.Index(
                F("account"),
                F("sector"),
                F("volume").desc(),
                F("id"),
                condition=LIVE,
                name="clusters_by_volume",
            ),
            models.Index(
                fields=["account", "sector", "status", "id"],
                condition=LIVE,
                name="clusters_by_status",
            ),
            models.Index(fields=["account", "id"], name="clusters_by_id"),
            bin_index("clusters_bin"),
        ]

    def __str__(self) -> str:
        return self.name

    def fill_context(self) -> None:
        """The name is compared case-folded."""
        self.name_norm = self.name.casefold()[:KEYWORD_LENGTH]
        super().fill_context()


class _SeededModel(SiteSectorBaseModel):
    """A sector's row that names the industry sector too; that key implies the base's."""

    industry_sector = aligned("igny8_auth.IndustrySector", models.PROTECT, editable=False)

    required_constraints: ClassVar[list[Any]] = [
        SiteSectorBaseModel.required_constraints[0],
        CompositeForeignKey(
            name="%(app_label)s_%(class)s_sector",
            fields=[*SCOPE, "industry_sector"],
            rel="sector",
            to_fields=["account", "site", "id", "industry_sector"],
            error_field="sector",
            violation_error_message="Sector is of another site or another industry sector.",
        ),
    ]

    class Meta(SiteSectorBaseModel.Meta):
        abstract = True


class Keywords(SoftDeletableModel, _SeededModel):
    """A keyword of a sector: the shared text of a seed keyword, and this tenant's own figures.

    What a list filters or sorts by is a plain column. A figure's kind says how good it is:
    ``volume`` of a range is its lower bound. Unknown is NULL, never 0.
    """

    noun = "keyword"

    seed_keyword = aligned("igny8_auth.SeedKeyword", models.PROTECT)
    cluster = aligned("planning.Clusters", models.RESTRICT, null=True, blank=True)
    keyword = models.CharField(max_length=KEYWORD_LENGTH)
    keyword_norm = models.CharField(max_length=KEYWORD_LENGTH, editable=False, db_collation="C")
    status = models.CharField(max_length=8, choices=KeywordStatus, default=KeywordStatus.NEW)
    volume = models.BigIntegerField(null=True, blank=True, help_text="Searches a month.")
    volume_max = models.BigIntegerField(null=True, blank=True, help_text="Of a range.")
    volume_kind = models.CharField(
        max_length=12, choices=FigureKind, default=FigureKind.UNKNOWN, editable=False
    )
    volume_observed_on = models.DateField(null=True, blank=True, editable=False)
    difficulty = models.FloatField(null=True, blank=True, help_text="0 to 100.")
    difficulty_kind = models.CharField(
        max_length=12, choices=FigureKind, default=FigureKind.UNKNOWN, editable=False
    )
    difficulty_observed_on = models.DateField(null=True, blank=True, editable=False)
    cpc_minor = models.BigIntegerField(null=True, blank=True, help_text="Price of a click.")
    cpc_currency = models.CharField(max_length=3, blank=True)
    intent = models.CharField(max_length=16, choices=Intent, blank=True)
    intent_source = models.CharField(
        max_length=8, choices=IntentSource, default=IntentSource.UNKNOWN
    )
    intent_confidence = models.FloatField(default=0)
    page = models.PositiveIntegerField(
        null=True, blank=True, help_text="Page of the cluster; one article serves a page."
    )
    page_place = models.PositiveIntegerField(
        default=0, help_text="Place in its page; 0 is the page's target keyword."
    )
    role = models.CharField(max_length=10, choices=ClusterRole, blank=True)
    variant = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="The same for close variants of a keyword."
    )
    attributes = models.JSONField(default=dict, blank=True)
    is_disabled = models.BooleanField(default=False)
    is_pinned = models.BooleanField(
        default=False, help_text="Placed by a person; later runs leave it where it is."
    )
    first_import_id = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="The import that made it, if one did."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("keywords_key"),
            models.UniqueConstraint(
                fields=[*SCOPE, "seed_keyword"], condition=LIVE, name="keywords_once"
            ),
            CompositeForeignKey(
                name="keywords_seed",
                fields=["seed_keyword", "industry_sector"],
                rel="seed_keyword",
                to_fields=["id", "industry_sector"],
                error_field="seed_keyword",
                violation_error_message="Seed keyword is of another industry sector.",
            ),
            sector_key("keywords_cluster", "cluster", "Cluster is in another sector."),
            choices_check("status", KeywordStatus, "keywords_status"),
            StatusTrail(name="keywords_status_trail", is_set_based=True),
            choices_check("volume_kind", FigureKind, "keywords_volume_kind"),
            choices_check("difficulty_kind", FigureKind, "keywords_difficulty_kind"),
            choices_check("intent_source", IntentSource, "keywords_intent_source"),
            optional_choice("intent", Intent, "keywords_intent"),
            optional_choice("role", ClusterRole, "keywords_role"),
            models.CheckConstraint(
                condition=Q(status=KeywordStatus.MAPPED, cluster__isnull=False)
                | Q(status=KeywordStatus.NEW, cluster__isnull=True, page__isnull=True),
                name="keywords_mapped_has_cluster",
            ),
            models.CheckConstraint(
                condition=Q(volume_kind=FigureKind.UNKNOWN, volume__isnull=True)
                | Q(volume__isnull=False, volume__gte=0) & ~Q(volume_kind=FigureKind.UNKNOWN),
                name="keywords_volume_known",
            ),
            models.CheckConstraint(
                condition=Q(volume_max__isnull=True)
                | Q(volume_kind=FigureKind.RANGE, volume_max__gte=F("volume")),
                name="keywords_volume_range",
            ),
            models.CheckConstraint(
                condition=Q(difficulty_kind=FigureKind.UNKNOWN, difficulty__isnull=True)
                | Q(difficulty__isnull=False, difficulty__gte=0, difficulty__lte=100)
                & ~Q(difficulty_kind=FigureKind.UNKNOWN),
                name="keywords_difficulty_known",
            ),
            models.CheckConstraint(
                condition=Q(cpc_minor__isnull=True) | Q(cpc_minor__gte=0), name="keywords_cpc"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "sector", "keyword_norm"],
                condition=~LIVE,
                name="keywords_deleted",
            ),
            models.Index(
                fields=["account", "sector", "keyword_norm", "id"],
                condition=LIVE,
                name="keywords_by_text",
            ),
            models.Index(
                F("account"),
                F("sector"),
                F("volume").desc(nulls_last=True),
                F("id"),
                condition=LIVE,
                name="keywords_by_volume",
            ),
            models.Index(
                fields=["account", "sector", "difficulty", "id"],
                condition=LIVE,
                name="keywords_by_difficulty",
            ),
            models.Index(
                fields=["account", "sector", "cluster", "page", "id"],
                condition=LIVE,
                name="keywords_by_cluster",
            ),
            models.Index(fields=["account", "id"], name="keywords_by_id"),
            bin_index("keywords_bin"),
        ]

    def __str__(self) -> str:
        return self.keyword

    def fill_context(self) -> None:
        """Text and industry sector follow the seed keyword and the sector when they are loaded."""
        seed, sector = loaded(self, "seed_keyword"), loaded(self, "sector")
        if seed is not None:
            self.keyword = self.keyword or seed.keyword
            self.keyword_norm = self.keyword_norm or seed.keyword_norm
        if sector is not None:
            self.industry_sector_id = sector.industry_sector_id
        super().fill_context()
