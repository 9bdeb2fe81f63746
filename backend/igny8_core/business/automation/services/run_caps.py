"""Limits of a run and of a site's month on credits, asked while the wallet is locked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Sum

from igny8_core.ai.errors import MonthCapReached, RunCapReached
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, WorkItem
from igny8_core.business.billing import selectors as billing

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.ai.ports import Hold
    from igny8_core.auth.models import Account

DECEMBER = 12


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
        items = WorkItem.objects.for_account(self.account).filter(run_id=self.run_id)
        spent, held = credits_of_items(account=self.account, items=items, after=run.usage_log_after)
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


@dataclass(frozen=True)
class MonthCap:
    """``max_credits_per_month``: what was charged and is held for rows of the site's runs, from
    the first of the month in the config's time zone. Read anew each time: a person may raise it.
    """

    account: Account
    run_id: int

    def check(self, hold: Hold, *, now: datetime) -> None:
        """Refuse a new hold that leads over the limit. Implements ``ai.ports.CapPort``.

        :raises MonthCapReached: ``data`` says what is spent, held and allowed, and until when.
        """
        runs = AutomationRun.objects.for_account(self.account).filter(pk=self.run_id)
        configs = AutomationConfig.objects.for_account(self.account)
        config = configs.filter(site_id__in=runs.values("site_id")).first()
        if config is None or config.max_credits_per_month is None:
            return
        limit = config.max_credits_per_month
        begins, ends = month_of(now, zone=ZoneInfo(config.timezone))
        spent, held = month_credits(account=self.account, site_id=config.site_id, since=begins)
        if spent + held <= limit:
            return
        others = held - hold.amount
        raise MonthCapReached(
            f"The runs of the site may spend {limit} credits a month. {spent} are spent this month "
            f"and {others} set aside; {hold.amount} more would lead over the limit.",
            limit=limit,
            spent=spent,
            held=others,
            wanted=hold.amount,
            begins_anew_at=ends.isoformat(),
        )


def credits_of_items(
    *,
    account: Account,
    items: QuerySet[WorkItem],
    after: int = 0,
    since: datetime | None = None,
) -> tuple[int, int]:
    """What was charged for the rows of work items, and what is held for them.

    :param after: the key of the last usage log that does not count.
    :param since: and from this moment on.
    """
    of_row = items.filter(related_type=OuterRef("related_type"), related_id=OuterRef("related_id"))
    logs = billing.usage_logs(account=account, since=since).filter(Exists(of_row), pk__gt=after)
    holds = billing.held_reservations(account=account).filter(Exists(of_row))
    spent = logs.order_by().aggregate(n=Sum("credits_used"))["n"] or 0
    held = holds.order_by().aggregate(n=Sum("amount"))["n"] or 0
    return int(spent), int(held)


def month_credits(*, account: Account, site_id: int, since: datetime) -> tuple[int, int]:
    """The same, for all runs of a site."""
    items = WorkItem.objects.for_account(account).filter(run__site_id=site_id)
    return credits_of_items(account=account, items=items, since=since)


def month_of(moment: datetime, *, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first of this month and of the next, at midnight in the zone, in UTC."""
    local = moment.astimezone(zone)
    begins = datetime.combine(local.date().replace(day=1), time.min, tzinfo=zone)
    year, month = (local.year + 1, 1) if local.month == DECEMBER else (local.year, local.month + 1)
    ends = datetime(year, month, 1, tzinfo=zone)
    return begins.astimezone(UTC), ends.astimezone(UTC)
