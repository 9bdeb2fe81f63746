"""Times as people of a site read and write them: in its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from django.utils import timezone

from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from igny8_core.auth.models import Site

FIELD: Final = "%Y-%m-%dT%H:%M"
"""As ``<input type="datetime-local">`` has it."""

MORNING: Final = time(9, 0)


def zone_of(site: Site) -> ZoneInfo:
    """The site's time zone; what is not known is UTC."""
    try:
        return ZoneInfo(site.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def local(moment: datetime | None, site: Site) -> datetime | None:
    """A moment as the site's clocks show it.

    Without a zone: a template's filters turn a moment that has one back into UTC.
    """
    return None if moment is None else moment.astimezone(zone_of(site)).replace(tzinfo=None)


def tomorrow_morning(site: Site) -> datetime:
    """Nine o'clock of the next day, on the site's clocks: what is proposed for a first time."""
    zone = zone_of(site)
    day = (timezone.now().astimezone(zone) + timedelta(days=1)).date()
    return datetime.combine(day, MORNING, tzinfo=zone)


def field_value(moment: datetime | None, site: Site) -> str:
    """A moment as the value of a field; empty without one."""
    found = local(moment, site)
    return "" if found is None else found.strftime(FIELD)


def moment_of(given: str, site: Site) -> datetime | None:
    """What somebody wrote into such a field, in UTC; None when it is empty.

    :raises InvalidInput: it is no time.
    """
    if not given.strip():
        return None
    try:
        wall = datetime.strptime(given.strip()[:16], FIELD)  # noqa: DTZ007 - the zone is the site's
        return wall.replace(tzinfo=zone_of(site)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:  # at the ends of the calendar
        raise InvalidInput("This is no time.", publish_at=["Choose a day and a time."]) from exc
