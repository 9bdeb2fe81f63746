"""Tiny children for the supervisor, and a program that supervises them.

``python -m tests.engines.fakes DATA_DIR SPECS.json`` supervises and prints events as JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igny8_core.engines.children import ChildSpec, RestartPolicy
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.probes import logged
from igny8_core.engines.processes import process_facts
from igny8_core.engines.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BACKEND = Path(__file__).parents[2]
QUICK = RestartPolicy(first_pause_seconds=0.02, longest_pause_seconds=0.08, start_limit=3)

STAYS = "print('up', flush=True)\nwhile True: time.sleep(9)"
DEAF = "signal.signal(15, signal.SIG_IGN)\n" + STAYS
ENDS = "sys.exit('it broke')"
LEAVES_A_CHILD = (
    "subprocess.Popen(['sleep', '61']); signal.signal(15, lambda *_: os._exit(0))\n" + STAYS
)


def child(name: str, script: str = STAYS, **given: Any) -> ChildSpec:
    """A child that runs a few lines of Python; ready when it printed ``up``."""
    code = f"import os, signal, subprocess, sys, time\n{script}"
    options: dict[str, Any] = {"probe": logged("up"), "restart": QUICK, "grace_seconds": 1.0}
    options |= given
    return ChildSpec(name=name, argv=(sys.executable, "-I", "-S", "-c", code), **options)


def supervise(
    folder: Path,
    *parts: Any,
    until: Callable[[Supervisor, list[Event]], bool],
    events: list[Event] | None = None,
) -> list[Event]:
    """Run parts in this process until a condition holds, then stop; the events."""
    events = [] if events is None else events

    async def run() -> None:
        supervisor = Supervisor(held, parts, report=events.append)
        running = asyncio.ensure_future(supervisor.run())
        deadline = time.monotonic() + 20
        while not until(supervisor, events) and not running.done():
            assert time.monotonic() < deadline, events
            await asyncio.sleep(0.005)
        supervisor.stop()
        await running

    held = DataFolder(folder)
    with held.held():
        asyncio.run(run())
    return events


def said(events: list[Event], *whats: str) -> list[tuple[str, str]]:
    """Names and kinds of the events of these kinds, in order."""
    return [(event.name, event.what) for event in events if event.what in whats]


def pid_of(folder: Path, name: str) -> int:
    """The recorded pid of a child."""
    return {child.name: child.pid for child in DataFolder(folder).children()}[name]


def is_alive(pid: int) -> bool:
    facts = process_facts(pid)
    return facts is not None and not facts.is_zombie


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class SupervisorProcess:
    """The supervisor as its own process, so that it can be signalled and killed."""

    def __init__(self, folder: Path, specs: dict[str, dict[str, Any]]) -> None:
        command = [sys.executable, "-m", "tests.engines.fakes", str(folder), json.dumps(specs)]
        self.folder = folder
        self.events: list[Event] = []
        self._process = subprocess.Popen(
            command, cwd=BACKEND, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.events.append(Event.load(line))

    def is_ready(self) -> bool:
        return (STACK, "ready") in said(self.events, "ready")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Wait for it; its exit status."""
        status = self._process.wait(20)
        self._reader.join(20)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.end()


@contextmanager
def supervisor_process(
    folder: Path, specs: dict[str, dict[str, Any]]
) -> Iterator[SupervisorProcess]:
    """A supervisor of fakes that is ready; killed at the end if it still runs."""
    process = SupervisorProcess(folder, specs)
    try:
        assert eventually(process.is_ready), process.events
        yield process
    finally:
        process.kill()


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the whole run may stand under nohup
    folder, specs = DataFolder(Path(sys.argv[1])), json.loads(sys.argv[2])

    def tell(event: Event) -> None:
        sys.stdout.write(event.dump() + "\n")
        sys.stdout.flush()

    try:
        with folder.held() as ended:
            for name in ended:
                tell(Event(name, "note", "leftover"))
            supervisor = Supervisor(
                folder,
                [child(name, **options) for name, options in specs.items()],
                report=tell,
                on_ready=lambda: tell(Event(STACK, "ready")),
            )
            asyncio.run(supervisor.run())
    except EngineFailed as exc:
        tell(Event(STACK, "failed", str(exc)))
        os._exit(1)


if __name__ == "__main__":
    main()
