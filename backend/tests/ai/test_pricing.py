"""Prices: known, unknown, free; and estimates that never fall short."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from igny8_core.ai.errors import UnknownPrice
from igny8_core.ai.ports import COSTS_MONEY, TextRequest
from igny8_core.ai.pricing import cost_usd_micros, estimated_tokens, prompt_tokens
from igny8_core.ai.providers.fake import FakeProvider

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def cost(name: str, model: str, api_url: str = "", prompt: int = 1000, answer: int = 500) -> int:
    provider = FakeProvider(name=name, model=model, capabilities=COSTS_MONEY)
    provider.api_url = api_url
    return cost_usd_micros(provider, prompt_tokens=prompt, completion_tokens=answer, now=NOW)


@pytest.mark.parametrize(
    ("name", "model", "micros"),
    [
        ("openai", "gpt-5-mini", 1250),
        ("anthropic", "claude-sonnet-4-5", 10500),
        ("google", "gemini-2.5-flash", 1550),
    ],
)
def test_known_models_have_a_price(name: str, model: str, micros: int) -> None:
    assert cost(name, model) == micros


def test_a_price_is_rounded_up() -> None:
    assert cost("openai", "gpt-5-mini", prompt=1, answer=0) == 1


@pytest.mark.parametrize(
    ("name", "model", "api_url"),
    [
        ("openai", "nobody-knows-me", ""),
        ("openai_compatible", "gpt-5-mini", "https://models.example.com/v1"),
        ("openai_compatible", "gpt-5-mini", ""),
    ],
    ids=["model", "server with a familiar model", "server without an address"],
)
def test_an_unknown_price_refuses(name: str, model: str, api_url: str) -> None:
    with pytest.raises(UnknownPrice) as refused:
        cost(name, model, api_url)

    assert refused.value.data == {"provider": name, "model": model}


def test_a_seller_is_known_by_its_address() -> None:
    assert cost("openai_compatible", "openai/gpt-5-mini", "https://openrouter.ai/api/v1") > 0


def test_free_is_free_whatever_the_model() -> None:
    free = FakeProvider(model="nobody-knows-me")

    assert cost_usd_micros(free, prompt_tokens=9, completion_tokens=9, now=NOW) == 0


@pytest.mark.parametrize(
    "text", ["How to choose a sofa", "Größenverhältnisse", "どのソファを選ぶか", "🛋️🛋️🛋️"]
)
def test_an_estimate_is_an_upper_bound_of_a_token_for_two_bytes(text: str) -> None:
    assert estimated_tokens(text) * 2 >= len(text.encode())


def test_a_request_counts_its_messages_and_their_frame() -> None:
    request = TextRequest(prompt="p/v1", system="ab", user="cd", max_tokens=1, timeout_seconds=1.0)

    assert prompt_tokens(request) == 2 + 32
