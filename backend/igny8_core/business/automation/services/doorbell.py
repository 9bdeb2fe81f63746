"""A bell for pages that show a run: rung after each commit that changes what they show.

A ring says only that something is new; the page then asks for the run's progress. A ring may be
lost, and a page that hears none asks now and then all the same.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import redis
import structlog
from django.core import signing
from django.db import transaction

from igny8_core.ai.shared import cache_server
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import datetime

log = structlog.get_logger(__name__)

PREFIX = "igny8:run:"
SALT = "igny8.run-stream"
TICKET_LIFE = timedelta(minutes=10)
PATH = "/events/runs/"
AWAY_SECONDS = 5.0
_away: list[float] = [0.0]  # until when a server that did not answer is left alone


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may hear which run's bell."""

    account_id: int
    run_id: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A run as its listeners know it."""

    version: int
    is_over: bool


def ring(run_id: int | None, version: int | None = None) -> None:
    """Ring after the open transaction has committed; nothing for work without a run.

    :param version: the run's new version, where that has changed.
    """
    if run_id is not None:
        transaction.on_commit(lambda: _publish(run_id, version), robust=True)


def _publish(run_id: int, version: int | None) -> None:
    server = cache_server()
    if server is None or time.monotonic() < _away[0]:
        return
    try:
        server.publish(f"{PREFIX}{run_id}", json.dumps({"run": run_id, "version": version}))
    except redis.RedisError as exc:
        _away[0] = time.monotonic() + AWAY_SECONDS
        log.warning("automation.doorbell.away", error=type(exc).__name__)


def stream_address(*, account_id: int, run_id: int, now: datetime) -> str:
    """Where the bell of a run is heard: an address with a signed ticket, good for ten minutes.

    Whoever is handed it may see the account's run; no table is asked for it again.
    """
    expires = int((now + TICKET_LIFE).timestamp())
    ticket = signing.dumps([account_id, run_id, expires], salt=SALT, compress=False)
    return f"{PATH}?ticket={ticket}"


def open_ticket(text: str, *, now: datetime) -> Ticket | None:
    """What a ticket is good for; None when it is forged, cut or too old."""
    try:
        account_id, run_id, expires = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if now.timestamp() > expires:
        return None
    return Ticket(int(account_id), int(run_id))


def heard(ticket: Ticket) -> Heard | None:
    """The run now; None when it is gone. One short query, in a block of its own."""
    try:
        account = accounts.known_account(ticket.account_id)
        with tenant(ticket.account_id, read_only=True):
            run = selectors.run(account=account, run_id=ticket.run_id)
    except NotFound:
        return None
    return Heard(version=run.version, is_over=run.ended_at is not None)
