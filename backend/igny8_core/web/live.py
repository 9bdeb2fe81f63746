"""Server-sent events as plain ASGI: a doorbell for pages that show a run.

No middleware, no session and no database connection while it waits: the ticket in the address
says who may listen. ``GET /events/runs/?ticket=…`` sends ``event: version`` whenever something of
the run has changed, with ``{"run": …, "version": …}``; the page then asks for the progress. A
comment every quarter of a minute finds dead connections; after five minutes the browser connects
anew. Whoever has no events asks ``progress/?after=…`` now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import redis
import redis.asyncio
import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from igny8_core.business.automation.services import doorbell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.business.automation.services.doorbell import Heard, Ticket

log = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

COMMENT_SECONDS = 15.0
LIFE_SECONDS = 300.0
LOOK_SECONDS = 60.0
"""A bell that was not heard: the stored version is looked at so often."""

PAUSE_SECONDS = 0.5
"""Rings within this time are one event."""

STREAMS_MOST, STREAMS_OF_ACCOUNT = 1_000, 50
RECONNECT_SECONDS = 1.0
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class Bells:
    """One subscription for the whole process, and everybody who listens to it."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._versions: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def listening(self, run_id: int) -> Any:
        """An event that is set whenever the run's bell rings."""
        bell = asyncio.Event()
        self._listeners[run_id].add(bell)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            yield bell
        finally:
            self._listeners[run_id].discard(bell)
            if not self._listeners[run_id]:
                del self._listeners[run_id]
                self._versions.pop(run_id, None)

    def version(self, run_id: int, known: int) -> int:
        """The newest version that anybody rang."""
        return max(known, self._versions.get(run_id, 0))

    async def _follow(self) -> None:
        """Hear every ring; after a break everybody looks, because rings may have been missed."""
        location: Any = settings.CACHES["default"]["LOCATION"]
        while self._listeners:
            client = redis.asyncio.Redis.from_url(
                location if isinstance(location, str) else location[0]
            )
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.psubscribe(f"{doorbell.PREFIX}*")
                    self._wake(self._listeners)
                    await self._hear(channel)
            except (redis.RedisError, OSError) as exc:
                log.warning("web.live.away", error=type(exc).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                with contextlib.suppress(redis.RedisError, OSError):
                    await client.aclose()

    async def _hear(self, channel: Any) -> None:
        while self._listeners:
            message = await channel.get_message(timeout=COMMENT_SECONDS)
            if message is None:
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError):
                ring = json.loads(message["data"])
                run_id = int(ring["run"])
                if run_id in self._listeners:
                    if ring["version"] is not None:
                        newest = self.version(run_id, int(ring["version"]))
                        self._versions[run_id] = newest
                    self._wake([run_id])

    def _wake(self, runs: Iterable[int]) -> None:
        for run_id in list(runs):
            for bell in self._listeners.get(run_id, ()):
                bell.set()


BELLS = Bells()
OPEN: Counter[int] = Counter()
"""Streams by account."""


async def run_events(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One stream. 403 without a good ticket, 404 when the run is gone, 429 with too many open,
    204 when the run was over before: the browser then stops asking.
    """
    if scope["method"] != "GET":
        return await _refuse(send, 405)
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    ticket = doorbell.open_ticket(query.get("ticket", [""])[0], now=timezone.now())
    if ticket is None:
        return await _refuse(send, 403)
    if OPEN.total() >= STREAMS_MOST or OPEN[ticket.account_id] >= STREAMS_OF_ACCOUNT:
        return await _refuse(send, 429)
    OPEN[ticket.account_id] += 1
    try:
        async with BELLS.listening(ticket.run_id) as bell:  # before the look: no ring is missed
            found = await _look(ticket)
            if found is None:
                return await _refuse(send, 404)
            if found.is_over and b"last-event-id" in dict(scope.get("headers", [])):
                return await _refuse(send, 204)
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await _stream(ticket, found, bell, receive, send)
    finally:
        OPEN[ticket.account_id] -= 1
        if not OPEN[ticket.account_id]:
            del OPEN[ticket.account_id]


async def _stream(
    ticket: Ticket, found: Heard, bell: asyncio.Event, receive: Receive, send: Send
) -> None:
    """The first event at once: whatever was missed is in it. Then one for each ring."""
    clock = asyncio.get_running_loop().time
    ends, looked, version = clock() + LIFE_SECONDS, clock(), found.version
    gone = asyncio.create_task(_disconnected(receive))
    await _say(send, _event(ticket, version))
    bell.clear()
    try:
        while not gone.done() and (left := ends - clock()) > 0:
            if not await _rings(bell, gone, min(COMMENT_SECONDS, left)):
                body = b": still here\n\n"
                if clock() - looked >= LOOK_SECONDS:
                    looked, newer = clock(), await _look(ticket)
                    if newer is None:
                        break
                    if newer.version != version:
                        version = newer.version
                        body = _event(ticket, version)
            else:
                version = BELLS.version(ticket.run_id, version)
                body = _event(ticket, version)
            if not gone.done():
                await _say(send, body)
                await asyncio.wait({gone}, timeout=PAUSE_SECONDS)
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _rings(bell: asyncio.Event, gone: asyncio.Task[None], seconds: float) -> bool:
    """Whether the bell rang within the time; a listener that leaves ends the wait."""
    ringing = asyncio.create_task(bell.wait())
    try:
        await asyncio.wait({ringing, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        rang = ringing.done()
    finally:
        ringing.cancel()
    if rang:
        bell.clear()
    return rang


def _event(ticket: Ticket, version: int) -> bytes:
    data = json.dumps({"run": ticket.run_id, "version": version})
    return f"id: {version}\nevent: version\ndata: {data}\n\n".encode()


async def _say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _look(ticket: Ticket) -> Heard | None:
    """The run, read in a thread; None when it is gone, or the database is away."""

    def read() -> Heard | None:
        try:
            return doorbell.heard(ticket)
        except DatabaseError as exc:
            log.warning("web.live.database", error=type(exc).__name__)
            return None
        finally:
            connections.close_all()

    return await asyncio.to_thread(read)


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
