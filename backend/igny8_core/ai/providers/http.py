"""One event loop and two HTTP clients for all provider calls of a process.

Services are synchronous and the SDKs asynchronous: calls run on a loop of their own thread, so that
connections are reused over threads and calls. Clients differ in what they may reach: ``ANYWHERE``
for addresses that the operator configured, ``PUBLIC`` for those that an account typed in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import queue
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx2

from igny8_core.ai.errors import AnswerTooLarge, RequestRejected, WorkCancelled
from igny8_core.ai.ports import never

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

RESPONSE_BYTES_MAX = 8 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS = 5.0
CONNECTIONS_MAX = 200
OVERTIME_SECONDS = 10.0
"""What a call may take beyond its own timeout before its thread stops to wait for it."""

CANCEL_POLL_SECONDS = 0.25
"""How soon a call that is under way is broken off once its work is cancelled."""

T = TypeVar("T")


class Reach(Enum):
    """Which addresses a client connects to."""

    ANYWHERE = "anywhere"
    PUBLIC = "public"


class _CappedStream(httpx2.AsyncByteStream):
    """A response body that ends in an error once it is too long."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner, self._left = inner, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise AnswerTooLarge("The provider sent more than can be an answer.")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class CappedClient(httpx2.AsyncClient):
    """A client that reads :data:`RESPONSE_BYTES_MAX` bytes of an answer at most."""

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        response = await super().send(request, stream=True, **options)
        body = cast("httpx2.AsyncByteStream", response.stream)
        response.stream = _CappedStream(body, RESPONSE_BYTES_MAX)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response


class PublicTransport(httpx2.AsyncHTTPTransport):
    """Connects to public addresses only: resolved once, checked, and connected to as checked."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        address = await _public_address(host, request.url.port or 443)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)  # the Host header keeps the name
        return await super().handle_async_request(request)


async def _public_address(host: str, port: int) -> str:
    """The first address of ``host``.

    :raises RequestRejected: one of its addresses is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as exc:
        raise httpx2.ConnectError(f"{host} cannot be resolved") from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not all(ipaddress.ip_address(address).is_global for address in addresses):
        raise RequestRejected(f"{host} is not a public address; the operator has to allow it.")
    return addresses[0]


@dataclass
class _Engine:
    """What belongs to one process: a fork starts its own."""

    pid: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    clients: dict[Reach, CappedClient] = field(default_factory=dict)


_engine: _Engine | None = None
_lock = threading.Lock()


def _running() -> _Engine:
    global _engine  # noqa: PLW0603 - one loop a process
    with _lock:
        if _engine is None or _engine.pid != os.getpid():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="ai-providers", daemon=True)
            thread.start()
            _engine = _Engine(pid=os.getpid(), loop=loop, thread=thread)
        return _engine


def call(
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    timeout_seconds: float,
    is_cancelled: Callable[[], bool] = never,
) -> T:
    """Run a coroutine on the loop of provider calls and wait for it.

    :param timeout_seconds: for the whole, however often a few bytes arrive.
    :raises TimeoutError: it did not end in time; it is cancelled.
    :raises WorkCancelled: ``is_cancelled`` came true; the connection is closed.
    """

    async def bounded() -> T:
        async with asyncio.timeout(timeout_seconds):
            return await work()

    future = asyncio.run_coroutine_threadsafe(bounded(), _running().loop)
    deadline = time.monotonic() + timeout_seconds + OVERTIME_SECONDS
    try:
        while not future.done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            _stop_if(is_cancelled)
            pause = left if is_cancelled is never else min(left, CANCEL_POLL_SECONDS)
            futures.wait([future], timeout=pause)
        return future.result()
    finally:
        future.cancel()


def stream(
    work: Callable[[], AsyncIterator[T]],
    *,
    timeout_seconds: float,
    is_cancelled: Callable[[], bool] = never,
) -> Iterator[T]:
    """What an asynchronous iterator on the loop of provider calls gives, as it comes.

    Closing the iterator closes the connection. What was not taken yet stays in memory: at most
    :data:`RESPONSE_BYTES_MAX` of an answer.

    :raises TimeoutError: the whole did not end in time.
    :raises WorkCancelled: ``is_cancelled`` came true.
    """
    arrived: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()

    async def pump() -> None:
        async with asyncio.timeout(timeout_seconds):
            async for item in work():
                arrived.put((item,))

    future = asyncio.run_coroutine_threadsafe(pump(), _running().loop)
    future.add_done_callback(lambda _: arrived.put(None))
    deadline = time.monotonic() + timeout_seconds + OVERTIME_SECONDS
    try:
        while True:
            _stop_if(is_cancelled)
            try:
                found = arrived.get(timeout=CANCEL_POLL_SECONDS)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError from None
                continue
            if found is None:
                future.result()  # its error, if it has one
                return
            yield found[0]
    finally:
        future.cancel()


def _stop_if(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise WorkCancelled("The work was cancelled while the provider was asked.")


def client(reach: Reach) -> CappedClient:
    """The shared client of this process. Call it on the loop: inside :func:`call`."""
    clients = _running().clients
    if reach not in clients:
        clients[reach] = CappedClient(
            transport=PublicTransport() if reach is Reach.PUBLIC else None,
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
        )
    return clients[reach]


def shut_down() -> None:
    """Close the connections and end the loop; the next call starts anew."""
    global _engine
    with _lock:
        engine, _engine = _engine, None
    if engine is None or engine.pid != os.getpid():
        return

    async def close() -> None:
        for open_client in engine.clients.values():
            await open_client.aclose()

    asyncio.run_coroutine_threadsafe(close(), engine.loop).result(OVERTIME_SECONDS)
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine.thread.join(OVERTIME_SECONDS)
    engine.loop.close()
