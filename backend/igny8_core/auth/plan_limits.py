"""What a plan allows, and what of it is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.auth import selectors
from igny8_core.auth.models import Account

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Plan


@dataclass(frozen=True, slots=True)
class Use:
    """One limit of a plan.

    :ivar limit: None when the account has no plan: nothing is limited.
    """

    limit: int | None
    in_use: int

    @property
    def is_full(self) -> bool:
        """Whether not one more fits."""
        return self.limit is not None and self.in_use >= self.limit


def locked_plan(account: Account) -> Plan | None:
    """The account's plan; the account's row is locked until the transaction ends.

    Whoever adds something that a plan limits counts behind this lock, so that two at once cannot
    both take the last place. Rows that only refer to the account go on.
    """
    rows = Account.objects.select_for_update(of=("self",), no_key=True).select_related("plan")
    return rows.get(pk=account.pk).plan


def use_of_sites(*, account: Account) -> Use:
    """Active sites."""
    plan = account.plan
    return Use(plan.max_sites if plan else None, selectors.active_sites(account=account))


def use_of_people(*, account: Account, now: datetime) -> Use:
    """Members, and invitations that are open."""
    plan = account.plan
    members = selectors.members(account=account).order_by().values("pk")
    asked = selectors.invitations(account=account).filter(expires_at__gt=now)
    both = members.union(asked.order_by().values("pk"), all=True)
    return Use(plan.max_users if plan else None, both.count())
