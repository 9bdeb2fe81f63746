"""What an item is at a site outside, and what sites and people send us about it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.integration.states import ItemState, WebhookStatus
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned


def _of_integration(name: str) -> CompositeForeignKey:
    return CompositeForeignKey(
        name=f"{name}_integration",
        fields=["account", "site", "integration"],
        rel="integration",
        to_fields=["account", "site", "id"],
        error_field="integration",
        violation_error_message="Integration is of another site.",
    )


def _of_site(name: str) -> CompositeForeignKey:
    return CompositeForeignKey(
        name=f"{name}_site",
        fields=["account", "site"],
        rel="site",
        to_fields=["account", "id"],
        error_field="site",
        violation_error_message="Site is of another account.",
    )


class OfIntegrationModel(AccountBaseModel):
    """A row of a connection: account and site are the connection's."""

    class Meta(AccountBaseModel.Meta):
        abstract = True

    def fill_context(self) -> None:
        """Account and site are the integration's."""
        integration_id = getattr(self, "integration_id", None)
        if integration_id and not (self.account_id and getattr(self, "site_id", None)):
            integration = self.integration  # type: ignore[attr-defined]  # of every child
            self.site_id = integration.site_id
            self.account_id = self.account_id or integration.account_id
        super().fill_context()


class ExternalItem(OfIntegrationModel):
    """What one article is at one site: its identity there, and what we last saw of it.

    A publishing record ends; identity lasts. ``external_key`` is ours and never changes; the
    hashes recognise our own writes when they come back.
    """

    site = aligned("igny8_auth.Site")
    integration = aligned("integration.SiteIntegration")
    content = aligned("content.Content", models.SET_NULL, null=True, blank=True)
    external_key = models.UUIDField(default=uuid.uuid4, editable=False)
    external_type = models.CharField(max_length=50, default="post")
    external_id = models.CharField(max_length=255, blank=True)
    external_url = models.URLField(max_length=2000, blank=True)
    state = models.CharField(max_length=16, choices=ItemState, default=ItemState.NEW)
    site_status = models.CharField(max_length=32, blank=True, help_text="The site's own word.")
    revision = models.PositiveIntegerField(default=0, help_text="Of ours, as last written there.")
    remote_hash = models.CharField(max_length=64, blank=True)
    remote_modified_at = models.DateTimeField(null=True, blank=True)
    desired_hash = models.CharField(max_length=64, blank=True, help_text="What the above came of.")
    sent_hashes = models.JSONField(default=list, blank=True)
    way = models.CharField(max_length=16, blank=True, help_text="How it was last written.")
    outcome_unknown_at = models.DateTimeField(null=True, blank=True)
    verify_at = models.DateTimeField(
        null=True, blank=True, help_text="When to look again whether an old write came late."
    )
    missing_count = models.PositiveIntegerField(default=0)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "site", "id"], name="externalitem_key"),
            models.UniqueConstraint(
                fields=["account", "external_key"], name="externalitem_external_key"
            ),
            models.UniqueConstraint(
                fields=["account", "integration", "content"],
                condition=Q(content__isnull=False),
                name="externalitem_content",
            ),
            models.UniqueConstraint(
                fields=["account", "integration", "external_type", "external_id"],
                condition=~Q(external_id=""),
                name="externalitem_external",
            ),
            _of_site("externalitem"),
            _of_integration("externalitem"),
            CompositeForeignKey(
                name="externalitem_content_scope",
                fields=["account", "site", "content"],
                rel="content",
                to_fields=["account", "site", "id"],
                set_null=["content"],
                error_field="content",
                violation_error_message="Content is of another site.",
            ),
            choices_check("state", ItemState, "externalitem_state"),
            StatusTrail(name="externalitem_state_trail", field="state"),
            models.CheckConstraint(
                name="externalitem_known_has_an_id",
                condition=~Q(state__in=[ItemState.RESERVED, ItemState.LINKED, ItemState.CONFLICT])
                | ~Q(external_id=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["verify_at"],
                name="externalitem_verify",
                condition=Q(verify_at__isnull=False),
            ),
            models.Index(
                fields=["account", "content"],
                name="externalitem_of_content",
                condition=Q(content__isnull=False),
            ),
            models.Index(fields=["account", "integration", "id"], name="externalitem_list"),
        ]

    def __str__(self) -> str:
        return f"{self.external_type} {self.external_id or self.external_key}"


class InboundWebhook(OfIntegrationModel):
    """A message that a site sent us: kept once, before anything is done about it."""

    site = aligned("igny8_auth.Site")
    integration = aligned("integration.SiteIntegration")
    event_id = models.CharField(max_length=128)
    event_type = models.CharField(max_length=64)
    payload = models.JSONField(default=dict, blank=True, help_text="Thin: ids and a status.")
    status = models.CharField(max_length=16, choices=WebhookStatus, default=WebhookStatus.RECEIVED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "integration", "event_id"], name="inboundwebhook_once"
            ),
            _of_site("inboundwebhook"),
            _of_integration("inboundwebhook"),
            choices_check("status", WebhookStatus, "inboundwebhook_status"),
            StatusTrail(name="inboundwebhook_status_trail"),
            models.CheckConstraint(
                name="inboundwebhook_failed_says_why",
                condition=~Q(status=WebhookStatus.FAILED) | ~Q(error=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="inboundwebhook_waiting",
                condition=Q(status=WebhookStatus.RECEIVED),
            ),
            models.Index(fields=["account", "integration", "id"], name="inboundwebhook_list"),
        ]


class ConnectRequest(AccountBaseModel):
    """Somebody went to their site to let us in; the way back is good once, and not for long."""

    site = aligned("igny8_auth.Site")
    user_id = models.BigIntegerField()
    state_hash = models.CharField(max_length=64)
    base_url = models.CharField(max_length=500)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "state_hash"], name="connectrequest_once"),
            _of_site("connectrequest"),
        ]
