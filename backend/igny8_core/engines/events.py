"""What a supervisor tells: one event, one line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

STACK = "igny8"
"""The name of the whole stack in its own events."""


@dataclass(frozen=True)
class Event:
    """Something happened to a process of the stack, or to the stack.

    :ivar what: ready, ended, failed, skipped, stopped, note.
    :ivar seconds: how long it took, where that has a meaning.
    """

    name: str
    what: str
    text: str = ""
    seconds: float = 0.0
    pid: int | None = None

    def line(self) -> str:
        """The event for a person at a terminal."""
        name = f"{self.name:<10}"
        if self.what == "ready":
            pid = f"pid {self.pid}" if self.pid else ""
            return f"{name} ready in {self.seconds:5.2f} s   {self.text or pid}".rstrip()
        if self.what == "stopped":
            return f"{name} {self.text} in {self.seconds:.2f} s"
        return f"{name} {self.text}"

    def dump(self) -> str:
        """The event as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, line: str) -> Event:
        return cls(**json.loads(line))
