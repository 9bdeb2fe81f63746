"""Processes that the nursery forks: there in a moment, ended and waited for like any other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND = Path(__file__).resolve().parents[2]
LOADED_SECONDS = 60
POLL_SECONDS = 0.02


class Nursery:
    """The program of :mod:`tests.faults.nursery`, and what it has forked.

    :param log: of the nursery itself.
    :param environment: of all that it forks.
    """

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                cwd=BACKEND,
                env=dict(environment),
                start_new_session=True,
            )
        assert self._said() == "ready", log.read_text()

    def fork(self, **order: Any) -> Fork:
        """One that does as it is told (see the nursery's ``child``)."""
        return Fork(int(self._ask(order)), self)

    def status(self, pid: int) -> int | None:
        """Of one that has ended, as :mod:`subprocess` has it; None while it runs."""
        said = self._ask({"status_of": pid})
        return None if said == "runs" else int(said)

    def close(self) -> None:
        """End it; the kernel ends its children."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(10)

    def _ask(self, order: Mapping[str, Any]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._said()

    def _said(self) -> str:
        assert self._process.stdout is not None
        line: str = self._process.stdout.readline()
        return line.strip()


class Fork:
    """A forked process, with as much of ``Popen`` as tests need."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid, self._nursery = pid, nursery
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.status(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit status, once it has ended."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.pid} still runs after {timeout} s")
            time.sleep(POLL_SECONDS)
        return status

    def send_signal(self, number: int) -> None:
        """To this process alone, as long as it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send a signal to the process and all that it started; its exit status."""
        for send in (os.killpg, os.kill):  # no group yet in the first moment of its life
            with contextlib.suppress(ProcessLookupError):
                send(self.pid, number)
        return self.wait(40)
