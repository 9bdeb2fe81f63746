"""Provider settings and the journal, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, Sum

from igny8_core.ai.models import AiCall, ProviderSetting
from igny8_core.ai.states import AiCallStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account


@dataclass(frozen=True)
class CallFigures:
    """What the calls of one model came to.

    :ivar is_own_key: paid by the account itself, not by the platform.
    """

    provider: str
    model: str
    is_own_key: bool
    calls: int
    failed: int
    tokens: int
    cost_usd_micros: int


def provider_settings(*, account: Account) -> QuerySet[ProviderSetting]:
    """What the account has set up, in the order of use."""
    return ProviderSetting.objects.for_account(account).order_by("priority", "pk")


def provider_setting(*, account: Account, setting_id: int) -> ProviderSetting:
    """One of them.

    :raises NotFound: unknown, or another account's.
    """
    rows = ProviderSetting.objects.for_account(account)
    found: ProviderSetting | None = rows.filter(pk=setting_id).first()
    if found is None:
        raise NotFound("no such provider setting", setting_id=setting_id)
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


def ai_calls(
    *,
    account: Account,
    status: str | None = None,
    provider: str | None = None,
    error_class: str | None = None,
    related_type: str | None = None,
    related_id: int | None = None,
    started_from: datetime | None = None,
    started_until: datetime | None = None,
) -> QuerySet[AiCall]:
    """The journal of the account's calls, without questions and answers; in no order.

    :param started_until: not included.
    """
    wanted = {
        "status": status,
        "provider": provider,
        "error_class": error_class,
        "related_type": related_type,
        "related_id": related_id,
        "started_at__gte": started_from,
        "started_at__lt": started_until,
    }
    rows = AiCall.objects.for_account(account).defer("answer")
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def ai_call(*, account: Account, call_id: int) -> AiCall:
    """One call.

    :raises NotFound: unknown, or another account's.
    """
    found = ai_calls(account=account).filter(pk=call_id).first()
    if found is None:
        raise NotFound("no such call", call_id=call_id)
    return found


def call_figures(*, account: Account, since: datetime) -> list[CallFigures]:
    """What each model was asked and cost since a moment, the dearest first."""
    rows = (
        AiCall.objects.for_account(account)
        .filter(started_at__gte=since)
        .values("provider", "model", "is_own_key")
        .annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=Q(status=AiCallStatus.FAILED)),
            tokens=Sum("prompt_tokens") + Sum("completion_tokens"),
            cost_usd_micros=Sum("cost_usd_micros"),
        )
        .order_by("-cost_usd_micros", "-calls", "provider", "model")
    )
    return [CallFigures(**row) for row in rows]
