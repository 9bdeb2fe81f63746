"""What a provider's own error means for us, in words for the person who reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic_ai import exceptions as pai

from igny8_core.ai.errors import (
    AnswerCutOff,
    AnswerMalformed,
    AnswerRefused,
    ContextTooLong,
    ModelUnknown,
    ProviderError,
    ProviderInterrupted,
    ProviderKeyRefused,
    ProviderQuotaSpent,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from igny8_core.ai.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_AFTER_SECONDS = 20.0
"""When a provider says 429 and not for how long."""

RETRY_AFTER_SECONDS_MAX = 3_600.0
"""A provider that names a day in another century is asked again in an hour."""

REASON_CHARS_MAX = 300
FILTERED = "stopped the answer with its content filter"
NOT_SENT = {"pool", "connect"}
"""How far a request came that the provider never saw."""

_KEY = re.compile(r"\b(?:sk-|AIza)[\w*.-]{6,}")

# The first that fits: a category of the SDK adapter, our error, what happened.
_CATEGORIES: list[tuple[type[Exception], type[ProviderError], str]] = [
    (pai.ModelQuotaExceededError, ProviderQuotaSpent, "has no quota or money left"),
    (pai.ModelAuthenticationError, ProviderKeyRefused, "refuses the key"),
    (pai.ModelNotFoundError, ModelUnknown, "does not know the model or the address"),
    (pai.ModelContextWindowExceededError, ContextTooLong, "finds the request too long"),
    (pai.ModelRequestRejectedError, RequestRejected, "rejects the request"),
    (pai.ModelTimeoutError, ProviderTimeout, "did not answer in time"),
    (pai.ModelRequestTimeout, ProviderTimeout, "did not answer in time"),
    (TimeoutError, ProviderTimeout, "did not answer in time"),
    (pai.ModelConnectionError, ProviderInterrupted, "broke the connection off"),
    (pai.ModelOverloadedError, ProviderUnavailable, "is overloaded"),
    (pai.ModelUnavailableError, ProviderUnavailable, "is not available"),
    (pai.ModelServerError, ProviderUnavailable, "has a fault of its own"),
    (pai.ContentFilterError, AnswerRefused, FILTERED),
    (pai.OutputTokenLimitExceeded, AnswerCutOff, "needed more room than the answer may have"),
    (pai.UnexpectedModelBehavior, AnswerMalformed, "gave an answer of the wrong form"),
    (pai.ModelHTTPError, RequestRejected, "rejects the request"),
    (pai.ModelAPIError, AnswerMalformed, "gave an answer that cannot be read"),
]


def as_provider_error(error: Exception, *, provider: str, model: str) -> ProviderError:
    """Our error for one of the SDKs' errors.

    :raises Exception: the error itself, when it is not about the provider: a bug.
    """
    for cause in _chain(error):
        if isinstance(cause, ProviderError):
            return cause
    names = {"provider": provider, "model": model}
    if isinstance(error, pai.ModelRateLimitError):
        return _rate_limited(error, provider=provider, model=model)
    if isinstance(error, pai.ModelConnectionError) and error.phase in NOT_SENT:
        return ProviderUnavailable(
            f"{provider} cannot be reached ({model}). {_reason(error)}".strip(), **names
        )
    if isinstance(error, pai.ContentFilterError) and "refusal" in error.message.lower():
        return AnswerRefused(f"{provider} declined to answer ({model}).", **names)
    for category, ours, what in _CATEGORIES:
        if isinstance(error, category):
            return ours(f"{provider} {what} ({model}). {_reason(error)}".strip(), **names)
    raise error


def _rate_limited(error: pai.ModelRateLimitError, *, provider: str, model: str) -> RateLimited:
    wait = min(error.retry_after or RETRY_AFTER_SECONDS, RETRY_AFTER_SECONDS_MAX)
    said = "It asks for" if error.retry_after else "It does not say for how long; we take"
    return RateLimited(
        f"{provider} limits the rate of {model}. {said} a pause of {wait:.0f} s.",
        retry_after_seconds=wait,
        provider=provider,
        model=model,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _reason(error: Exception) -> str:
    """The provider's own words, one line, bounded; none where only the adapter has words."""
    if isinstance(error, pai.UnexpectedModelBehavior):
        return ""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else body
    words = inner.get("message") if isinstance(inner, dict) else None
    text = " ".join(storable(str(words or getattr(error, "message", "") or error)).split())
    return _KEY.sub("(key)", text)[:REASON_CHARS_MAX]
