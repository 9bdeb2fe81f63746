"""What provider calls may cost in money: of one piece of work, and of an account's day.

A call counts from before it is made, at the most that it can cost; its real cost takes that place
when it is known. A call whose outcome is unknown, because the connection broke or the worker
died, counts at its most for good. So what providers bill stays within the limit, whatever is
repeated, runs in parallel or dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Sum

from igny8_core.ai.errors import CostCapReached
from igny8_core.ai.models import AiCall

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.ai.ports import Provider
    from igny8_core.auth.models import Account

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('igny8.ai.cost', %s))"


@dataclass(frozen=True)
class Budget:
    """Limits in millionths of a dollar; None is no limit.

    :param work_usd_micros: all calls of one piece of paid work, of all its attempts.
    :param day_usd_micros: all calls that the account makes with the platform's keys, from
        midnight to midnight UTC.
    """

    work_usd_micros: int | None = None
    day_usd_micros: int | None = None


NO_BUDGET = Budget()


def check_budget(
    budget: Budget,
    *,
    account: Account,
    work_key: str,
    provider: Provider,
    most_usd_micros: int,
    now: datetime,
) -> None:
    """Refuse a call that could lead over a limit.

    Inside the transaction that journals the call; serialises the account's checks until it ends.

    :raises CostCapReached: nothing is called.
    """
    counts_today = budget.day_usd_micros is not None and not provider.capabilities.is_own_key
    if not most_usd_micros or not (counts_today or budget.work_usd_micros is not None):
        return
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account.pk])
    rows = AiCall.objects.for_account(account)
    if budget.work_usd_micros is not None:
        spent = _counted(rows.filter(work_key=work_key))
        _refuse_over(budget.work_usd_micros, spent, most_usd_micros, "this piece of work", provider)
    if counts_today and budget.day_usd_micros is not None:
        midnight = datetime.combine(now.astimezone(UTC).date(), time.min, tzinfo=UTC)
        spent = _counted(rows.filter(started_at__gte=midnight, is_own_key=False))
        _refuse_over(budget.day_usd_micros, spent, most_usd_micros, "the account today", provider)


def _counted(rows: QuerySet[AiCall]) -> int:
    return rows.aggregate(total=Sum("counted_usd_micros"))["total"] or 0


def _refuse_over(limit: int, spent: int, most: int, whose: str, provider: Provider) -> None:
    if spent + most <= limit:
        return
    raise CostCapReached(
        f"Calls for {whose} may cost {_dollars(limit)}. {_dollars(spent)} are counted already, and "
        f"this one could cost {_dollars(most)} ({provider.name}, {provider.model}).",
        limit_usd_micros=limit,
        counted_usd_micros=spent,
        most_usd_micros=most,
        provider=provider.name,
        model=provider.model,
    )


def _dollars(micros: int) -> str:
    return f"${micros // 1_000_000}.{micros % 1_000_000:06d}".rstrip("0").rstrip(".")
