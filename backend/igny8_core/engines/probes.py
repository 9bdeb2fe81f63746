"""Readiness: what each child must answer before the ones after it start."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROBE_SECONDS = 2.0
SERVER_ERROR = 500
NO_ANSWER = 599


class ChildLog:
    """The log file of one child, over all its starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._from = 0

    def mark(self) -> None:
        """A new start begins here."""
        self._from = self.path.stat().st_size if self.path.exists() else 0

    def of_this_start(self) -> bytes:
        """What was written since the last mark."""
        try:
            with self.path.open("rb") as log:
                log.seek(self._from)
                return log.read()
        except FileNotFoundError:
            return b""

    def last_lines(self, count: int) -> list[str]:
        """The end of what this start wrote."""
        lines = self.of_this_start().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]

    def keep_below(self, limit_bytes: int) -> None:
        """Move a long log's content to ``NAME.log.1``; the writer appends and goes on."""
        if not self.path.exists() or self.path.stat().st_size <= limit_bytes:
            return
        older = self.path.with_name(f"{self.path.name}.1")
        older.write_bytes(self.path.read_bytes())
        with self.path.open("r+b") as log:
            log.truncate(0)
        self._from = 0


Probe = Callable[[ChildLog], Coroutine[None, None, bool]]


def logged(pattern: str) -> Probe:
    """Ready when a line of this start matches the regular expression."""
    compiled = re.compile(pattern.encode())

    async def probe(log: ChildLog) -> bool:
        return compiled.search(log.of_this_start()) is not None

    return probe


def called(answer: Callable[[], bool]) -> Probe:
    """Ready when a blocking function says so; it runs in a thread."""

    async def probe(_log: ChildLog) -> bool:
        return await asyncio.to_thread(answer)

    return probe


def valkey_answers(socket: Path) -> Probe:
    """Ready when the server answers PING; it does not while it loads its file."""

    async def probe(_log: ChildLog) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(str(socket))
                try:
                    writer.write(b"PING\r\n")
                    return (await reader.readline()).startswith(b"+PONG")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    return probe


def http_answers(port: int, path: str) -> Probe:
    """Ready when a loopback server answers a GET with anything but a server error.

    A host name that the operator did not allow is answered with 400.
    """

    async def probe(_log: ChildLog) -> bool:
        return await http_status(port, path) < SERVER_ERROR

    return probe


async def http_status(port: int, path: str) -> int:
    """The status of a GET from loopback; :data:`NO_ANSWER` when nobody answers in time."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request.encode())
                fields = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return NO_ANSWER
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else NO_ANSWER
