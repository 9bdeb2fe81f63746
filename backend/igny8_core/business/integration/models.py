"""Connections to customers' own sites, and the log of every exchange with them."""

from __future__ import annotations

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q, Value

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel, choices_check
from igny8_core.business.integration.item_models import (
    ConnectRequest,
    ExternalItem,
    InboundWebhook,
)
from igny8_core.business.integration.states import (
    TYPE_OF_PLATFORM,
    UNFINISHED_IMPORTS,
    EventAction,
    EventType,
    PageImportStatus,
    Platform,
    PlatformType,
    SyncStatus,
)
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

__all__ = [
    "ConnectRequest",
    "ContentImport",
    "ContentImportIssue",
    "ExternalItem",
    "InboundWebhook",
    "SiteIntegration",
    "SyncEvent",
]


class SiteIntegration(AccountBaseModel):
    """How a site of the account is connected to a platform outside; one for each platform."""

    site = aligned("igny8_auth.Site")
    platform = models.CharField(max_length=16, choices=Platform)
    platform_type = models.CharField(max_length=16, choices=PlatformType, blank=True)
    config = models.JSONField(default=dict, blank=True, help_text="Base URL, policies, client.")
    credentials = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Sealed; never shown, logged or exported. Empty: disconnected.",
    )
    is_active = models.BooleanField(default=True)
    is_sync_enabled = models.BooleanField(default=False)
    sync_status = models.CharField(max_length=16, choices=SyncStatus, default=SyncStatus.IDLE)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.TextField(blank=True)
    capabilities = models.JSONField(
        default=dict, blank=True, help_text="What the last check found that the site can do."
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    check_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="A worker looks at the site, or is to; empty: none is."
    )
    check_report = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="Findings of the last check, as people are told them.",
    )
    failures = models.PositiveIntegerField(
        default=0, help_text="Outcomes in a row that were no answer; too many pause it."
    )
    hook_id = models.UUIDField(
        default=uuid.uuid4, db_default=RandomUUID(), editable=False, help_text="Of its webhooks."
    )
    webhook_secrets = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Sealed, like the credentials."
    )
    sync_state = models.JSONField(
        default=dict, blank=True, help_text="How far the last sweep came, and what it saw."
    )
    lease_token = models.PositiveBigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    renewal_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Until when somebody is renewing the credentials."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "site", "platform"], name="siteintegration_platform"
            ),
            models.UniqueConstraint(fields=["account", "hook_id"], name="siteintegration_hook"),
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
                name="siteintegration_credentials_sealed",
                condition=Q(credentials={}) | Q(credentials__has_key="sealed"),
            ),
            models.CheckConstraint(
                name="siteintegration_webhook_secrets_sealed",
                condition=Q(webhook_secrets={}) | Q(webhook_secrets__has_key="sealed"),
            ),
            models.CheckConstraint(
                name="siteintegration_lease_while_syncing",
                condition=Q(sync_status=SyncStatus.SYNCING) | Q(lease_expires_at__isnull=True),
            ),
            models.CheckConstraint(
                name="siteintegration_platform_type",
                condition=Q(
                    *[Q(platform=a, platform_type=b) for a, b in TYPE_OF_PLATFORM.items()],
                    _connector=Q.OR,
                ),
            ),
        ]
        indexes = [models.Index(fields=["hook_id"], name="siteintegration_by_hook")]

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
            models.Index(fields=["account", "id"], name="syncevent_list"),
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


class ContentImport(SiteSectorBaseModel):
    """One file of pages on its way in: an export, a sitemap, a crawl.

    The same bytes are one import of a sector: a repeat returns the first one.
    """

    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    storage_path = models.CharField(max_length=255, blank=True)
    idempotency_key = models.CharField(max_length=64)
    options = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=10, choices=PageImportStatus, default=PageImportStatus.UPLOADED
    )
    kind = models.CharField(max_length=8, blank=True)
    report = models.JSONField(default=dict, blank=True)
    pages_total = models.PositiveIntegerField(default=0)
    pages_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    posts_created = models.PositiveIntegerField(default=0)
    posts_updated = models.PositiveIntegerField(default=0)
    posts_unchanged = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    requested_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody asked for it to run in the background."
    )
    attempts = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How often a worker has taken it."
    )
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "site", "sector", "id"], name="contentimport_key"
            ),
            models.UniqueConstraint(
                fields=["account", "site", "sector", "idempotency_key"],
                condition=~Q(status__in=[PageImportStatus.FAILED, PageImportStatus.CANCELLED]),
                name="contentimport_once_per_key",
            ),
            choices_check("status", PageImportStatus, "contentimport_status"),
            StatusTrail(name="contentimport_status_trail"),
            models.CheckConstraint(
                condition=~Q(status=PageImportStatus.COMPLETED)
                | Q(
                    completed_at__isnull=False,
                    pages_total=models.F("created") + models.F("updated") + models.F("unchanged"),
                ),
                name="contentimport_every_page_accounted_for",
            ),
            models.CheckConstraint(
                condition=Q(status=PageImportStatus.IMPORTING) | Q(lease_expires_at__isnull=True),
                name="contentimport_lease_only_while_importing",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "site", "-id"], name="contentimport_by_site"),
            models.Index(
                fields=["requested_at"],
                condition=Q(status__in=UNFINISHED_IMPORTS, requested_at__isnull=False),
                name="contentimport_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ContentImportIssue(SiteSectorBaseModel):
    """What happened to something in a file of pages that became no page."""

    content_import = aligned("integration.ContentImport")
    row = models.PositiveIntegerField(help_text="Of the table or the list; 0: the file.")
    code = models.CharField(max_length=64)
    text = models.CharField(max_length=255, blank=True)
    severity = models.CharField(max_length=8, default="warning")
    count = models.PositiveIntegerField(default=1, help_text="Of things that are told together.")

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="contentimportissue_import",
                fields=["account", "site", "sector", "content_import"],
                rel="content_import",
                to_fields=["account", "site", "sector", "id"],
                error_field="content_import",
                violation_error_message="Import is of another sector.",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["error", "warning", "info"]),
                name="contentimportissue_severity",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "content_import", "row", "id"], name="contentimportissue_rows"
            ),
        ]
