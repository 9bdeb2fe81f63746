"""The writer's rows: writing tasks, articles with versions and taxonomies, what hangs on them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel, choices_check
from igny8_core.business.content.linked_models import (
    ContentAttribute,
    ContentClusterMap,
    Images,
    LinkedRowModel,
)
from igny8_core.business.content.model_keys import KEY, child_index, within_sector
from igny8_core.business.content.page_models import SitePage
from igny8_core.business.content.review_models import (
    ContentComment,
    ContentFingerprint,
    ContentVerdict,
)
from igny8_core.business.content.score_models import ContentScore, SerpSample
from igny8_core.business.content.states import (
    ContentSource,
    ContentStatus,
    SyncStatus,
    TaskStatus,
    TaxonomyType,
    VersionReason,
)
from igny8_core.business.planning.states import ClusterRole, ContentStructure, ContentType
from igny8_core.common.soft_delete import LIVE, SoftDeletableModel, bin_index
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

__all__ = [
    "Content",
    "ContentAttribute",
    "ContentAttributeMap",
    "ContentClusterMap",
    "ContentComment",
    "ContentFingerprint",
    "ContentScore",
    "ContentTaxonomy",
    "ContentTaxonomyLink",
    "ContentVerdict",
    "ContentVersion",
    "Images",
    "LinkedRowModel",
    "SerpSample",
    "SitePage",
    "Tasks",
]


class ContentTaxonomy(AccountBaseModel):
    """A category or tag of a site, ours or one that another platform brought."""

    site = aligned("igny8_auth.Site")
    taxonomy_type = models.CharField(max_length=16, choices=TaxonomyType)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, allow_unicode=True)
    description = models.TextField(blank=True)
    external_taxonomy = models.CharField(
        max_length=100, blank=True, help_text="The platform's own word, for example post_tag."
    )
    external_id = models.CharField(max_length=100, blank=True)
    sync_status = models.CharField(max_length=16, choices=SyncStatus, default=SyncStatus.NATIVE)
    count = models.PositiveIntegerField(default=0, help_text="Articles, as the platform counts.")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="contenttaxonomy_site",
                fields=["account", "site"],
                rel="site",
                to_fields=["account", "id"],
                error_field="site",
                violation_error_message="Site is of another account.",
            ),
            models.UniqueConstraint(fields=["account", "site", "id"], name="contenttaxonomy_key"),
            models.UniqueConstraint(
                fields=["account", "site", "taxonomy_type", "slug"], name="contenttaxonomy_slug"
            ),
            models.UniqueConstraint(
                fields=["account", "site", "external_taxonomy", "external_id"],
                condition=~Q(external_id=""),
                name="contenttaxonomy_external",
            ),
            choices_check("taxonomy_type", TaxonomyType, "contenttaxonomy_type"),
            choices_check("sync_status", SyncStatus, "contenttaxonomy_sync_status"),
            StatusTrail(name="contenttaxonomy_sync_trail", field="sync_status"),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "taxonomy_type", "name", "id"],
                name="contenttaxonomy_list",
            ),
            models.Index(fields=["account", "name", "id"], name="contenttaxonomy_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Tasks(SiteSectorBaseModel, SoftDeletableModel):
    """A writing task: one article to be written for a cluster."""

    noun = "writing task"

    title = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    cluster = aligned("planning.Clusters", models.RESTRICT)
    idea = aligned("planning.ContentIdeas", models.SET_NULL, null=True, blank=True)
    taxonomy = aligned("content.ContentTaxonomy", models.SET_NULL, null=True, blank=True)
    content_type = models.CharField(max_length=16, choices=ContentType, default=ContentType.POST)
    content_structure = models.CharField(
        max_length=24, choices=ContentStructure, default=ContentStructure.ARTICLE
    )
    role = models.CharField(max_length=16, choices=ClusterRole, default=ClusterRole.SUPPORTING)
    keywords = models.TextField(blank=True, help_text="One keyword a line, the primary one first.")
    target_word_count = models.PositiveIntegerField(default=500)
    status = models.CharField(max_length=16, choices=TaskStatus, default=TaskStatus.QUEUED)
    last_error = models.TextField(blank=True, help_text="Why the last try stored nothing.")

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=KEY, name="tasks_key"),
            models.UniqueConstraint(
                fields=["account", "idea"],
                condition=Q(idea__isnull=False) & LIVE,
                name="tasks_once_per_idea",
            ),
            within_sector("tasks_cluster", "cluster", "Cluster is in another sector."),
            within_sector("tasks_idea", "idea", "Idea is in another sector.", set_null=["idea"]),
            CompositeForeignKey(
                name="tasks_taxonomy",
                fields=["account", "site", "taxonomy"],
                rel="taxonomy",
                to_fields=["account", "site", "id"],
                set_null=["taxonomy"],
                error_field="taxonomy",
                violation_error_message="Taxonomy is of another site.",
            ),
            choices_check("status", TaskStatus, "tasks_status"),
            StatusTrail(name="tasks_status_trail"),
            choices_check("role", ClusterRole, "tasks_role"),
            choices_check("content_type", ContentType, "tasks_content_type"),
            choices_check("content_structure", ContentStructure, "tasks_content_structure"),
            models.CheckConstraint(
                name="tasks_target_word_count",
                condition=Q(target_word_count__gte=50, target_word_count__lte=10_000),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "status", "-created_at", "-id"],
                condition=LIVE,
                name="tasks_list",
            ),
            models.Index(fields=["account", "id"], condition=LIVE, name="tasks_by_id"),
            models.Index(fields=["account", "title", "id"], condition=LIVE, name="tasks_by_title"),
            bin_index("tasks_bin"),
            models.Index(fields=["account", "cluster"], name="tasks_by_cluster"),
            child_index("idea", "tasks_by_idea"),
            child_index("taxonomy", "tasks_by_taxonomy"),
        ]

    def __str__(self) -> str:
        return self.title


class Content(SiteSectorBaseModel, SoftDeletableModel):
    """An article, page or product text; written here or brought from another platform.

    ``blocks`` is the article; ``html`` is what they render to, sanitised. ``version`` rises with
    every change of the text and is what an editor must name to change it.
    """

    noun = "article"

    task = aligned("content.Tasks", models.SET_NULL, null=True, blank=True)
    cluster = aligned("planning.Clusters", models.SET_NULL, null=True, blank=True)
    taxonomies = models.ManyToManyField(
        ContentTaxonomy, through="content.ContentTaxonomyLink", related_name="+", blank=True
    )
    title = models.CharField(max_length=255)
    html = models.TextField(blank=True)
    blocks = models.JSONField(default=list, blank=True)
    word_count = models.PositiveIntegerField(default=0)
    content_type = models.CharField(max_length=16, choices=ContentType, default=ContentType.POST)
    content_structure = models.CharField(
        max_length=24, choices=ContentStructure, default=ContentStructure.ARTICLE
    )
    language = models.CharField(max_length=8, default="en")
    # --- search engines
    slug = models.SlugField(max_length=100, blank=True, allow_unicode=True)
    meta_title = models.CharField(max_length=255, blank=True)
    meta_description = models.CharField(max_length=500, blank=True)
    excerpt = models.TextField(blank=True)
    primary_keyword = models.CharField(max_length=255, blank=True)
    secondary_keywords = models.JSONField(default=list, blank=True)
    # --- the last score, for lists; the rows of ContentScore say why
    score = models.PositiveSmallIntegerField(
        null=True, blank=True, editable=False, help_text="0 to 100; NULL: not scored."
    )
    scored_version = models.PositiveIntegerField(
        null=True, blank=True, editable=False, help_text="The version that the score is of."
    )
    scored_at = models.DateTimeField(null=True, blank=True, editable=False)
    # --- lifecycle
    status = models.CharField(max_length=16, choices=ContentStatus, default=ContentStatus.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    revised_at = models.DateTimeField(
        null=True, blank=True, help_text="When the text last changed; what readers are told."
    )
    approved_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The version that a reviewer accepted."
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by_id = models.BigIntegerField(null=True, blank=True, help_text="A user; or a rule.")
    review_note = models.TextField(blank=True, help_text="Why it was sent back.")
    publish_at = models.DateTimeField(
        null=True, blank=True, help_text="Not published before, though it is approved."
    )
    # --- where it comes from
    source = models.CharField(max_length=16, choices=ContentSource, default=ContentSource.IGNY8)
    sync_status = models.CharField(max_length=16, choices=SyncStatus, default=SyncStatus.NATIVE)
    external_id = models.CharField(max_length=100, blank=True)
    external_url = models.URLField(max_length=500, blank=True)
    external_type = models.CharField(max_length=50, blank=True)
    external_metadata = models.JSONField(default=dict, blank=True)
    provenance = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="content_account_key"),
            models.UniqueConstraint(fields=["account", "site", "id"], name="content_site_key"),
            models.UniqueConstraint(fields=KEY, name="content_key"),
            models.UniqueConstraint(fields=["account", "task"], name="content_once_per_task"),
            models.UniqueConstraint(
                fields=["account", "site", "slug"],
                condition=LIVE & ~Q(slug=""),
                name="content_slug",
            ),
            models.UniqueConstraint(
                fields=["account", "site", "external_type", "external_id"],
                condition=LIVE & ~Q(external_id=""),
                name="content_external",
            ),
            within_sector(
                "content_cluster", "cluster", "Cluster is in another sector.", set_null=["cluster"]
            ),
            within_sector(
                "content_task", "task", "Writing task is in another sector.", set_null=["task"]
            ),
            choices_check("status", ContentStatus, "content_status"),
            StatusTrail(name="content_status_trail"),
            choices_check("source", ContentSource, "content_source"),
            choices_check("content_type", ContentType, "content_type"),
            choices_check("content_structure", ContentStructure, "content_structure"),
            choices_check("sync_status", SyncStatus, "content_sync_status"),
            StatusTrail(name="content_sync_trail", field="sync_status"),
            models.CheckConstraint(
                name="content_published_has_a_date",
                condition=~Q(status=ContentStatus.PUBLISHED) | Q(published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="content_published_has_a_slug",
                condition=~Q(status=ContentStatus.PUBLISHED) | ~Q(slug=""),
            ),
            models.CheckConstraint(name="content_version", condition=Q(version__gte=1)),
            models.CheckConstraint(
                name="content_score", condition=Q(score__isnull=True) | Q(score__lte=100)
            ),
            models.CheckConstraint(
                name="content_published_is_live",
                condition=~Q(status=ContentStatus.PUBLISHED) | LIVE,
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "status", "-created_at", "-id"],
                condition=LIVE,
                name="content_list",
            ),
            models.Index(
                fields=["account", "site", "sector", "cluster"], name="content_of_cluster"
            ),
            models.Index(
                fields=["account", "title", "id"], condition=LIVE, name="content_by_title"
            ),
            models.Index(
                fields=["account", "updated_at", "id"], condition=LIVE, name="content_by_change"
            ),
            models.Index(
                fields=["account", "score", "id"], condition=LIVE, name="content_by_score"
            ),
            models.Index(
                fields=["id"],
                condition=LIVE & (Q(scored_version__isnull=True) | ~Q(scored_version=F("version"))),
                name="content_unscored",
            ),
            models.Index(fields=["scored_at", "id"], condition=LIVE, name="content_by_scoring"),
            bin_index("content_bin"),
            models.Index(
                fields=["publish_at", "id"],
                condition=LIVE & Q(publish_at__isnull=False, status=ContentStatus.REVIEW),
                name="content_scheduled",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ContentTaxonomyLink(AccountBaseModel):
    """That an article carries a category or tag."""

    site = aligned("igny8_auth.Site")
    content = aligned("content.Content")
    taxonomy = aligned("content.ContentTaxonomy")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "content", "taxonomy"], name="contenttaxonomylink_once"
            ),
            CompositeForeignKey(
                name="contenttaxonomylink_content",
                fields=["account", "site", "content"],
                rel="content",
                to_fields=["account", "site", "id"],
                error_field="content",
                violation_error_message="Content is of another site.",
            ),
            CompositeForeignKey(
                name="contenttaxonomylink_taxonomy",
                fields=["account", "site", "taxonomy"],
                rel="taxonomy",
                to_fields=["account", "site", "id"],
                error_field="taxonomy",
                violation_error_message="Taxonomy is of another site.",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "taxonomy", "content"], name="contenttaxonomylink_list"
            ),
        ]


class ContentVersion(AccountBaseModel):
    """What an article was at one version. Append-only: restoring writes a new version."""

    content = aligned("content.Content")
    version = models.PositiveIntegerField()
    reason = models.CharField(max_length=16, choices=VersionReason)
    editor_id = models.BigIntegerField(null=True, blank=True, help_text="A user; or the system.")
    title = models.CharField(max_length=255)
    html = models.TextField(blank=True)
    blocks = models.JSONField(default=list)
    word_count = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=dict, help_text="Slug, meta data, excerpt, keywords.")
    provenance = models.JSONField(default=dict)

    tenancy_privileges = "SELECT, INSERT, DELETE"  # deleted only with its article

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "content", "version"], name="contentversion_once"
            ),
            CompositeForeignKey(
                name="contentversion_content",
                fields=["account", "content"],
                rel="content",
                to_fields=["account", "id"],
                error_field="content",
                violation_error_message="Content is of another account.",
            ),
            choices_check("reason", VersionReason, "contentversion_reason"),
            models.CheckConstraint(name="contentversion_version", condition=Q(version__gte=1)),
        ]
        indexes = [models.Index(fields=["account", "id"], name="contentversion_by_id")]


ContentAttributeMap = ContentAttribute  # the specification's other name
