"""The database's time, for workers: one clock for all of them, whatever their machines' say.

The ledger refuses a caller whose clock is wrong, and a limit of a day ends for everybody at the
same moment. So a worker takes the time from the database now and then, and counts on from there
by a clock that nobody can set.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.utils import timezone

from igny8_core.business.automation.services.crossing import database_now

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0
WRONG_SECONDS = 30.0
"""A machine whose clock is off by more is named in the log."""


class DatabaseClock:
    """Call it for the time; :meth:`refresh` it outside transactions.

    :param measure: asks the database; the following are for tests.
    """

    def __init__(
        self,
        measure: Callable[[], datetime] = database_now,
        monotonic: Callable[[], float] = time.monotonic,
        own: Callable[[], datetime] | None = None,
    ) -> None:
        self._measure, self._monotonic = measure, monotonic
        self._own = own or (lambda: timezone.now())  # noqa: PLW0108, TID251 - what it is now
        self._lock = threading.Lock()
        self._known: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """The time by the database's clock; by this machine's until it was asked once."""
        known = self._known
        if known is None:
            return self._own()
        moment, at = known
        return moment + timedelta(seconds=self._monotonic() - at)

    def refresh(self) -> datetime:
        """The time, measured anew when the last measurement is older than ten seconds.

        :raises DatabaseError: the database is away.
        """
        known = self._known
        if known is None or self._monotonic() - known[1] > FRESH_SECONDS:
            with self._lock:
                if self._known is known:  # nobody was faster
                    self._ask()
        return self()

    def _ask(self) -> None:
        before = self._monotonic()
        moment = self._measure()
        self._known = (moment, before + (self._monotonic() - before) / 2)
        wrong = (self._own() - moment).total_seconds()
        if abs(wrong) > WRONG_SECONDS:
            log.warning("automation.clock.wrong", seconds=round(wrong, 1))


CLOCK = DatabaseClock()
