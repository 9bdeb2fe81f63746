"""What concerns connections of every account at once: rows whose time has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.business.integration.models import ExternalItem, SiteIntegration

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a sweep needs no more."""

    pk: int


def integration_row(account: HasKey, integration_id: int) -> SiteIntegration:
    """A connection of the open block's account."""
    found: SiteIntegration = SiteIntegration.objects.for_account(account).get(pk=integration_id)
    return found


def items_to_verify(*, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """Account, connection and article of each item that is to be looked at again."""
    rows = ExternalItem.objects.across_accounts(reason="items whose answers were lost")
    due = rows.filter(verify_at__lte=now, content__isnull=False).order_by("verify_at", "pk")
    return list(due.values_list("account_id", "integration_id", "content_id")[:limit])
