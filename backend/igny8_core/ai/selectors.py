"""Provider settings and the journal, read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.ai.models import AiCall, ProviderSetting
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account


def provider_settings(*, account: Account) -> QuerySet[ProviderSetting]:
    """What the account has set up, in the order of use."""
    return ProviderSetting.objects.for_account(account).order_by("priority", "pk")


def provider_setting(*, account: Account, provider: str) -> ProviderSetting:
    """One of them.

    :raises NotFound: the account has none for this provider.
    """
    found = provider_settings(account=account).filter(provider=provider).first()
    if found is None:
        raise NotFound("no such provider setting", provider=provider)
    return found


def enabled_settings(*, account: Account) -> list[ProviderSetting]:
    """The enabled ones, in the order of use; outside or inside a tenant block."""
    with tenant(account.pk):
        return list(provider_settings(account=account).filter(is_enabled=True))


def calls_for(*, account: Account, related_type: str, related_id: int) -> QuerySet[AiCall]:
    """Every call that was made for a row, newest first."""
    return (
        AiCall.objects.for_account(account)
        .filter(related_type=related_type, related_id=related_id)
        .order_by("-pk")
    )
