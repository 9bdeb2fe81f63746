"""One supervised process: started in a session of its own, probed, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import Event
from igny8_core.engines.probes import ChildLog
from igny8_core.engines.processes import child_command, end_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from igny8_core.engines.probes import Probe
    from igny8_core.engines.processes import SystemUser

PROBE_EVERY_SECONDS = 0.03
LAST_LINES = 12


@dataclass(frozen=True)
class RestartPolicy:
    """How a child that ended comes back.

    :ivar start_limit: starts in a row that never became ready before it is given up; a child that
        was ready once is restarted without a limit.
    """

    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    reset_after_seconds: float = 60.0
    start_limit: int = 3


@dataclass(frozen=True)
class ChildSpec:
    """What to run, when it is ready, and how it is stopped.

    :ivar probe: None for a program that runs once: it is ready when it ends with 0.
    :ivar unneeded: asked before a program that runs once; True when there is nothing to do.
    :ivar after: names that must be ready before it starts.
    :ivar stop_stage: children of a lower stage are stopped before those of a higher one.
    :ivar death_signal: sent by the kernel when the supervisor dies.
    :ivar last_resort: sent when the grace is over.
    :ivar is_essential: the stack fails when it never becomes ready.
    :ivar is_spared: a second Ctrl-C does not kill it.
    """

    name: str
    argv: tuple[str, ...]
    probe: Probe | None
    unneeded: Callable[[], bool] | None = None
    after: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: SystemUser | None = None
    stop_stage: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 3.0
    death_signal: signal.Signals = signal.SIGKILL
    last_resort: signal.Signals = signal.SIGKILL
    ready_seconds: float = 120.0
    is_essential: bool = True
    is_spared: bool = False
    restart: RestartPolicy = RestartPolicy()


class Child:
    """A child over all its starts.

    :param changed: called after each start and end, to record the process ids.
    """

    def __init__(
        self,
        spec: ChildSpec,
        *,
        logs: Path,
        report: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.log = ChildLog(logs / f"{spec.name}.log")
        self.is_ready = asyncio.Event()
        self._report = report
        self._changed = changed
        self._halting = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def supervise(self) -> None:
        """Keep it running until halted; a program that runs once, until it ended with 0.

        :raises EngineFailed: it could not be started, or never became ready and the limit of
            starts is reached; with the last lines of its log.
        """
        policy = self.spec.restart
        if self.spec.unneeded is not None and await asyncio.to_thread(self.spec.unneeded):
            self.is_ready.set()
            self._say("note", "nothing to do")
            return
        pause, failures, was_ready = policy.first_pause_seconds, 0, False
        while not self._halting.is_set():
            why = await self._run_once()
            if self._halting.is_set() or why is None:
                return
            lived = time.monotonic() - self._started_at
            was_ready = was_ready or self.is_ready.is_set()
            failures = 0 if self.is_ready.is_set() else failures + 1
            self.is_ready.clear()
            limit = 1 if self.spec.probe is None else policy.start_limit
            if failures >= limit and not was_ready:
                raise EngineFailed(self._failure(why))
            if lived > policy.reset_after_seconds:
                pause = policy.first_pause_seconds
            text = f"{why} after {lived:.1f} s; again in {pause:g} s"
            if failures:
                text += "".join(f"\n    {line}" for line in self.log.last_lines(LAST_LINES))
            self._say("ended", text)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._halting.wait(), pause)
            pause = min(pause * 2, policy.longest_pause_seconds)

    async def halt(self, *, grace_seconds: float) -> None:
        """Stop it: politely, then by its last resort; end what is left of its session."""
        self._halting.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        began, how = time.monotonic(), "stopped"
        self._signal(self.spec.stop_signal)
        if not await self._ends_within(grace_seconds):
            how = "killed" if self.spec.last_resort == signal.SIGKILL else "stopped at once"
            self._signal(self.spec.last_resort)
            await self._ends_within(self.spec.grace_seconds + 5)
        self._end_session()
        await process.wait()
        self._say("stopped", how, seconds=time.monotonic() - began)

    def kill(self) -> None:
        """End it now, with its session."""
        self._halting.set()
        if self.pid is not None:  # a pid that has ended may be somebody else's by now
            self._end_session()

    async def _run_once(self) -> str | None:
        """One life; why it ended, or None when a program that runs once succeeded."""
        process = await self._start()
        ended = asyncio.ensure_future(process.wait())
        try:
            if self.spec.probe is not None and not await self._becomes_ready(
                ended, self.spec.probe
            ):
                self._end_session()
                await ended
                return f"not ready within {self.spec.ready_seconds:g} s"
            code = await ended
        finally:
            ended.cancel()
            self._changed()
        self._end_session()  # what it left behind, so that its port and files are free
        if self.spec.probe is None and code == 0:
            self._set_ready()
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    async def _start(self) -> asyncio.subprocess.Process:
        spec = self.spec
        self.log.mark()
        descriptor = os.open(self.log.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._started_at = time.monotonic()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *child_command(spec.argv, death_signal=spec.death_signal, user=spec.user),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                env={**os.environ, **spec.env},
            )
        finally:
            os.close(descriptor)
        self._changed()
        if self._halting.is_set():  # halted while it was started
            self._end_session()
        return self._process

    async def _becomes_ready(self, ended: asyncio.Future[int], probe: Probe) -> bool:
        """Ask until it is ready or ends; False when the time is over."""
        deadline = time.monotonic() + self.spec.ready_seconds
        while not ended.done() and not self._halting.is_set():
            if await probe(self.log) and not self._halting.is_set():
                self._set_ready()
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.wait({ended}, timeout=PROBE_EVERY_SECONDS)
        return True

    def _set_ready(self) -> None:
        self.is_ready.set()
        self._say("ready", "", seconds=time.monotonic() - self._started_at)

    async def _ends_within(self, seconds: float) -> bool:
        process = self._process
        if process is None:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        return process.returncode is not None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _end_session(self) -> None:
        if self._process is not None:
            end_session(self._process.pid)

    def _failure(self, why: str) -> str:
        lines = "".join(f"\n    {line}" for line in self.log.last_lines(LAST_LINES))
        return f"{self.spec.name} did not start: {why}; the end of {self.log.path}:{lines}"

    def _say(self, what: str, text: str, *, seconds: float = 0.0) -> None:
        self._report(
            Event(name=self.spec.name, what=what, text=text, seconds=seconds, pid=self.pid)
        )
