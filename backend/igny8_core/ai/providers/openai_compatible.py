"""OpenAI, any server with its API, and the built-in demo model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from igny8_core.ai.ports import COSTS_MONEY, NO_LIMITS, Capabilities, RateLimits
from igny8_core.ai.providers import http
from igny8_core.ai.providers.model_call import ModelProvider

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from igny8_core.ai.ports import TextProvider

OPENAI_URL = "https://api.openai.com/v1"
LOCAL_NAME = "local"
LOCAL_MODEL = "smollm2-135m-instruct"
LOCAL_CONTEXT_TOKENS = 2048
NO_KEY = "none"


def api_address(url: str) -> str:
    """An address as people write it, with the version part that clients expect."""
    address = url.rstrip("/")
    return address if address.rpartition("/")[2].startswith("v") else f"{address}/v1"


def openai_provider(
    *,
    model: str,
    api_key: str = "",
    key_fingerprint: str,
    base_url: str = "",
    name: str = "openai",
    reach: http.Reach = http.Reach.ANYWHERE,
    capabilities: Capabilities = COSTS_MONEY,
    limits: RateLimits = NO_LIMITS,
) -> TextProvider:
    """OpenAI itself, or the server at ``base_url``."""
    address = api_address(base_url) if base_url else OPENAI_URL

    def build() -> Model:
        sdk = AsyncOpenAI(
            api_key=api_key or NO_KEY,
            base_url=address,
            http_client=http.client(reach),
            max_retries=0,
        )
        if base_url:
            server = OpenAICompatibleProvider(
                name, openai_client=sdk, profile={"supports_json_schema_output": True}
            )
            return OpenAIChatModel(model, provider=server)
        return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=sdk))

    return ModelProvider(
        name=name,
        model=model,
        key_fingerprint=key_fingerprint,
        build=build,
        api_url=address if base_url else "",
        capabilities=capabilities,
        limits=limits,
        is_native=True,
    )


def local_provider(url: str) -> TextProvider:
    """The built-in demo model: free, small, and labelled wherever its text is shown."""
    return openai_provider(
        name=LOCAL_NAME,
        model=LOCAL_MODEL,
        base_url=url,
        key_fingerprint=LOCAL_NAME,
        capabilities=Capabilities(
            is_demo=True,
            is_free=True,
            max_context_tokens=LOCAL_CONTEXT_TOKENS,
            max_output_tokens=LOCAL_CONTEXT_TOKENS // 2,
        ),
    )
