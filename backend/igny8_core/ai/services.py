"""An account's own providers: stored with sealed keys, opened for a call, re-sealed on rotation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from igny8_core.ai.addresses import check_account_url
from igny8_core.ai.models import ProviderSetting
from igny8_core.ai.selectors import provider_settings
from igny8_core.ai.states import ProviderKind
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.vault import vault

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

PURPOSE = "provider-keys"
HINT_CHARS = 4
HINT_FROM_CHARS = 16
"""A shorter key shows nothing of itself."""

_KEYLESS = {ProviderKind.LOCAL, ProviderKind.OPENAI_COMPATIBLE}


@tenant_atomic()
def save_provider_setting(
    *,
    account: Account,
    provider: ProviderKind,
    model: str,
    api_key: str | None = None,
    base_url: str = "",
    is_enabled: bool = True,
    is_free: bool = False,
    priority: int = 100,
    max_context_tokens: int | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    concurrency: int | None = None,
) -> ProviderSetting:
    """Set a provider up, or change it.

    :param api_key: None keeps the key that is stored, "" removes it.
    :raises InvalidInput: no model, no key where one is needed, or an address that may not be used.
    """
    setting = provider_settings(account=account).select_for_update().filter(provider=provider)
    row = setting.first() or ProviderSetting(account=account, provider=provider)
    if api_key is not None:
        row.sealed_key = seal_key(account_id=account.pk, provider=provider, key=api_key)
        row.key_hint = api_key[-HINT_CHARS:] if len(api_key) >= HINT_FROM_CHARS else ""
    problems: dict[str, list[str]] = {}
    if not model.strip():
        problems["model"] = ["is missing"]
    if not row.sealed_key and provider not in _KEYLESS:
        problems["api_key"] = ["is missing"]
    if provider == ProviderKind.OPENAI_COMPATIBLE and not base_url:
        problems["base_url"] = ["is missing"]
    if problems:
        raise InvalidInput("The provider cannot be used like this.", **problems)
    row.base_url = check_account_url(base_url) if base_url else ""
    row.model, row.is_enabled, row.is_free, row.priority = model, is_enabled, is_free, priority
    row.max_context_tokens, row.concurrency = max_context_tokens, concurrency
    row.requests_per_minute, row.tokens_per_minute = requests_per_minute, tokens_per_minute
    row.save()
    return row


@tenant_atomic()
def remove_provider_setting(*, account: Account, provider: ProviderKind) -> None:
    """Forget a provider and its key.

    :raises NotFound: the account has none.
    """
    removed, _ = provider_settings(account=account).filter(provider=provider).delete()
    if not removed:
        raise NotFound("no such provider setting", provider=provider)


@tenant_atomic()
def rotate_provider_keys(*, account: Account) -> int:
    """Seal every key of the account with the newest vault key.

    :returns: how many were sealed again; 0 on a repeat.
    :raises VaultError: a key was sealed with one that is no longer configured.
    """
    safe, rotated = vault(purpose=PURPOSE), 0
    for row in provider_settings(account=account).select_for_update().exclude(sealed_key=""):
        if not safe.is_current(row.sealed_key):
            key = open_key(row)
            row.sealed_key = seal_key(account_id=account.pk, provider=row.provider, key=key)
            row.save(update_fields=["sealed_key", "updated_at"])
            rotated += 1
    return rotated


def seal_key(*, account_id: int, provider: str, key: str) -> str:
    """The sealed form of a provider key; empty for none."""
    if not key:
        return ""
    return vault(purpose=PURPOSE).seal(key, context=_context(account_id, provider))


def open_key(setting: ProviderSetting) -> str:
    """The provider key of a setting; empty when it has none.

    :raises VaultError: sealed for another account or provider, or with an unknown key.
    """
    if not setting.sealed_key:
        return ""
    context = _context(setting.account_id, setting.provider)
    return str(vault(purpose=PURPOSE).open(setting.sealed_key, context=context))


def key_fingerprint(key: str) -> str:
    """Tells limits of different keys apart without saying the key."""
    return hashlib.sha256(f"igny8:{key}".encode()).hexdigest()[:12]


def _context(account_id: int, provider: str) -> str:
    return f"acct:{account_id}/provider:{provider}"
