"""Anthropic's Claude models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anthropic import AsyncAnthropic
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from igny8_core.ai.ports import NO_LIMITS, Capabilities, RateLimits
from igny8_core.ai.providers import http
from igny8_core.ai.providers.model_call import ModelProvider

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from igny8_core.ai.ports import TextProvider

NAME = "anthropic"
CAPABILITIES = Capabilities(max_context_tokens=200_000)


def anthropic_provider(
    *,
    model: str,
    api_key: str,
    key_fingerprint: str,
    base_url: str = "",
    reach: http.Reach = http.Reach.ANYWHERE,
    capabilities: Capabilities = CAPABILITIES,
    limits: RateLimits = NO_LIMITS,
) -> TextProvider:
    """Anthropic's API, or a proxy of it at ``base_url``."""

    def build() -> Model:
        sdk = AsyncAnthropic(
            api_key=api_key,
            base_url=base_url or None,
            http_client=http.client(reach),
            max_retries=0,
        )
        return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=sdk))

    return ModelProvider(
        name=NAME,
        model=model,
        key_fingerprint=key_fingerprint,
        build=build,
        capabilities=capabilities,
        limits=limits,
    )
