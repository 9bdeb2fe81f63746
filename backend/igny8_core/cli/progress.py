"""Steps of a long command: a moving line on a terminal, one plain line for each elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID


class Stalled(RuntimeError):
    """Nothing moved for a long time; the logs say why."""


class Step:
    """One step while it runs."""

    def __init__(self, progress: Progress, task: TaskID, title: str) -> None:
        self._progress, self._task, self._title = progress, task, title
        self.note = ""

    def advance_to(self, done: int, total: int, *, detail: str = "") -> None:
        """Show how far it is, and what it is at."""
        title = f"{self._title}  [dim]{detail}[/]" if detail else self._title
        self._progress.update(self._task, completed=done, total=total, description=title)


class Steps:
    """Prints a line for each step that has ended, with what it made and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step; set ``note`` on what is yielded to say what came out."""
        began = time.monotonic()
        task = self._progress.add_task(title, total=None)
        step = Step(self._progress, task, title)
        try:
            yield step
        except BaseException:
            self._console.print(f"[red]✗[/] {title}")
            raise
        finally:
            self._progress.remove_task(task)
        seconds = time.monotonic() - began
        note = f"  [bold]{step.note}[/]" if step.note else ""
        self._console.print(f"[green]✓[/] {title}{note}  [dim]{seconds:.1f} s[/]")
