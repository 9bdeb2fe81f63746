"""The journal of provider calls, and the providers that an account has set up."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.ai.states import AiCallStatus, ProviderKind
from igny8_core.auth.models import AccountBaseModel, choices_check


class AiCall(AccountBaseModel):
    """One call to a provider: the row before the call, the answer right after it.

    A repeat of the same request for the same row finds ``answer`` and does not pay again.
    """

    related_type = models.CharField(max_length=40, help_text="What the call is for.")
    related_id = models.BigIntegerField()
    lease_token = models.BigIntegerField(
        default=0, help_text="Attempt of the work that made the call; a later one is greater."
    )
    request_hash = models.CharField(max_length=64, help_text="Of everything the answer hangs on.")
    prompt = models.CharField(max_length=80, help_text="Name and version: content_section/v1.")
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    status = models.CharField(
        max_length=16, choices=AiCallStatus, default=AiCallStatus.STARTED, editable=False
    )
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cost_usd_micros = models.BigIntegerField(default=0)
    answer = models.JSONField(null=True, blank=True)
    provider_ref = models.CharField(max_length=200, blank=True)
    error_class = models.CharField(max_length=16, blank=True)
    error = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            choices_check("status", AiCallStatus, "aicall_status"),
            models.CheckConstraint(
                name="aicall_answer_when_succeeded",
                condition=Q(status=AiCallStatus.SUCCEEDED, answer__isnull=False)
                | (~Q(status=AiCallStatus.SUCCEEDED) & Q(answer__isnull=True)),
            ),
            models.CheckConstraint(
                name="aicall_ended_when_over",
                condition=Q(status=AiCallStatus.STARTED, ended_at__isnull=True)
                | (~Q(status=AiCallStatus.STARTED) & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="aicall_not_negative",
                condition=Q(prompt_tokens__gte=0, completion_tokens__gte=0, cost_usd_micros__gte=0),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "related_type", "related_id", "request_hash", "id"],
                name="aicall_reuse",
            ),
            models.Index(fields=["account", "-created_at", "id"], name="aicall_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} by {self.provider}:{self.model}"


class ProviderSetting(AccountBaseModel):
    """A provider that the account uses with a key or an address of its own."""

    provider = models.CharField(max_length=24, choices=ProviderKind)
    base_url = models.CharField(max_length=500, blank=True)
    sealed_key = models.TextField(blank=True, editable=False, help_text="Opened by the vault only.")
    key_hint = models.CharField(
        max_length=4, blank=True, editable=False, help_text="Last characters of a long key."
    )
    model = models.CharField(max_length=120)
    is_enabled = models.BooleanField(default=True)
    is_free = models.BooleanField(
        default=False, help_text="Calls cost us nothing: needs no known price."
    )
    priority = models.PositiveIntegerField(
        default=100, help_text="Lowest first; the next is the fallback."
    )
    max_context_tokens = models.PositiveIntegerField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    concurrency = models.PositiveIntegerField(null=True, blank=True, help_text="Calls at a time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider"], name="providersetting_once"),
            choices_check("provider", ProviderKind, "providersetting_provider"),
            models.CheckConstraint(
                name="providersetting_address",
                condition=~Q(provider=ProviderKind.OPENAI_COMPATIBLE) | ~Q(base_url=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"
