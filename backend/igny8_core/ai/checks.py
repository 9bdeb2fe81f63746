"""Test connection: one small question to a provider, and what is wrong in words.

It asks past the circuit and the limits: it is how a person finds out whether they may be lifted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.ai.breaker import watched
from igny8_core.ai.errors import (
    AnswerUnusable,
    ModelUnknown,
    NoTextModel,
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
from igny8_core.ai.registry import image_provider_of, provider_of
from igny8_core.ai.selectors import provider_setting
from igny8_core.common.tenancy.context import tenant
from igny8_core.common.vault import VaultError

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.ai.ports import Provider, TextProvider
    from igny8_core.auth.models import Account

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


@dataclass(frozen=True)
class Diagnosis:
    """What a test of a provider setting found.

    :ivar problems: one line each, with what to do about it; empty when it can be used.
    :ivar seconds: until the answer, or the error; 0 when nothing was asked.
    """

    problems: list[str]
    seconds: float

    @property
    def is_usable(self) -> bool:
        return not self.problems


def check_setting(*, account: Account, setting_id: int, now: datetime) -> Diagnosis:
    """Test a provider setting, enabled or not. Never inside a transaction.

    The text model is asked one question, which may cost a fraction of a cent. A model for pictures
    is not asked, since a picture costs more: its price has to be known.

    :raises NotFound: the account has no such setting.
    """
    with tenant(account.pk, read_only=True, durable=True):
        setting = provider_setting(account=account, setting_id=setting_id)
    problems: list[str] = []
    began = time.monotonic()
    try:
        if setting.model:
            problems += check_provider(provider_of(setting), now=now)
        seconds = time.monotonic() - began
        pictures = image_provider_of(setting)
        if pictures is not None:
            problems += _price_problems(pictures, now=now)
    except VaultError:
        return Diagnosis(["Key: what is stored cannot be opened any more. Type it in again."], 0.0)
    except NoTextModel as exc:  # the built-in one
        return Diagnosis([f"Model: {exc.message}"], 0.0)
    return Diagnosis(problems, round(seconds, 3) if setting.model else 0.0)


def check_provider(provider: TextProvider, *, now: datetime) -> list[str]:
    """What is wrong with a provider, one line each; empty when it can be used.

    Asks the provider one question, which may cost a fraction of a cent. Never inside a transaction.
    """
    problems = _price_problems(provider, now=now)
    request = TextRequest(
        prompt="check/v1",
        system="",
        user="Answer with the word: yes",
        max_tokens=MAX_TOKENS,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    try:
        with watched(provider):  # an answer closes the circuit of a key that was left alone
            provider.generate(request)
    except ProviderError as exc:
        problems.append(f"{_advice(exc)} ({exc.message})")
    return problems


def _price_problems(provider: Provider, *, now: datetime) -> list[str]:
    try:
        cost_usd_micros(provider, prompt_tokens=1, completion_tokens=1, now=now)
    except UnknownPrice as exc:
        return [f"Price: {exc.message}"]
    return []


def _advice(error: ProviderError) -> str:
    for kind, words in _ADVICE:
        if isinstance(error, kind):
            return words
    return "Request: the provider does not accept it."
