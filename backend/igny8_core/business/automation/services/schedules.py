"""Wall-clock schedules in a time zone, in UTC; and the scan that starts what is due.

A time that does not exist moves forward by the gap, one that exists twice is the first only;
days 29 to 31 are the last day of a short month. At most one run for any number of missed slots.
"""

from __future__ import annotations

import calendar
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from igny8_core.auth import selectors as accounts
from igny8_core.auth.errors import SiteInactive
from igny8_core.business.automation.errors import RunActive
from igny8_core.business.automation.models import AutomationConfig
from igny8_core.business.automation.services import runs, telling
from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.states import Frequency, Trigger
from igny8_core.common.rounds import Round
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

SPREAD_SECONDS = 300
MAX_DAYS_AHEAD = 32
DUE_BATCH = 100
# Accounts that are suspended or closed, and sites at rest, start nothing; what they missed is
# caught up with by the rules of a missed slot.
DUE = """
SELECT c.account_id, c.id FROM automation_automationconfig c
  JOIN igny8_auth_account a ON a.id = c.account_id AND a.status = 'active'
  JOIN igny8_auth_site s ON s.id = c.site_id AND s.is_active
 WHERE c.is_enabled AND c.next_run_at <= %s ORDER BY c.next_run_at LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a site's runs start.

    :param spread: added to every slot: deterministic by the site, because everybody picks 09:00.
    """

    frequency: str
    wall: time
    zone: ZoneInfo
    weekday: int | None = None
    day_of_month: int | None = None
    spread: timedelta = timedelta(0)

    def next_after(self, after: datetime) -> datetime:
        """The first slot strictly after an instant, in UTC."""
        after = after - self.spread
        day = after.astimezone(self.zone).date() - timedelta(days=1)
        for _ in range(2 * MAX_DAYS_AHEAD):
            if self._is_due_on(day) and (slot := to_utc(day, self.wall, self.zone)) > after:
                return slot + self.spread
            day += timedelta(days=1)
        raise AssertionError("every schedule has a slot within two months")

    def catch_up(
        self, due: datetime, now: datetime, grace: timedelta
    ) -> tuple[datetime | None, int, datetime]:
        """What to do about a slot that is due, and about those missed since.

        :returns: the slot to run now, if it is recent enough; how many slots are skipped; the
            next slot, which is after ``now``.
        """
        latest, slots = due, 1
        while (slot := self.next_after(latest)) <= now:
            latest, slots = slot, slots + 1
        chosen = latest if now - latest <= grace else None
        return chosen, slots - (chosen is not None), slot

    def _is_due_on(self, day: date) -> bool:
        if self.frequency == Frequency.DAILY:
            return True
        if self.frequency == Frequency.WEEKLY:
            return day.weekday() == self.weekday
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day == min(self.day_of_month or 1, last)


def to_utc(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """``fold=0``: the first of a doubled hour, and a time in a gap moved forward by the gap."""
    return datetime.combine(day, wall, tzinfo=zone).replace(fold=0).astimezone(UTC)


def spread_of(site_id: int) -> timedelta:
    """How long after the scheduled time a site's runs start: 0 to 5 minutes."""
    digest = hashlib.sha256(str(site_id).encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4]) % SPREAD_SECONDS)


def schedule_of(config: AutomationConfig) -> Schedule:
    """The schedule that a config's columns describe."""
    return Schedule(
        frequency=config.frequency,
        wall=config.scheduled_time,
        zone=ZoneInfo(config.timezone),
        weekday=config.weekday,
        day_of_month=config.day_of_month,
        spread=spread_of(config.site_id),
    )


def start_due_runs(*, now: datetime) -> int:
    """Start a run for every config that is due; returns how many runs were started.

    One that cannot be started keeps nobody waiting: it is raised when all had their turn. Any
    number of scanners may run: a slot is taken under its config's row lock, and a slot has one
    run (``automationrun_once_per_slot``).
    """
    starting = Round("start_due_runs")
    started = 0
    with staff_cursor() as cursor:
        cursor.execute(DUE, [now, DUE_BATCH])
        due = cursor.fetchall()
    for account_id, config_id in due:
        ids = {"account_id": account_id, "config_id": config_id}
        started += bool(starting.attempt(_take, **ids, now=now))
    starting.end()
    return started


def _take(*, account_id: int, config_id: int, now: datetime) -> bool:
    account = accounts.account(account_id)
    return start_due_run(account=account, config_id=config_id, now=now)


def start_due_run(*, account: Account, config_id: int, now: datetime) -> bool:
    """Take one due slot: start its run, or say why it was skipped; set the next slot.

    :returns: whether a run was started.
    """
    with tenant(account.pk):
        rows = AutomationConfig.objects.select_for_update(skip_locked=True, of=("self",))
        config = rows.filter(pk=config_id, is_enabled=True, next_run_at__lte=now).first()
        if config is None or config.next_run_at is None:
            return False  # another scanner took the slot
        grace = timedelta(seconds=config.misfire_grace_seconds)
        slot, skipped, following = schedule_of(config).catch_up(config.next_run_at, now, grace)
        if skipped:
            _say_skipped(config, reason="missed", slots=skipped)
        is_started = slot is not None and _start(account, config, slot, now)
        config.next_run_at = following
        if is_started:
            config.last_run_at = now
        config.save(update_fields=["next_run_at", "last_run_at", "updated_at"])
    return is_started


def _start(account: Account, config: AutomationConfig, slot: datetime, now: datetime) -> bool:
    try:
        runs.start_run(
            account=account,
            site_id=config.site_id,
            trigger=Trigger.SCHEDULED,
            scheduled_for=slot,
            now=now,
        )
    except (RunActive, SiteInactive) as exc:
        _say_skipped(config, reason=exc.code, slots=1)
        return False
    return True


def _say_skipped(config: AutomationConfig, *, reason: str, slots: int) -> None:
    log.info("automation.schedule.skipped", config_id=config.pk, reason=reason, slots=slots)
    telling.record(
        account_id=config.account_id,
        code="schedule_skipped",
        data={"site_id": config.site_id, "reason": reason, "slots": slots},
    )
