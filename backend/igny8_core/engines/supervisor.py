"""Run a set of processes in order, keep them running, stop all of them in order.

Plain asyncio; knows nothing of what the processes are. Ctrl-C or SIGTERM once stops in order
within :data:`STOP_SECONDS`, twice kills at once all but the spared ones.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from igny8_core.engines.children import Child, ChildSpec
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from igny8_core.engines.folder import DataFolder

STOP_SECONDS = 10.0
LAST_STAGE_SECONDS = 1.5
"""What the last stage has at least, whatever the earlier ones took."""

LOG_LIMIT_BYTES = 32 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0


@dataclass(frozen=True)
class Step:
    """Something to do once between the starts of children."""

    name: str
    run: Callable[[], Awaitable[None]]
    after: tuple[str, ...] = ()


class Supervisor:
    """The processes of one data folder. The caller holds the folder's lock.

    :param parts: children and steps; each names those that must be ready before it.
    :param on_ready: called once when every essential part is ready.
    """

    def __init__(
        self,
        folder: DataFolder,
        parts: Sequence[ChildSpec | Step],
        *,
        report: Callable[[Event], None],
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._report = report
        self._on_ready = on_ready
        self._steps = [part for part in parts if isinstance(part, Step)]
        self.children = [
            Child(part, logs=folder.logs, report=report, changed=self._record)
            for part in parts
            if isinstance(part, ChildSpec)
        ]
        self._ready = {child.spec.name: child.is_ready for child in self.children}
        self._ready |= {step.name: asyncio.Event() for step in self._steps}
        self._stop_asked = asyncio.Event()
        self._recording = True

    def stop(self) -> None:
        """Ask once: stop in order. Ask again: kill all but the spared children."""
        if self._stop_asked.is_set():
            for child in self.children:
                if not child.spec.is_spared:
                    child.kill()
        self._stop_asked.set()

    async def run(self) -> None:
        """Start everything, keep it running, stop everything when asked.

        :raises EngineFailed: an essential part did not start; the others were stopped.
        """
        loop = asyncio.get_running_loop()
        signals = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup the terminal may go
            signals.append(signal.SIGHUP)
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        parts = [asyncio.ensure_future(self._supervise(child)) for child in self.children]
        parts += [asyncio.ensure_future(self._do(step)) for step in self._steps]
        others = [asyncio.ensure_future(self._announce()), asyncio.ensure_future(self._trim_logs())]
        stop_asked = asyncio.ensure_future(self._stop_asked.wait())
        failure = await self._first_failure(parts, stop_asked)
        try:
            await self._stop_in_order()
        finally:
            for task in (*parts, *others, stop_asked):
                task.cancel()
            await asyncio.gather(*parts, *others, stop_asked, return_exceptions=True)
            for number in signals:
                loop.remove_signal_handler(number)
        if failure is not None:
            raise failure

    async def _first_failure(
        self, parts: list[asyncio.Task[None]], stop_asked: asyncio.Task[bool]
    ) -> BaseException | None:
        """Wait until a stop is asked for (None) or a part has failed."""
        waiting: set[asyncio.Task[None] | asyncio.Task[bool]] = {*parts, stop_asked}
        while not stop_asked.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (failure := task.exception()) is not None:
                    return failure
        return None

    async def _supervise(self, child: Child) -> None:
        await self._wait_for(child.spec.after)
        try:
            await child.supervise()
        except EngineFailed as exc:
            if child.spec.is_essential:
                raise
            self._report(Event(name=child.spec.name, what="failed", text=str(exc)))

    async def _do(self, step: Step) -> None:
        await self._wait_for(step.after)
        began = time.monotonic()
        await step.run()
        self._ready[step.name].set()
        seconds = time.monotonic() - began
        self._report(Event(name=step.name, what="ready", text="done", seconds=seconds))

    async def _wait_for(self, names: Sequence[str]) -> None:
        for name in names:
            await self._ready[name].wait()

    async def _announce(self) -> None:
        optional = {child.spec.name for child in self.children if not child.spec.is_essential}
        await self._wait_for([name for name in self._ready if name not in optional])
        self._on_ready()

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for child in self.children:
                child.log.keep_below(LOG_LIMIT_BYTES)

    async def _stop_in_order(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        self._report(Event(name=STACK, what="note", text="stopping"))
        by_stage = sorted(self.children, key=lambda child: child.spec.stop_stage)
        for _stage, group in groupby(by_stage, key=lambda child: child.spec.stop_stage):
            left = max(deadline - time.monotonic(), LAST_STAGE_SECONDS)
            await asyncio.gather(
                *(child.halt(grace_seconds=min(child.spec.grace_seconds, left)) for child in group)
            )
        self._recording = False
        self._folder.forget_children()

    def _record(self) -> None:
        if self._recording:
            pids = {child.spec.name: child.pid for child in self.children}
            self._folder.record_children({name: pid for name, pid in pids.items() if pid})
