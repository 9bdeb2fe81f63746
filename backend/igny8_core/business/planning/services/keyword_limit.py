"""How many keywords the plan allows: counted where rows are about to be added, behind one lock.

Live keywords of every sector count, disabled ones too; deleted ones do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.plan_limits import Use, locked_plan
from igny8_core.business.planning.models import Keywords
from igny8_core.common.tenancy.context import TenantError, current_account_id

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Plan


def take_keyword_room(*, account: Account, wanted: int) -> None:
    """Make sure that ``wanted`` further live keywords fit into the plan.

    For every way in: creation, restoring, each batch of an import. Inside the transaction that
    adds them and before it locks a sector: the account stays locked until it ends, so that two
    at once cannot both take the last place.

    :raises PlanLimitReached: they do not fit; nothing was written.
    """
    if current_account_id() != account.pk:
        raise TenantError("room is taken inside the account's block, with what fills it")
    if wanted < 1 or account.plan_id is None:
        return
    plan = locked_plan(account)
    if plan is not None:
        _refuse_beyond(account, plan, wanted)


def refuse_too_many_keywords(*, account: Account, wanted: int) -> None:
    """Say early that ``wanted`` further keywords will not fit; holds nothing.

    :raises PlanLimitReached: they do not fit now.
    """
    if account.plan is not None and wanted > 0:
        _refuse_beyond(account, account.plan, wanted)


def use_of_keywords(*, account: Account) -> Use:
    """Live keywords, and how many the plan allows."""
    plan = account.plan
    return Use(plan.max_keywords if plan else None, _live(account).count())


def _refuse_beyond(account: Account, plan: Plan, wanted: int) -> None:
    limit = plan.max_keywords
    if _live(account)[: limit + 1].count() + wanted <= limit:  # never counts more than the plan
        return
    in_use = _live(account).count()
    raise PlanLimitReached(
        f"The plan {plan.name} allows {limit:,} keywords; {in_use:,} are in use, and this would"
        f" add {wanted:,}.",
        limit=limit,
        in_use=in_use,
    )


def _live(account: Account) -> QuerySet[Keywords]:
    return Keywords.objects.for_account(account).filter(deleted_at=None)
