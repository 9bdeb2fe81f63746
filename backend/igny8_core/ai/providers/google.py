"""Google's Gemini models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from igny8_core.ai.ports import NO_LIMITS, Capabilities, RateLimits
from igny8_core.ai.providers import http
from igny8_core.ai.providers.model_call import ModelProvider

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from igny8_core.ai.ports import TextProvider

NAME = "google"
CAPABILITIES = Capabilities(max_context_tokens=1_000_000)


def google_provider(
    *,
    model: str,
    api_key: str,
    key_fingerprint: str,
    base_url: str = "",
    reach: http.Reach = http.Reach.ANYWHERE,
    capabilities: Capabilities = CAPABILITIES,
    limits: RateLimits = NO_LIMITS,
) -> TextProvider:
    """Google's API, or a proxy of it at ``base_url``."""

    def build() -> Model:
        server = GoogleProvider(
            api_key=api_key, http_client=http.client(reach), base_url=base_url or None
        )
        return GoogleModel(model, provider=server)

    return ModelProvider(
        name=NAME,
        model=model,
        key_fingerprint=key_fingerprint,
        build=build,
        capabilities=capabilities,
        limits=limits,
        is_native=True,
    )
