"""What AI work used: one row beside each charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.states import OperationType
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.ai.ports import Usage
    from igny8_core.common.tenancy.context import HasKey


@tenant_atomic()
def log_usage(
    *,
    account: HasKey,
    operation: str,
    credits_used: int,
    usage: Usage,
    reservation_id: int | None = None,
    transaction_id: int | None = None,
    related: tuple[str, int | None] = ("", None),
    metadata: Mapping[str, Any] | None = None,
) -> CreditUsageLog:
    """Write down one piece of AI work, inside the transaction that stores its result.

    :param transaction_id: the ledger row that charged it; None when it cost nothing.
    """
    log = CreditUsageLog(
        account_id=account.pk,
        operation_type=OperationType(operation),
        credits_used=credits_used,
        provider=usage.provider,
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd_micros=usage.cost_usd_micros,
        reservation_id=reservation_id,
        transaction_id=transaction_id,
        related_type=related[0],
        related_id=related[1],
        metadata=dict(metadata or {}),
    )
    # The composite keys check what save() would ask for, without three queries more.
    CreditUsageLog.unscoped.bulk_create([log])
    return log
