"""Which models an account writes with: its own, else the platform's, else the built-in one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from igny8_core.ai.addresses import is_loopback
from igny8_core.ai.errors import NoTextModel
from igny8_core.ai.ports import Capabilities, RateLimits
from igny8_core.ai.selectors import enabled_settings
from igny8_core.ai.services import key_fingerprint, open_key
from igny8_core.ai.states import ProviderKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.models import ProviderSetting
    from igny8_core.ai.ports import TextProvider
    from igny8_core.auth.models import Account

_PROVIDERS = "igny8_core.ai.providers"
CONTEXT_TOKENS = {
    ProviderKind.OPENAI: 128_000,
    ProviderKind.ANTHROPIC: 200_000,
    ProviderKind.GOOGLE: 1_000_000,
    ProviderKind.OPENAI_COMPATIBLE: 8_192,
}
"""What is taken for granted unless the setting says otherwise."""


def text_providers(account: Account) -> list[TextProvider]:
    """The account's models in the order in which they are tried.

    An account with providers of its own uses only those. The built-in model is never a fallback
    for a real one.

    :raises NoTextModel: nothing is set up, and the built-in model does not run.
    """
    own = [_from_setting(setting) for setting in enabled_settings(account=account)]
    return own or [platform_provider()]


def text_provider(account: Account) -> TextProvider:
    """The model that the account writes with first.

    :raises NoTextModel: nothing is set up, and the built-in model does not run.
    """
    return text_providers(account)[0]


def platform_provider() -> TextProvider:
    """The operator's model (``IGNY8_TEXT_MODEL``), else the built-in one.

    :raises NoTextModel: neither is there, or the setting cannot be read.
    """
    if not settings.TEXT_MODEL:
        return local_provider()
    kind_name, _, model = settings.TEXT_MODEL.partition(":")
    if kind_name not in CONTEXT_TOKENS or not model:
        kinds = ", ".join(CONTEXT_TOKENS)
        raise NoTextModel(f"IGNY8_TEXT_MODEL must be provider:model, with one of {kinds}.")
    kind = ProviderKind(kind_name)
    key_name = ProviderKind.OPENAI if kind == ProviderKind.OPENAI_COMPATIBLE else kind
    key = settings.PLATFORM_KEYS.get(key_name.value, "")
    speaks_openai = key_name == ProviderKind.OPENAI
    base_url = (settings.OPENAI_BASE_URL or "") if speaks_openai else ""
    if not key and not base_url:
        raise NoTextModel(f"IGNY8_{key_name.upper()}_API_KEY is missing for {settings.TEXT_MODEL}.")
    return _build(
        ProviderKind.OPENAI_COMPATIBLE if base_url else kind,
        model=model,
        api_key=key,
        base_url=base_url,
        is_free=settings.TEXT_MODEL_IS_FREE or is_loopback(base_url),
        is_public_only=False,
    )


def local_provider() -> TextProvider:
    """The built-in demo model.

    :raises NoTextModel: it does not run.
    """
    if not settings.LOCAL_MODEL_URL:
        raise NoTextModel("No text model is set up and the built-in one does not run (igny8 up).")
    module = import_module(f"{_PROVIDERS}.openai_compatible")
    return cast("TextProvider", module.local_provider(settings.LOCAL_MODEL_URL))


def provider_of(setting: ProviderSetting) -> TextProvider:
    """The provider of one setting, enabled or not: for "test connection"."""
    return _from_setting(setting)


def _from_setting(setting: ProviderSetting) -> TextProvider:
    kind = ProviderKind(setting.provider)
    if kind == ProviderKind.LOCAL:
        return local_provider()
    return _build(
        kind,
        model=setting.model,
        api_key=open_key(setting),
        base_url=setting.base_url,
        is_free=setting.is_free,
        is_public_only=not settings.PROVIDER_PRIVATE_ADDRESSES,
        max_context_tokens=setting.max_context_tokens,
        limits=RateLimits(
            requests_per_minute=setting.requests_per_minute,
            tokens_per_minute=setting.tokens_per_minute,
            concurrency=setting.concurrency,
        ),
    )


def _build(
    kind: ProviderKind,
    *,
    model: str,
    api_key: str,
    base_url: str,
    is_free: bool,
    is_public_only: bool,
    max_context_tokens: int | None = None,
    limits: RateLimits | None = None,
) -> TextProvider:
    http = import_module(f"{_PROVIDERS}.http")
    if kind in {ProviderKind.OPENAI, ProviderKind.OPENAI_COMPATIBLE}:
        module, factory = "openai_compatible", "openai_provider"
        names: dict[str, Any] = {"name": kind.value}
    else:
        module, factory, names = kind.value, f"{kind.value}_provider", {}
    make: Callable[..., TextProvider] = getattr(import_module(f"{_PROVIDERS}.{module}"), factory)
    return make(
        model=model,
        api_key=api_key,
        key_fingerprint=key_fingerprint(api_key or base_url),
        base_url=base_url,
        reach=http.Reach.PUBLIC if base_url and is_public_only else http.Reach.ANYWHERE,
        capabilities=Capabilities(
            is_free=is_free, max_context_tokens=max_context_tokens or CONTEXT_TOKENS[kind]
        ),
        limits=limits or RateLimits(),
        **names,
    )
