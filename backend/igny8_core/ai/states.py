"""The lifecycle of a journalled provider call, and the providers that there are."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class AiCallStatus(TextChoices):
    """``started`` for good means that the worker died: whether the provider answered is unknown."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


AI_CALL = TransitionTable(
    {
        AiCallStatus.STARTED: {AiCallStatus.SUCCEEDED, AiCallStatus.FAILED},
        AiCallStatus.SUCCEEDED: frozenset(),
        AiCallStatus.FAILED: frozenset(),
    }
)


class ProviderKind(TextChoices):
    """Whose API a provider setting speaks."""

    OPENAI = "openai", "OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GOOGLE = "google", "Google"
    OPENAI_COMPATIBLE = "openai_compatible", "OpenAI-compatible server"
    LOCAL = "local", "Built-in demo model"
