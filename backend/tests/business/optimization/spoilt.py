"""What an optimisation could spoil, and what it has cost."""

from __future__ import annotations

from typing import Any

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.content.models import Content
from igny8_core.common.tenancy.context import tenant

KEPT = ("title", "html", "blocks", "slug", "status", "version", "published_at", "meta_title",
        "meta_description", "word_count", "provenance", "canonical")  # fmt: skip


def snapshot(content: Content) -> dict[str, Any]:
    """All of an article that an optimisation could spoil."""
    row = Content.unscoped.get(pk=content.pk)
    return {name: getattr(row, name) for name in KEPT if hasattr(row, name)}


def money(content: Content) -> tuple[int, int, int]:
    """Credits spent, credits held, and how often something was charged."""
    with tenant(content.account_id):
        account = accounts.account(content.account_id)
        logs = CreditUsageLog.objects.for_account(account).filter(operation_type="optimization")
        spent = sum(log.credits_used for log in logs)
        return spent, account.credits_held, logs.count()
