"""What providers told us, and how far we have listened. No account's: it is not known yet."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import TimestampedModel, choices_check
from igny8_core.business.billing.states import WebhookStatus


class PaymentWebhook(TimestampedModel):
    """An event of a provider, once, however often it was sent. The handler fetches the object."""

    provider = models.CharField(max_length=16)
    event_id = models.CharField(max_length=100)
    type = models.CharField(max_length=100)
    provider_created_at = models.DateTimeField()
    object_ref = models.CharField(max_length=100)
    reference = models.CharField(
        max_length=64, blank=True, help_text="Our word for what it is about."
    )
    dispute_ref = models.CharField(
        max_length=100,
        blank=True,
        help_text="Of an event about a dispute; object_ref is the money.",
    )
    subscription_ref = models.CharField(
        max_length=100, blank=True, help_text="Of an event about a subscription."
    )
    payload = models.JSONField(default=dict, blank=True)
    is_found_by_us = models.BooleanField(
        default=False, help_text="Reconciliation found it; it never arrived."
    )
    status = models.CharField(max_length=16, choices=WebhookStatus, default=WebhookStatus.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="paymentwebhook_once"),
            choices_check("status", WebhookStatus, "paymentwebhook_status"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(status=WebhookStatus.RECEIVED),
                name="paymentwebhook_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id}"


class ReconcileCursor(TimestampedModel):
    """Until when a provider's stream was read."""

    provider = models.CharField(max_length=16)
    stream = models.CharField(max_length=32)
    seen_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "stream"], name="reconcilecursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.stream}"
