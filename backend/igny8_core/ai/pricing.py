"""What a call costs us, in millionths of a dollar. Nothing is called at an unknown price."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from igny8_core.ai.errors import UnknownPrice

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.ai.ports import Provider, TextRequest

BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer in use needs on real text, so that the estimate is an upper bound."""

MESSAGE_TOKENS = 32
"""What a chat format adds around the messages."""

IMAGE_TOKENS_MAX = 8_000
"""More than a picture takes at the largest size and highest quality that we ask for."""

PRICED_BY_NAME = frozenset({"openai", "anthropic", "google"})
"""Any other server sells under its address; a familiar model name says nothing of its price."""

MICROS = Decimal(1_000_000)


def estimated_tokens(text: str) -> int:
    """An upper bound of the tokens of ``text``."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)


def prompt_tokens(request: TextRequest) -> int:
    """An upper bound of what a request's messages, and the schema of its answer, take."""
    schema = str(request.output.model_json_schema()) if request.output else ""
    return estimated_tokens(request.system + request.user + schema) + MESSAGE_TOKENS


def cost_usd_micros(
    provider: Provider,
    *,
    prompt_tokens: int,
    completion_tokens: int,
    is_image: bool = False,
    now: datetime,
) -> int:
    """The price of a call, rounded up; 0 for a provider that is free.

    A server is looked up by its address first: several sell the same models at other prices.

    :param is_image: the answer's tokens are a picture's, which some models sell at another price.
    :raises UnknownPrice: neither the address nor the provider's name leads to a price.
    """
    if provider.capabilities.is_free:
        return 0
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - loads a list of all models

    usage = Usage(
        input_tokens=prompt_tokens,
        output_tokens=completion_tokens,
        output_image_tokens=completion_tokens if is_image else None,
    )
    references: list[dict[str, Any]] = []
    if provider.api_url:
        references.append({"provider_api_url": provider.api_url})
    if provider.name in PRICED_BY_NAME:
        references.append({"provider_id": provider.name})
    for reference in references:
        try:
            found = calc_price(usage, provider.model, genai_request_timestamp=now, **reference)
        except LookupError:
            continue
        return int((Decimal(found.total_price) * MICROS).to_integral_value(ROUND_CEILING))
    raise UnknownPrice(
        f"The price of {provider.model} at {provider.name} is not known. Choose another model, or "
        "mark the provider as free if its calls cost nothing.",
        provider=provider.name,
        model=provider.model,
    )
