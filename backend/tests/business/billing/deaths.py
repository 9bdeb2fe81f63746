"""A process that dies once at a named place, and those who ask again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.services import payments, provider_payments, webhooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pytest


class Died(BaseException):
    """The process is gone: nobody catches this."""


class OneDeath:
    """Dies at ``place`` when it is passed first.

    :ivar at: the time by the clock of those who ask; later after the death, when leases are over.
    """

    def __init__(self, place: str, *, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.at = place, at
        self.deaths: list[str] = []
        for module in (provider_payments, payments, webhooks):
            monkeypatch.setattr(module, "failpoint", self._pass)

    def again(self, act: Callable[[], Any]) -> Any:
        """Whoever asked asks again: the customer, the provider, the next worker."""
        try:
            return act()
        except Died:
            self.at += timedelta(minutes=3)
            return act()

    def _pass(self, name: str) -> None:
        if name == self.place and not self.deaths:
            self.deaths.append(name)
            raise Died
