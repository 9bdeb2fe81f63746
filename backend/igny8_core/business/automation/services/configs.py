"""A site's schedule, batch sizes, delays and cap: made, changed, taken away."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.business.automation.errors import ConfigExists
from igny8_core.business.automation.models import STAGES, AutomationConfig
from igny8_core.business.automation.services.schedules import schedule_of
from igny8_core.business.automation.states import Frequency
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Site

WHEN = ("frequency", "scheduled_time", "timezone", "weekday", "day_of_month")
BATCH_SIZES = tuple(f"stage_{number}_batch_size" for number in range(1, STAGES))
EDITABLE = (
    "is_enabled",
    *WHEN,
    *BATCH_SIZES,
    "within_stage_delay_seconds",
    "between_stage_delay_seconds",
    "misfire_grace_seconds",
    "max_credits_per_run",
    "max_credits_per_month",
    "max_failure_percent",
)
FIRST_TIME = time(9)

MAX_BATCH = 1_000
MAX_DELAY_SECONDS = 86_400
MAX_GRACE_SECONDS = 7 * 86_400
MAX_CAP = 1_000_000_000
LIMITS = {
    "weekday": (0, 6),  # Monday to Sunday
    "day_of_month": (1, 31),
    **dict.fromkeys(BATCH_SIZES, (1, MAX_BATCH)),
    "within_stage_delay_seconds": (0, MAX_DELAY_SECONDS),
    "between_stage_delay_seconds": (0, MAX_DELAY_SECONDS),
    "misfire_grace_seconds": (0, MAX_GRACE_SECONDS),
    "max_credits_per_run": (1, MAX_CAP),
    "max_credits_per_month": (1, MAX_CAP),
    "max_failure_percent": (1, 100),
}
"""Least and greatest value of each number."""


@tenant_atomic()
def create_config(
    *, account: Account, site_id: int, now: datetime, **columns: Any
) -> AutomationConfig:
    """Give a site its config.

    :param columns: any of :data:`EDITABLE`; the time zone is the site's unless it is given.
    :raises NotFound: the account has no such site.
    :raises ConfigExists: the site has a config; ``data['config_id']`` names it.
    :raises InvalidInput: unknown columns or values that do not go together; nothing was written.
    """
    site = accounts.site(account=account, site_id=site_id)
    if (found := selectors.config(account=account, site_id=site.pk)) is not None:
        raise ConfigExists("the site has a config", config_id=found.pk)
    return _save(_new(account, site), columns, now)


@tenant_atomic()
def change_config(
    *, account: Account, config_id: int, now: datetime, **columns: Any
) -> AutomationConfig:
    """Change a config; another schedule has another next run. A run that is on keeps its settings.

    :raises NotFound: the account has no such config.
    :raises InvalidInput: as in :func:`create_config`; nothing was written.
    """
    rows = AutomationConfig.objects.for_account(account).select_for_update(of=("self",))
    return _save(selectors.one_config(rows, config_id), columns, now)


@tenant_atomic()
def save_config(
    *, account: Account, site_id: int, now: datetime, **columns: Any
) -> AutomationConfig:
    """Create or change the config of a site.

    :raises NotFound: the account has no such site.
    :raises InvalidInput: as in :func:`create_config`; nothing was written.
    """
    site = accounts.site(account=account, site_id=site_id)
    rows = AutomationConfig.objects.for_account(account).select_for_update(of=("self",))
    return _save(rows.filter(site=site).first() or _new(account, site), columns, now)


def proposed_config(*, account: Account, site: Site) -> AutomationConfig:
    """What a site without a config would get; it is not stored."""
    return _new(account, site)


@tenant_atomic()
def delete_config(*, account: Account, config_id: int) -> None:
    """Take a site's config away: nothing starts by itself any more. Its runs stay.

    :raises NotFound: the account has no such config.
    """
    selectors.one_config(selectors.configs(account=account), config_id).delete()


def _new(account: Account, site: Site) -> AutomationConfig:
    return AutomationConfig(
        account=account, site=site, timezone=site.timezone, scheduled_time=FIRST_TIME
    )


def _save(config: AutomationConfig, columns: Mapping[str, Any], now: datetime) -> AutomationConfig:
    if unknown := set(columns) - set(EDITABLE):
        raise InvalidInput("unknown settings", **{name: ["unknown"] for name in sorted(unknown)})
    before = [getattr(config, name) for name in WHEN]
    for name, value in columns.items():
        setattr(config, name, value)
    if problems := _problems(config):
        raise InvalidInput("The schedule does not go together.", **problems)
    is_moved = before != [getattr(config, name) for name in WHEN]
    if not config.is_enabled:
        config.next_run_at = None
    elif is_moved or config.next_run_at is None:  # else a slot that is due by now would be lost
        config.next_run_at = schedule_of(config).next_after(now)
    config.save()
    return config


def _problems(config: AutomationConfig) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for name, (least, greatest) in LIMITS.items():
        value = getattr(config, name)
        if value is not None and not least <= value <= greatest:
            problems[name] = [f"is {least} to {greatest}"]
    if config.timezone not in available_timezones():
        problems["timezone"] = ["is not an IANA time zone"]
    if config.frequency not in Frequency.values:
        problems["frequency"] = ["is daily, weekly or monthly"]
    if config.frequency == Frequency.WEEKLY and config.weekday is None:
        problems["weekday"] = ["a weekly schedule needs a day, 0 (Monday) to 6"]
    if config.frequency == Frequency.MONTHLY and config.day_of_month is None:
        problems["day_of_month"] = ["a monthly schedule needs a day, 1 to 31"]
    return problems
