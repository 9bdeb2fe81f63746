"""Which models an account writes and draws with: its own, else the platform's.

Without either, text comes from the built-in demo model and pictures from the caller's own rules.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from igny8_core.ai.addresses import is_loopback
from igny8_core.ai.errors import NoImageModel, NoTextModel
from igny8_core.ai.models import MAKES_PICTURES
from igny8_core.ai.ports import Capabilities, RateLimits
from igny8_core.ai.selectors import enabled_settings
from igny8_core.ai.services import key_fingerprint, open_key
from igny8_core.ai.states import ProviderKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.models import ProviderSetting
    from igny8_core.ai.ports import ImageProvider, TextProvider
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
    own = [_from_setting(setting) for setting in enabled_settings(account=account) if setting.model]
    return own or [platform_provider()]


def text_provider(account: Account) -> TextProvider:
    """The model that the account writes with first.

    :raises NoTextModel: nothing is set up, and the built-in model does not run.
    """
    return text_providers(account)[0]


def image_providers(account: Account) -> list[ImageProvider]:
    """The account's models for pictures in the order in which they are tried.

    Its own, else the platform's; none when neither is set up.

    :raises NoImageModel: the platform's setting cannot be read.
    """
    own = [
        _image_from_setting(setting)
        for setting in enabled_settings(account=account)
        if setting.image_model
    ]
    if own or not settings.IMAGE_MODEL:
        return own
    return [platform_image_provider()]


def platform_provider() -> TextProvider:
    """The operator's model (``IGNY8_TEXT_MODEL``), else the built-in one.

    :raises NoTextModel: neither is there, or the setting cannot be read.
    """
    if not settings.TEXT_MODEL:
        return local_provider()
    found = _platform_parts("IGNY8_TEXT_MODEL", settings.TEXT_MODEL, list(CONTEXT_TOKENS))
    if isinstance(found, str):
        raise NoTextModel(found)
    kind, model, key, base_url = found
    return _build(
        kind,
        model=model,
        api_key=key,
        base_url=base_url,
        is_public_only=False,
        capabilities=Capabilities(
            is_free=settings.TEXT_MODEL_IS_FREE or is_loopback(base_url),
            max_context_tokens=CONTEXT_TOKENS[kind],
        ),
        limits=RateLimits(**settings.PLATFORM_LIMITS),
    )


def platform_image_provider() -> ImageProvider:
    """The operator's model for pictures (``IGNY8_IMAGE_MODEL``).

    :raises NoImageModel: there is none, or the setting cannot be read.
    """
    if not settings.IMAGE_MODEL:
        raise NoImageModel("No image model is set up.")
    kinds = [ProviderKind(kind) for kind in MAKES_PICTURES]
    found = _platform_parts("IGNY8_IMAGE_MODEL", settings.IMAGE_MODEL, kinds)
    if isinstance(found, str):
        raise NoImageModel(found)
    kind, model, key, base_url = found
    return _build_images(
        kind,
        model=model,
        api_key=key,
        base_url=base_url,
        is_public_only=False,
        capabilities=Capabilities(is_free=settings.IMAGE_MODEL_IS_FREE or is_loopback(base_url)),
        limits=RateLimits(**settings.PLATFORM_LIMITS),
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
    """The provider of one setting, enabled or not: for "test connection".

    :raises NoTextModel: it has no model for text.
    """
    if not setting.model:
        raise NoTextModel("No model for text is set.")
    return _from_setting(setting)


def image_provider_of(setting: ProviderSetting) -> ImageProvider | None:
    """The provider of pictures of one setting, enabled or not; None when it has none."""
    return _image_from_setting(setting) if setting.image_model else None


def _platform_parts(
    variable: str, value: str, kinds: list[ProviderKind]
) -> tuple[ProviderKind, str, str, str] | str:
    """Kind, model, key and address of a platform setting; or what is wrong with it."""
    kind_name, _, model = value.partition(":")
    if kind_name not in kinds or not model:
        return f"{variable} must be provider:model, with one of {', '.join(kinds)}."
    kind = ProviderKind(kind_name)
    key_name = ProviderKind.OPENAI if kind == ProviderKind.OPENAI_COMPATIBLE else kind
    key = settings.PLATFORM_KEYS.get(key_name.value, "")
    base_url = (settings.OPENAI_BASE_URL or "") if key_name == ProviderKind.OPENAI else ""
    if not key and not base_url:
        return f"IGNY8_{key_name.upper()}_API_KEY is missing for {value}."
    return (ProviderKind.OPENAI_COMPATIBLE if base_url else kind), model, key, base_url


def _from_setting(setting: ProviderSetting) -> TextProvider:
    kind = ProviderKind(setting.provider)
    if kind == ProviderKind.LOCAL:
        return local_provider()
    return _build(
        kind,
        model=setting.model,
        api_key=open_key(setting),
        base_url=setting.base_url,
        is_public_only=not settings.PROVIDER_PRIVATE_ADDRESSES,
        capabilities=Capabilities(
            is_free=setting.is_free,
            is_own_key=True,
            max_context_tokens=setting.max_context_tokens or CONTEXT_TOKENS[kind],
        ),
        limits=_limits_of(setting),
    )


def _image_from_setting(setting: ProviderSetting) -> ImageProvider:
    return _build_images(
        ProviderKind(setting.provider),
        model=setting.image_model,
        api_key=open_key(setting),
        base_url=setting.base_url,
        is_public_only=not settings.PROVIDER_PRIVATE_ADDRESSES,
        capabilities=Capabilities(is_free=setting.is_free, is_own_key=True),
        limits=_limits_of(setting),
    )


def _limits_of(setting: ProviderSetting) -> RateLimits:
    return RateLimits(
        requests_per_minute=setting.requests_per_minute,
        tokens_per_minute=setting.tokens_per_minute,
        concurrency=setting.concurrency,
    )


def _build(
    kind: ProviderKind,
    *,
    model: str,
    api_key: str,
    base_url: str,
    is_public_only: bool,
    capabilities: Capabilities,
    limits: RateLimits,
) -> TextProvider:
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
        reach=_reach(base_url, is_public_only=is_public_only),
        capabilities=capabilities,
        limits=limits,
        **names,
    )


def _build_images(
    kind: ProviderKind,
    *,
    model: str,
    api_key: str,
    base_url: str,
    is_public_only: bool,
    capabilities: Capabilities,
    limits: RateLimits,
) -> ImageProvider:
    make: Callable[..., ImageProvider] = import_module(f"{_PROVIDERS}.openai_images").image_provider
    return make(
        name=kind.value,
        model=model,
        api_key=api_key,
        key_fingerprint=key_fingerprint(api_key or base_url),
        base_url=base_url,
        reach=_reach(base_url, is_public_only=is_public_only),
        capabilities=capabilities,
        limits=limits,
    )


def _reach(base_url: str, *, is_public_only: bool) -> Any:
    """Only an address that somebody typed in is held to public ones."""
    reach = import_module(f"{_PROVIDERS}.http").Reach
    return reach.PUBLIC if base_url and is_public_only else reach.ANYWHERE
