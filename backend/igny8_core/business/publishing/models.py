"""What is live where: contents at their destinations, and versions of static sites."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import SiteSectorBaseModel, choices_check
from igny8_core.business.publishing.states import (
    DeploymentStatus,
    Destination,
    PublishingAction,
    PublishingStage,
    PublishingStatus,
)
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

LIVE = Q(status=PublishingStatus.PUBLISHED, retired_at__isnull=True)
"""The record of the revision that visitors of its destination see."""


class PublishingRecord(SiteSectorBaseModel):
    """One revision of a content at one destination.

    Invariant: of a (content, destination) at most one record is live, one waits and one is on
    its way. A record of the destination ``sites`` is made by the deployment that holds it.
    """

    holds_what_it_is_of = LIVE | Q(
        status__in=[PublishingStatus.PENDING, PublishingStatus.PUBLISHING]
    )
    """While visitors see a content, or are about to, it is not purged: we must find it again."""

    content = aligned("content.Content")
    integration = aligned("integration.SiteIntegration", models.RESTRICT, null=True, blank=True)
    destination = models.CharField(max_length=16, choices=Destination)
    action = models.CharField(
        max_length=16, choices=PublishingAction, default=PublishingAction.PUBLISH
    )
    revision = models.PositiveIntegerField(default=1, help_text="Of the content, as published.")
    publish_at = models.DateTimeField(null=True, blank=True, help_text="Not before; null: now.")
    idempotency_key = models.CharField(max_length=64)
    status = models.CharField(
        max_length=16, choices=PublishingStatus, default=PublishingStatus.PENDING
    )
    stage = models.CharField(
        max_length=8, choices=PublishingStage, default=PublishingStage.NONE, blank=True
    )
    destination_id = models.CharField(max_length=255, blank=True)
    destination_url = models.URLField(max_length=2000, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="When another revision, or nothing, took its place."
    )
    lease_token = models.PositiveBigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="publishingrecord_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["account", "content", "destination"],
                condition=Q(status=PublishingStatus.PENDING),
                name="publishingrecord_one_pending",
            ),
            models.UniqueConstraint(
                fields=["account", "content", "destination"],
                condition=Q(status=PublishingStatus.PUBLISHING),
                name="publishingrecord_one_publishing",
            ),
            models.UniqueConstraint(
                fields=["account", "content", "destination"],
                condition=LIVE,
                name="publishingrecord_one_live",
            ),
            CompositeForeignKey(
                name="publishingrecord_content",
                fields=["account", "site", "sector", "content"],
                rel="content",
                to_fields=["account", "site", "sector", "id"],
                error_field="content",
                violation_error_message="Content is of another sector.",
            ),
            CompositeForeignKey(
                name="publishingrecord_integration",
                fields=["account", "site", "integration"],
                rel="integration",
                to_fields=["account", "site", "id"],
                error_field="integration",
                violation_error_message="Integration is of another site.",
            ),
            choices_check("destination", Destination, "publishingrecord_destination"),
            choices_check("status", PublishingStatus, "publishingrecord_status"),
            StatusTrail(name="publishingrecord_status_trail"),
            choices_check("stage", PublishingStage, "publishingrecord_stage"),
            choices_check("action", PublishingAction, "publishingrecord_action"),
            models.CheckConstraint(
                name="publishingrecord_withdrawn_is_not_live",
                condition=~Q(action=PublishingAction.WITHDRAW, status=PublishingStatus.PUBLISHED)
                | Q(retired_at__isnull=False),
            ),
            models.CheckConstraint(
                name="publishingrecord_sites_has_no_integration",
                condition=~Q(destination=Destination.SITES) | Q(integration__isnull=True),
            ),
            models.CheckConstraint(
                name="publishingrecord_published_has_time",
                condition=~Q(status=PublishingStatus.PUBLISHED) | Q(published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="publishingrecord_retired_was_published",
                condition=Q(retired_at__isnull=True) | Q(status=PublishingStatus.PUBLISHED),
            ),
            models.CheckConstraint(
                name="publishingrecord_lease_while_publishing",
                condition=Q(status=PublishingStatus.PUBLISHING, lease_expires_at__isnull=False)
                | (~Q(status=PublishingStatus.PUBLISHING) & Q(lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="publishingrecord_failed_says_why",
                condition=~Q(status=PublishingStatus.FAILED) | ~Q(error_code=""),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="publishingrecord_newest"),
            models.Index(fields=["account", "site", "status", "-id"], name="publishingrecord_list"),
            models.Index(
                fields=["account", "content", "destination", "-id"], name="publishingrecord_history"
            ),
            models.Index(
                fields=["account", "integration", "status", "next_attempt_at"],
                name="publishingrecord_due",
                condition=Q(integration__isnull=False),
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="publishingrecord_waiting",
                condition=Q(
                    status__in=[PublishingStatus.PENDING, PublishingStatus.PUBLISHING],
                    integration__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.destination}: content {self.content_id}, revision {self.revision}"

    def fill_context(self) -> None:
        """Account, site and sector are the content's."""
        if self.content_id and not (self.account_id and self.site_id and self.sector_id):
            self.sector_id = self.sector_id or self.content.sector_id
            self.site_id = self.site_id or self.content.site_id
            self.account_id = self.account_id or self.content.account_id
        super().fill_context()


