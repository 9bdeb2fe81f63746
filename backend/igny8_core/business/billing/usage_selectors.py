"""What AI work used: by its kind, by model, by day. Amounts are whole credits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from igny8_core.business.billing.selectors import block_of, usage_logs
from igny8_core.business.billing.states import OperationType
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account
    from igny8_core.common.tenancy.context import HasKey

DAYS_MAX = 366
YEARS = range(2000, 2200)
DAYS_SHOWN = 30
MODELS_MAX = 100


@dataclass(frozen=True)
class _Usage:
    """What pieces of AI work used together. ``cost_usd_micros`` is our own cost."""

    runs: int
    credits: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd_micros: int


@dataclass(frozen=True, kw_only=True)
class OperationUsage(_Usage):
    """What one kind of AI work used in all."""

    operation: OperationType


@dataclass(frozen=True, kw_only=True)
class ModelUsage(_Usage):
    """What the work of one model used in all; rules count as a model too."""

    provider: str
    model: str


@dataclass
class DayUsage:
    """What was used on one day."""

    day: date
    runs: int = 0
    credits: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


def usage_by_operation(
    *, account: HasKey, since: datetime | None = None, until: datetime | None = None
) -> list[OperationUsage]:
    """What each kind of AI work used in all, the dearest first.

    :param since: count from this moment on; by default everything.
    :param until: and before this one.
    """
    with block_of(account):
        rows = usage_logs(account=account, since=since, until=until)
        return [
            OperationUsage(operation=OperationType(row["operation_type"]), **_figures(row))
            for row in _summed(rows, "operation_type")
        ]


def usage_by_model(
    *, account: HasKey, since: datetime | None = None, until: datetime | None = None
) -> list[ModelUsage]:
    """What the work of each model used in all, the dearest first."""
    with block_of(account):
        rows = usage_logs(account=account, since=since, until=until)
        return [
            ModelUsage(provider=row["provider"], model=row["model"], **_figures(row))
            for row in _summed(rows, "provider", "model")[:MODELS_MAX]
        ]


def usage_by_day(
    *, account: Account, first: date | None = None, last: date | None = None, now: datetime
) -> list[DayUsage]:
    """What was used on each day, in the account's time zone; days without work are there too.

    :param first: by default ``DAYS_SHOWN`` days up to the last.
    :param last: included, by default today; at most ``DAYS_MAX`` days from ``first``.
    :raises InvalidInput: the days are the wrong way round, too many, or of another age.
    """
    zone = _zone(account.timezone)
    last = last or now.astimezone(zone).date()
    if last.year not in YEARS:
        text = f"Between the years {YEARS.start} and {YEARS.stop - 1}."
        raise InvalidInput("These are no days to show.", last_day=[text])
    first = first or last - timedelta(days=DAYS_SHOWN - 1)
    if not 0 <= (last - first).days < DAYS_MAX:
        text = f"Not before the first day, and at most {DAYS_MAX} days in all."
        raise InvalidInput("These are no days to show.", last_day=[text])
    begin = datetime.combine(first, time.min, zone)
    end = datetime.combine(last + timedelta(days=1), time.min, zone)
    days = {
        first + timedelta(days=n): DayUsage(first + timedelta(days=n))
        for n in range((last - first).days + 1)
    }
    with block_of(account):
        rows = usage_logs(account=account, since=begin, until=end).order_by()
        sums = rows.annotate(day=TruncDate("created_at", tzinfo=zone)).values(
            "day", "operation_type"
        )
        for row in sums.annotate(runs=Count("pk"), credits=Sum("credits_used")):
            day = days[row["day"]]
            day.runs += row["runs"]
            day.credits += row["credits"]
            day.by_operation[row["operation_type"]] = row["credits"]
    return list(days.values())


FIGURES = {
    "runs": Count("pk"),
    "credits": Sum("credits_used"),
    "prompt_tokens": Sum("prompt_tokens"),
    "completion_tokens": Sum("completion_tokens"),
    "cost_usd_micros": Sum("cost_usd_micros"),
}


def _summed(rows: QuerySet[Any], *names: str) -> list[dict[str, Any]]:
    sums = rows.order_by().values(*names).annotate(**FIGURES)
    return list(sums.order_by("-credits", *names))


def _figures(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] or 0 for name in FIGURES}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
