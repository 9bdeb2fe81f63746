"""Dates that other systems state."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

YEARS: Final = range(1970, 2200)
"""A date outside of these is a mistake, and in some time zone none that can be shown."""


def plausible(found: datetime) -> datetime | None:
    """The moment, in UTC where it names no zone; None for one of another age."""
    if found.year not in YEARS:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def mail_date(text: str) -> datetime | None:
    """A date as mails, feeds and HTTP write it; None when it is none."""
    try:
        return plausible(parsedate_to_datetime(text.strip()))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
