"""The writer's rows: writing tasks, articles and their versions, images, taxonomies, attributes."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel, choices_check
from igny8_core.business.content.states import (
    AttributeType,
    ClusterMapSource,
    ContentSource,
    ContentStatus,
    ImageStatus,
    ImageType,
    SyncStatus,
    TaskStatus,
    TaxonomyType,
    VersionReason,
)
from igny8_core.business.planning.states import ClusterRole, ContentStructure, ContentType
from igny8_core.common.soft_delete import LIVE, SoftDeletableModel
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

_KEY = [*(_SCOPE := ["account", "site", "sector"]), "id"]


def _within_sector(name: str, relation: str, message: str, **options: Any) -> CompositeForeignKey:
    """The key that holds a relation inside its account, site and sector."""
    return CompositeForeignKey(
        name=name,
        fields=[*_SCOPE, relation],
        rel=relation,
        to_fields=_KEY,
        error_field=relation,
        violation_error_message=message,
        **options,
    )


class LinkedRowModel(SiteSectorBaseModel):
    """A row that hangs on content, a writing task or a cluster, and takes its scope from there."""

    context_relations: tuple[str, ...] = ("content", "task")

    class Meta(SiteSectorBaseModel.Meta):
        abstract = True

    def fill_context(self) -> None:
        """Account, site and sector are those of the first linked row, when they are not given."""
        for relation in self.context_relations:
            if getattr(self, f"{relation}_id") is None or None not in self._scope():
                continue
            parent = getattr(self, relation)
            self.account_id = self.account_id or parent.account_id
            self.site_id = self.site_id or parent.site_id
            self.sector_id = self.sector_id or parent.sector_id
        super().fill_context()

    def _scope(self) -> tuple[int | None, int | None, int | None]:
        return self.account_id, self.site_id, self.sector_id


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
        ]

    def __str__(self) -> str:
        return self.name


class Tasks(SiteSectorBaseModel, SoftDeletableModel):
    """A writing task: one article to be written for a cluster."""

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
            models.UniqueConstraint(fields=_KEY, name="tasks_key"),
            models.UniqueConstraint(
                fields=["account", "idea"],
                condition=Q(idea__isnull=False) & LIVE,
                name="tasks_once_per_idea",
            ),
            _within_sector("tasks_cluster", "cluster", "Cluster is in another sector."),
            _within_sector("tasks_idea", "idea", "Idea is in another sector.", set_null=["idea"]),
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
        ]

    def __str__(self) -> str:
        return self.title


class Content(SiteSectorBaseModel, SoftDeletableModel):
    """An article, page or product text; written here or brought from another platform.

    ``blocks`` is the article; ``html`` is what they render to, sanitised. ``version`` rises with
    every change of the text and is what an editor must name to change it.
    """

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
            models.UniqueConstraint(fields=_KEY, name="content_key"),
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
            _within_sector(
                "content_cluster", "cluster", "Cluster is in another sector.", set_null=["cluster"]
            ),
            _within_sector(
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
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "status", "-created_at", "-id"],
                condition=LIVE,
                name="content_list",
            ),
            models.Index(
                fields=["account", "site", "sector", "cluster"],
                condition=LIVE,
                name="content_by_cluster",
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


class Images(LinkedRowModel, SoftDeletableModel):
    """An image of an article or of a writing task, with its sizes."""

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", null=True, blank=True)
    image_type = models.CharField(max_length=16, choices=ImageType, default=ImageType.FEATURED)
    status = models.CharField(max_length=16, choices=ImageStatus, default=ImageStatus.PENDING)
    position = models.PositiveIntegerField(default=0, help_text="Order among its type, from 0.")
    prompt = models.TextField(blank=True)
    alt = models.CharField(max_length=125, blank=True)
    caption = models.CharField(max_length=255, blank=True)
    path = models.CharField(max_length=500, blank=True, help_text="Below MEDIA_ROOT.")
    url = models.URLField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    variants = models.JSONField(
        default=list, blank=True, help_text="path, format, width, height, size_bytes of each file."
    )
    digital_source_type = models.CharField(max_length=64, blank=True)
    provenance = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(
        default=1, help_text="Which paid try this is; part of its reservation's key."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=_KEY, name="images_key"),
            models.UniqueConstraint(
                fields=["account", "content", "image_type", "position"],
                condition=Q(content__isnull=False) & LIVE,
                name="images_position_in_content",
            ),
            models.UniqueConstraint(
                fields=["account", "task", "image_type", "position"],
                condition=Q(content__isnull=True) & LIVE,
                name="images_position_in_task",
            ),
            _within_sector("images_content", "content", "Content is in another sector."),
            _within_sector("images_task", "task", "Writing task is in another sector."),
            choices_check("image_type", ImageType, "images_type"),
            choices_check("status", ImageStatus, "images_status"),
            StatusTrail(name="images_status_trail"),
            models.CheckConstraint(
                name="images_linked", condition=Q(content__isnull=False) | Q(task__isnull=False)
            ),
            models.CheckConstraint(
                name="images_generated_is_complete",
                condition=~Q(status=ImageStatus.GENERATED)
                | (
                    (~Q(path="") | ~Q(url=""))
                    & ~Q(alt="")
                    & Q(width__isnull=False, height__isnull=False)
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "status", "-created_at", "-id"],
                condition=LIVE,
                name="images_list",
            ),
        ]


class ContentClusterMap(LinkedRowModel):
    """What an article or writing task is to a cluster."""

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", null=True, blank=True)
    cluster = aligned("planning.Clusters")
    role = models.CharField(max_length=16, choices=ClusterRole, default=ClusterRole.SUPPORTING)
    source = models.CharField(
        max_length=16, choices=ClusterMapSource, default=ClusterMapSource.BLUEPRINT
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "content", "cluster", "role"],
                condition=Q(content__isnull=False),
                name="contentclustermap_once",
            ),
            models.UniqueConstraint(
                fields=["account", "task", "cluster", "role"],
                condition=Q(content__isnull=True),
                name="contentclustermap_once_per_task",
            ),
            _within_sector("contentclustermap_content", "content", "Content is in another sector."),
            _within_sector("contentclustermap_task", "task", "Writing task is in another sector."),
            _within_sector("contentclustermap_cluster", "cluster", "Cluster is in another sector."),
            choices_check("role", ClusterRole, "contentclustermap_role"),
            choices_check("source", ClusterMapSource, "contentclustermap_source"),
            models.CheckConstraint(
                name="contentclustermap_linked",
                condition=Q(content__isnull=False) | Q(task__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "cluster", "role"], name="contentclustermap_list"
            ),
        ]


class ContentAttribute(LinkedRowModel):
    """A fact that content, a writing task or a whole cluster should state."""

    context_relations = ("content", "task", "cluster")

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", null=True, blank=True)
    cluster = aligned("planning.Clusters", null=True, blank=True)
    attribute_type = models.CharField(max_length=24, choices=AttributeType)
    name = models.CharField(max_length=120)
    value = models.TextField(blank=True)
    unit = models.CharField(max_length=32, blank=True)
    source = models.CharField(max_length=100, blank=True, help_text="Where the value was read.")
    external_id = models.CharField(max_length=100, blank=True)
    external_name = models.CharField(max_length=120, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            _within_sector("contentattribute_content", "content", "Content is in another sector."),
            _within_sector("contentattribute_task", "task", "Writing task is in another sector."),
            _within_sector("contentattribute_cluster", "cluster", "Cluster is in another sector."),
            choices_check("attribute_type", AttributeType, "contentattribute_type"),
            models.CheckConstraint(
                name="contentattribute_linked",
                condition=Q(content__isnull=False)
                | Q(task__isnull=False)
                | Q(cluster__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "attribute_type", "name"], name="contentattribute_list"
            ),
        ]


ContentAttributeMap = ContentAttribute  # the specification's other name
