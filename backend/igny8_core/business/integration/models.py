"""Connections to customers' own sites, and the log of every exchange with them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.integration.states import (
    TYPE_OF_PLATFORM,
    EventAction,
    EventType,
    Platform,
    PlatformType,
    SyncStatus,
)
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned


class SiteIntegration(AccountBaseModel):
    """How a site of the account is connected to a platform outside; one for each platform."""

    site = aligned("igny8_auth.Site")
    platform = models.CharField(max_length=16, choices=Platform)
    platform_type = models.CharField(max_length=16, choices=PlatformType, blank=True)
    config = models.JSONField(default=dict, blank=True, help_text="Base URL, policies, client.")
    credentials = models.JSONField(
        default=dict, blank=True, help_text="Sealed; never shown, logged or exported."
    )
    is_active = models.BooleanField(default=True)
    is_sync_enabled = models.BooleanField(default=False)
    sync_status = models.CharField(max_length=16, choices=SyncStatus, default=SyncStatus.IDLE)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.TextField(blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "site", "platform"], name="siteintegration_platform"
            ),
            models.UniqueConstraint(fields=["account", "site", "id"], name="siteintegration_key"),
            CompositeForeignKey(
                name="siteintegration_site",
                fields=["account", "site"],
                rel="site",
                to_fields=["account", "id"],
                error_field="site",
                violation_error_message="Site is of another account.",
            ),
            choices_check("platform", Platform, "siteintegration_platform_known"),
            choices_check("sync_status", SyncStatus, "siteintegration_sync_status"),
            StatusTrail(name="siteintegration_sync_trail", field="sync_status"),
            models.CheckConstraint(
                name="siteintegration_platform_type",
                condition=Q(
                    *[Q(platform=a, platform_type=b) for a, b in TYPE_OF_PLATFORM.items()],
                    _connector=Q.OR,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform} ({self.pk})"

    def fill_context(self) -> None:
        """The type follows the platform, the account the site."""
        if self.platform in Platform.values:
            self.platform_type = TYPE_OF_PLATFORM[Platform(self.platform)]
        if not self.account_id and self.site_id:
            self.account_id = self.site.account_id
        super().fill_context()


class SyncEvent(AccountBaseModel):
    """One exchange with a site, or one group of attempts. Carries no secret and no body.

    The log outlives the content that it names.
    """

    site = aligned("igny8_auth.Site")
    integration = aligned("integration.SiteIntegration")
    event_type = models.CharField(max_length=16, choices=EventType)
    action = models.CharField(max_length=16, choices=EventAction)
    success = models.BooleanField()
    content = aligned("content.Content", models.SET_NULL, null=True, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="syncevent_site",
                fields=["account", "site"],
                rel="site",
                to_fields=["account", "id"],
                error_field="site",
                violation_error_message="Site is of another account.",
            ),
            CompositeForeignKey(
                name="syncevent_integration",
                fields=["account", "site", "integration"],
                rel="integration",
                to_fields=["account", "site", "id"],
                error_field="integration",
                violation_error_message="Integration is of another site.",
            ),
            CompositeForeignKey(
                name="syncevent_content",
                fields=["account", "site", "content"],
                rel="content",
                to_fields=["account", "site", "id"],
                set_null=["content"],
                error_field="content",
                violation_error_message="Content is of another site.",
            ),
            choices_check("event_type", EventType, "syncevent_event_type"),
            choices_check("action", EventAction, "syncevent_action"),
            models.CheckConstraint(
                name="syncevent_failure_says_why", condition=Q(success=True) | ~Q(error="")
            ),
        ]
        indexes = [
            models.Index(fields=["account", "integration", "-id"], name="syncevent_feed"),
            models.Index(fields=["account", "site", "-id"], name="syncevent_site_feed"),
            models.Index(
                fields=["account", "content", "-id"],
                name="syncevent_content_feed",
                condition=Q(content__isnull=False),
            ),
        ]

    def fill_context(self) -> None:
        """Account and site are the integration's."""
        if self.integration_id and not (self.account_id and self.site_id):
            self.site_id = self.site_id or self.integration.site_id
            self.account_id = self.account_id or self.integration.account_id
        super().fill_context()
