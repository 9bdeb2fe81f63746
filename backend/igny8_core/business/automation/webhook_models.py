"""Addresses that are told what happens to runs, what they are told, and how that went."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.automation.states import DeliveryStatus
from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.managers import aligned


class WebhookEndpoint(AccountBaseModel):
    """An address of the account's own that events are sent to, signed with its secret."""

    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(
        models.CharField(max_length=64), default=list, blank=True, help_text="Empty: all of them."
    )
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Why we stopped; empty: a person did."
    )
    secret = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Sealed; never shown again, logged or exported. With the one before it, a day.",
    )
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_delivered_at = models.DateTimeField(null=True, blank=True, editable=False)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="webhookendpoint_key"),
            models.CheckConstraint(
                name="webhookendpoint_reason_when_disabled",
                condition=Q(disabled_reason="") | Q(is_enabled=False),
            ),
        ]


class WebhookDelivery(AccountBaseModel):
    """One event for one address: the outbox of its own message.

    ``message_id`` stays the same over repeats and replays, so that whoever receives it twice
    can tell. ``lease_token`` counts up with every attempt and fences a late one.
    """

    endpoint = aligned("automation.WebhookEndpoint")
    event_id = models.BigIntegerField(null=True, blank=True, help_text="Of a run's history.")
    message_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    status = models.CharField(
        max_length=16, choices=DeliveryStatus, default=DeliveryStatus.PENDING, editable=False
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_token = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT, INSERT, DELETE"

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="webhookdelivery_endpoint",
                fields=["account", "endpoint"],
                rel="endpoint",
                to_fields=["account", "id"],
                error_field="endpoint",
                violation_error_message="Endpoint is of another account.",
            ),
            models.UniqueConstraint(fields=["account", "id"], name="webhookdelivery_key"),
            models.UniqueConstraint(
                fields=["account", "endpoint", "message_id"], name="webhookdelivery_once"
            ),
            choices_check("status", DeliveryStatus, "webhookdelivery_status"),
            models.CheckConstraint(
                name="webhookdelivery_delivered_at",
                condition=~Q(status=DeliveryStatus.DELIVERED) | Q(delivered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="webhookdelivery_lease_while_pending",
                condition=Q(leased_until__isnull=True) | Q(status=DeliveryStatus.PENDING),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status=DeliveryStatus.PENDING),
                name="webhookdelivery_due",
            ),
            models.Index(
                fields=["account", "endpoint", "status", "id"], name="webhookdelivery_list"
            ),
            models.Index(fields=["created_at"], name="webhookdelivery_oldest"),
        ]


class WebhookAttempt(AccountBaseModel):
    """One try at a delivery, as it went."""

    delivery = aligned("automation.WebhookDelivery")
    number = models.PositiveSmallIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)

    tenancy_staff = "SELECT, DELETE"

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="webhookattempt_delivery",
                fields=["account", "delivery"],
                rel="delivery",
                to_fields=["account", "id"],
                error_field="delivery",
                violation_error_message="Delivery is of another account.",
            ),
        ]
        indexes = [models.Index(fields=["account", "delivery", "id"], name="webhookattempt_list")]