class DeploymentRecord(SiteSectorBaseModel):
    """One attempt to put a version of a static site live, and what became of it.

    The pointer on disk decides which version visitors see; this row follows it. Invariant: the
    live version of a site is the highest one that is ``deployed``. A deployment covers the whole
    site; its sector is the site's first.
    """

    version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Built by this deployment; counts per site."
    )
    deployed_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Live after this deployment was settled."
    )
    build_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the manifest.")
    manifest = models.JSONField(
        default=dict, blank=True, help_text="Files, bytes and the contents with their revisions."
    )
    status = models.CharField(
        max_length=16, choices=DeploymentStatus, default=DeploymentStatus.PENDING
    )
    deployment_url = models.URLField(max_length=2000, blank=True)
    deployed_at = models.DateTimeField(null=True, blank=True)
    rolled_back_at = models.DateTimeField(null=True, blank=True)
    pruned_at = models.DateTimeField(
        null=True, blank=True, help_text="When its files were removed; no way back to it."
    )
    lease_token = models.PositiveBigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "site", "version"], name="deploymentrecord_version"
            ),
            models.UniqueConstraint(
                fields=["account", "site"],
                condition=Q(status=DeploymentStatus.DEPLOYING),
                name="deploymentrecord_one_deploying",
            ),
            models.UniqueConstraint(
                fields=["account", "site"],
                condition=Q(status=DeploymentStatus.PENDING),
                name="deploymentrecord_one_pending",
            ),
            choices_check("status", DeploymentStatus, "deploymentrecord_status"),
            StatusTrail(name="deploymentrecord_status_trail"),
            models.CheckConstraint(
                name="deploymentrecord_lease_while_deploying",
                condition=Q(status=DeploymentStatus.DEPLOYING, lease_expires_at__isnull=False)
                | (~Q(status=DeploymentStatus.DEPLOYING) & Q(lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="deploymentrecord_deployed_is_complete",
                condition=~Q(status__in=[DeploymentStatus.DEPLOYED, DeploymentStatus.ROLLED_BACK])
                | Q(
                    version__isnull=False,
                    deployed_version__isnull=False,
                    deployed_at__isnull=False,
                    build_hash__regex=r"^[0-9a-f]{64}$",
                ),
            ),
            models.CheckConstraint(
                name="deploymentrecord_deployed_is_live",
                condition=~Q(status=DeploymentStatus.DEPLOYED)
                | Q(deployed_version=F("version"), rolled_back_at__isnull=True),
            ),
            models.CheckConstraint(
                name="deploymentrecord_rolled_back_is_older",
                condition=~Q(status=DeploymentStatus.ROLLED_BACK)
                | Q(deployed_version__lt=F("version"), rolled_back_at__isnull=False),
            ),
            models.CheckConstraint(
                name="deploymentrecord_failed_says_why",
                condition=~Q(status=DeploymentStatus.FAILED) | ~Q(error_code=""),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="deploymentrecord_newest"),
            models.Index(
                fields=["account", "site", "status", "-version"], name="deploymentrecord_list"
            ),
        ]

    def __str__(self) -> str:
        return f"site {self.site_id}, version {self.version}: {self.status}"
