"""Limits on what an account spends, asked while its wallet is locked: nobody slips past them.

Every hold counts at its full amount until it is settled. So at each commit what was spent and
what is held stay within the limit together, whatever runs in parallel, is repeated or dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from igny8_core.ai.errors import DayCapReached
from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import selectors

if TYPE_CHECKING:
    from igny8_core.ai.ports import Hold
    from igny8_core.common.tenancy.context import HasKey


@dataclass(frozen=True)
class DayCap:
    """``Account.max_credits_per_day``: from midnight to midnight in the account's time zone.

    What is captured counts on the day of its capture. A hold counts every day that it is open, so
    that one made before midnight cannot lead over the limit of the next day. A lower limit holds
    for what is reserved from then on.
    """

    account: HasKey

    def check(self, hold: Hold, *, now: datetime) -> None:
        """Refuse a new hold that leads over the limit of the day.

        The day is the hold's own, by the ledger's clock. Implements ``ai.ports.CapPort``.

        :raises DayCapReached: ``data`` says what is spent, held and allowed, and until when.
        """
        account = accounts.account(self.account.pk)
        limit = account.max_credits_per_day
        if limit is None:
            return
        row = selectors.credit_reservation(account=account, reservation_id=hold.reservation_id)
        begins, ends = day_of(row.created_at, zone_name=account.timezone)
        spent = selectors.credits_spent(account=account, since=begins)
        held = account.credits_held
        if spent + held <= limit:
            return
        others = held - hold.amount
        raise DayCapReached(
            f"The account may spend {limit} credits a day. {spent} are spent today and {others} "
            f"set aside; {hold.amount} more would lead over the limit. It begins anew at midnight.",
            limit=limit,
            spent=spent,
            held=others,
            wanted=hold.amount,
            begins_anew_at=ends.isoformat(),
            seconds_left=int((ends - now).total_seconds()),
        )


def day_of(moment: datetime, *, zone_name: str) -> tuple[datetime, datetime]:
    """The midnights around a moment, in UTC. An unknown zone counts as UTC."""
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    date = moment.astimezone(zone).date()
    begins = datetime.combine(date, time.min, tzinfo=zone)
    ends = datetime.combine(date + timedelta(days=1), time.min, tzinfo=zone)
    return begins.astimezone(UTC), ends.astimezone(UTC)
