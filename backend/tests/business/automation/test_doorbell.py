from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import redis
from django.core import signing

from igny8_core.ai import shared
from igny8_core.business.automation.services import doorbell, runs
from igny8_core.business.automation.services.doorbell import Ticket
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Server:
    """Stands in for Valkey: keeps what was published, or is away."""

    rung: list[tuple[str, str]] = field(default_factory=list)
    is_away: bool = False
    asked: int = 0

    def publish(self, channel: str, text: str) -> int:
        self.asked += 1
        if self.is_away:
            raise redis.ConnectionError("away")
        self.rung.append((channel, text))
        return 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: object) -> Server:
    found = Server()
    settings.CACHES = {  # type: ignore[attr-defined]  # pytest-django's
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "x://"}
    }
    monkeypatch.setattr(shared, "server_at", lambda _address: found)
    monkeypatch.setattr(doorbell, "_away", [0.0])
    return found


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def test_a_change_of_a_run_rings_with_its_version(account: Account, server: Server) -> None:
    run = make_automation.run(account)

    paused = runs.pause_run(account=account, run_id=run.pk, now=NOW)

    assert server.rung == [
        (f"igny8:run:{run.pk}", f'{{"run": {run.pk}, "version": {paused.version}}}')
    ]


def test_a_server_that_is_away_is_left_alone_for_a_while(account: Account, server: Server) -> None:
    server.is_away = True
    run = make_automation.run(account)

    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    runs.resume_run(account=account, run_id=run.pk, now=NOW)

    assert server.asked == 1


def test_work_without_a_run_rings_nowhere(server: Server) -> None:
    doorbell.ring(None)

    assert server.rung == []


def ticket_in(address: str) -> str:
    return address.partition("?ticket=")[2]


def test_a_ticket_is_good_for_ten_minutes_and_its_run(account: Account) -> None:
    address = doorbell.stream_address(account_id=account.pk, run_id=7, now=NOW)
    text = ticket_in(address)

    assert address.startswith("/events/runs/?ticket=")
    assert doorbell.open_ticket(text, now=NOW) == Ticket(account.pk, 7)
    assert doorbell.open_ticket(text, now=NOW + timedelta(minutes=10)) == Ticket(account.pk, 7)
    assert doorbell.open_ticket(text, now=NOW + timedelta(minutes=10, seconds=1)) is None


def test_a_ticket_that_is_not_ours_opens_nothing() -> None:
    for text in ("", "x", "WzEsMiwzXQ:1:abc", signing.dumps([1, 2, 9**12])):
        assert doorbell.open_ticket(text, now=NOW) is None


def test_a_listener_learns_the_version_and_the_end(account: Account) -> None:
    run = make_automation.run(account)
    ticket = Ticket(account.pk, run.pk)
    before = doorbell.heard(ticket)
    cancelled = runs.cancel_run(account=account, run_id=run.pk, now=NOW)

    assert before == doorbell.Heard(version=1, is_over=False)
    assert doorbell.heard(ticket) == doorbell.Heard(version=cancelled.version, is_over=True)
    assert doorbell.heard(Ticket(make.account().pk, run.pk)) is None
