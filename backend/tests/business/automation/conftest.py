"""The transport as a list, and a kind of work whose handler leaves a mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.automation.services import stages
from igny8_core.celery_app import app
from tests import make
from tests.make import automation as make_automation

if TYPE_CHECKING:
    from igny8_core.auth.models import Account


@dataclass
class Broker:
    """Stands in for Redis or RabbitMQ: keeps what was published, or refuses."""

    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False
    takes: int | None = None

    def send_task(self, name: str, *, kwargs: dict[str, Any], queue: str, **_: Any) -> None:
        if self.is_away or (self.takes is not None and len(self.sent) >= self.takes):
            raise ConnectionError("the broker is away")
        self.sent.append((name, queue, kwargs))

    def items(self) -> list[int]:
        """The items that hints were sent for, in order."""
        return [ids["item_id"] for name, _, ids in self.sent if name == "automation.run_item"]

    def runs(self) -> list[int]:
        """The runs that steps were asked for, in order."""
        return [ids["run_id"] for name, _, ids in self.sent if name == "automation.advance_run"]


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(app, "send_task", found.send_task)
    return found


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> make_automation.Handler:
    found = make_automation.Handler()
    monkeypatch.setitem(stages.KINDS, make_automation.KIND, stages.Kind(found, 60))
    return found


@pytest.fixture
def account(db: None) -> Account:
    return make.account()
