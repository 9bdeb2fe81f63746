"""The journal of provider calls, its pictures, and the providers that an account has set up."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from igny8_core.ai.states import AiCallStatus, ProviderKind
from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.managers import aligned

MAKES_PICTURES = [ProviderKind.OPENAI.value, ProviderKind.OPENAI_COMPATIBLE.value]


class AiCall(AccountBaseModel):
    """One call to a provider: the row before the call, the answer right after it.

    A repeat of the same request for the same row finds ``answer`` and does not pay again.
    """

    related_type = models.CharField(max_length=40, help_text="What the call is for.")
    related_id = models.BigIntegerField()
    lease_token = models.BigIntegerField(
        default=0, help_text="Attempt of the work that made the call; a later one is greater."
    )
    work_key = models.CharField(
        max_length=KEY_LENGTH, blank=True, help_text="Idempotency key of the paid work."
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
    counted_usd_micros = models.BigIntegerField(
        default=0,
        help_text="What counts against limits on cost: the most that the call can cost while it "
        "runs or when its outcome is unknown, else what it did cost.",
    )
    is_own_key = models.BooleanField(default=False, help_text="The account paid the provider.")
    answer = models.JSONField(null=True, blank=True)
    provider_ref = models.CharField(max_length=200, blank=True)
    error_class = models.CharField(max_length=16, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="aicall_key"),
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
                condition=Q(
                    prompt_tokens__gte=0,
                    completion_tokens__gte=0,
                    cost_usd_micros__gte=0,
                    counted_usd_micros__gte=0,
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "related_type", "related_id", "request_hash", "id"],
                name="aicall_reuse",
            ),
            models.Index(fields=["account", "started_at"], name="aicall_started"),
            models.Index(
                fields=["account", "work_key"], condition=~Q(work_key=""), name="aicall_work"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} by {self.provider}:{self.model}"


class AiPicture(AccountBaseModel):
    """The picture of an answered call, until the work that asked for it is stored."""

    call = aligned("ai.AiCall")
    data = models.BinaryField()
    media_type = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    tenancy_staff = "SELECT, DELETE"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "call"], name="aipicture_once"),
            CompositeForeignKey(
                name="aipicture_call",
                fields=["account", "call"],
                rel="call",
                to_fields=["account", "id"],
                error_field="call",
                violation_error_message="The call is of another account.",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="aipicture_oldest")]

    def __str__(self) -> str:
        return f"picture of call {self.call_id}"


class ProviderSetting(AccountBaseModel):
    """A provider that the account uses with a key or an address of its own."""

    provider = models.CharField(max_length=24, choices=ProviderKind)
    base_url = models.CharField(max_length=500, blank=True)
    sealed_key = models.TextField(blank=True, editable=False, help_text="Opened by the vault only.")
    key_hint = models.CharField(
        max_length=4, blank=True, editable=False, help_text="Last characters of a long key."
    )
    model = models.CharField(max_length=120, blank=True, help_text="For text; empty: none.")
    image_model = models.CharField(max_length=120, blank=True, help_text="For pictures.")
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

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider"], name="providersetting_once"),
            choices_check("provider", ProviderKind, "providersetting_provider"),
            models.CheckConstraint(
                name="providersetting_address",
                condition=~Q(provider=ProviderKind.OPENAI_COMPATIBLE) | ~Q(base_url=""),
            ),
            models.CheckConstraint(
                name="providersetting_model", condition=~Q(model="") | ~Q(image_model="")
            ),
            models.CheckConstraint(
                name="providersetting_image_model",
                condition=Q(image_model="") | Q(provider__in=MAKES_PICTURES),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.model or self.image_model}"
