"""Test connection: one small question to a provider, and what is wrong in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.ai.errors import (
    AnswerUnusable,
    ModelUnknown,
    ProviderError,
    ProviderKeyRefused,
    ProviderQuotaSpent,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnknownPrice,
)
from igny8_core.ai.ports import TextRequest
from igny8_core.ai.pricing import cost_usd_micros

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.ai.ports import TextProvider

TIMEOUT_SECONDS = 20.0
MAX_TOKENS = 64

# The first that fits, with what to do about it.
_ADVICE: list[tuple[type[ProviderError], str]] = [
    (ProviderKeyRefused, "Key: check that it is complete, not revoked, and may use this model."),
    (ProviderQuotaSpent, "Key: it works, but its account has no money or quota left."),
    (ModelUnknown, "Model or address: check the spelling of both."),
    (ProviderTimeout, "Timeout: the server took the request and did not answer in time."),
    (ProviderUnavailable, "Address: the server cannot be reached or is down."),
    (RateLimited, "Limit: the key works, but its rate limit is used up for now."),
    (AnswerUnusable, "Answer: the server answers, but not as this kind of provider."),
]


def check_provider(provider: TextProvider, *, now: datetime) -> list[str]:
    """What is wrong with a provider, one line each; empty when it can be used.

    Asks the provider one question, which may cost a fraction of a cent. Never inside a transaction.
    """
    problems = []
    try:
        cost_usd_micros(provider, prompt_tokens=1, completion_tokens=1, now=now)
    except UnknownPrice as exc:
        problems.append(f"Price: {exc.message}")
    try:
        provider.generate(
            TextRequest(
                prompt="check/v1",
                system="",
                user="Answer with the word: yes",
                max_tokens=MAX_TOKENS,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        )
    except ProviderError as exc:
        problems.append(f"{_advice(exc)} ({exc.message})")
    return problems


def _advice(error: ProviderError) -> str:
    for kind, words in _ADVICE:
        if isinstance(error, kind):
            return words
    return "Request: the provider does not accept it."
