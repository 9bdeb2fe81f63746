"""An account's own providers: stored with sealed keys, opened for a call, re-sealed on rotation.

And what the journal may forget.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from igny8_core.ai.addresses import check_account_url
from igny8_core.ai.models import MAKES_PICTURES, AiPicture, ProviderSetting
from igny8_core.ai.selectors import provider_settings
from igny8_core.ai.states import ProviderKind
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.vault import vault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

PURPOSE = "provider-keys"
HINT_CHARS = 4
HINT_FROM_CHARS = 16
"""A shorter key shows nothing of itself."""

PICTURE_DAYS = 7
"""How long a picture waits for work that asked for it and was never finished."""

PRUNE_BATCH = 500
PRIORITY_STEP = 10

CHANGEABLE = (
    "model",
    "image_model",
    "base_url",
    "is_enabled",
    "is_free",
    "priority",
    "max_context_tokens",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
)
_KEYLESS = {ProviderKind.LOCAL, ProviderKind.OPENAI_COMPATIBLE}


@tenant_atomic()
def save_provider_setting(
    *,
    account: Account,
    provider: ProviderKind,
    model: str = "",
    image_model: str = "",
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

    :param model: for text; it or ``image_model`` has to be there.
    :param image_model: for pictures: of OpenAI, or a server with its API.
    :param api_key: None keeps the key that is stored, "" removes it. A key is only kept for the
        address that it was typed in for.
    :raises InvalidInput: no model, no key where one is needed, or an address that may not be used.
    """
    setting = provider_settings(account=account).select_for_update().filter(provider=provider)
    row = setting.first() or ProviderSetting(account=account, provider=provider)
    address = check_account_url(base_url) if base_url else ""
    if api_key is None and row.sealed_key and address != row.base_url:
        # Or whoever may change the address could have the key sent to a server of theirs.
        raise InvalidInput(
            "The key belongs to the address that it was stored for.",
            api_key=["has to be typed in again when the address changes"],
        )
    if api_key is not None:
        row.sealed_key = seal_key(account_id=account.pk, provider=provider, key=api_key)
        row.key_hint = api_key[-HINT_CHARS:] if len(api_key) >= HINT_FROM_CHARS else ""
    problems: dict[str, list[str]] = {}
    if not model.strip() and not image_model.strip():
        problems["model"] = ["is missing"]
    if image_model.strip() and provider not in MAKES_PICTURES:
        problems["image_model"] = ["this provider makes no pictures here"]
    if not row.sealed_key and provider not in _KEYLESS:
        problems["api_key"] = ["is missing"]
    if provider == ProviderKind.OPENAI_COMPATIBLE and not address:
        problems["base_url"] = ["is missing"]
    if problems:
        raise InvalidInput("The provider cannot be used like this.", **problems)
    row.base_url, row.model, row.image_model = address, model.strip(), image_model.strip()
    row.is_enabled, row.is_free, row.priority = is_enabled, is_free, priority
    row.max_context_tokens, row.concurrency = max_context_tokens, concurrency
    row.requests_per_minute, row.tokens_per_minute = requests_per_minute, tokens_per_minute
    row.save()
    return row


@tenant_atomic()
def change_provider_setting(
    *, account: Account, setting_id: int, changes: Mapping[str, Any]
) -> ProviderSetting:
    """Change some fields of a setting; the others stay as they are.

    :param changes: by the names that :func:`save_provider_setting` takes, without ``provider``.
    :raises NotFound: no such setting.
    :raises InvalidInput: as there; nothing was written.
    """
    row = provider_settings(account=account).select_for_update().filter(pk=setting_id).first()
    if row is None:
        raise NotFound("no such provider setting", setting_id=setting_id)
    kept = {name: getattr(row, name) for name in CHANGEABLE}
    return save_provider_setting(
        account=account, provider=ProviderKind(row.provider), **kept | dict(changes)
    )


@tenant_atomic()
def move_provider_setting(*, account: Account, setting_id: int, is_up: bool) -> None:
    """Ask a provider before, or after, the one beside it. At the end of the list nothing changes.

    :raises NotFound: no such setting.
    """
    rows = list(provider_settings(account=account).select_for_update())
    place = next((n for n, row in enumerate(rows) if row.pk == setting_id), None)
    if place is None:
        raise NotFound("no such provider setting", setting_id=setting_id)
    other = place - 1 if is_up else place + 1
    if 0 <= other < len(rows):
        rows[place], rows[other] = rows[other], rows[place]
    for number, row in enumerate(rows, start=1):  # priorities may have been equal
        if row.priority != number * PRIORITY_STEP:
            row.priority = number * PRIORITY_STEP
            row.save(update_fields=["priority", "updated_at"])


@tenant_atomic()
def remove_provider_setting(*, account: Account, setting_id: int) -> None:
    """Forget a provider and its key.

    :raises NotFound: no such setting.
    """
    removed, _ = provider_settings(account=account).filter(pk=setting_id).delete()
    if not removed:
        raise NotFound("no such provider setting", setting_id=setting_id)


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


def prune_pictures(*, now: datetime) -> int:
    """Forget pictures of work that was never finished; a bounded batch. Runs as the staff role."""
    rows = AiPicture.objects.across_accounts(reason="pictures that nobody fetched")
    old = rows.filter(created_at__lt=now - timedelta(days=PICTURE_DAYS)).order_by("created_at")
    removed, _ = rows.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNE_BATCH])).delete()
    return removed


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
