"""Images, cluster maps and attributes: what hangs on articles, writing tasks and clusters."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import SiteSectorBaseModel, choices_check
from igny8_core.business.content.model_keys import KEY, child_index, within_sector
from igny8_core.business.content.states import (
    AttributeType,
    ClusterMapSource,
    ImageStatus,
    ImageType,
)
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.soft_delete import LIVE, SoftDeletableModel, bin_index
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.managers import aligned


def part_of_owner(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """``on_delete``: a row goes with its owner, and loses whatever else it was linked to.

    Its owner is the first of its ``context_relations`` that is set: an image of an article stays
    when the writing task goes for good.
    """
    relations = field.model.context_relations
    owned = Q()
    for relation in relations[: relations.index(field.name)]:
        owned |= Q(**{f"{relation}__isnull": False})
    models.SET_NULL(collector, field, sub_objs.filter(owned), using)
    models.CASCADE(collector, field, sub_objs.exclude(owned), using)


class LinkedRowModel(SiteSectorBaseModel):
    """A row that hangs on content, a writing task or a cluster, and takes its scope from there.

    :cvar context_relations: what it may hang on; its owner is the first that is set.
    """

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


class Images(LinkedRowModel, SoftDeletableModel):
    """An image of an article or of a writing task, with its sizes."""

    noun = "image"

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", part_of_owner, null=True, blank=True)
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
            models.UniqueConstraint(fields=KEY, name="images_key"),
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
            within_sector("images_content", "content", "Content is in another sector."),
            within_sector("images_task", "task", "Writing task is in another sector."),
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
                    & Q(width__isnull=False, height__isnull=False)  # NULL would pass the next
                    & Q(width__gte=1, height__gte=1)
                    & ~Q(variants=[])
                    & ~Q(provenance={})
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "site", "status", "-created_at", "-id"],
                condition=LIVE,
                name="images_list",
            ),
            models.Index(fields=["account", "id"], condition=LIVE, name="images_by_id"),
            bin_index("images_bin"),
            child_index("content", "images_by_content"),
            child_index("task", "images_by_task"),
        ]


class ContentClusterMap(LinkedRowModel):
    """What an article or writing task is to a cluster."""

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", part_of_owner, null=True, blank=True)
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
            within_sector("contentclustermap_content", "content", "Content is in another sector."),
            within_sector("contentclustermap_task", "task", "Writing task is in another sector."),
            within_sector("contentclustermap_cluster", "cluster", "Cluster is in another sector."),
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
            models.Index(fields=["account", "id"], name="contentclustermap_by_id"),
            child_index("task", "contentclustermap_by_task"),
        ]


class ContentAttribute(LinkedRowModel):
    """A fact that content, a writing task or a whole cluster should state."""

    context_relations = ("content", "task", "cluster")

    content = aligned("content.Content", null=True, blank=True)
    task = aligned("content.Tasks", part_of_owner, null=True, blank=True)
    cluster = aligned("planning.Clusters", part_of_owner, null=True, blank=True)
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
            within_sector("contentattribute_content", "content", "Content is in another sector."),
            within_sector("contentattribute_task", "task", "Writing task is in another sector."),
            within_sector("contentattribute_cluster", "cluster", "Cluster is in another sector."),
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
            models.Index(fields=["account", "id"], name="contentattribute_by_id"),
            models.Index(fields=["account", "name", "id"], name="contentattribute_by_name"),
            child_index("content", "contentattribute_by_content"),
            child_index("task", "contentattribute_by_task"),
            child_index("cluster", "contentattribute_by_cluster"),
        ]
