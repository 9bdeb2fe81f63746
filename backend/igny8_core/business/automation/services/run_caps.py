"""The limit of a run on credits, asked while the wallet is locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Sum

from igny8_core.ai.errors import RunCapReached
from igny8_core.business.automation.models import AutomationRun, WorkItem
from igny8_core.business.billing import selectors as billing

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.ai.ports import Hold
    from igny8_core.auth.models import Account


@dataclass(frozen=True)
class RunCap:
    """``max_credits_per_run``: what was charged for the rows of the run since it began, and what
    is held for them at its full amount. Read anew each time: a person may raise it.
    """

    account: Account
    run_id: int

    def check(self, hold: Hold, *, now: datetime) -> None:  # noqa: ARG002 - the port's signature
        """Refuse a new hold that leads over the limit. Implements ``ai.ports.CapPort``.

        :raises RunCapReached: ``data`` says what is spent, held and allowed.
        """
        run = AutomationRun.objects.for_account(self.account).filter(pk=self.run_id).first()
        limit = None if run is None else run.config_snapshot.get("max_credits_per_run")
        if run is None or limit is None:
            return
        items = WorkItem.objects.for_account(self.account).filter(
            run_id=self.run_id,
            related_type=OuterRef("related_type"),
            related_id=OuterRef("related_id"),
        )
        logs = billing.usage_logs(account=self.account).filter(created_at__gte=run.created_at)
        holds = billing.held_reservations(account=self.account)
        spent = logs.filter(Exists(items)).order_by().aggregate(n=Sum("credits_used"))["n"] or 0
        held = holds.filter(Exists(items)).order_by().aggregate(n=Sum("amount"))["n"] or 0
        if spent + held <= limit:
            return
        others = held - hold.amount
        raise RunCapReached(
            f"The run may spend {limit} credits. {spent} are spent and {others} set aside; "
            f"{hold.amount} more would lead over the limit.",
            limit=limit,
            spent=spent,
            held=others,
            wanted=hold.amount,
        )
