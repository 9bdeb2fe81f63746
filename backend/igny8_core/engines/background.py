"""The whole stack beside a program that needs it: `igny8 demo`, benchmarks, tests."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.supervisor import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY_SECONDS = 180.0


class RunningStack:
    """A stack in a process of its own; it stops when this program does, however it ends."""

    def __init__(self, data_dir: Path, *, port: int, quiet: bool) -> None:
        self.folder = DataFolder(data_dir)
        self.url = ""
        self.seconds_to_ready = 0.0
        self._quiet = quiet
        self._events: queue.Queue[Event | None] = queue.Queue()
        module = ("-m", "igny8_core.engines")
        options = ("--data-dir", str(self.folder.path), "--port", str(port))
        self._process = subprocess.Popen(
            [sys.executable, *module, *options],
            stdin=subprocess.PIPE,  # it stops when this end is closed
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; we stop it
        )
        self._reader = threading.Thread(target=self._read, name="igny8-stack", daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """The port of the web server."""
        return urlsplit(self.url).port or 0

    @property
    def addresses(self) -> dict[str, str]:
        """Addresses of the embedded engines, as in ``engines.json``."""
        return self.folder.addresses()

    @property
    def children(self) -> dict[str, int]:
        """Process ids of the children, by name; another id after a restart."""
        return {child.name: child.pid for child in self.folder.children()}

    @property
    def supervisor_pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def worker_pid(self) -> int:
        """The process id of the thread worker.

        :raises EngineFailed: it does not run at this moment.
        """
        try:
            return self.children["worker"]
        except KeyError as exc:
            raise EngineFailed("the worker does not run") from exc

    def wait_until_ready(self, *, timeout_seconds: float = READY_SECONDS) -> None:
        """Return when the web server, the workers and the ticker are ready.

        :raises EngineFailed: something did not start, or not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                event = self._events.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise EngineFailed(f"not ready within {timeout_seconds:g} s") from None
            if event is None:
                raise EngineFailed(f"the stack ended; see {self.folder.logs}")
            if event.name == STACK and event.what == "failed":
                raise EngineFailed(event.text)
            if event.name == STACK and event.what == "ready":
                self.url, self.seconds_to_ready = event.text, event.seconds
                return

    def stop(self) -> None:
        """Stop everything in order; safe to repeat."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGTERM)  # the second request: at once
            self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            try:
                event = Event.load(line)
            except (ValueError, TypeError):
                event = Event(STACK, "note", line.rstrip())
            if not self._quiet:
                sys.stderr.write(event.line() + "\n")
            self._events.put(event)
        self._events.put(None)


@contextmanager
def running(
    data_dir: Path, *, port: int, quiet: bool, timeout_seconds: float = READY_SECONDS
) -> Iterator[RunningStack]:
    """Start the whole stack, yield it when it is ready, stop it.

    Load Django's settings inside the block: they read the addresses that this publishes.

    :param port: of the web server; 0 takes a free one, ``url`` tells which.
    :param quiet: False writes a line for each process to standard error.
    :raises EngineFailed: something did not start, or the folder or the port is in use.
    """
    stack = RunningStack(data_dir, port=port, quiet=quiet)
    try:
        stack.wait_until_ready(timeout_seconds=timeout_seconds)
        yield stack
    finally:
        stack.stop()
