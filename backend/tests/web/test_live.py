"""The doorbell as ASGI: tickets, first events, rings, limits; against a real Valkey."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.db import connections
from django.utils import timezone

from igny8_core.business.automation.services import doorbell, runs
from igny8_core.engines.valkey import EmbeddedValkey
from igny8_core.web import live
from tests import make
from tests.faults.machine import wait_until
from tests.make import automation as make_automation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from igny8_core.business.automation.models import AutomationRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
SECONDS = 10.0


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("live") / "valkey")
    server.prepare()
    with subprocess.Popen(server.command(), stdout=subprocess.DEVNULL) as process:
        wait_until(server.socket.exists, seconds=20, what="Valkey")
        yield server
        process.kill()
    server.remove_socket_folder()


@pytest.fixture
def run(valkey: EmbeddedValkey, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AutomationRun:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": valkey.cache_url,
        }
    }
    monkeypatch.setattr(live, "BELLS", live.Bells())
    monkeypatch.setattr(doorbell, "_away", [0.0])
    live.OPEN.clear()
    return make_automation.run(make.account())


class Stream:
    """One client: what it is sent, and when it leaves."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        await self.sent.put(message)

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), SECONDS)

    async def event(self) -> dict[str, Any]:
        """The data of the next event; comments are passed over."""
        while True:
            body: bytes = (await self.next())["body"]
            if body.startswith(b"id:"):
                data: dict[str, Any] = json.loads(body.decode().partition("data: ")[2])
                return data


@asynccontextmanager
async def connected(
    ticket: str, *, method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> AsyncIterator[Stream]:
    stream = Stream()
    scope = {
        "type": "http",
        "method": method,
        "path": doorbell.PATH,
        "query_string": f"ticket={ticket}".encode(),
        "headers": list(headers),
    }
    task = asyncio.create_task(live.run_events(scope, stream.receive, stream.send))
    try:
        yield stream
    finally:
        stream.gone.set()
        await asyncio.wait_for(task, SECONDS)


def ticket_of(run: AutomationRun) -> str:
    address = doorbell.stream_address(account_id=run.account_id, run_id=run.pk, now=timezone.now())
    return address.partition("?ticket=")[2]


def in_loop(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(whole())


async def change(act: Callable[[], object]) -> None:
    """Something that another process does."""

    def done() -> None:
        act()
        connections.close_all()

    await asyncio.to_thread(done)


def test_a_listener_is_told_at_once_and_with_every_change(run: AutomationRun) -> None:
    async def listen() -> None:
        async with connected(ticket_of(run)) as stream, connected(ticket_of(run)) as other:
            assert (await stream.next())["status"] == 200
            assert await stream.event() == {"run": run.pk, "version": 1}
            await other.next()
            await other.event()
            await change(
                lambda: runs.pause_run(account=run.account, run_id=run.pk, now=timezone.now())
            )
            while (heard := await stream.event())["version"] == 1:
                pass
            assert heard == {"run": run.pk, "version": 2}
            while (heard := await other.event())["version"] == 1:
                pass
            assert live.OPEN[run.account_id] == 2
        assert live.OPEN.total() == 0

    in_loop(listen)


def test_a_broken_subscription_is_made_anew(run: AutomationRun, valkey: EmbeddedValkey) -> None:
    async def listen() -> None:
        async with connected(ticket_of(run)) as stream:
            await stream.next()
            await stream.event()
            with redis.Redis(unix_socket_path=str(valkey.socket)) as server:
                while not server.client_kill_filter(_type="pubsub"):
                    await asyncio.sleep(0.05)
            assert (await stream.event())["version"] == 1  # rings may have been missed: look

    in_loop(listen)


@pytest.mark.parametrize(
    ("ticket", "method", "status"),
    [("", "GET", 403), ("forged:1:x", "GET", 403), ("good", "POST", 405)],
)
def test_nobody_listens_without_a_ticket(
    ticket: str, method: str, status: int, run: AutomationRun
) -> None:
    async def ask() -> None:
        wanted = ticket_of(run) if ticket == "good" else ticket
        async with connected(wanted, method=method) as stream:
            assert (await stream.next())["status"] == status

    in_loop(ask)


def test_a_run_that_is_gone_is_not_found(run: AutomationRun) -> None:
    run.pk += 1_000

    async def ask() -> None:
        async with connected(ticket_of(run)) as stream:
            assert (await stream.next())["status"] == 404

    in_loop(ask)


def test_a_browser_that_comes_back_after_the_end_is_told_to_stop(run: AutomationRun) -> None:
    runs.cancel_run(account=run.account, run_id=run.pk, now=timezone.now())

    async def ask() -> None:
        async with connected(ticket_of(run)) as stream:
            assert (await stream.next())["status"] == 200
        again = ((b"last-event-id", b"2"),)
        async with connected(ticket_of(run), headers=again) as stream:
            assert (await stream.next())["status"] == 204

    in_loop(ask)


def test_an_account_has_so_many_streams_and_no_more(
    run: AutomationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_OF_ACCOUNT", 1)

    async def ask() -> None:
        async with connected(ticket_of(run)) as first:
            await first.next()
            async with connected(ticket_of(run)) as second:
                assert (await second.next())["status"] == 429

    in_loop(ask)


def test_a_stream_ends_by_itself_and_says_that_it_lives(
    run: AutomationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE_SECONDS", 1.5)
    monkeypatch.setattr(live, "COMMENT_SECONDS", 0.2)

    async def listen() -> None:
        bodies = []
        async with connected(ticket_of(run)) as stream:
            await stream.next()
            while (message := await stream.next()).get("more_body"):
                bodies.append(message["body"])
        assert b": still here\n\n" in bodies

    in_loop(listen)
